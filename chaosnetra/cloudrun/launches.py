"""Executions of a job as something to be undone: what was begun is cancelled, however we end."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.cloudrun.by_hand import RECOVER, cancel_command, list_command
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.executions import JobState
from chaosnetra.cloudrun.jobs import JobClient, require_at_once, require_fit
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.undoing import Undoing, may_be_under_way, noting_refusal, undo_data
from chaosnetra.cloudrun.waiting import next_pause_seconds, waiting_until
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunQuotaExceeded, UndoFailed
from chaosnetra.faults import Undo, UndoReport, UndoResult

CANCEL_SECONDS = 60.0
# By mark: executions that this process has begun. Another process searches for the mark.
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
        number: distinguishes the executions of one run.
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
        shared = undo_data(self.client.connection, CANCEL_SECONDS, self.patience_seconds)
        return Undo(
            "cloudrun.cancel_execution",
            f"cancel our execution of {shown(self.job.name)}",
            {**shared, "job": self.job.name, "mark": self._mark},
        )

    def inject(self) -> None:
        quota = f"a quota lets {shown(self.job.name)} begin"
        with noting_refusal(self._mark), waiting_until(lambda: quota):
            self.execution = self._begin(Deadline.after(self.patience_seconds))
        _begun[self._mark] = self.execution

    def _begin(self, deadline: Deadline) -> str:
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
        arguments: see `undo_data`; and `job`, `mark`.

    Raises:
        UndoDenied: tasks of it may still run, because we may not cancel it.
        UndoFailed: tasks of it may still run.
    """
    refused = f"{shown(str(arguments['job']))}: our execution was refused, so none was begun"
    return _Cancelling.play(arguments, arguments["mark"], refused)


class _Cancelling(Undoing):
    def __init__(self, connection: Connection, arguments: Mapping[str, Any]) -> None:
        super().__init__(connection, arguments)
        self._client = JobClient(connection)
        self._job = str(arguments["job"])
        self._mark = str(arguments["mark"])
        self._name = _begun.get(self._mark)
        self._runs = False

    @property
    def what(self) -> str:
        return f"our execution of {shown(self._job)} is cancelled"

    def attempt(self) -> UndoReport | None:
        self._name = self._name or self._client.marked(self._job, self._mark)
        if self._name is not None:
            return self._cancel(self._name)
        if not may_be_under_way(self.arguments, self._mark):
            detail = f"{shown(self._job)}: no execution was begun"
            return UndoReport(UndoResult.ALREADY_DONE, detail)
        if self.patience.over:
            raise UndoFailed(self.left("the execution that was asked for may still begin"))
        return None

    def _cancel(self, name: str) -> UndoReport:
        self._runs = False
        if self._client.execution(name).done:
            return UndoReport(UndoResult.ALREADY_DONE, f"{shown(name)} has ended")
        self._runs = True
        state = self._client.cancel(name, self.patience.deadline, self.patience.hurried)
        return UndoReport(
            UndoResult.DONE, f"cancelled {shown(name)}: {state.cancelled} tasks of it had not ended"
        )

    def left(self, why: object) -> str:
        command = cancel_command(self._name) if self._name else list_command(self._job)
        how = "by hand with" if self._name else "find it with"
        return (
            f"our execution of {shown(self._job)} {'still ran' if self._runs else 'may still run'}"
            f"{' when it was read last' if self._runs else ''}: {why}; cancel it with "
            f"`{RECOVER}`, or {how} `{command}`"
        )
