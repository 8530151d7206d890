"""Outcomes of tasks: what the platform says and what they report, taken together."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput
from chaosnetra.startup.kept_output import MOST_BYTES
from chaosnetra.startup.orders import TaskOrder
from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.report_table import insert_statement
from chaosnetra.startup.reports import MOST_REPORTED_BYTES, NOT_UNDERSTOOD, TaskReport, output_bytes
from chaosnetra.startup.summary import summarize
from chaosnetra.startup.tasks import barrier_of, outcome_of, outcomes_of
from chaosnetra.task_path.task import OUT_OF_TIME, Task, exit_code_of, main
from tests.support.helpers import present

READY = StartupOutcome(1, Status.READY, 2.5, phase="finalize", phase_seconds={"database": 0.2})
FAILED = StartupOutcome(
    1,
    Status.FAILED,
    1.0,
    phase="database",
    exit_code=3,
    exit_reason=ExitReason.STARTUP_FAILED,
    error=StartupFailure("no slot", "TooManyConnectionsError", "53300", ("a", "b"), "pool", 4.5),
    cause_kept=True,
)
NOT_BEGUN = StartupOutcome(1, Status.FAILED, 0.0, exit_reason=ExitReason.NOT_STARTED)
ORDER = TaskOrder(10.0, 24.0, 2.0, "tcp://127.0.0.1:{port}", 5.0, 3.0, 30.0, "chaosnetra_1_reports")


@dataclass(frozen=True)
class Told:
    """A task as the platform tells of it."""

    index: int = 0
    end: str = "succeeded"
    exit_code: int | None = None
    signal: int | None = None
    text: str = ""
    retried: int = 0
    started_at: float | None = 100.0
    seconds: float | None = 7.0


def report(index: int = 0, outcome: StartupOutcome = READY, **more: Any) -> TaskReport:
    fields = {"attempt": 0, "arrived_at": 99.0, "begun_at": 100.0, **more}
    return TaskReport("startups-a", index, outcome=outcome, **fields)


def test_a_report_counts_and_gets_the_number_of_its_task() -> None:
    outcome = outcome_of(Told(index=4, end="exited", exit_code=3), report(4, FAILED), 24)
    assert outcome == replace(FAILED, number=5)


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_task_that_was_tried_again_is_no_success(attempt: int) -> None:
    outcome = outcome_of(Told(retried=1), report(attempt=attempt), 24)
    assert (outcome.status, outcome.exit_reason) == (Status.FAILED, ExitReason.RETRIED)
    assert "tried again 1 times" in present(outcome.error).text


@pytest.mark.parametrize(
    ("task", "reason", "words", "ended_by"),
    [
        (Told(started_at=None, end="cancelled", seconds=None), "not_started", "never", "launcher"),
        (Told(started_at=None, end="running", seconds=None), "not_started", "never", "launcher"),
        (Told(end="signalled", signal=9), "signalled", "signal 9", "itself"),
        (Told(end="unclean", text="no exit"), "unclean", "without an exit code: no exit", "itself"),
        (Told(end="cancelled"), "cancelled", "was cancelled", "launcher"),
        (Told(end="exited", exit_code=3), "not_reported", "exit code 3", "itself"),
        (Told(exit_code=0), "not_reported", "exit code 0", "itself"),
        (Told(end="exited", exit_code=1, retried=2), "retried", "2 times", "itself"),
    ],
)
def test_without_a_report_nothing_is_taken_for_ready(
    task: Told, reason: str, words: str, ended_by: str
) -> None:
    outcome = outcome_of(task, None, 24)
    assert (outcome.status, outcome.exit_reason, outcome.ended_by) == (
        Status.FAILED,
        ExitReason(reason),
        EndedBy(ended_by),
    )
    assert words in present(outcome.error).text


def test_a_task_that_still_runs_is_out_of_time() -> None:
    outcome = outcome_of(Told(end="running", seconds=None), None, 24)
    assert (outcome.status, outcome.seconds, outcome.exit_reason) == (Status.TIMED_OUT, 24, None)
    assert outcome.error is not None
    assert (outcome.error.budget, outcome.error.budget_seconds) == ("startup", 24)


def test_exit_code_3_with_phase_and_text_is_told_from_exit_code_3_alone() -> None:
    tasks = [Told(index, end="exited", exit_code=3) for index in (1, 0)]
    summary = summarize(outcomes_of(tasks, {0: report(0, FAILED)}, 24, 2), 0.2)
    assert summary["exit_codes"] == {"3": 2}
    assert summary["exit_reasons"] == {"startup_failed": 1, "not_reported": 1}
    assert (summary["phase"], summary["sqlstate"], summary["error"]) == (
        "database",
        "53300",
        "no slot",
    )
    assert [one["number"] for one in summary["startups"]] == [1, 2]


def test_a_task_that_the_platform_does_not_know_of_was_never_started() -> None:
    outcomes = outcomes_of([Told(1, exit_code=0)], {1: report(1)}, 24, 3)
    assert [outcome.number for outcome in outcomes] == [1, 2, 3]
    assert [outcome.exit_reason for outcome in outcomes] == [
        ExitReason.NOT_STARTED,
        None,
        ExitReason.NOT_STARTED,
    ]


def test_how_simultaneous_the_startups_were() -> None:
    reports = [
        report(0, arrived_at=90.0, begun_at=100.0),
        report(1, arrived_at=101.5, begun_at=101.5),
    ]
    barrier = barrier_of(reports, 100.0, 60.0)
    assert (barrier.reports, barrier.late, barrier.latest_seconds) == (2, 1, 1.5)
    assert barrier.skew_seconds == 1.5
    assert (barrier.clocks_seconds, barrier.clocks_are_off) == (None, False)
    nothing = barrier_of([], 100.0, 60.0)
    assert (nothing.reports, nothing.skew_seconds) == (0, None)


def test_a_clock_that_is_off_is_told_and_moments_are_those_of_the_runs_clock() -> None:
    """The second one thinks that it began with the first, and began 7 s later."""
    reports = [
        report(0, arrived_at=90.0, begun_at=100.0, behind_seconds=0.01),
        report(1, arrived_at=91.0, begun_at=100.0, behind_seconds=7.0),
        report(2, NOT_BEGUN, arrived_at=150.0, begun_at=150.0, behind_seconds=0.0),
    ]
    barrier = barrier_of(reports, 100.0, 60.0)
    assert (barrier.reports, barrier.late) == (2, 0)
    assert barrier.latest_seconds == pytest.approx(7.0)
    assert barrier.skew_seconds == pytest.approx(6.99)
    assert (barrier.clocks_seconds, barrier.clocks_are_off) == (7.0, True)


seconds = st.floats(0, 1e4)
outcomes = st.builds(
    StartupOutcome,
    number=st.integers(1, 10_000),
    status=st.sampled_from(Status),
    seconds=seconds,
    phase=st.none() | st.text(),
    phases_after_failure=st.lists(st.text(), max_size=3).map(tuple),
    phase_seconds=st.dictionaries(st.text(), seconds, max_size=3),
    steps=st.lists(st.dictionaries(st.text(), seconds, max_size=2), max_size=2).map(tuple),
    exit_code=st.none() | st.integers(0, 255),
    ended_by=st.sampled_from(EndedBy),
    exit_reason=st.none() | st.sampled_from(ExitReason),
    error=st.none()
    | st.builds(StartupFailure, st.text(), causes=st.lists(st.text(), max_size=2).map(tuple)),
    checks=st.dictionaries(st.text(), st.integers(0, 9), max_size=2),
)


@given(outcomes)
def test_a_report_comes_back_as_it_was(outcome: StartupOutcome) -> None:
    made = report(3, outcome)
    assert TaskReport.from_json(json.loads(json.dumps(made.to_json()))) == made


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(anything, st.sampled_from([*report().to_json(), *READY.to_json()]))
def test_what_is_no_report_is_refused_or_read(wrong: Any, key: str) -> None:
    """Whoever may add a row may add any row."""
    data = report().to_json()
    holder = data if key in data else data["outcome"]
    holder[key] = wrong
    for value in (wrong, data):
        try:
            read = TaskReport.from_json(value)
        except InvalidInput:
            continue
        outcome_of(Told(), read, 24).to_json()


def test_an_order_comes_back_as_it_was_and_holds_no_secret() -> None:
    assert TaskOrder.parse(ORDER.text) == ORDER
    assert ORDER.longest_seconds == 56.0


def test_an_order_carries_the_services_own_words_for_its_phases() -> None:
    patterns = ({"start": "begin (?P<phase>.+)"},)
    order = replace(ORDER, phase_patterns=patterns, output_bytes=output_bytes(5))
    assert TaskOrder.parse(order.text) == order
    environ = {"CHAOSNETRA_TASK": order.text, "DATABASE_URL": "postgresql://u:p@h/d"}
    lines = present(Task.of(["--", "true"], environ).plan({}).phase_lines)
    assert [said.phase for said in lines.read("begin database", ["begin database"])] == ["database"]
    environ["CHAOSNETRA_TASK"] = ORDER.text
    assert Task.of(["--", "true"], environ).plan({}).phase_lines is None


@pytest.mark.parametrize("tasks", [1, 20, 256, 1000, 10_000])
def test_what_all_tasks_report_of_their_output_is_bounded(tasks: int) -> None:
    assert 1000 <= output_bytes(tasks) <= MOST_BYTES
    assert tasks * output_bytes(tasks) <= MOST_REPORTED_BYTES or output_bytes(tasks) == MOST_BYTES


def test_outputs_of_tasks_are_kept_once_and_made_harmless() -> None:
    printed = replace(FAILED, output=("pid 7: \x1b[31mno slot\x1b[0m", "y" * 100_000))
    sent = [
        TaskReport.from_json(json.loads(json.dumps(report(index, printed).to_json())))
        for index in range(3)
    ]
    tasks = [Told(index=index, end="exited", exit_code=3) for index in range(3)]
    made = outcomes_of(tasks, {one.index: one for one in sent}, 24, 3)
    assert [one.output_of for one in made] == [1, 1, 1]
    assert made[0].output[0] == "pid 7: no slot"
    assert len(json.dumps(made[0].output)) <= MOST_BYTES
    assert made[1].output == made[2].output == ()


def test_a_task_has_the_time_for_the_dwell_that_its_order_asks_for() -> None:
    waiting = replace(ORDER, dwell_seconds=2.0)
    assert TaskOrder.parse(waiting.text) == waiting
    assert waiting.longest_seconds == ORDER.longest_seconds + 9


def test_a_report_of_an_earlier_version_was_not_ready_before() -> None:
    earlier = FAILED.to_json()
    for key in ("was_ready_seconds", "output", "output_of", "phase_spans"):
        del earlier[key]
    del earlier["error"]["stated_budget"]
    assert StartupOutcome.from_json(earlier) == FAILED


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "{}",
        replace(ORDER, barrier_at=float("nan")).text,
        replace(ORDER, hold_seconds=-1).text,
        replace(ORDER, output_bytes=MOST_BYTES + 1).text,
        replace(ORDER, phase_patterns=({"start": "("},)).text,
        replace(ORDER, schema='x"; DROP TABLE y; --').text,
    ],
)
def test_another_order_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        TaskOrder.parse(wrong)


def test_a_schema_is_never_sql() -> None:
    with pytest.raises(InvalidInput, match="plain identifier"):
        insert_statement('a"b')


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ([], {}, "usage"),
        (["true"], {}, "usage"),
        (["--", "true"], {}, "CHAOSNETRA_TASK is not set"),
        (["--", "true"], {"CHAOSNETRA_TASK": ORDER.text}, "no database is named"),
        (["--", "true"], {"CHAOSNETRA_TASK": ORDER.text, "DATABASE_URL": "mysql://x"},
         "must begin with postgresql://"),
        (["--", "true"], {"CHAOSNETRA_TASK": "{", "DATABASE_URL": "postgresql://h/d"},
         "no order of this version"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_understood_says_so(
    arguments: list[str], environ: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import signal

    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert main(arguments, environ) == NOT_UNDERSTOOD
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    printed = capsys.readouterr().out
    assert words in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (READY, 0),
        (replace(READY, status=Status.DEGRADED), 0),
        (FAILED, 3),
        (replace(FAILED, exit_code=None, signal=11), 139),
        (replace(FAILED, exit_code=0), 1),
        (replace(FAILED, status=Status.TIMED_OUT), OUT_OF_TIME),
    ],
)
def test_a_task_ends_with_the_exit_code_of_its_startup(outcome: StartupOutcome, code: int) -> None:
    assert exit_code_of(outcome) == code


def test_the_program_of_a_task_needs_little() -> None:
    """It is put into the image of somebody's service."""
    code = (
        "import sys, chaosnetra.startup.task\n"
        "found = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(found - set(sys.stdlib_module_names) - set(sys.argv)))"
    )
    known = [name.partition(".")[0] for name in sys.modules if name.startswith(("__", "_"))]
    done = subprocess.run(
        [sys.executable, "-c", code, *known], capture_output=True, text=True, check=True
    )
    assert {name for name in done.stdout.split() if not name.startswith("_")} <= {
        "chaosnetra",
        "psutil",
        "sitecustomize",
    }
