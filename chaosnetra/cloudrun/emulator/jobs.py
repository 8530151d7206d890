"""Jobs, their executions and tasks; a task is a real process.

Sources: the API's reference, and "Container runtime contract" of the Cloud Run documentation
(environment of a task, signals).
"""

import uuid
from collections.abc import Iterator
from typing import Any

from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.answers import Operations, Refused
from chaosnetra.cloudrun.emulator.controls import NO_RULE, Rule
from chaosnetra.cloudrun.emulator.execution import Execution
from chaosnetra.cloudrun.emulator.logs import LogFolder
from chaosnetra.cloudrun.emulator.resources import (
    EmulatedLocation,
    Resources,
    check_etag,
    copy_of,
    find,
    id_of,
    merge,
    new_etag,
    set_condition,
    suffix,
)

Job = run_v2.Job.pb()
_State = run_v2.Condition.State
_Completion = run_v2.ExecutionReference.CompletionStatus
INPUT_FIELDS = (
    "labels",
    "annotations",
    "client",
    "client_version",
    "launch_stage",
    "binary_authorization",
    "template",
)
DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT_SECONDS = 600


class Jobs(Resources):
    """All jobs and what ran of them.

    Args:
        location: where they are.
        operations: where a run becomes an operation.
        lock: held by whoever calls; taken when a task ends.
        most_at_once: processes of one execution that this machine bears.
        logs: where what tasks print goes; None: nowhere.
    """

    def __init__(
        self,
        location: EmulatedLocation,
        operations: Operations,
        lock: Any,
        most_at_once: int,
        logs: LogFolder | None = None,
    ) -> None:
        super().__init__(location, operations, "JOB")
        self._lock = lock
        self._logs = logs
        self._most_at_once = most_at_once
        self._executions: dict[str, Execution] = {}

    @property
    def executions(self) -> list[Execution]:
        """Newest first."""
        return list(reversed(self._executions.values()))

    def create(self, request: Any, rule: Rule = NO_RULE) -> Any:  # noqa: ARG002 - as all calls
        """CreateJob."""
        job = self.new(Job(), request.parent, request.job_id)
        merge(INPUT_FIELDS, request.job, job)
        containers = job.template.template.containers
        if len(containers) != 1 or not containers[0].image:
            raise Refused("INVALID_ARGUMENT", "template.template.containers: exactly one is needed")
        task = job.template.template
        if task.WhichOneof("retries") is None:
            task.max_retries = DEFAULT_RETRIES
        if not task.HasField("timeout"):
            task.timeout.seconds = DEFAULT_TIMEOUT_SECONDS
        job.template.task_count = job.template.task_count or 1
        job.generation = job.observed_generation = 1
        job.update_time.CopyFrom(job.create_time)
        set_condition(job.terminal_condition, "Ready", _State.CONDITION_SUCCEEDED)
        new_etag(job)
        if not request.validate_only:
            self.by_name[job.name] = job
        return self.operations.finished(job)

    def run(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """RunJob."""
        job = self.get(request.name)
        check_etag(job, request.etag)
        execution = self._prepared(job, request.overrides, dry=request.validate_only)
        if request.validate_only:
            return self.operations.finished(execution.message)
        name = execution.message.name
        self._executions[name] = execution
        job.execution_count += 1
        job.latest_created_execution.name = name
        job.latest_created_execution.create_time.CopyFrom(execution.message.create_time)
        job.latest_created_execution.completion_status = _Completion.EXECUTION_RUNNING
        new_etag(job)
        # The operation lasts as long as the execution, and fails with it.
        operation = self.operations.start(execution.message, None, execution.set_result)

        def completed() -> None:
            if job.latest_created_execution.name == name:
                latest = job.latest_created_execution
                latest.completion_time.CopyFrom(execution.message.completion_time)
                latest.completion_status = execution.completion_status
            self.operations.end(operation.name)

        execution.start(self._lock, completed, rule)
        return operation

    def execution(self, name: str) -> Execution:
        found: Execution = find(self._executions, self.location.canonical(name), "EXECUTION")
        return found

    def executions_of(self, parent: str) -> Iterator[Any]:
        """Messages of a job's executions, or with `-` of all jobs', newest first."""
        job = self.location.canonical(parent)
        if not job.endswith("/jobs/-"):
            self.get(job)
        for execution in self.executions:
            if job.endswith("/jobs/-") or execution.message.name.startswith(f"{job}/"):
                yield execution.message

    def cancel(self, request: Any) -> Any:
        """CancelExecution."""
        execution = self.execution(request.name)
        check_etag(execution.message, request.etag)
        if execution.message.HasField("completion_time"):
            raise Refused("FAILED_PRECONDITION", f"Execution {request.name} is complete already.")
        if not request.validate_only:
            execution.cancel()
        return self.operations.finished(execution.message)

    def _prepared(self, job: Any, overrides: Any, *, dry: bool) -> Execution:
        """An execution of a job that has not begun; `dry`: and does not."""
        message = run_v2.Execution.pb()()
        job_id = id_of(job.name)
        message.name = f"{job.name}/executions/{job_id}-{suffix(5)}"
        message.uid, message.generation = str(uuid.uuid4()), 1
        message.job = job_id
        message.labels.update(job.template.labels)
        message.create_time.GetCurrentTime()
        message.task_count = overrides.task_count or job.template.task_count
        message.parallelism = min(
            job.template.parallelism or message.task_count, message.task_count
        )
        message.template.CopyFrom(job.template.template)
        container = message.template.containers[0]
        for override in overrides.container_overrides:
            if override.name and override.name != container.name:
                raise Refused("INVALID_ARGUMENT", f"There is no container '{override.name}'.")
            if override.args or override.clear_args:
                del container.args[:]
                container.args.extend(override.args)
            given = {variable.name: variable for variable in override.env}
            kept = [variable for variable in container.env if variable.name not in given]
            copies = [copy_of(variable) for variable in (*kept, *given.values())]
            del container.env[:]
            container.env.extend(copies)
        if overrides.HasField("timeout"):
            message.template.timeout.CopyFrom(overrides.timeout)
        logs = self._logs.of_execution(message.name) if self._logs and not dry else None
        return Execution(message, self._most_at_once, logs)

    def stop(self) -> None:
        """End every process, at once. The lock is not held."""
        with self._lock:  # so that a task that is just beginning is stopped, or does not begin
            executions = self.executions
            for execution in executions:
                execution.cancel(at_once=True)
        for execution in executions:
            execution.join()
