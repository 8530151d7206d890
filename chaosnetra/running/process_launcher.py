"""Launches startups as processes of this machine."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import argument
from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.cpu_meter import usable_cores
from chaosnetra.progress.shown import shown
from chaosnetra.quantities import whole_number
from chaosnetra.running.launching import (
    Launched,
    circumstances_of,
    limits_of,
    record,
    record_observed,
    tally_of,
    warn_of_silent_patterns,
)
from chaosnetra.running.session import Session
from chaosnetra.running.tracing import current_tracer
from chaosnetra.settings import setting_hint
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import ExitReason, StartupOutcome
from chaosnetra.startup.starting import Spawn, Starter
from chaosnetra.startup.summary import machine_share_of
from chaosnetra.startup.target_plan import make_plan, make_prepare_plan
from chaosnetra.text import how_many

logger = logging.getLogger("chaostoolkit")

MOST_STARTUPS = 1000
# Migrations may take long; they are no startup.
PREPARING = Limits(startup_seconds=300.0, kill_margin_seconds=0.0, readiness_seconds=5.0)
NO_SUCH_TARGET = "chaosnetra_no_such_module:app"


@dataclass(frozen=True)
class ProcessLauncher:
    """As processes of this machine."""

    session: Session
    count: int
    plan: LaunchPlan
    starter: Starter
    limits: Limits

    @classmethod
    def of(cls, session: Session, count: int) -> "ProcessLauncher":
        """See `launcher_for`."""
        startups = argument(whole_number, "count", count, minimum=1, maximum=MOST_STARTUPS)
        settings = session.settings
        # Read before anything is brought up: a wrong target should cost no time.
        make_plan(settings, os.environ, None)
        plan = make_plan(settings, os.environ, session.stored.schema)
        limits = limits_of(session, plan.readiness_timeout_seconds)
        starter = session.starter(plan)
        launcher = cls(session, startups, plan, starter, limits)
        session.state.prepare(launcher.one, launcher.prepared if settings.prepare_command else None)
        logger.info(
            f"{how_many(startups, 'startup')} of {plan.shown}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        return launcher

    def one(self, database: DatabaseAddress) -> StartupOutcome:
        """The outcome of one startup against a database, which is no attempt."""
        with self.session.run.polled(), self._folders(1) as folders:
            (outcome,) = self._launch(self.plan, [database], folders=folders)
        return outcome

    def prepared(self, database: DatabaseAddress) -> StartupOutcome:
        """The outcome of the command that prepares the database."""
        plan = make_prepare_plan(self.session.settings, os.environ, self.plan)
        command = replace(self, plan=plan, starter=Spawn(), limits=PREPARING)
        return command.one(database)

    def launched(self) -> Launched:
        """Launch all startups, and wait for their outcomes.

        Raises:
            InvalidInput: the target does not import.
            PartUnavailable: what the startups need could not be made; none was started.
        """
        session = self.session
        with (
            session.state.databases(self.count) as databases,
            self._folders(self.count) as folders,
            session.observing.observed(databases) as startups,
            current_tracer().launch(
                self.count, session.database, session.faults_in_effect
            ) as trace,
            session.run.polled(),
        ):
            begun = session.exposure.begun(databases)
            launched_seconds = session.run.events.elapsed_seconds()
            with shown(tally_of(session, self.count, self.limits)) as ended_one:

                def decided(outcome: StartupOutcome) -> None:
                    ended_one(outcome.status)
                    record(session, outcome)
                    trace.learn(outcome)

                ended = self._launch(
                    self.plan,
                    startups.addresses,
                    folders=folders,
                    environments=trace.environments,
                    progress=decided,
                )
            use, outcomes = session.exposure.ended(begun, startups.seen(ended))
            for outcome in outcomes:
                trace.learn(outcome)
        for outcome, before in zip(outcomes, ended, strict=True):
            record_observed(session, outcome, before.status)
        _refuse_unloadable(outcomes, session.settings.target.import_path)
        warn_of_silent_patterns(session, outcomes)
        circumstances = circumstances_of(
            session,
            self.limits,
            self.plan.shown,
            self.starter.method,
            (use.tables_before, use.tables_after),
        )
        circumstances["import_seconds"] = self.starter.import_seconds
        circumstances["launched_seconds"] = launched_seconds
        share = machine_share_of(outcomes, usable_cores())
        if share is not None and share.is_noticeable:
            logger.info(f"Machine: {share.text}")
        circumstances["machine_share"] = None if share is None else share.to_json()
        return Launched(outcomes, circumstances)

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

    def _folders(self, count: int) -> AbstractContextManager[list[Path | None]]:
        return self.session.state.folders(count, wanted=self.plan.keeps_state)

    def _launch(
        self,
        plan: LaunchPlan,
        databases: Sequence[DatabaseAddress],
        *,
        folders: Sequence[Path | None],
        environments: Sequence[Mapping[str, str]] = (),
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
                    environments=environments,
                    progress=progress,
                    interrupted=lambda: run.interrupted_by is not None,
                    keeping=Keeping(run.redactor.text),
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
