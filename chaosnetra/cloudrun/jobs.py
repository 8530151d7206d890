"""Jobs: run, watch and cancel executions; read how their tasks ended."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from chaosnetra.cloudrun.connection import Connection, pages
from chaosnetra.cloudrun.executions import (
    ExecutionState,
    JobState,
    TaskState,
    execution_state,
    job_state,
    task_state,
)
from chaosnetra.cloudrun.history import READINGS
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.waiting import Interrupt, never, poll
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunError,
    CloudRunOperationFailed,
    CloudRunReconciling,
    CloudRunRefused,
    CloudRunUnanswered,
    InvalidInput,
)
from chaosnetra.quantities import number, whole_number
from chaosnetra.settings import setting_hint
from chaosnetra.text import how_many

# Both are Cloud Run's own limits. Sources: "Quotas and limits", "Task timeout".
MOST_TASKS = 10_000
MOST_TIMEOUT_SECONDS = 7 * 86_400
PAGE = 500
PAGE_SECONDS = 30.0
EXECUTIONS_PAGE = 100
# Tells an execution of ours from others, also when the answer to its start was lost.
MARK = "CHAOSNETRA_EXECUTION"
LOOKED_THROUGH = 1000


@dataclass(frozen=True)
class JobClient:
    """Runs jobs.

    Args:
        connection: where they are.
        interrupted: asked often while it waits for an execution.

    Every call raises a `CloudRunError` whose class says what became of it.
    """

    connection: Connection
    interrupted: Interrupt = never

    def job(self, name: str) -> JobState:
        """Read a job by its full name."""
        state = job_state(self.connection.call("Jobs", "GetJob", {"name": name}, name))
        READINGS.notify(state)
        return state

    def run(
        self,
        job: JobState,
        *,
        tasks: int,
        timeout_seconds: float,
        environment: Mapping[str, str],
        arguments: Sequence[str] | None = None,
        mark: str = "",
    ) -> str:
        """Begin an execution of the version of a job that was read.

        Args:
            job: the job; it must be fit for startups: see `require_fit`.
            tasks: how many, 1 to 10,000.
            timeout_seconds: limit of one task, up to 7 days.
            environment: variables that are added to the container's or replace them.
            arguments: what replaces the container's arguments; None leaves them.
            mark: distinguishes it from other executions, see `marked`; empty: one is made up.

        Returns:
            Full name of the execution.

        Raises:
            CloudRunUnanswered: no answer, and no execution of ours is to be seen.
        """
        require_fit(job)
        count = whole_number("tasks", tasks, minimum=1, maximum=MOST_TASKS)
        seconds = number("timeout_seconds", timeout_seconds, above=0, maximum=MOST_TIMEOUT_SECONDS)
        mark = mark or secrets.token_hex(8)
        variables = {**environment, MARK: mark}
        override: dict[str, Any] = {
            "name": job.container,
            "env": [{"name": key, "value": value} for key, value in variables.items()],
        }
        if arguments is not None:
            override |= {"args": list(arguments), "clear_args": not arguments}
        overrides = {
            "task_count": count,
            "timeout": timedelta(seconds=seconds),
            "container_overrides": [override],
        }
        request = {"name": job.name, "etag": job.etag, "overrides": overrides}
        try:
            operation = self.connection.call(
                "Jobs",
                "RunJob",
                request,
                job.name,
                writes=f"an execution of {how_many(count, 'task')}",
            )
        except CloudRunUnanswered as error:
            return self._find_started(job.name, mark, error)
        return str(operation.metadata.name)

    def execution(self, name: str) -> ExecutionState:
        """Read an execution by its full name."""
        answer = self.connection.call("Executions", "GetExecution", {"name": name}, name)
        state = execution_state(answer)
        READINGS.notify(state)
        return state

    def watch(
        self,
        name: str,
        deadline: Deadline,
        progress: Callable[[ExecutionState], None] = lambda state: None,
    ) -> ExecutionState:
        """Wait until an execution has ended, however it ended.

        Args:
            name: its full name.
            deadline: when to give up; the execution goes on then, see `cancel`.
            progress: called with every reading.

        Raises:
            CloudRunOperationFailed: the deadline came first.
            Interrupted: the run was interrupted; the execution goes on.
        """

        def read() -> ExecutionState:
            state = self.execution(name)
            progress(state)
            return state

        what = f"{shown(name)} has ended"
        return poll(read, lambda state: state.done, deadline, what, self.interrupted)

    def tasks(self, execution: str) -> Iterator[TaskState]:
        """How the tasks of an execution stand, page by page.

        A page without an answer, or over a quota, is asked for again: an execution that cost
        minutes is not given up for one of them.
        """

        def listed(request: Mapping[str, Any]) -> Any:
            return poll(
                lambda: self.connection.call("Tasks", "ListTasks", request, execution),
                lambda answer: True,
                Deadline.after(PAGE_SECONDS),
                f"the tasks of {shown(execution)} are listed",
                self.interrupted,
            )

        for page in pages(listed, {"parent": execution, "page_size": PAGE}):
            for task in page.tasks:
                yield task_state(task)

    def cancel(self, name: str, deadline: Deadline, given_up: Interrupt = never) -> ExecutionState:
        """Cancel an execution and wait until none of its tasks runs; one that has ended is left.

        An interruption of the run does not keep it from waiting.

        Args:
            name: its full name.
            deadline: when to give up.
            given_up: asked often while it waits; once true, it waits no longer.

        Raises:
            CloudRunOperationFailed: tasks still run at the deadline.
            Interrupted: tasks still ran when it was given up.
        """
        accepted = False

        def read() -> ExecutionState:
            nonlocal accepted
            state = self.execution(name)
            if not state.done and not accepted:
                self._cancel(name)  # once more after a lost answer: cancelling twice is cancelling
                accepted = True
            return state

        what = f"{shown(name)} is cancelled"
        return poll(read, lambda state: state.done, deadline, what, given_up)

    def _cancel(self, name: str) -> None:
        request = {"name": name}
        try:
            self.connection.call(
                "Executions", "CancelExecution", request, name, writes="cancellation"
            )
        except CloudRunRefused:
            return  # it has ended meanwhile, which the next reading shows

    def _find_started(self, job: str, mark: str, error: CloudRunUnanswered) -> str:
        """After a start without an answer: the execution that it began.

        Raises:
            CloudRunUnanswered: there is none by the time when the server has given the call up.
        """
        try:
            found = poll(
                lambda: self.marked(job, mark),
                lambda name: name is not None,
                Deadline.after(self.connection.call_seconds),
                "the execution shows",
                self.interrupted,
            )
        except CloudRunOperationFailed:
            raise CloudRunUnanswered(f"{error}; no execution was begun") from error
        except CloudRunError as unread:
            raise CloudRunUnanswered(f"{error}; whether one was begun is not known") from unread
        assert found is not None  # noqa: S101 - poll waits for it
        return found

    def marked(self, job: str, mark: str) -> str | None:
        """Full name of the execution of a job that bears a mark, among its newest 1,000."""

        def listed(request: Mapping[str, Any]) -> Any:
            return self.connection.call("Executions", "ListExecutions", request, job)

        every = pages(listed, {"parent": job, "page_size": EXECUTIONS_PAGE})
        for page in islice(every, LOOKED_THROUGH // EXECUTIONS_PAGE):
            for execution in page.executions:
                if any(_has(container, mark) for container in execution.template.containers):
                    return str(execution.name)
        return None


def require_fit(job: JobState) -> None:
    """Refuse a job whose tasks would not be one startup each.

    Raises:
        InvalidInput: it tries failed tasks again, or runs them one after another.
        CloudRunReconciling: it is being changed, or is not ready.
    """
    if not job.ready:
        raise CloudRunReconciling(
            f"{shown(job.name)} is being changed or not ready "
            f"({job.ready_state}: {job.ready_text}); wait, or repair it first"
        )
    if job.max_retries:
        raise InvalidInput(
            f"{shown(job.name)} tries a failed task again, up to {job.max_retries} times, which "
            "hides failures: update the job with max_retries 0",
            setting_hint("job"),
        )
    if job.parallelism == 1:
        raise InvalidInput(
            f"{shown(job.name)} runs its tasks one after another: update the job with parallelism "
            "0, as many at once as possible",
            setting_hint("job"),
        )


def require_at_once(job: JobState, tasks: int) -> None:
    """Refuse a job whose tasks could not all begin together.

    Raises:
        InvalidInput: its parallelism is less than that.
    """
    if 0 < job.parallelism < tasks:
        raise InvalidInput(
            f"{shown(job.name)} runs {job.parallelism} tasks at once, not {tasks}: update the job "
            f"with parallelism 0 or at least {tasks}, or ask for fewer startups",
            setting_hint("job"),
        )


def _has(container: Any, mark: str) -> bool:
    return any(variable.name == MARK and variable.value == mark for variable in container.env)
