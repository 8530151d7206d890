"""Executions of a job as something to be undone: what was begun is cancelled, however we end."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.cloudrun.executions import JobState
from chaosnetra.cloudrun.faults import IN_FLIGHT_CALLS
from chaosnetra.cloudrun.jobs import JobClient, require_at_once, require_fit
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.undo import (
    ENDED,
    PASSING,
    connection_of,
    has_ended,
    may_be_under_way,
    url_of,
    was_answered,
)
from chaosnetra.cloudrun.waiting import next_pause_seconds
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunError,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    Interrupted,
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
        except (CloudRunUnanswered, Interrupted):
            raise
        except ChaosnetraError:
            was_answered(self._mark)
            raise
        _begun[self._mark] = self.execution

    def _begin(self) -> str:
        started, deadline = time.monotonic(), Deadline.after(self.patience_seconds)
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
        UndoFailed: tasks of it may still run.
    """
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
        self._deadline = Deadline.after(self.arguments["seconds"])

    def cancel(self) -> UndoReport:
        started = time.monotonic()
        while True:
            try:
                name = _begun.get(self._mark) or self.client.marked(self._job, self._mark)
                if name is not None:
                    return self._cancel(name)
                if not may_be_under_way(self.arguments, self._mark):
                    return UndoReport(
                        UndoResult.ALREADY_DONE, f"{shown(self._job)}: no execution was begun"
                    )
            except CloudRunNotFound as error:
                return UndoReport(UndoResult.NOT_OURS, str(error))
            except (CloudRunGone, *PASSING) as error:
                if isinstance(error, CloudRunGone) and has_ended(self.client.connection):
                    return UndoReport(UndoResult.ALREADY_DONE, ENDED)
                if self._deadline.passed:
                    raise self._left(error) from error
            except CloudRunError as error:
                raise self._left(error) from error
            pause = next_pause_seconds(time.monotonic() - started)
            time.sleep(min(pause, self._deadline.remaining_seconds))

    def _cancel(self, name: str) -> UndoReport:
        if self.client.execution(name).done:
            return UndoReport(UndoResult.ALREADY_DONE, f"{shown(name)} has ended")
        state = self.client.cancel(name, self._deadline)
        return UndoReport(
            UndoResult.DONE, f"cancelled {shown(name)}: {state.cancelled} tasks of it had not ended"
        )

    def _left(self, error: CloudRunError) -> UndoFailed:
        return UndoFailed(f"tasks of {shown(self._job)} may still run: {error}")
