"""What a job, an execution and its tasks are at one moment, without the library's types."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chaosnetra.cloudrun.state import SUCCEEDED, ResourceState, resource_state


@dataclass(frozen=True)
class JobState(ResourceState):
    """A job as it was read.

    `container` is the name of its only one, empty when it has none; `latest_execution` the full
    name of its newest execution, empty before there is one. `variables` are those that its
    configuration sets for the container; None stands for a secret, whose value is not read.
    """

    task_count: int
    parallelism: int
    max_retries: int
    timeout_seconds: float
    container: str
    image: str
    connector: str
    labels: Mapping[str, str]
    latest_execution: str
    variables: Mapping[str, str | None] = field(default_factory=dict, repr=False)

    @property
    def ready(self) -> bool:
        return self.ready_state == SUCCEEDED and not self.reconciling

    @property
    def lasting(self) -> dict[str, Any]:
        """What executions leave as it was, although its etag may change with them."""
        return {"generation": self.generation, "image": self.image, "labels": dict(self.labels)}


DEFAULT_RETRIES = 3  # what a job has that does not say: its reference


def job_state(job: Any) -> JobState:
    """From the library's `Job`."""
    execution = job.template
    task = execution.template
    container = task.containers[0] if task.containers else None
    return JobState(
        **resource_state(job),
        task_count=execution.task_count,
        parallelism=execution.parallelism,
        max_retries=task.max_retries if "max_retries" in task else DEFAULT_RETRIES,
        timeout_seconds=task.timeout.total_seconds() if task.timeout else 0.0,
        container=container.name if container else "",
        image=container.image if container else "",
        connector=task.vpc_access.connector,
        labels=dict(job.labels),
        latest_execution=job.latest_created_execution.name,
        variables={
            variable.name: None if "value_source" in variable else variable.value
            for variable in (container.env if container else ())
        },
    )


@dataclass(frozen=True)
class ExecutionState:
    """An execution as it was read; `done` once it has a completion time.

    Whether it succeeded is not said here: its tasks do.
    """

    name: str
    etag: str
    done: bool
    task_count: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    retried: int
    state: str
    text: str
    log_uri: str

    @property
    def counts(self) -> dict[str, int]:
        """Of its tasks: all (`tasks`), and those that ended in each way or were retried."""
        counted = {name: getattr(self, name) for name in COUNTED if name != "running"}
        return {"tasks": self.task_count, **counted}

    @property
    def decided(self) -> int:
        """Tasks that have ended."""
        return self.succeeded + self.failed + self.cancelled


# What an execution counts of its tasks.
COUNTED = ("running", "succeeded", "failed", "cancelled", "retried")


def execution_state(execution: Any) -> ExecutionState:
    """From the library's `Execution`."""
    completed = next((c for c in execution.conditions if c.type_ == "Completed"), None)
    return ExecutionState(
        name=execution.name,
        etag=execution.etag,
        done=bool(execution.completion_time),
        task_count=execution.task_count,
        **{name: getattr(execution, f"{name}_count") for name in COUNTED},
        state=completed.state.name if completed else "",
        text=completed.message if completed else "",
        log_uri=execution.log_uri,
    )


class TaskEnd(StrEnum):
    """How a task stands. `unclean`: it ended, but not with an exit code of its own."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    EXITED = "exited"
    SIGNALLED = "signalled"
    UNCLEAN = "unclean"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class TaskState:
    """A task as it was read.

    Attributes:
        index: which of its execution's, from 0.
        end: how it ended; an exit code alone does not say, because 0 is also what an unset one
            is read as.
        exit_code: None where there was none.
        signal: what ended it, None for none.
        status: name of the status code of its last attempt.
        text: what the attempt said.
        retried: how often it was tried again.
        started_at: seconds since 1970; None when it has not started.
        seconds: from its start to its end; None before that.
    """

    index: int
    end: TaskEnd
    exit_code: int | None
    signal: int | None
    status: int
    text: str
    retried: int
    started_at: float | None
    seconds: float | None


_CANCELLED_STATUS = 1  # google.rpc.Code.CANCELLED


def task_state(task: Any) -> TaskState:
    """From the library's `Task` (proto-plus) or its plain message."""
    from google.cloud import run_v2

    message = run_v2.Task.pb(task) if isinstance(task, run_v2.Task) else task
    result = message.last_attempt_result
    done = message.HasField("completion_time")
    started_at = _seconds(message.start_time) if message.HasField("start_time") else None
    end = _task_end(message, result, done)
    coded = end in (TaskEnd.SUCCEEDED, TaskEnd.EXITED)
    return TaskState(
        index=message.index,
        end=end,
        exit_code=result.exit_code if coded else None,
        signal=result.term_signal or None,
        status=result.status.code,
        text=result.status.message,
        retried=message.retried,
        started_at=started_at,
        seconds=(
            round(_seconds(message.completion_time) - started_at, 4)
            if done and started_at is not None
            else None
        ),
    )


def _task_end(message: Any, result: Any, done: bool) -> TaskEnd:
    if not done:
        return TaskEnd.RUNNING
    attempted = message.HasField("last_attempt_result")
    if not attempted or result.status.code == _CANCELLED_STATUS:
        return TaskEnd.CANCELLED
    if result.term_signal:
        return TaskEnd.SIGNALLED
    if result.exit_code:
        return TaskEnd.EXITED
    return TaskEnd.UNCLEAN if result.status.code else TaskEnd.SUCCEEDED


def _seconds(timestamp: Any) -> float:
    return float(timestamp.seconds + timestamp.nanos / 1e9)


# Of the tasks that did not succeed: how many a summary shows, and what of each.
MOST_SHOWN = 10
SHOWN_OF_FAILURE = ("index", "end", "exit_code", "signal", "text", "seconds")


@dataclass
class TaskSummary:
    """Counts of tasks by how they ended, and the first of those that did not succeed.

    Its memory does not grow with their number.
    """

    tasks: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[int] = field(default_factory=Counter)
    retried: int = 0
    first_start: float | None = None
    last_start: float | None = None
    longest_seconds: float | None = None
    failures: list[TaskState] = field(default_factory=list)

    def add(self, task: TaskState) -> None:
        self.tasks += 1
        self.ends[task.end] += 1
        self.retried += task.retried > 0
        if task.exit_code is not None:
            self.exit_codes[task.exit_code] += 1
        if task.started_at is not None:
            start = task.started_at
            self.first_start = min(start, self.first_start or start)
            self.last_start = max(start, self.last_start or start)
        if task.seconds is not None:
            self.longest_seconds = max(task.seconds, self.longest_seconds or 0.0)
        failed = task.end not in (TaskEnd.SUCCEEDED, TaskEnd.RUNNING)
        if failed and len(self.failures) < MOST_SHOWN:
            self.failures.append(task)

    @property
    def succeeded(self) -> int:
        return self.ends[TaskEnd.SUCCEEDED]

    @property
    def start_spread_seconds(self) -> float | None:
        """From the first start to the last; None when none has started."""
        if self.first_start is None or self.last_start is None:
            return None
        return round(self.last_start - self.first_start, 3)

    def to_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "ends": {end.value: self.ends[end] for end in TaskEnd},
            "exit_codes": {str(code): count for code, count in sorted(self.exit_codes.items())},
            "retried": self.retried,
            "start_spread_seconds": self.start_spread_seconds,
            "longest_seconds": self.longest_seconds,
            "failures": [
                {name: getattr(task, name) for name in SHOWN_OF_FAILURE} for task in self.failures
            ],
        }


def summarize(tasks: Iterable[TaskState]) -> TaskSummary:
    """Go through the tasks once."""
    summary = TaskSummary()
    for task in tasks:
        summary.add(task)
    return summary
