"""The Cloud Run job that the settings name, as an engine of startups."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunOperationFailed
from chaosnetra.running.engine import Begun
from chaosnetra.running.session import Session
from chaosnetra.startup.tasks import Task

if TYPE_CHECKING:
    from chaosnetra.cloudrun.executions import ExecutionState, JobState

logger = logging.getLogger("chaostoolkit")

READ_SECONDS = 30.0


@dataclass(frozen=True)
class CloudRunJob:
    """A job as it was read; see `chaosnetra.running.engine.Engine`."""

    session: Session
    job: "JobState"
    _logs: dict[str, str] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, session: Session, tasks: int) -> "CloudRunJob":
        """Read the job, and hold it against what so many tasks need.

        Raises:
            NotAllowed: the guard refuses it, or another version of it was consented to.
            CloudRunError: it cannot be read, or is being changed.
            InvalidInput: it is not fit.
        """
        from chaosnetra.cloudrun.jobs import require_at_once, require_fit
        from chaosnetra.cloudrun.waiting import poll

        cloud_run = session.cloud_run
        job = poll(
            lambda: cloud_run.jobs.job(cloud_run.job),
            lambda job: True,
            Deadline.after(READ_SECONDS),
            f"job {cloud_run.job_id} is read",
            cloud_run.interrupted,
        )
        require_fit(job)
        require_at_once(job, tasks)
        session.guard.check_resource(job)
        session.guard.check_cap("tasks", tasks)
        begun = any(fault.parameters.get("job") == job.name for fault in session.injector.faults)
        # Executions of our own may change its etag.
        if session.staging.consented is not None and not begun:
            session.staging.consented.require("job", job.name, job.etag)
        return cls(session, job)

    @property
    def shown(self) -> str:
        return f"job {self.session.cloud_run.job_id}"

    def begun(
        self, count: int, seconds: float, environment: Mapping[str, str], patience_seconds: float
    ) -> Begun:
        from chaosnetra.cloudrun.launches import ExecutionBegun

        return ExecutionBegun(
            self.session.cloud_run.jobs,
            self.job,
            count,
            seconds,
            environment,
            self.session.next_number(),
            patience_seconds,
        )

    def wait(self, execution: str, deadline: Deadline) -> str:
        try:
            self.session.cloud_run.jobs.watch(execution, deadline, self._tell_logs)
        except CloudRunOperationFailed as error:
            return str(error)
        return ""

    def _tell_logs(self, state: "ExecutionState") -> None:
        """Say once where they are: while the tasks run, it is of use too."""
        if state.log_uri and state.name not in self._logs:
            uri = urlsplit(state.log_uri)
            self._logs[state.name] = unquote(uri.path) if uri.scheme == "file" else state.log_uri
            logger.info(f"Output of the tasks: {self._logs[state.name]}")

    def logs(self, execution: str) -> str:
        return self._logs.get(execution, "")

    def tasks(self, execution: str) -> Iterable[Task]:
        return self.session.cloud_run.jobs.tasks(execution)
