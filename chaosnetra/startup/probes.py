"""Probes of startups."""

import asyncio
import logging
import os
from typing import Any

from chaoslib.types import Configuration, Secrets

from chaosnetra.activity import Result, activity
from chaosnetra.errors import DatabaseUnavailable, InvalidInput
from chaosnetra.postgres.connect import describe
from chaosnetra.quantities import fraction, whole_number
from chaosnetra.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.plan import LaunchPlan, make_plan
from chaosnetra.startup.summary import summarize

__all__ = ["startups_succeed"]

logger = logging.getLogger("chaostoolkit")

MOST_STARTUPS = 1000
# A driver that gives up on a slow link opens one more connection to cancel its query: up to six
# round trips for TLS and SCRAM, and two for the cancellation.
ROUND_TRIPS_AFTER_A_LIMIT = 8
# A readiness page that asks the database through a new connection.
ROUND_TRIPS_OF_A_CHECK = 12
KILL_MARGIN_SECONDS = 2.0
_NOT_IMPORTED = {"ModuleNotFoundError", "ImportError", "SyntaxError"}


def startups_succeed(
    count: int = 5,
    max_failure_rate: float = 0.2,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Start the orchestrator `count` times at once and tell how each attempt ended.

    A startup succeeds when it is ready within `startup_timeout_seconds` times the time scale.

    Args:
        count: startups at once, 1 to 1,000.
        max_failure_rate: share of them that may fail or time out, 0 to 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        See `chaosnetra.startup.summary.summarize`; and `target`, `profile`, `time_scale`,
        `startup_timeout_seconds` (scaled), `added_round_trip_ms` (by the faults in place),
        `database_state` (how the startups shared the database, and its tables before and after).

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That startups fail is a result.
    """
    with activity(configuration) as session:
        number = whole_number(
            "count", count, minimum=1, maximum=MOST_STARTUPS, setting=setting_hint("count")
        )
        rate = fraction(
            "max_failure_rate", max_failure_rate, setting=setting_hint("max_failure_rate")
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
        logger.info(
            f"{number} startups of {plan.shown}, profile {settings.profile.name}, "
            f"time scale {settings.time_scale:g}, limit {limits.startup_seconds:g} s"
        )
        before = _tables(session)
        with session.trial_databases(number) as databases, session.run.polled():
            outcomes = asyncio.run(
                launch(
                    plan,
                    databases,
                    limits,
                    progress=lambda outcome: _record(session, outcome),
                    interrupted=lambda: session.run.interrupted_by is not None,
                )
            )
        _refuse_unloadable(outcomes, plan, settings.target.import_path)
        after = _tables(session)
        result = summarize(outcomes, rate)
        logger.info(f"Startups: {result['observed']}")
        return {
            **_redacted(session, result),
            "target": plan.shown,
            "profile": settings.profile.name,
            "time_scale": settings.time_scale,
            "startup_timeout_seconds": limits.startup_seconds,
            "added_round_trip_ms": round(1000 * added_seconds, 2),
            "database_state": {
                "mode": settings.database_state,
                "tables_before": before,
                "tables_after": after,
            },
        }


def _record(session: Session, outcome: StartupOutcome) -> None:
    try:
        session.events.record("startup.decided", outcome.to_json())
    except OSError as error:
        # The startups go on; the control meets the same error next, and fails the run.
        logger.error(f"a startup could not be recorded: {error}")


def _redacted(session: Session, result: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = session.redactor.data(result)
    return data


def _tables(session: Session) -> int | None:
    """Tables in the database: a startup on an empty one is another experiment."""
    try:
        return asyncio.run(describe(session.database, 5)).tables
    except DatabaseUnavailable:
        return None


def _refuse_unloadable(
    outcomes: list[StartupOutcome], plan: LaunchPlan, import_path: str | None
) -> None:
    """A target that cannot be imported is a mistake in the settings, not a weak system."""
    if import_path is None:
        return
    for outcome in outcomes:
        error = outcome.error
        if outcome.status is not Status.FAILED or outcome.phase is not None or error is None:
            return
        loads = "Error loading ASGI app" not in error.text
        if loads and error.error_class not in _NOT_IMPORTED:
            return
    first = outcomes[0].error
    raise InvalidInput(
        f"target {import_path!r} does not import: {first.text if first else plan.shown}",
        setting_hint("target"),
    )
