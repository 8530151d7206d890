"""Launches startups as tasks of a job: each in a container of its own, by an engine.

What it knows of the engine is in `chaosnetra.running.engine`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.errors import DatabaseUnavailable, InvalidInput, PartUnavailable
from chaosnetra.hints import argument
from chaosnetra.progress.shown import shown
from chaosnetra.quantities import whole_number
from chaosnetra.running.cloud_run_job import CloudRunJob
from chaosnetra.running.engine import Engine
from chaosnetra.running.exposure import LaunchBegun
from chaosnetra.running.in_tasks import Counted, path_order, path_seen, refuse_changed
from chaosnetra.running.launching import (
    Launched,
    circumstances_of,
    limits_of,
    record,
    record_observed,
    tally_of,
    warn_of_silent_patterns,
)
from chaosnetra.running.observing import shortened
from chaosnetra.running.session import Session
from chaosnetra.running.task_reports import READ_SECONDS, read_reports, tell_notes
from chaosnetra.running.tracing import LaunchTrace, current_tracer
from chaosnetra.settings import Settings, setting_hint
from chaosnetra.startup.launcher import Limits
from chaosnetra.startup.orders import ORDER_VARIABLE, PathOrder, TaskOrder
from chaosnetra.startup.outcome import ExitReason, StartupOutcome
from chaosnetra.startup.reports import NOT_UNDERSTOOD, TaskReport, output_bytes
from chaosnetra.startup.tasks import barrier_of, outcomes_of
from chaosnetra.text import how_many

logger = logging.getLogger("chaostoolkit")

# From the start of an execution until its containers are there: Cloud Run's, and processes of this
# machine, which all need its cores.
BARRIER_SECONDS = 60.0
LOCAL_BARRIER_SECONDS = 2.0
LOCAL_BARRIER_SECONDS_A_TASK = 0.2
REPORT_SECONDS = 30.0
# Twice what it takes until the last one begins.
REPORT_SECONDS_A_TASK = 0.1
# What scheduling may take beyond the barrier: tasks that come late begin late.
LATE_SECONDS = 120.0
READ_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class JobLauncher:
    """As tasks of a job; see `chaosnetra.running.launching.Launcher`."""

    session: Session
    engine: Engine
    count: int
    limits: Limits

    @classmethod
    def of(cls, session: Session, count: int) -> "JobLauncher":
        """See `launcher_for`; what the job is, is checked before anything is made."""
        from chaosnetra.cloudrun.jobs import MOST_TASKS

        settings = session.settings
        tasks = argument(whole_number, "count", count, minimum=1, maximum=MOST_TASKS)
        if settings.profile.source.endswith(".json") and not settings.is_rehearsal:
            raise InvalidInput(
                "a profile in a file does not reach the tasks of a job: use the name of one that "
                "the orchestrator's image holds",
                setting_hint("profile"),
            )
        engine = CloudRunJob.of(session, tasks)
        _ = session.stored.report_schema  # its table is there before anybody counts tables
        limits = limits_of(session, settings.readiness_timeout_seconds)
        logger.info(
            f"{how_many(tasks, 'task')} of {engine.shown}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        return cls(session, engine, tasks, limits)

    def launched(self) -> Launched:
        """See `_launched`, which is told to the run's trace, if it has one."""
        session = self.session
        with current_tracer().launch(
            self.count, session.database, session.faults_in_effect
        ) as trace:
            return self._launched(trace)

    def _launched(self, trace: LaunchTrace) -> Launched:
        """Launch all startups, and wait for their outcomes.

        Raises:
            PartUnavailable: no task says anything, so nothing is known of any startup.
            CloudRunError: the execution could not be begun, watched or read.
            Interrupted: the run was interrupted.
        """
        session = self.session
        path = path_order(session, self.count)
        schema, containers_seconds = session.stored.report_schema, self._barrier_seconds
        asked_seconds = containers_seconds + (path.all_measure_seconds if path else 0.0)
        used = session.exposure.begun([session.database]) if path else None
        tables_before = session.state.tables()
        asked_at, elapsed_seconds = time.time(), session.run.events.elapsed_seconds()
        order = self._order(schema, asked_at, asked_seconds, path)
        seconds = min(
            asked_seconds + order.longest_seconds + LATE_SECONDS,
            session.guard.deadline.remaining_seconds,
        )
        environment = {**trace.shared_environment, **self._environment(order)}
        begun = self.engine.begun(
            self.count, seconds, environment, patience_seconds=containers_seconds / 2
        )
        with (
            session.run.polled(),
            shown(tally_of(session, self.count, self.limits)) as ended_one,
        ):
            session.injector.inject(begun)
            try:
                given_up = self.engine.wait(begun.execution, Deadline.after(seconds))
                if given_up:
                    # What runs on is cancelled, and each of its tasks is reported so.
                    logger.error(given_up)
            finally:
                session.injector.undo(begun.name)
            tasks = self.engine.tasks(begun.execution)
            reports = asyncio.run(self._reports(schema, begun.execution))
            outcomes = outcomes_of(tasks, reports, self.limits.startup_seconds, self.count)
            for outcome in outcomes:
                ended_one(outcome.status)
        tables = tables_before, session.state.tables()
        barrier = barrier_of(reports.values(), order.barrier_at, asked_seconds)
        tell_notes(reports.values(), barrier)
        # The clocks of the tasks, held against ours.
        clock_began_at = time.time() - time.monotonic()
        for outcome in outcomes:
            record(session, outcome)
            report = reports.get(outcome.number - 1)
            began_at = asked_at if report is None else report.begun_at
            trace.learn(outcome, began_at - clock_began_at)
        has_faults = path is not None and bool(path.faults)
        logs = self.engine.logs(begun.execution)
        _refuse_silence(
            outcomes, reports, begun.execution.rpartition("/")[2], logs, partly=has_faults
        )
        launch: dict[str, Any] = {
            "execution": begun.execution,
            "logs": logs,
            "barrier": barrier.to_json(),
        }
        uncounted = None
        if path is not None and used is not None:
            counted = Counted.of(path, outcomes, reports)
            outcomes = self._seen(counted, path, used)
            launch["path"] = path_seen(counted.reports)
            uncounted = counted.uncounted
        warn_of_silent_patterns(session, outcomes)
        target = session.settings.target.shown
        circumstances = circumstances_of(session, self.limits, target, "job", tables)
        circumstances["launched_seconds"] = round(elapsed_seconds + asked_seconds, 6)
        return Launched(outcomes, {**circumstances, "launch": launch}, uncounted)

    def _seen(self, counted: Counted, path: PathOrder, used: LaunchBegun) -> list[StartupOutcome]:
        """The outcomes of the startups that count, judged by what they used of their paths.

        Raises:
            PartUnavailable: none counts, or the faults have changed meanwhile.
        """
        session = self.session
        refuse_changed(session, path)
        counted.tell(session, path)
        if counted.uncounted is not None:
            logger.warning(counted.uncounted.text)
            if not counted.outcomes:
                raise PartUnavailable(counted.uncounted.text)
        _, outcomes = session.exposure.ended(used, list(shortened(counted.outcomes)))
        for outcome, before in zip(outcomes, counted.outcomes, strict=True):
            record_observed(session, outcome, before.status)
        return outcomes

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """None: a job runs one command."""
        return {}

    @property
    def longest_seconds(self) -> float:
        """After how long an execution is cancelled, where nothing stands before the database."""
        asked_seconds = self._barrier_seconds
        order = self._order("reports", 0, asked_seconds, None)
        return asked_seconds + order.longest_seconds + LATE_SECONDS

    @property
    def _barrier_seconds(self) -> float:
        settings = self.session.settings
        shortest = shortest_barrier_seconds(settings)
        if settings.barrier_seconds is None and settings.is_rehearsal:
            return shortest + LOCAL_BARRIER_SECONDS_A_TASK * self.count
        return shortest

    def _order(
        self, schema: str, ordered_at: float, asked_seconds: float, path: PathOrder | None
    ) -> TaskOrder:
        settings = self.session.settings
        return TaskOrder(
            barrier_at=ordered_at + asked_seconds,
            startup_seconds=self.limits.startup_seconds,
            kill_margin_seconds=self.limits.kill_margin_seconds,
            readiness=settings.readiness,
            readiness_seconds=self.limits.readiness_seconds,
            hold_seconds=settings.scaled(settings.job_hold_seconds),
            report_seconds=REPORT_SECONDS + REPORT_SECONDS_A_TASK * self.count,
            schema=schema,
            dwell_seconds=self.limits.dwell_seconds,
            output_bytes=output_bytes(self.count),
            phase_patterns=settings.phase_patterns.given,
            ordered_at=ordered_at,
            path=path,
        )

    def _environment(self, order: TaskOrder) -> dict[str, str]:
        """Nothing secret: it stands in the execution."""
        settings = self.session.settings
        return {
            ORDER_VARIABLE: order.text,
            "CHAOSNETRA_PROFILE": settings.profile.source,
            "CHAOSNETRA_TIME_SCALE": repr(settings.time_scale),
        }

    async def _reports(self, schema: str, execution: str) -> dict[int, TaskReport]:
        """By the index of their task; tried again while the database lets nobody in."""
        deadline = Deadline.after(READ_SECONDS)
        while True:
            try:
                return await read_reports(
                    self.session.database, schema, execution.rpartition("/")[2]
                )
            except DatabaseUnavailable:
                if deadline.passed or self.session.run.interrupted_by is not None:
                    raise
            await asyncio.sleep(READ_POLL_SECONDS)


def shortest_barrier_seconds(settings: Settings) -> float:
    """From the start of an execution to its barrier, however few its tasks are."""
    if settings.barrier_seconds is not None:
        return settings.barrier_seconds
    return LOCAL_BARRIER_SECONDS if settings.is_rehearsal else BARRIER_SECONDS


def _refuse_silence(
    outcomes: Sequence[StartupOutcome],
    reports: Mapping[int, TaskReport],
    execution: str,
    logs: str,
    *,
    partly: bool,
) -> None:
    """Where a task could not do its part, or none reported and none tells why.

    Then nothing is known of a startup, or the job does not run what it should. `partly`: whether
    that is so of some of them counts them out, and no more.
    """
    log = f"the task's log, in {logs}," if logs else "the task's log"
    broken = [
        outcome.error.text
        for outcome in outcomes
        if outcome.exit_reason is ExitReason.NOT_REPORTED
        and outcome.exit_code == NOT_UNDERSTOOD
        and outcome.error
    ]
    if broken and (len(broken) == len(outcomes) or (reports and not partly)):
        raise PartUnavailable(
            f"{how_many(len(broken), 'task')} of {execution} could not launch their startup "
            f"({broken[0]}): {log} says why, such as another version of chaosnetra "
            "in its image than here, a package that is missing, or no DATABASE_URL"
        )
    silent = {ExitReason.NOT_REPORTED, ExitReason.NOT_STARTED, ExitReason.UNCLEAN}
    if reports or not {outcome.exit_reason for outcome in outcomes} <= silent:
        return
    first = outcomes[0].error.text if outcomes and outcomes[0].error else "it has no tasks"
    raise PartUnavailable(
        f"no task of {execution} reported ({first}): the job's command "
        "must be `python -m chaosnetra.startup.task -- ` and the orchestrator's, and its "
        "DATABASE_URL must lead to the database of the run; {log} says more"
    )
