"""Executions of a job as something to be undone: what was begun is cancelled, however we end."""

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.cloudrun.by_hand import RECOVER, cancel_command, list_command
from chaosnetra.cloudrun.executions import JobState
from chaosnetra.cloudrun.faults import IN_FLIGHT_CALLS
from chaosnetra.cloudrun.jobs import JobClient, require_at_once, require_fit
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.undoing import (
    DENIED,
    ENDED,
    PASSING,
    Patience,
    connection_of,
    has_ended,
    is_refused_write,
    may_be_under_way,
    url_of,
    was_refused,
)
from chaosnetra.cloudrun.waiting import next_pause_seconds, told
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunError,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    Interrupted,
    UndoDenied,
    UndoFailed,
)
from chaosnetra.faults import Undo, UndoReport, UndoResult

CANCEL_SECONDS = 60.0
# By mark: executions that this process has begun. Another process looks for the mark.
_begun: dict[str, str] = {}


@dataclass
class ExecutionBegun:
    """An execution of a job, all tasks of it at once.

    Its undo is written before it is asked for, so it names a mark and not the execution.

    Attributes:
        client: begins it.
        job: the job as it was read; only that version is run.
        tasks: how many.
        timeout_seconds: limit of one task.
        environment: variables of the tasks; they are not recorded.
        number: tells the executions of one run apart.
        patience_seconds: how long it is asked for again while a quota is used up; nothing has
            begun then.
        execution: its full name, once it has begun.
    """

    client: JobClient
    job: JobState
    tasks: int
    timeout_seconds: float
    environment: Mapping[str, str]
    number: int
    patience_seconds: float = 0.0
    execution: str = field(default="", init=False)
    _mark: str = field(default_factory=lambda: secrets.token_hex(8), init=False)

    @property
    def name(self) -> str:
        return f"execution {self.number} of {self.job.name}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "cloud run execution",
            "server": self.client.connection.shown,
            "job": self.job.name,
            "tasks": self.tasks,
        }

    def prepare(self) -> Undo:
        require_fit(self.job)
        require_at_once(self.job, self.tasks)
        call_seconds = self.client.connection.call_seconds
        return Undo(
            "cloudrun.cancel_execution",
            f"cancel our execution of {shown(self.job.name)}",
            {
                "url": url_of(self.client.connection),
                "job": self.job.name,
                "mark": self._mark,
                "seconds": CANCEL_SECONDS,
                "call_seconds": call_seconds,
                "sent_at": time.time(),
                "in_flight_seconds": self.patience_seconds + IN_FLIGHT_CALLS * call_seconds,
            },
        )

    def inject(self) -> None:
        try:
            self.execution = self._begin()
        except (CloudRunGone, CloudRunUnanswered, Interrupted):
            raise
        except ChaosnetraError:
            was_refused(self._mark)
            raise
        _begun[self._mark] = self.execution

    def _begin(self) -> str:
        with told(lambda: f"a quota lets {shown(self.job.name)} begin"):
            return self._begin_by(Deadline.after(self.patience_seconds))

    def _begin_by(self, deadline: Deadline) -> str:
        started = time.monotonic()
        while True:
            try:
                return self.client.run(
                    self.job,
                    tasks=self.tasks,
                    timeout_seconds=self.timeout_seconds,
                    environment=self.environment,
                    mark=self._mark,
                )
            except CloudRunQuotaExceeded:
                if deadline.passed or self.client.interrupted():
                    raise
            pause = next_pause_seconds(time.monotonic() - started)
            time.sleep(min(pause, deadline.remaining_seconds))

    def measure(self) -> None:
        return None


def cancel_execution(arguments: Mapping[str, Any]) -> UndoReport:
    """Cancel the execution that bears a mark, and wait until none of its tasks runs.

    Args:
        arguments: `url` (of the endpoint), `job`, `mark`; `seconds` (limit of it all),
            `call_seconds` (of one call); `sent_at` (the start, at the earliest, seconds since
            1970) and `in_flight_seconds` (how long after that it may still be carried out).

    Raises:
        UndoDenied: tasks of it may still run, because we may not cancel it.
        UndoFailed: tasks of it may still run.
    """
    if is_refused_write(arguments["mark"]):
        detail = f"{shown(str(arguments['job']))}: our execution was refused, so none was begun"
        return UndoReport(UndoResult.ALREADY_DONE, detail)
    connection = connection_of(arguments)
    try:
        return _Canceller(JobClient(connection), arguments).cancel()
    finally:
        connection.close()


@dataclass
class _Canceller:
    client: JobClient
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._job = str(self.arguments["job"])
        self._mark = str(self.arguments["mark"])
        self._patience = Patience(self.arguments["seconds"])
        self._name = _begun.get(self._mark)
        self._runs = False

    def cancel(self) -> UndoReport:
        started = time.monotonic()
        with told(lambda: f"our execution of {shown(self._job)} is cancelled", logging.WARNING):
            while True:
                report = self._try()
                if report is not None:
                    return report
                self._patience.pause(time.monotonic() - started)

    def _try(self) -> UndoReport | None:
        """None when it is to be tried again, after a pause."""
        try:
            self._name = self._name or self.client.marked(self._job, self._mark)
            if self._name is not None:
                return self._cancel(self._name)
            if not may_be_under_way(self.arguments, self._mark):
                detail = f"{shown(self._job)}: no execution was begun"
                return UndoReport(UndoResult.ALREADY_DONE, detail)
            if self._patience.over:
                raise UndoFailed(self._left("the execution that was asked for may still begin"))
        except CloudRunNotFound as error:
            return UndoReport(UndoResult.NOT_OURS, str(error))
        except (CloudRunError, Interrupted) as error:
            if isinstance(error, CloudRunGone) and has_ended(self.client.connection):
                return UndoReport(UndoResult.ALREADY_DONE, ENDED)
            if isinstance(error, DENIED):
                raise UndoDenied(self._left(error)) from error
            if self._patience.over or not isinstance(error, PASSING):
                raise UndoFailed(self._left(error)) from error
        return None

    def _cancel(self, name: str) -> UndoReport:
        self._runs = False
        if self.client.execution(name).done:
            return UndoReport(UndoResult.ALREADY_DONE, f"{shown(name)} has ended")
        self._runs = True
        state = self.client.cancel(name, self._patience.deadline, self._patience.hurried)
        return UndoReport(
            UndoResult.DONE, f"cancelled {shown(name)}: {state.cancelled} tasks of it had not ended"
        )

    def _left(self, why: object) -> str:
        command = cancel_command(self._name) if self._name else list_command(self._job)
        how = "by hand with" if self._name else "find it with"
        return (
            f"our execution of {shown(self._job)} {'still ran' if self._runs else 'may still run'}"
            f"{' when it was read last' if self._runs else ''}: {why}; cancel it with "
            f"`{RECOVER}`, or {how} `{command}`"
        )
