"""Probes of startups, and of the budgets that bound them."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from chaoslib.types import Configuration, Secrets

from chaosnetra.activity import Result, activity
from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable, InvalidInput
from chaosnetra.ports import LOOPBACK
from chaosnetra.postgres.connect import describe
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally
from chaosnetra.quantities import duration, fraction, whole_number
from chaosnetra.quantities import min_confidence as parse_min_confidence
from chaosnetra.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.startup.explanations import judge_explanations
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import ExitReason, StartupOutcome, Status
from chaosnetra.startup.plan import LaunchPlan, make_plan
from chaosnetra.startup.starting import Starter
from chaosnetra.startup.summary import summarize

__all__ = ["budgets_suffice", "failures_are_explained", "startups_succeed"]

logger = logging.getLogger("chaostoolkit")

MOST_STARTUPS = 1000
# A driver that gives up on a slow link opens one more connection to cancel its query: up to six
# round trips for TLS and SCRAM, and two for the cancellation.
ROUND_TRIPS_AFTER_A_LIMIT = 8
# A readiness page that asks the database through a new connection.
ROUND_TRIPS_OF_A_CHECK = 12
KILL_MARGIN_SECONDS = 2.0
NO_SUCH_TARGET = "chaosnetra_no_such_module:app"


def startups_succeed(
    count: int = 5,
    max_failure_rate: float = 0.2,
    min_confidence: float = 0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Start the orchestrator `count` times at once and tell how each attempt ended.

    A startup succeeds when it is ready within `startup_timeout_seconds` times the time scale, and
    none of its phases had to be given up.

    Args:
        count: startups at once, 1 to 1,000.
        max_failure_rate: share of them that may fail or time out, 0 to 1.
        min_confidence: with which the trials of all checks under the fault have to prove that
            the rate is at most that, or that it is not; else the verdict is inconclusive, since
            they were too few. 0: not demanded; else below 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        See `chaosnetra.startup.summary.summarize`; and `target`, `profile`, `time_scale`,
        `startup_method` and `import_seconds` (fork, and what the imports took, once for all
        startups and before them; or spawn and None: each startup's seconds hold its own),
        `startup_timeout_seconds` (scaled), `added_round_trip_ms` (by the faults in place),
        `min_confidence`, `database_state` (how the startups shared the database, and its tables
        before and after).

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That startups fail is a result.
    """
    with activity(configuration) as session:
        rate = fraction(
            "max_failure_rate", max_failure_rate, setting=setting_hint("max_failure_rate")
        )
        demanded = parse_min_confidence(
            min_confidence, rate, setting=setting_hint("min_confidence")
        )
        launcher = _Launcher.of(session, count)
        before = _tables(session)
        outcomes = launcher.launched()
        after = _tables(session)
        result = summarize(outcomes, rate)
        logger.info(f"Startups: {result['observed']}")
        return {
            **_redacted(session, result),
            **launcher.circumstances,
            "min_confidence": demanded,
            "database_state": {
                "mode": session.settings.database_state,
                "tables_before": before,
                "tables_after": after,
            },
        }


def failures_are_explained(
    count: int = 3,
    exit_code: int = 3,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Start the orchestrator `count` times at once; whichever fails must say so, and why.

    A startup that fails says so when it ends by itself with `exit_code`, because its startup
    failed and for no other reason; when it answered no request; and when its output has the
    phase, the error with its cause, and the name of the budget that ran out, if one did; and when
    no later phase ran. One that serves although a phase failed does not.

    A `module:app` target is also started on a port that is taken, with the database reached
    directly, and with an import path that does not exist: uvicorn may end both with the same code.

    Args:
        count: startups at once, 1 to 1,000.
        exit_code: what a failed startup ends with, 1 to 255.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        See `chaosnetra.startup.explanations.judge_explanations`; and `target`, `profile`,
        `time_scale`, `startup_method`, `import_seconds`, `startup_timeout_seconds`,
        `added_round_trip_ms`, as of `startups_succeed`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That startups fail is a result.
    """
    with activity(configuration) as session:
        code = whole_number(
            "exit_code", exit_code, minimum=1, maximum=255, setting=setting_hint("exit_code")
        )
        launcher = _Launcher.of(session, count)
        outcomes = launcher.launched()
        result = judge_explanations(outcomes, launcher.contrasts(), code)
        logger.info(f"Startups: {result['observed']}")
        return {**_redacted(session, result), **launcher.circumstances}


def budgets_suffice(
    required_under_load_seconds: float = 45,
    base_seconds: float = 25,
    latency_ms: float = 500,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Hold the budgets of the profile against what startups need. Nothing is started.

    Args:
        required_under_load_seconds: initialization that Cloud SQL under load takes.
        base_seconds: initialization without pressure on the connector; 25 is issue 1263's. What
            pressure adds to a new connection is the profile's figure.
        latency_ms: one round trip to the database through a slow connector.
        configuration: the experiment's settings; of them only the profile counts.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `findings`: for each rule of `chaosnetra.startup.budgets`
        its `rule`, `budget`, `has_seconds`, `needs_seconds`, `holds`, `why`, `around`, at time
        scale 1;
        `error`: the findings that do not hold, None when all do; `profile`; `demands`, and
        `round_trips` (those of the reference orchestrator), which the needs come from.

    Raises:
        ActivityFailed: a figure or the profile cannot be used.
    """
    from chaosnetra.orchestrator.workload import load_workload
    from chaosnetra.startup.budgets import Demands, find, pressure_delay_of

    with activity(configuration) as session:
        profile = session.settings.profile

        def figure(name: str, value: Any) -> float:
            return duration(name, value, setting=setting_hint(name))

        demands = Demands(
            under_load_seconds=figure("required_under_load_seconds", required_under_load_seconds),
            base_seconds=figure("base_seconds", base_seconds),
            pressure_delay_seconds=pressure_delay_of(profile),
            round_trip_seconds=figure("latency_ms", latency_ms) / 1000,
        )
        round_trips = load_workload().round_trips
        findings = find(profile, round_trips, demands)
        failing = [finding for finding in findings if not finding.holds]
        return {
            "held": not failing,
            "expected": "every budget of the profile suffices",
            "observed": f"{len(findings) - len(failing)} of {len(findings)} rules hold",
            "error": "; ".join(finding.line for finding in failing) or None,
            "findings": [finding.to_json() for finding in findings],
            "profile": profile.name,
            "demands": asdict(demands),
            "round_trips": dict(round_trips),
        }


@dataclass(frozen=True)
class _Launcher:
    """Launches startups of the run's target."""

    session: Session
    count: int
    plan: LaunchPlan
    starter: Starter
    limits: Limits

    @classmethod
    def of(cls, session: Session, count: int) -> "_Launcher":
        """For `count` startups at once; brings what they need.

        Raises:
            InvalidInput: a setting or the count cannot be used.
            PartUnavailable: a part cannot be brought.
        """
        startups = whole_number(
            "count", count, minimum=1, maximum=MOST_STARTUPS, setting=setting_hint("count")
        )
        settings = session.settings
        # Read before anything is brought up: a wrong target should cost no time.
        make_plan(settings, os.environ, None)
        plan = make_plan(settings, os.environ, session.schema)
        added_seconds = session.injector.added_round_trip_seconds
        limits = Limits(
            startup_seconds=settings.scaled(settings.startup_timeout_seconds),
            kill_margin_seconds=KILL_MARGIN_SECONDS + ROUND_TRIPS_AFTER_A_LIMIT * added_seconds,
            readiness_seconds=plan.readiness_timeout_seconds
            + ROUND_TRIPS_OF_A_CHECK * added_seconds,
        )
        starter = session.starter(plan)
        logger.info(
            f"{startups} startups of {plan.shown}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        return cls(session, startups, plan, starter, limits)

    def launched(self) -> list[StartupOutcome]:
        """The outcomes of all startups.

        Raises:
            InvalidInput: the target does not import.
        """
        tally = Tally(
            "Startups",
            self.count,
            self.limits.startup_seconds,
            success=Status.READY,
            faults=lambda: self.session.felt_faults,
        )
        with (
            self.session.trial_databases(self.count) as databases,
            self.session.run.polled(),
            shown(tally) as ended_one,
        ):

            def decided(outcome: StartupOutcome) -> None:
                ended_one(outcome.status)
                self._record(outcome)

            outcomes = self._launch(self.plan, databases, progress=decided)
        _refuse_unloadable(outcomes, self.session.settings.target.import_path)
        return outcomes

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """Startups that end for another reason than a failed startup; none for a command."""
        path = self.session.settings.target.import_path
        if path is None:
            return {}
        elsewhere = [NO_SUCH_TARGET if word == path else word for word in self.plan.command]
        direct = [self.session.database]
        (not_imported,) = self._launch(replace(self.plan, command=elsewhere), direct)
        with _taken_port() as port:
            (port_in_use,) = self._launch(self.plan, direct, ports=[port])
        return {ExitReason.NOT_IMPORTED: not_imported, ExitReason.PORT_IN_USE: port_in_use}

    @property
    def circumstances(self) -> dict[str, Any]:
        """What a result has to say of how its startups were launched."""
        settings = self.session.settings
        return {
            "target": self.plan.shown,
            "profile": settings.profile.name,
            "time_scale": settings.time_scale,
            "startup_method": self.starter.method,
            "import_seconds": self.starter.import_seconds,
            "startup_timeout_seconds": self.limits.startup_seconds,
            "added_round_trip_ms": round(1000 * self.session.injector.added_round_trip_seconds, 2),
        }

    def _launch(
        self,
        plan: LaunchPlan,
        databases: Sequence[DatabaseAddress],
        *,
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
                    progress=progress,
                    interrupted=lambda: run.interrupted_by is not None,
                )
            )

    def _record(self, outcome: StartupOutcome) -> None:
        try:
            self.session.events.record("startup.decided", outcome.to_json())
        except OSError as error:
            # The startups go on; the control meets the same error next, and fails the run.
            logger.error(f"a startup could not be recorded: {error}")


@contextmanager
def _taken_port() -> Iterator[int]:
    """A port that somebody listens on who never answers."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        yield taken.getsockname()[1]


def _redacted(session: Session, result: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = session.redactor.data(result)
    return data


def _tables(session: Session) -> int | None:
    """Tables in the database: a startup on an empty one is another experiment."""
    try:
        return asyncio.run(describe(session.database, 5)).tables
    except DatabaseUnavailable:
        return None


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
