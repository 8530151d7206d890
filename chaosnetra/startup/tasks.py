"""Outcomes of startups that were tasks of a job: what the platform says, and what they report.

Neither is enough alone. The platform knows how a container ended, not why nor in which phase,
and an exit code that is not set looks like success; a report is missing where the task was
killed, or could not reach the database. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from chaosnetra.startup.kept_output import Different
from chaosnetra.startup.outcome import (
    EndedBy,
    ExitReason,
    StartupFailure,
    StartupOutcome,
    Status,
)
from chaosnetra.startup.reports import TaskReport

# What the way of a report to the database, and clocks that are kept in step, may differ by.
CLOCK_SECONDS = 1.0
# What the platform says of a task's end: values of `chaosnetra.cloudrun.executions.TaskEnd`.
RUNNING, SIGNALLED, UNCLEAN, CANCELLED = "running", "signalled", "unclean", "cancelled"


class Task(Protocol):
    """A task as the platform tells of it; see `chaosnetra.cloudrun.executions.TaskState`."""

    @property
    def index(self) -> int: ...
    @property
    def end(self) -> str: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def signal(self) -> int | None: ...
    @property
    def text(self) -> str: ...
    @property
    def retried(self) -> int: ...
    @property
    def started_at(self) -> float | None: ...
    @property
    def seconds(self) -> float | None: ...


def outcome_of(task: Task, report: TaskReport | None, limit_seconds: float) -> StartupOutcome:
    """How the startup of a task ended.

    A report counts, save for a task that was tried again: what it tells is not the first
    attempt. Without one nothing is taken for ready.

    Args:
        task: it has ended, or its execution was given up.
        report: its last; None when none arrived.
        limit_seconds: limit of the startup.
    """
    if report is not None:
        number = task.index + 1
        outcome = replace(
            report.outcome, number=number, output_of=number if report.outcome.output else None
        )
        return _retried(task, outcome) if task.retried or report.attempt else outcome
    reason, text = _without_report(task)
    out_of_time = reason is None
    return StartupOutcome(
        number=task.index + 1,
        status=Status.TIMED_OUT if out_of_time else Status.FAILED,
        seconds=limit_seconds if out_of_time else task.seconds or 0.0,
        exit_code=task.exit_code,
        signal=task.signal,
        ended_by=EndedBy.LAUNCHER
        if out_of_time or reason in (ExitReason.CANCELLED, ExitReason.NOT_STARTED)
        else EndedBy.ITSELF,
        exit_reason=reason,
        error=StartupFailure(
            text=text,
            budget="startup" if out_of_time else None,
            budget_seconds=limit_seconds if out_of_time else None,
        ),
        cause_kept=None if out_of_time else False,
    )


def _retried(task: Task, outcome: StartupOutcome) -> StartupOutcome:
    return replace(
        outcome,
        status=Status.FAILED,
        exit_reason=ExitReason.RETRIED,
        error=outcome.error
        or StartupFailure(f"an earlier attempt failed; it was tried again {task.retried} times"),
    )


def _without_report(task: Task) -> tuple[ExitReason | None, str]:
    """Why a task without a report is no ready startup; no reason: it ran out of time."""
    details = f": {task.text}" if task.text else ""
    if task.started_at is None:
        return ExitReason.NOT_STARTED, f"the platform never started the task{details}"
    if task.retried:
        return ExitReason.RETRIED, f"an earlier attempt failed; tried again {task.retried} times"
    if task.end == RUNNING:
        return None, "the task still ran when its time was up, and had reported nothing"
    if task.end == CANCELLED:
        return ExitReason.CANCELLED, f"the task was cancelled before it had reported{details}"
    if task.end == SIGNALLED:
        return ExitReason.SIGNALLED, f"signal {task.signal} ended the task{details}"
    if task.end == UNCLEAN:
        return ExitReason.UNCLEAN, f"the task ended without an exit code{details}"
    return (
        ExitReason.NOT_REPORTED,
        f"the task ended with exit code {task.exit_code}, and its report did not arrive{details}",
    )


@dataclass(frozen=True)
class Barrier:
    """How simultaneous the startups of an execution were.

    Attributes:
        asked_seconds: from the start of the execution to the barrier.
        reports: tasks that reported when they began.
        late: of these, how many came after the barrier.
        latest_seconds: how long after the barrier the last one began.
        skew_seconds: from the first beginning to the last.
        clocks_seconds: by how much the clocks of tasks differ from the run's at most, as the
            database's tells; moments are those of the run's clock then. None: it was not told, and
            they are by the tasks' own.
    """

    asked_seconds: float
    reports: int
    late: int
    latest_seconds: float | None
    skew_seconds: float | None
    clocks_seconds: float | None = None

    @property
    def clocks_are_off(self) -> bool:
        """Whether a clock is off by more than clocks that are kept in step are."""
        return self.clocks_seconds is not None and self.clocks_seconds > CLOCK_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def barrier_of(reports: Iterable[TaskReport], barrier_at: float, asked_seconds: float) -> Barrier:
    """By the reports of an execution, which are gone through once.

    A startup that was not begun came neither early nor late.
    """
    arrived, begun, behind = [], [], []
    for report in reports:
        off = report.behind_seconds or 0.0
        if report.behind_seconds is not None:
            behind.append(abs(off))
        if report.outcome.exit_reason is not ExitReason.NOT_STARTED:
            arrived.append(report.arrived_at + off)
            begun.append(report.begun_at + off)
    late = sum(moment > barrier_at for moment in arrived)
    latest = round(max(0.0, max(begun) - barrier_at), 3) if begun else None
    skew = round(max(begun) - min(begun), 3) if begun else None
    clocks = round(max(behind), 3) if behind else None
    return Barrier(round(asked_seconds, 3), len(begun), late, latest, skew, clocks)


@dataclass(frozen=True)
class NeverThere:
    """A task that was asked for, and that the platform does not know of."""

    index: int
    end: str = CANCELLED
    exit_code: int | None = None
    signal: int | None = None
    text: str = ""
    retried: int = 0
    started_at: float | None = None
    seconds: float | None = None


def outcomes_of(
    tasks: Iterable[Task], reports: Mapping[int, TaskReport], limit_seconds: float, count: int
) -> list[StartupOutcome]:
    """The outcomes of an execution, in the order of its tasks.

    Args:
        tasks: as the platform tells of them, in any order.
        reports: by the index of their task.
        limit_seconds: limit of a startup.
        count: how many were asked for; those that are missing were never started.
    """
    outcomes = {
        task.index: outcome_of(task, reports.get(task.index), limit_seconds) for task in tasks
    }
    for index in range(count):
        if index not in outcomes:
            outcomes[index] = outcome_of(NeverThere(index), reports.get(index), limit_seconds)
    different = Different()
    return [different.of(outcomes[index]) for index in sorted(outcomes)]
