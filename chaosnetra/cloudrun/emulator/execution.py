"""One execution of a job: its tasks, so many at once, each tried again as the job says."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.answers import Refused
from chaosnetra.cloudrun.emulator.attempts import AttemptEnd, TaskAttempt, begin
from chaosnetra.cloudrun.emulator.controls import Rule
from chaosnetra.cloudrun.emulator.resources import new_etag, set_condition

Task = run_v2.Task.pb()
_State = run_v2.Condition.State
_Reason = run_v2.Condition.ExecutionReason
_Completion = run_v2.ExecutionReference.CompletionStatus
OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED = 0, 1, 2, 4


class Execution:
    """An execution and its tasks.

    Args:
        message: the execution as the API shows it; kept up to date here.
        most_at_once: processes that this machine bears.
        logs: folder of what its tasks print; None: it is kept nowhere.
    """

    def __init__(self, message: Any, most_at_once: int, logs: Path | None = None) -> None:
        self.message = message
        self._logs = logs
        if logs is not None:
            message.log_uri = logs.as_uri()
        self.tasks: list[Any] = []
        self.outputs: dict[str, bytes] = {}
        self._at_once = min(message.parallelism, most_at_once)
        self._running: dict[int, TaskAttempt] = {}
        self._cancelled = False
        self._pool: ThreadPoolExecutor | None = None
        new_etag(message)
        self._condition(_State.CONDITION_PENDING)

    @property
    def completion_status(self) -> int:
        if self._cancelled:
            return int(_Completion.EXECUTION_CANCELLED)
        failed = self.message.failed_count
        return int(_Completion.EXECUTION_FAILED if failed else _Completion.EXECUTION_SUCCEEDED)

    def start(self, lock: Any, completed: Callable[[], None], rule: Rule) -> None:
        """Begin its tasks.

        Args:
            lock: taken for every change.
            completed: called when all have ended, with the lock held.
            rule: how its tasks end otherwise than they do, and are counted.
        """
        self._lock = lock
        self._completed = completed
        self._rule = rule
        self._left = self.message.task_count
        self.message.start_time.GetCurrentTime()
        self.message.observed_generation = self.message.generation
        self.message.reconciling = True
        self._condition(_State.CONDITION_RECONCILING)
        self.tasks = [self._task(index) for index in range(self.message.task_count)]
        self._pool = ThreadPoolExecutor(max(1, self._at_once), thread_name_prefix="task")
        for task in self.tasks:
            self._pool.submit(self._run, task)

    def cancel(self, *, at_once: bool = False) -> None:
        """Stop what runs, and begin nothing more. The lock is held."""
        if self._pool is None or self.message.HasField("completion_time"):
            return
        self._cancelled = True
        self._condition(_State.CONDITION_RECONCILING, "Cancelling", _Reason.CANCELLING)
        for attempt in self._running.values():
            attempt.stop(at_once=at_once)

    def join(self) -> None:
        """Wait until no process of it is left. The lock is not held."""
        if self._pool is not None:
            self._pool.shutdown()

    def set_result(self, operation: Any) -> None:
        """Set the result of the operation that started it: an error when a task failed."""
        if self._cancelled or self.message.failed_count:
            code = "CANCELLED" if self._cancelled else "UNKNOWN"
            operation.error.code = Refused(code, "").number
            operation.error.message = self.message.conditions[0].message
        else:
            operation.response.Pack(self.message)

    def _task(self, index: int) -> Any:
        task = Task()
        execution = self.message
        execution_id = execution.name.rpartition("/")[2]
        task.name = f"{execution.name}/tasks/{execution_id}-task{index}"
        task.uid, task.generation, task.index = str(uuid.uuid4()), 1, index
        task.job, task.execution = execution.job, execution.name
        task.containers.add().CopyFrom(execution.template.containers[0])
        task.max_retries = execution.template.max_retries
        task.timeout.CopyFrom(execution.template.timeout)
        task.create_time.CopyFrom(execution.create_time)
        task.scheduled_time.GetCurrentTime()
        if (log := self._log(task)) is not None:
            task.log_uri = log.as_uri()
        task.reconciling = True
        set_condition(task.conditions.add(), "Completed", _State.CONDITION_PENDING)
        new_etag(task)
        return task

    def _run(self, task: Any) -> None:
        """All attempts of a task, on a thread of the pool."""
        end: AttemptEnd | None = None
        for number in range(task.max_retries + 1):
            with self._lock:
                if self._cancelled:
                    break
                attempt = self._begin(task, number)
            end = attempt if isinstance(attempt, AttemptEnd) else self._wait(task, attempt)
            with self._lock:
                self._result(task, end)
            if end.stopped or task.last_attempt_result.status.code == OK:
                break
        with self._lock:
            self._end(task, end)

    def _begin(self, task: Any, number: int) -> TaskAttempt | AttemptEnd:
        if number == 0:
            task.start_time.GetCurrentTime()
            self.message.running_count += 1
        else:
            self.message.retried_count += task.retried == 0
            task.retried = number
        set_condition(task.conditions[0], "Completed", _State.CONDITION_RECONCILING)
        variables = {
            "CLOUD_RUN_JOB": self.message.job,
            "CLOUD_RUN_EXECUTION": self.message.name.rpartition("/")[2],
            "CLOUD_RUN_TASK_INDEX": str(task.index),
            "CLOUD_RUN_TASK_ATTEMPT": str(number),
            "CLOUD_RUN_TASK_COUNT": str(self.message.task_count),
        }
        try:
            attempt = begin(task.containers[0], variables, self._log(task))
        except OSError as error:
            return AttemptEnd(error=str(error))
        self._running[task.index] = attempt
        return attempt

    def _log(self, task: Any) -> Path | None:
        return self._logs / f"task{task.index}.log" if self._logs is not None else None

    def _wait(self, task: Any, attempt: TaskAttempt) -> AttemptEnd:
        timeout = task.timeout.seconds + task.timeout.nanos / 1e9
        try:
            return attempt.wait(timeout)
        finally:
            with self._lock:
                self._running.pop(task.index)
                self.outputs[task.name] = attempt.output

    def _result(self, task: Any, end: AttemptEnd) -> None:
        result = task.last_attempt_result
        result.Clear()
        if end.timed_out:
            code, text = DEADLINE_EXCEEDED, "The configured timeout was reached."
        elif end.stopped:
            code, text = CANCELLED, "The execution was cancelled."
        elif end.error or end.signal or self._rule.unset_exit_code:
            code, text = UNKNOWN, end.error or "The container did not exit cleanly."
        else:
            result.exit_code = end.exit_code or 0
            code = OK if end.exit_code == 0 else UNKNOWN
            text = f"Container called exit({end.exit_code})." if end.exit_code else ""
        result.status.code, result.status.message = code, text
        result.term_signal = end.signal or 0

    def _end(self, task: Any, end: AttemptEnd | None) -> None:
        """The task is over; perhaps the execution is. The lock is held."""
        message = self.message
        if task.HasField("start_time"):
            message.running_count -= 1
        task.completion_time.GetCurrentTime()
        task.reconciling, task.observed_generation = False, task.generation
        succeeded = end is not None and task.last_attempt_result.status.code == OK
        if end is None or end.stopped:
            message.cancelled_count += 1
            state, reason, text = _State.CONDITION_FAILED, _Reason.CANCELLED, "cancelled"
        elif succeeded:
            miscounted = message.failed_count < self._rule.failed_tasks
            message.failed_count += miscounted
            message.succeeded_count += not miscounted
            state, reason, text = _State.CONDITION_SUCCEEDED, None, ""
        else:
            message.failed_count += 1
            state, reason = _State.CONDITION_FAILED, _Reason.NON_ZERO_EXIT_CODE
            text = task.last_attempt_result.status.message
        set_condition(task.conditions[0], "Completed", state, text)
        if reason is not None:
            task.conditions[0].execution_reason = reason
        new_etag(task)
        new_etag(message)
        self._left -= 1
        if not self._left:
            self._complete()

    def _complete(self) -> None:
        message = self.message
        message.completion_time.GetCurrentTime()
        message.reconciling = False
        if self._cancelled:
            self._condition(
                _State.CONDITION_FAILED, "The execution was cancelled.", _Reason.CANCELLED
            )
        elif message.failed_count:
            text = f"{message.failed_count} of {message.task_count} tasks failed."
            self._condition(_State.CONDITION_FAILED, text, _Reason.NON_ZERO_EXIT_CODE)
        else:
            self._condition(_State.CONDITION_SUCCEEDED)
        new_etag(message)
        self._completed()
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def _condition(self, state: Any, text: str = "", reason: Any = None) -> None:
        if not self.message.conditions:
            self.message.conditions.add()
        set_condition(self.message.conditions[0], "Completed", state, text)
        if reason is not None:
            self.message.conditions[0].execution_reason = reason
