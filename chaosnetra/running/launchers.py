"""Launches the startups of a run: as processes here, or in staging as tasks of a Cloud Run job.

What the areas know of each other is put together here: the processes and the outcomes are
`chaosnetra.startup`'s, executions are `chaosnetra.cloudrun`'s, the session has the database.
"""

import asyncio
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunOperationFailed,
    DatabaseUnavailable,
    InvalidInput,
    PartUnavailable,
)
from chaosnetra.ports import LOOPBACK
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally
from chaosnetra.quantities import whole_number
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.orders import (
    NOT_UNDERSTOOD,
    ORDER_VARIABLE,
    TaskOrder,
    TaskReport,
    select_statement,
)
from chaosnetra.startup.outcome import ExitReason, StartupOutcome, Status
from chaosnetra.startup.starting import Starter
from chaosnetra.startup.target_plan import make_plan
from chaosnetra.startup.tasks import Barrier, barrier_of, outcomes_of

if TYPE_CHECKING:
    from chaosnetra.cloudrun.executions import JobState
    from chaosnetra.running.exposure import LaunchUse

logger = logging.getLogger("chaostoolkit")

MOST_STARTUPS = 1000
# A driver that gives up on a slow link opens one more connection to cancel its query: up to six
# round trips for TLS and SCRAM, and two for the cancellation.
ROUND_TRIPS_AFTER_A_LIMIT = 8
# A readiness page that asks the database through a new connection.
ROUND_TRIPS_OF_A_CHECK = 12
KILL_MARGIN_SECONDS = 2.0
NO_SUCH_TARGET = "chaosnetra_no_such_module:app"
# From the start of an execution until its containers are there: Cloud Run's, and processes of this
# machine, which all need its cores.
BARRIER_SECONDS = 60.0
LOCAL_BARRIER_SECONDS = 2.0
LOCAL_BARRIER_SECONDS_A_TASK = 0.2
REPORT_SECONDS = 30.0
REPORT_SECONDS_A_TASK = 0.04
# What scheduling may take beyond the barrier: tasks that come late begin late.
LATE_SECONDS = 120.0
READ_SECONDS = 30.0
READ_POLL_SECONDS = 0.5


class Launcher(Protocol):
    """Launches startups of the run's target, all at once."""

    def launched(self) -> list[StartupOutcome]:
        """The outcomes of all startups, in order."""

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """Startups that end for another reason than a failed startup, where it can make some."""

    @property
    def circumstances(self) -> dict[str, Any]:
        """What a result has to say of how its startups were launched."""


def launcher_for(session: Session, count: int) -> Launcher:
    """For `count` startups at once, where the run acts; brings what they need.

    Raises:
        InvalidInput: a setting or the count cannot be used.
        PartUnavailable: a part cannot be brought.
        CloudRunError: the job cannot be read, or is not fit.
    """
    kind = JobLauncher if session.settings.in_staging else ProcessLauncher
    return kind.of(session, count)


def _limits(session: Session, readiness_seconds: float) -> Limits:
    settings, added_seconds = session.settings, session.injector.added_round_trip_seconds
    return Limits(
        startup_seconds=settings.scaled(settings.startup_timeout_seconds),
        kill_margin_seconds=KILL_MARGIN_SECONDS + ROUND_TRIPS_AFTER_A_LIMIT * added_seconds,
        readiness_seconds=readiness_seconds + ROUND_TRIPS_OF_A_CHECK * added_seconds,
        dwell_seconds=settings.real_dwell_seconds,
    )


def _circumstances(session: Session, limits: Limits, target: str, method: str) -> dict[str, Any]:
    settings = session.settings
    return {
        "target": target,
        "profile": settings.profile.name,
        "time_scale": settings.time_scale,
        "startup_method": method,
        "import_seconds": None,
        "startup_timeout_seconds": limits.startup_seconds,
        "dwell_seconds": limits.dwell_seconds,
        "added_round_trip_ms": round(1000 * session.injector.added_round_trip_seconds, 2),
    }


def _tally(session: Session, count: int, limits: Limits) -> Tally:
    """What a person is shown while startups are on their way."""
    return Tally(
        "Startups",
        count,
        limits.startup_seconds,
        success=Status.READY,
        faults=lambda: session.faults_in_effect,
    )


def _record(session: Session, outcome: StartupOutcome) -> None:
    session.events.record_if_possible("startup.decided", outcome.to_json())


@dataclass(frozen=True)
class ProcessLauncher:
    """As processes of this machine."""

    session: Session
    count: int
    plan: LaunchPlan
    starter: Starter
    limits: Limits
    used: "list[LaunchUse]" = field(default_factory=list)

    @classmethod
    def of(cls, session: Session, count: int) -> "ProcessLauncher":
        """See `launcher_for`."""
        startups = whole_number(
            "count", count, minimum=1, maximum=MOST_STARTUPS, setting=setting_hint("count")
        )
        settings = session.settings
        # Read before anything is brought up: a wrong target should cost no time.
        make_plan(settings, os.environ, None)
        plan = make_plan(settings, os.environ, session.schema)
        limits = _limits(session, plan.readiness_timeout_seconds)
        starter = session.starter(plan)
        launcher = cls(session, startups, plan, starter, limits)
        session.state.prepare(launcher.one)
        logger.info(
            f"{startups} startups of {plan.shown}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        return launcher

    def one(self, database: DatabaseAddress) -> StartupOutcome:
        """The outcome of one startup against a database, which is no attempt."""
        with self.session.run.polled(), self._folders(1) as folders:
            (outcome,) = self._launch(self.plan, [database], folders=folders)
        return outcome

    def launched(self) -> list[StartupOutcome]:
        """The outcomes of all startups.

        Raises:
            InvalidInput: the target does not import.
            PartUnavailable: what the startups need could not be made; none was started.
        """
        with (
            self.session.state.databases(self.count) as databases,
            self._folders(self.count) as folders,
            self.session.exposure.observed(databases) as used,
            self.session.run.polled(),
            shown(_tally(self.session, self.count, self.limits)) as ended_one,
        ):

            def decided(outcome: StartupOutcome) -> None:
                ended_one(outcome.status)
                _record(self.session, outcome)

            outcomes = self._launch(self.plan, databases, folders=folders, progress=decided)
        self.used.extend(used)
        _refuse_unloadable(outcomes, self.session.settings.target.import_path)
        return outcomes

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """Startups that end for another reason than a failed startup; none for a command."""
        path = self.session.settings.target.import_path
        if path is None:
            return {}
        elsewhere = [NO_SUCH_TARGET if word == path else word for word in self.plan.command]
        direct = [self.session.database]
        with self._folders(1) as folders:
            broken = replace(self.plan, command=elsewhere)
            (not_imported,) = self._launch(broken, direct, folders=folders)
        with _taken_port() as port, self._folders(1) as folders:
            (port_in_use,) = self._launch(self.plan, direct, folders=folders, ports=[port])
        return {ExitReason.NOT_IMPORTED: not_imported, ExitReason.PORT_IN_USE: port_in_use}

    @property
    def circumstances(self) -> dict[str, Any]:
        told = _circumstances(self.session, self.limits, self.plan.shown, self.starter.method)
        state = [
            self.session.state.told(used.tables_before, used.tables_after) for used in self.used
        ]
        return {
            **told,
            "import_seconds": self.starter.import_seconds,
            "database_state": state[-1] if state else None,
        }

    def _folders(self, count: int) -> AbstractContextManager[list[Path | None]]:
        return self.session.state.folders(count, wanted=self.plan.keeps_state)

    def _launch(
        self,
        plan: LaunchPlan,
        databases: Sequence[DatabaseAddress],
        *,
        folders: Sequence[Path | None],
        ports: Sequence[int] | None = None,
        progress: Callable[[StartupOutcome], None] = lambda outcome: None,
    ) -> list[StartupOutcome]:
        run = self.session.run
        with run.polled():
            return asyncio.run(
                launch(
                    plan,
                    databases,
                    self.limits,
                    starter=self.starter,
                    ports=ports,
                    folders=folders,
                    progress=progress,
                    interrupted=lambda: run.interrupted_by is not None,
                )
            )


@contextmanager
def _taken_port() -> Iterator[int]:
    """A port that somebody listens on who never answers."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        yield taken.getsockname()[1]


def _refuse_unloadable(outcomes: list[StartupOutcome], import_path: str | None) -> None:
    """A target that cannot be imported is a mistake in the settings, not a weak system."""
    reasons = {outcome.exit_reason for outcome in outcomes}
    if import_path is None or reasons != {ExitReason.NOT_IMPORTED}:
        return
    error = outcomes[0].error
    raise InvalidInput(
        f"target {import_path!r} does not import: {error.text if error else 'it says nothing'}",
        setting_hint("target"),
    )


def _check(session: Session, job: "JobState", tasks: int) -> None:
    """Hold an execution against the guard, and against the version that was consented to.

    Raises:
        NotAllowed: it is refused; nothing was touched.
    """
    session.guard.check_job(job)
    session.guard.check_tasks(tasks)
    begun = any(fault.parameters.get("job") == job.name for fault in session.injector.faults)
    # Executions of our own may change its etag.
    if session.consented is not None and not begun:
        session.consented.require("job", job.name, job.etag)


@dataclass
class JobLauncher:
    """As tasks of the job that the settings name."""

    session: Session
    job: "JobState"
    count: int
    limits: Limits
    barrier: Barrier | None = field(default=None, init=False)
    execution: str = field(default="", init=False)
    tables_before: int | None = field(default=None, init=False)
    tables_after: int | None = field(default=None, init=False)

    @classmethod
    def of(cls, session: Session, count: int) -> "JobLauncher":
        """See `launcher_for`; what the job is, is checked before anything is made."""
        from chaosnetra.cloudrun.jobs import MOST_TASKS, require_at_once, require_fit
        from chaosnetra.cloudrun.waiting import poll

        settings = session.settings
        tasks = whole_number(
            "count", count, minimum=1, maximum=MOST_TASKS, setting=setting_hint("count")
        )
        cloud_run = session.cloud_run
        if settings.profile.source.endswith(".json") and not settings.is_rehearsal:
            raise InvalidInput(
                "a profile in a file does not reach the tasks of a job: use the name of one that "
                "the orchestrator's image holds",
                setting_hint("profile"),
            )
        job = poll(
            lambda: cloud_run.jobs.job(cloud_run.job),
            lambda job: True,
            Deadline.after(READ_SECONDS),
            f"job {cloud_run.job_id} is read",
            cloud_run.interrupted,
        )
        require_fit(job)
        require_at_once(job, tasks)
        _check(session, job, tasks)
        _ = session.report_schema  # its table is there before anybody counts tables
        limits = _limits(session, settings.readiness_timeout_seconds)
        logger.info(
            f"{tasks} tasks of job {cloud_run.job_id}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        return cls(session, job, tasks, limits)

    def launched(self) -> list[StartupOutcome]:
        """The outcomes of all startups.

        Raises:
            PartUnavailable: no task says anything, so nothing is known of any startup.
            CloudRunError: the execution could not be begun, watched or read.
            Interrupted: the run was interrupted.
        """
        from chaosnetra.cloudrun.launches import ExecutionBegun

        session, jobs = self.session, self.session.cloud_run.jobs
        schema, asked_seconds = session.report_schema, self._barrier_seconds
        self.tables_before = session.state.tables()
        asked_at = time.time()
        order = self._order(schema, asked_at + asked_seconds)
        seconds = min(
            asked_seconds + order.longest_seconds + LATE_SECONDS,
            session.guard.deadline.remaining_seconds,
        )
        begun = ExecutionBegun(
            jobs,
            self.job,
            self.count,
            seconds,
            self._environment(order),
            session.next_number(),
            patience_seconds=asked_seconds / 2,
        )
        with (
            session.run.polled(),
            shown(_tally(session, self.count, self.limits)) as ended_one,
        ):
            session.injector.inject(begun)
            self.execution = begun.execution
            try:
                jobs.watch(begun.execution, Deadline.after(seconds))
            except CloudRunOperationFailed as error:
                # What runs on is cancelled, and each of its tasks is told to have been.
                logger.error(str(error))
            finally:
                session.injector.undo(begun.name)
            tasks = jobs.tasks(begun.execution)
            reports = asyncio.run(self._reports(schema))
            outcomes = outcomes_of(tasks, reports, self.limits.startup_seconds, self.count)
            for outcome in outcomes:
                ended_one(outcome.status)
        self.tables_after = session.state.tables()
        self.barrier = barrier_of(reports.values(), order.barrier_at, asked_seconds)
        for outcome in outcomes:
            _record(session, outcome)
        self._refuse_silence(outcomes, reports)
        return outcomes

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """None: a job runs one command."""
        return {}

    @property
    def circumstances(self) -> dict[str, Any]:
        """As of processes, and `launch`: the execution and how simultaneous its startups were."""
        barrier = self.barrier.to_json() if self.barrier else None
        target = self.session.settings.target.shown
        return {
            **_circumstances(self.session, self.limits, target, "job"),
            "launch": {"execution": self.execution, "barrier": barrier},
            "database_state": self.session.state.told(self.tables_before, self.tables_after),
        }

    @property
    def _barrier_seconds(self) -> float:
        given = self.session.settings.barrier_seconds
        if given is not None:
            return given
        if self.session.settings.is_rehearsal:
            return LOCAL_BARRIER_SECONDS + LOCAL_BARRIER_SECONDS_A_TASK * self.count
        return BARRIER_SECONDS

    def _order(self, schema: str, barrier_at: float) -> TaskOrder:
        settings = self.session.settings
        return TaskOrder(
            barrier_at=barrier_at,
            startup_seconds=self.limits.startup_seconds,
            kill_margin_seconds=self.limits.kill_margin_seconds,
            readiness=settings.readiness,
            readiness_seconds=self.limits.readiness_seconds,
            hold_seconds=settings.scaled(settings.job_hold_seconds),
            report_seconds=REPORT_SECONDS + REPORT_SECONDS_A_TASK * self.count,
            schema=schema,
            dwell_seconds=self.limits.dwell_seconds,
        )

    def _environment(self, order: TaskOrder) -> dict[str, str]:
        """Nothing secret: it stands in the execution."""
        settings = self.session.settings
        return {
            ORDER_VARIABLE: order.text,
            "CHAOSNETRA_PROFILE": settings.profile.source,
            "CHAOSNETRA_TIME_SCALE": repr(settings.time_scale),
        }

    async def _reports(self, schema: str) -> dict[int, TaskReport]:
        """By the index of their task; tried again while the database lets nobody in."""
        deadline = Deadline.after(READ_SECONDS)
        while True:
            try:
                return await self._read_reports(schema)
            except DatabaseUnavailable:
                if deadline.passed or self.session.run.interrupted_by is not None:
                    raise
            await asyncio.sleep(READ_POLL_SECONDS)

    async def _read_reports(self, schema: str) -> dict[int, TaskReport]:
        """What is no report of this version is left out."""
        from chaosnetra.postgres.connect import connection

        found: dict[int, TaskReport] = {}
        execution = self.execution.rpartition("/")[2]
        async with (
            connection(self.session.database, READ_SECONDS) as opened,
            opened.transaction(),
        ):
            async for row in opened.cursor(select_statement(schema), execution):
                try:
                    report = TaskReport.from_json(json.loads(row["report"]))
                except (InvalidInput, ValueError, RecursionError) as error:
                    logger.warning(f"a report of {execution} is left out: {error}")
                else:
                    found[report.index] = report
        return found

    def _refuse_silence(
        self, outcomes: Sequence[StartupOutcome], reports: Mapping[int, TaskReport]
    ) -> None:
        """Where a task could not do its part, or none reported and none tells why.

        Then nothing is known of a startup, or the job does not run what it should.
        """
        broken = [
            outcome.error.text
            for outcome in outcomes
            if outcome.exit_reason is ExitReason.NOT_REPORTED
            and outcome.exit_code == NOT_UNDERSTOOD
            and outcome.error
        ]
        if reports and broken:
            raise PartUnavailable(
                f"{len(broken)} tasks of {self.execution.rpartition('/')[2]} could not launch "
                f"their startup ({broken[0]}): the task's log says why"
            )
        silent = {ExitReason.NOT_REPORTED, ExitReason.NOT_STARTED, ExitReason.UNCLEAN}
        if reports or not {outcome.exit_reason for outcome in outcomes} <= silent:
            return
        first = outcomes[0].error.text if outcomes and outcomes[0].error else "it has no tasks"
        raise PartUnavailable(
            f"no task of {self.execution.rpartition('/')[2]} reported ({first}): the job's command "
            "must be `python -m chaosnetra.startup.task -- ` and the orchestrator's, and its "
            "DATABASE_URL must lead to the database of the run; the task's log says more"
        )
