"""What is logged of the tasks of an execution, and what is kept of their reports."""

import json
import logging
from dataclasses import replace

import pytest

from chaosnetra.errors import InvalidInput
from chaosnetra.running.observing import WHOLE, Shortened
from chaosnetra.running.task_reports import _report, _short, tell_notes
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.reports import TaskReport
from chaosnetra.startup.tasks import barrier_of
from tests.support.helpers import present
from tests.support.observations import connection, observation

SEEN = observation(4.0, [connection(1, 0.1, None, session=0.4)], [(0.1, 0.4)])
OUTCOME = StartupOutcome(1, Status.READY, 4.0, wire=SEEN, settled=SEEN)


def report(index: int, *notes: str, behind_seconds: float = 0.0) -> TaskReport:
    return TaskReport(
        "startups-a", index, 0, 1.0, 2.0, OUTCOME, notes=notes, behind_seconds=behind_seconds
    )


def test_of_many_reports_figures_are_kept_and_what_the_exposure_needs() -> None:
    shortened = Shortened()
    first, later = (_short(report(index), shortened).outcome for index in (0, WHOLE))
    assert (first.number, later.number) == (1, WHOLE + 1)
    assert present(first.wire).waits
    assert present(first.settled).waits
    assert present(later.wire).connections == ()
    assert present(later.wire).round_trips == SEEN.round_trips
    assert present(later.settled).connections == SEEN.connections
    assert (present(later.settled).waits, present(later.settled).statements) == ((), ())


def test_what_tasks_noted_is_logged_once_and_a_clock_that_is_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reports = [
        report(0, "its clock is off", behind_seconds=7.0),
        report(1, "too large"),
        report(2, "too large"),
    ]
    with caplog.at_level(logging.WARNING):
        tell_notes(reports, barrier_of(reports, 2.0, 1.0))
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the clock of a task is off by 7.0 s",
        "of 2 tasks",
        "of a task",
    ]
    caplog.clear()
    fine = [replace(report(3), behind_seconds=0.2)]
    tell_notes(fine, barrier_of(fine, 2.0, 1.0))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "that of task 3 has more than 1048576 bytes"),
        (json.dumps(report(2).to_json()), "that of task 3 is of task 2, it says"),
        ("[]", "no report of this version"),
        ("{", "Expecting property name"),
    ],
)
def test_what_is_no_report_of_its_task_is_none(text: str | None, words: str) -> None:
    row = {"task_index": 3, "report": text, "behind_seconds": 0.0}
    with pytest.raises((InvalidInput, ValueError), match=words) as refused:
        _report(row, 0.0)
    assert "\n" not in str(refused.value)
