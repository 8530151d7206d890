"""Phases that a service tells in its own words."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.phase_patterns import parse
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.observed import Exit, Limits, Observed
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.startup.phase_lines import LONGEST_MATCHED, PhaseLines
from chaosnetra.startup.phase_log import MOST_EVENTS
from chaosnetra.startup.readiness import Readiness
from tests.support.helpers import present
from tests.support.repository import ROOT

# As the platform of issue 1278 logs.
PLATFORM = {
    "start": r"PHASE (?P<phase>\w+) STARTING",
    "end": r"PHASE (?P<phase>\w+) COMPLETED in (?P<seconds>[\d.]+) s",
    "failure": r"PHASE FAILED: (?P<phase>\w+) (?:after )?(?P<seconds>[\d.]+) s",
    "detail": r"timeout after (?P<budget_seconds>[\d.]+)s",
}
STAMP = "2026-01-02 03:04:05,678 - smd - INFO - "
LIMITS = Limits(240, 2, 5)


def outcome(
    patterns: Any,
    *lines: str,
    seconds_a_line: float = 1.0,
    code: int | None = 3,
    ready: bool = False,
) -> StartupOutcome:
    """Of a startup that began at 100 s by the clock, and printed these lines from 101 s on."""
    clock = (101.0 + seconds_a_line * number for number in count())
    now = 100.0

    def tick() -> float:
        return now

    output = Output(clock=tick, phase_lines=PhaseLines(parse("p", patterns)))
    for line in lines:
        now = next(clock)
        output.feed("stdout", f"{line}\n".encode())
    readiness = Readiness.parse("exit" if not ready else "tcp://127.0.0.1:{port}")
    seen = Observed(readiness, LIMITS, output, started_at=100.0)
    if code is not None:
        seen.exit = Exit(code, None, asked=False, at=now)
    if ready:
        seen.ready_at = now
    seen.decided_at = now
    made = seen.outcome(1, Keeping())
    assert StartupOutcome.from_json(json.loads(json.dumps(made.to_json()))) == made
    return made


def test_phase_seconds_and_budget_are_told_of_a_platform_that_cannot_be_changed() -> None:
    made = outcome(
        PLATFORM,
        f"{STAMP}PHASE init STARTING",
        f"{STAMP}PHASE init COMPLETED in 0.06 s",
        f"{STAMP}PHASE database STARTING",
        "ERROR: Database initialization timeout after 25.0s in staging environment",
        f"{STAMP}\x1b[31mPHASE FAILED: database after 10.2 s\x1b[0m",
        seconds_a_line=5.1,
    )
    assert (made.status, made.phase) == (Status.FAILED, "database")
    assert made.phase_seconds == {"init": 0.06, "database": 10.2}
    assert made.phase_spans == {"init": (1.0, 6.1), "database": (11.2, 21.4)}
    error = present(made.error)
    assert error.stated_budget is not None
    assert (error.budget, error.budget_seconds) == (None, None)
    assert (error.stated_budget.seconds, error.stated_budget.is_possible) == (25.0, False)
    assert error.told == (
        "Database initialization timeout after 25.0s in staging environment (its log names a limit "
        "of 25 s, which cannot be what ran out: phase database had lasted 10.20 s)"
    )


def test_a_limit_that_may_have_run_out_is_the_one_that_did() -> None:
    made = outcome(
        {
            **PLATFORM,
            "detail": r"(?P<budget>\w+) timeout after (?P<budget_seconds>[\d.]+)s: (?P<error>.+)",
        },
        "PHASE database STARTING",
        "PHASE FAILED: database 113 s",
        "table_setup timeout after 25.0s: no answer",
        seconds_a_line=113,
    )
    assert made.error is not None
    assert present(made.error.stated_budget).is_possible
    assert (made.error.budget, made.error.budget_seconds) == ("table_setup", 25.0)
    assert made.error.told == made.error.text


def test_without_a_beginning_a_limit_is_held_against_the_whole_startup() -> None:
    made = outcome({"phase": "db", "failure": r"after (?P<budget_seconds>\d+) s"}, "after 9 s")
    assert present(made.error).told == (
        "after 9 s (its log names a limit of 9 s, which cannot be what ran out: "
        "the startup had lasted 1.00 s)"
    )


def test_a_detail_counts_where_the_service_just_ends() -> None:
    made = outcome(PLATFORM, "PHASE database STARTING", "timeout after 25.0s")
    assert made.phase == "database"
    assert made.phase_spans == {"database": (1.0, None)}
    assert made.error is not None
    assert present(made.error.stated_budget).elapsed_seconds == 1.0


def test_a_phase_that_went_well_after_all_did_not_end_the_startup() -> None:
    lines = (
        "PHASE database STARTING",
        "PHASE FAILED: database 2 s",
        "PHASE database STARTING",
        "PHASE database COMPLETED in 1 s",
        "PHASE cache STARTING",
        "PHASE FAILED: cache 5 s",
    )
    made = outcome(PLATFORM, *lines)
    assert (made.phase, made.phases_after_failure) == ("cache", ())
    assert made.phase_spans["database"] == (1.0, 4.0)


def test_a_startup_that_is_ready_all_the_same_is_ready() -> None:
    lines = ("PHASE database STARTING", "PHASE FAILED: database 2 s")
    made = outcome(PLATFORM, *lines, code=None, ready=True)
    assert (made.status, made.error, made.output) == (Status.READY, None, ())
    given_up = {**PLATFORM, "degraded": PLATFORM["failure"]}
    del given_up["failure"]
    made = outcome(given_up, *lines, code=None, ready=True)
    assert (made.status, made.phase) == (Status.DEGRADED, "database")
    assert present(made.error).text == "PHASE FAILED: database 2 s"


def test_the_error_that_a_pattern_names_has_the_causes_that_are_printed() -> None:
    made = outcome(
        {"start": r"begin (?P<phase>\w+)", "failure": r"gave up: (?P<error>.*)"},
        "begin database",
        "gave up: nothing works",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in x',
        "CustomThing: no",
    )
    assert made.error is not None
    assert (made.error.text, made.error.causes) == ("nothing works", ("CustomThing: no",))
    assert made.cause_kept


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m53.2s", 113.2), ("113", 113.0), ("2,5", 2.5), ("250ms", 0.25), ("1h", 3600.0)],
)
def test_durations_are_read_as_services_print_them(text: str, seconds: float) -> None:
    made = outcome({"end": r"(?P<phase>\w+) took (?P<seconds>[\w.,]+)"}, f"db took {text}")
    assert made.phase_seconds == {"db": pytest.approx(seconds)}


@pytest.mark.parametrize("text", ["..", "many", "9" * 400, "5.5.5s"])
def test_what_is_no_duration_is_left_out(text: str) -> None:
    made = outcome({"end": r"(?P<phase>\w+) took (?P<seconds>[\w.,]+)"}, f"db took {text}")
    assert made.phase_seconds == {}
    assert made.phase_spans == {"db": (0.0, 1.0)}


def test_one_line_may_end_a_phase_and_begin_the_next() -> None:
    patterns = [{"phase": "a", "end": "a done"}, {"phase": "b", "start": "b begins"}]
    made = outcome(patterns, "b begins since a done")
    assert made.phase_spans == {"a": (0.0, 1.0), "b": (1.0, None)}


def test_a_pattern_reads_the_beginning_of_a_line() -> None:
    line = "x" * LONGEST_MATCHED
    assert outcome({"phase": "a", "start": "go"}, f"go{line}").phase == "a"
    assert outcome({"phase": "a", "start": "go"}, f"{line}go").phase is None


def test_events_are_bounded_and_a_failure_is_among_them() -> None:
    lines = [f"PHASE p{number} STARTING" for number in range(MOST_EVENTS + 50)]
    made = outcome(PLATFORM, *lines, "PHASE FAILED: last 1 s")
    assert len(made.phase_spans) == MOST_EVENTS
    assert made.phase == "last"


def test_lines_of_our_own_format_are_read_beside_patterns() -> None:
    ours = json.dumps({"startup_phase": {"status": "started", "phase": "ours", "line": "x"}})
    made = outcome(PLATFORM, ours, "PHASE theirs STARTING")
    assert list(made.phase_spans) == ["ours", "theirs"]


def examples() -> Iterator[tuple[str, Any]]:
    """Logs in docs/own-service.md, each with the patterns below it."""
    text = (ROOT / "docs" / "own-service.md").read_text(encoding="utf-8")
    for before, patterns in re.findall(r"(.*?)```json phase_patterns\n(.*?)```", text, re.DOTALL):
        yield re.findall(r"```text\n(.*?)```", before, re.DOTALL)[-1], patterns


def test_the_documented_examples_do_what_they_say() -> None:
    made = [outcome(patterns, *log.splitlines()) for log, patterns in examples()]
    assert [one.phase for one in made] == ["database", "pool", "migrations"]
    errors = [one.error for one in made if one.error is not None]
    stated = [error.stated_budget and error.stated_budget.seconds for error in errors]
    assert stated == [25.0, 30.0, None]
    assert made[0].phase_seconds == {"database": 10.3}
    assert "25 s, which cannot be what ran out: phase database had lasted 10.30 s" in errors[0].told
    assert made[2].phase_seconds["checks"] == 1.0
    assert "OperationalError: connection to server" in errors[2].text


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"PHASE FAILED: a 1 s\n", b"\n"])))
def test_any_bytes_can_be_read_by_patterns(chunks: list[bytes]) -> None:
    patterns = {**PLATFORM, "end": r"(?P<phase>.)(?P<seconds>.)", "detail": "(?P<budget>.)$"}
    output = Output(phase_lines=PhaseLines(parse("p", patterns)))
    for chunk in chunks:
        output.feed("stdout", chunk)
    output.feed("stdout", b"")
    seen = Observed(Readiness.parse("exit"), LIMITS, output)
    seen.exit = Exit(1, None, asked=False, at=1.0)
    json.dumps(seen.outcome(1, Keeping()).to_json(), allow_nan=False)


def test_one_that_is_ready_late_says_for_what_limit() -> None:
    seen = Observed(Readiness.parse("tcp://127.0.0.1:{port}"), LIMITS, Output(), started_at=100.0)
    seen.ready_at = seen.decided_at = 352.45
    late = seen.outcome(1, Keeping())
    assert late.status is Status.TIMED_OUT
    assert present(late.error).text == "ready only after 252.45 s, past its limit of 240 s"
