"""`chaosnetra verdict`: one exit code for each way a run can end."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from tests.support.journals import BAD, GOOD, journal, run_of, startups, state

RECOVERED = {"recovery": GOOD}
INJECTED = (run_of("inject"),)
LOOK_FAILED = run_of("look", kind="probe", status="failed")


def judged(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    path = tmp_path / "journal.json"
    path.write_text(text)
    done = CliRunner().invoke(netra, ["verdict", str(path), *options])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("code", "begins", "data"),
    [
        (0, "held: ", journal(method=INJECTED, **RECOVERED)),
        (1, "violated: ", journal(method=INJECTED, after=BAD, deviated=True, **RECOVERED)),
        (2, "inconclusive: ", journal(hypothesis=False, before=None, after=None)),
        (3, "inconclusive: baseline not met", journal(before=BAD, after=None, status="failed")),
        (4, "inconclusive: ",
         journal(method=(run_of("inject", status="failed"),), status="failed")),
        (5, "inconclusive: ",
         journal(method=INJECTED, rollbacks=(run_of("undo", status="failed"),), **RECOVERED)),
        (5, "violated: ", journal(method=INJECTED, recovery=BAD)),
        (2, "inconclusive: probe 'look' in", journal(method=(*INJECTED, LOOK_FAILED))),
        (1, "violated: after", journal(method=(*INJECTED, LOOK_FAILED), after=BAD)),
        (2, "inconclusive: a dry run", journal(dry="activities")),
        (6, "inconclusive: ", journal(status="interrupted", interrupted_by="SIGTERM")),
    ],
)  # fmt: skip
def test_each_ending_has_its_code(
    tmp_path: Path, code: int, begins: str, data: dict[str, Any]
) -> None:
    found, output = judged(tmp_path, json.dumps(data))
    assert (found, output.count("\n")) == (code, 1), output
    assert output.startswith(begins)


@pytest.mark.parametrize("text", ["", "{", '{"experiment": {"title"', "[1]", '{"method": []}'])
def test_what_is_no_whole_journal_is_told_so(tmp_path: Path, text: str) -> None:
    code, output = judged(tmp_path, text)
    assert code == 7
    assert output.startswith("Error: ")
    assert output.count("\n") == 1


def test_a_file_that_is_not_there_is_told_so() -> None:
    done = CliRunner().invoke(netra, ["verdict", "no-such-journal.json"])
    assert done.exit_code == 7


def test_a_journal_of_somebody_else_is_judged_by_its_states(tmp_path: Path) -> None:
    foreign = journal(method=INJECTED, after=BAD, deviated=True)
    del foreign["chaosnetra"]
    assert judged(tmp_path, json.dumps(foreign))[0] == 1


def test_json_holds_the_violations_and_what_the_trials_prove(tmp_path: Path) -> None:
    bad = state(startups(0, 5))
    data = journal(before=state(startups(5, 5)), after=bad, method=INJECTED, **RECOVERED)
    code, output = judged(tmp_path, json.dumps(data), "--format", "json")
    told = json.loads(output)
    assert (code, told["outcome"]) == (1, "violated")
    assert (told["violations"][0]["probe"], told["proofs"][0]["trials"]) == ("startups", 5)


def test_json_holds_quantiles_of_times_with_their_intervals(tmp_path: Path) -> None:
    def listed(ready: int) -> list[dict[str, Any]]:
        return [
            {"number": n, "status": "ready" if n <= ready else "timed_out", "seconds": n / 10}
            for n in range(1, 21)
        ]

    checked = state(startups(15, 20, startups=listed(15)))
    code, output = judged(tmp_path, json.dumps(journal(after=checked)), "--format", "json")
    assert code == 1
    (times,) = json.loads(output)["times"]
    assert (times["stage"], times["attempts"], times["listed"]) == ("after", 20, 20)
    median, tail = times["quantiles"]
    assert (median["value"], median["low"], median["high"]) == (1.0, 0.6, 1.5)
    # Five were given up: the 95th percentile is at least what they waited.
    assert (tail["value"], tail["is_lower_bound"], tail["censored"]) == (1.9, True, 5)


def test_a_selection_of_attempts_gives_no_quantiles(tmp_path: Path) -> None:
    one = {"number": 1, "outcome": "ok", "seconds": 0.1, "intended_seconds": 0}
    checked = state(startups(300, 300, connections=[one]))
    _, output = judged(tmp_path, json.dumps(journal(after=checked)), "--format", "json")
    (times,) = json.loads(output)["times"]
    assert (times["attempts"], times["listed"], times["quantiles"]) == (300, 1, [])


def test_too_few_trials_for_a_demanded_confidence_are_inconclusive(tmp_path: Path) -> None:
    told = {"max_failure_rate": 0.2, "min_confidence": 0.95}
    data = journal(method=INJECTED, after=state(startups(5, 5, **told)), **RECOVERED)
    code, output = judged(tmp_path, json.dumps(data))
    assert code == 2
    assert "too few trials" in output
