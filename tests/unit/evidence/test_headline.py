"""The sentence that opens what is told of a run is short, and says what matters most."""

from typing import Any

import pytest

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.headline import MOST_WORDS, headline, in_one_sentence
from chaosnetra.evidence.verdict.verdict import judge
from tests.support.journals import failed_probe, journal, probe, startups, state
from tests.support.reports import launch

LONG = "word " * 100


def said(data: dict[str, Any]) -> str:
    return headline(*judge(normalized(data)))


def test_a_violation_is_told_by_what_was_observed_and_the_budget() -> None:
    found = said(journal(after=state(launch(failed=5, text=LONG)), deviated=True))
    assert found == (
        "after the method, starts: 0 of 5 ready, 5 failed, in phase database, "
        "budget table_setup of 1 s expired"
    )


def test_a_short_reason_is_told_whole() -> None:
    assert said(journal(recovery=state(probe("p")))) == (
        "the steady state held before and after the method, and recovered"
    )
    short = said(journal(after=state(probe("p", met=False, output=5)), deviated=True))
    assert short == "after the method, p: expected tolerance true; observed 5"


def test_of_a_startup_that_names_no_phase_it_is_said_what_it_met() -> None:
    told = {
        "error": "it ended with exit code 7 and printed nothing",
        "on_the_wire": f"its only connection was refused; {LONG}",
    }
    found = said(journal(after=state(startups(0, 5, **told)), deviated=True))
    assert found == ("after the method, startups: 0 of 5 ready: its only connection was refused …")
    told["own_limit"] = "it gave up after 3.0 s of waiting for one answer, in 5 of 5"
    found = said(journal(after=state(startups(0, 5, **told)), deviated=True))
    assert found == f"after the method, startups: 0 of 5 ready: {told['own_limit']}"


def test_of_a_probe_that_gave_no_answer_it_is_said_why() -> None:
    why = f"/state/undo.jsonl cannot be written: No space left on device; {LONG}"
    assert said(journal(before=state(failed_probe("starts", why)))) == (
        "baseline not met: before the method, starts failed: "
        "/state/undo.jsonl cannot be written: No space left on device …"
    )


def test_that_it_did_not_recover_or_start_is_said_first() -> None:
    failed = state(launch(failed=5, text=LONG))
    assert said(journal(recovery=failed)).startswith(
        "no recovery after the rollback: after the rollbacks, starts: 0 of 5 ready"
    )
    assert said(journal(before=failed)).startswith(
        "baseline not met: before the method, starts: 0 of 5 ready"
    )


@pytest.mark.parametrize(
    "data",
    [
        journal(after=state(probe("p", met=False, output=LONG)), deviated=True),
        journal(crashed=LONG),
        journal(refused=LONG),
        journal(refused=f"latency_ms must be a number, got {LONG}"),
        journal(control_failures=[LONG]),
    ],
)
def test_it_is_never_longer_than_thirty_words(data: dict[str, Any]) -> None:
    words = said(data).removesuffix(" …").split()
    assert 0 < len(words) <= MOST_WORDS


def test_the_last_line_of_a_run_is_one_sentence_with_what_it_proves() -> None:
    found = journal(after=state(launch(failed=5, text=LONG)), deviated=True)
    verdict, violations = judge(normalized(found))
    line = in_one_sentence(verdict, violations)
    assert line.startswith("violated: after the method, starts: 0 of 5 ready, 5 failed")
    assert line.endswith("confidence)")
    assert "word" in verdict.line
    assert "word" not in line
    held = judge(normalized(journal(recovery=state(probe("p")))))
    assert not in_one_sentence(*held)
    refused = judge(normalized(journal(refused=f"latency_ms must be a number, got {LONG}")))
    assert not in_one_sentence(*refused)  # what to change stands at the end
