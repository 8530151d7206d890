"""Jobs, their executions and tasks; a task is a real process.

Sources: the API's reference, and "Container runtime contract" of the Cloud Run documentation
(environment of a task, signals).
"""

import secrets
import string
import uuid
from collections.abc import Iterator
from typing import Any

from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.execution import Execution
from chaosnetra.cloudrun.emulator.location import EmulatedLocation
from chaosnetra.cloudrun.emulator.messages import check_etag, mask, new_etag, set_condition
from chaosnetra.cloudrun.emulator.operations import Operations
from chaosnetra.cloudrun.emulator.rules import NO_RULE, Rule
from chaosnetra.cloudrun.emulator.status import Refused

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


class Jobs:
    """All jobs and what ran of them. Not safe for threads: its owner holds `lock`.

    Args:
        place: where they are.
        operations: where a run becomes an operation.
        lock: held by whoever calls; taken when a task ends.
        most_at_once: processes of one execution that this machine bears.
    """

    def __init__(
        self, place: EmulatedLocation, operations: Operations, lock: Any, most_at_once: int
    ) -> None:
        self._place = place
        self._operations = operations
        self._lock = lock
        self._most_at_once = most_at_once
        self._jobs: dict[str, Any] = {}
        self._executions: dict[str, Execution] = {}

    @property
    def all(self) -> list[Any]:
        return list(reversed(self._jobs.values()))

    @property
    def executions(self) -> list[Execution]:
        """Newest first."""
        return list(reversed(self._executions.values()))

    def get(self, name: str) -> Any:
        job = self._jobs.get(self._place.canonical(name))
        if job is None:
            raise Refused("NOT_FOUND", f"Resource '{name}' of kind 'JOB' does not exist.")
        return job

    def create(self, request: Any, rule: Rule = NO_RULE) -> Any:  # noqa: ARG002 - as all calls
        """CreateJob."""
        name = f"{self._place.canonical(request.parent)}/jobs/{request.job_id}"
        if name in self._jobs:
            raise Refused("ALREADY_EXISTS", f"Resource '{name}' already exists.")
        job = Job()
        mask(INPUT_FIELDS).MergeMessage(request.job, job, True, True)
        containers = job.template.template.containers
        if len(containers) != 1 or not containers[0].image:
            raise Refused("INVALID_ARGUMENT", "template.template.containers: exactly one is needed")
        task = job.template.template
        if task.WhichOneof("retries") is None:
            task.max_retries = DEFAULT_RETRIES
        if not task.HasField("timeout"):
            task.timeout.seconds = DEFAULT_TIMEOUT_SECONDS
        job.template.task_count = job.template.task_count or 1
        job.name, job.uid = name, str(uuid.uuid4())
        job.generation = job.observed_generation = 1
        job.create_time.GetCurrentTime()
        job.update_time.CopyFrom(job.create_time)
        set_condition(job.terminal_condition, "Ready", _State.CONDITION_SUCCEEDED)
        new_etag(job)
        if not request.validate_only:
            self._jobs[name] = job
        return self._operations.finished(self._place.parent, job, job)

    def run(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """RunJob."""
        job = self.get(request.name)
        check_etag(job, request.etag)
        execution = self._prepared(job, request.overrides)
        if request.validate_only:
            return self._operations.finished(
                self._place.parent, execution.message, execution.message
            )
        name = execution.message.name
        self._executions[name] = execution
        job.execution_count += 1
        job.latest_created_execution.name = name
        job.latest_created_execution.create_time.CopyFrom(execution.message.create_time)
        job.latest_created_execution.completion_status = _Completion.EXECUTION_RUNNING
        new_etag(job)
        # The operation lasts as long as the execution, and fails with it.
        operation = self._operations.start(
            self._place.parent, execution.message, None, execution.tell
        )

        def completed() -> None:
            if job.latest_created_execution.name == name:
                latest = job.latest_created_execution
                latest.completion_time.CopyFrom(execution.message.completion_time)
                latest.completion_status = execution.completion_status
            self._operations.end(operation.name)

        execution.start(
            self._lock,
            completed,
            unset_exit_code=rule.unset_exit_code,
            miscounted=rule.failed_tasks,
        )
        return operation

    def execution(self, name: str) -> Execution:
        found = self._executions.get(self._place.canonical(name))
        if found is None:
            raise Refused("NOT_FOUND", f"Resource '{name}' of kind 'EXECUTION' does not exist.")
        return found

    def executions_of(self, parent: str) -> Iterator[Any]:
        """Messages of a job's executions, or with `-` of all jobs', newest first."""
        job = self._place.canonical(parent)
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
        return self._operations.finished(self._place.parent, execution.message, execution.message)

    def _prepared(self, job: Any, overrides: Any) -> Execution:
        """An execution of a job that has not begun."""
        message = run_v2.Execution.pb()()
        suffix = "".join(secrets.choice(string.ascii_lowercase) for _ in range(5))
        job_id = job.name.rpartition("/")[2]
        message.name = f"{job.name}/executions/{job_id}-{suffix}"
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
            merged = [*kept, *given.values()]
            copies = [
                type(variable).FromString(variable.SerializeToString()) for variable in merged
            ]
            del container.env[:]
            container.env.extend(copies)
        if overrides.HasField("timeout"):
            message.template.timeout.CopyFrom(overrides.timeout)
        return Execution(message, self._most_at_once)

    def stop(self) -> None:
        """End every process, at once. The lock is not held."""
        with self._lock:  # so that a task that is just beginning is stopped, or does not begin
            executions = self.executions
            for execution in executions:
                execution.cancel(at_once=True)
        for execution in executions:
            execution.join()
