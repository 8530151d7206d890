"""What launchers of startups share, wherever they launch them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chaosnetra.progress.tally import Tally
from chaosnetra.running.session import Session
from chaosnetra.startup.launcher import Limits
from chaosnetra.startup.outcome import ExitReason, StartupOutcome, Status
from chaosnetra.startup.uncounted import Uncounted
from chaosnetra.text import how_many

logger = logging.getLogger("chaostoolkit")

# A driver that gives up on a slow link opens one more connection to cancel its query: up to six
# round trips for TLS and SCRAM, and two for the cancellation.
ROUND_TRIPS_AFTER_A_LIMIT = 8
# A readiness page that asks the database through a new connection.
ROUND_TRIPS_OF_A_CHECK = 12
KILL_MARGIN_SECONDS = 2.0


@dataclass(frozen=True)
class Launched:
    """Startups that were launched at once.

    Attributes:
        outcomes: of all that count, in order.
        circumstances: what a result has to say of how they were launched.
        uncounted: those that do not; None: all do.
    """

    outcomes: list[StartupOutcome]
    circumstances: dict[str, Any]
    uncounted: Uncounted | None = None


class Launcher(Protocol):
    """Launches startups of the run's target, all at once.

    It is made for a run and a number of startups, which is the order; what it gives back are the
    reports. `tests/contract/test_run_launchers.py` holds each to the same.
    """

    def launched(self) -> Launched:
        """The outcomes of all startups, and how they were launched.

        Each startup has one outcome, numbered from 1 in order, and one event `startup.decided`.
        They begin together, and one that is ready stays up while others start. When this returns
        or raises, none of them runs.

        Raises:
            Interrupted: the run was interrupted.
            PartUnavailable: nothing is known of any startup.
        """

    def contrasts(self) -> dict[ExitReason, StartupOutcome]:
        """Startups that end for another reason than a failed startup, where it can make some."""


def limits_of(session: Session, readiness_seconds: float) -> Limits:
    """What a startup may take, with what the faults in place add to its round trips."""
    settings, added_seconds = session.settings, session.injector.added_round_trip_seconds
    return Limits(
        startup_seconds=settings.scaled(settings.startup_timeout_seconds),
        kill_margin_seconds=KILL_MARGIN_SECONDS + ROUND_TRIPS_AFTER_A_LIMIT * added_seconds,
        readiness_seconds=readiness_seconds + ROUND_TRIPS_OF_A_CHECK * added_seconds,
        dwell_seconds=settings.real_dwell_seconds,
    )


def circumstances_of(
    session: Session,
    limits: Limits,
    target: str,
    method: str,
    tables: tuple[int | None, int | None],
) -> dict[str, Any]:
    """What every result says; `tables` are the database's, before and after."""
    settings = session.settings
    return {
        "target": target,
        "profile": settings.profile.name,
        "time_scale": settings.time_scale,
        "startup_method": method,
        "import_seconds": None,
        "launched_seconds": None,
        "machine_share": None,
        "startup_timeout_seconds": limits.startup_seconds,
        "dwell_seconds": limits.dwell_seconds,
        "added_round_trip_ms": round(1000 * session.injector.added_round_trip_seconds, 2),
        "database_state": session.state.details(*tables),
    }


def tally_of(session: Session, count: int, limits: Limits) -> Tally:
    """What a person is shown while startups are on their way."""
    return Tally(
        "Startups",
        count,
        limits.startup_seconds,
        success=Status.READY,
        faults=lambda: session.faults_in_effect,
    )


def warn_of_silent_patterns(session: Session, outcomes: Sequence[StartupOutcome]) -> None:
    """Say in the log what patterns of phases found nothing that they must find."""
    patterns = session.settings.phase_patterns
    if not patterns:
        return
    if not any(outcome.phase_spans for outcome in outcomes):
        logger.warning(
            f"phase_patterns: no line that the {how_many(len(outcomes), 'startup')} printed "
            "matches, so no phase of theirs is known: hold the patterns against the service's log"
        )
        return
    # A phase of a startup that is ready has ended, whatever its lines say.
    ready = [outcome for outcome in outcomes if outcome.status is Status.READY]
    endless = {
        phase
        for outcome in ready
        for phase, (_, ended) in outcome.phase_spans.items()
        if ended is None
    }
    if endless:
        logger.warning(
            f"phase_patterns: no line ended {', '.join(sorted(endless))} of startups that were "
            "ready, so nothing tells how long that took: hold `end` against the service's log"
        )


def record(session: Session, outcome: StartupOutcome) -> None:
    """Write down how a startup ended; what was seen of it on the wire is known later."""
    told = outcome.to_json()
    del told["wire"]
    session.events.record_if_possible("startup.decided", told)


def record_observed(session: Session, outcome: StartupOutcome, decided: Status) -> None:
    """Write down what was seen of a startup on the wire, and what that makes of it.

    Args:
        session: of the run.
        outcome: with what was seen.
        decided: its status before that was known.
    """
    told = outcome.to_json()
    kept = {key: told[key] for key in ("number", "status", "error", "wire")}
    session.events.record_if_possible("startup.observed", {**kept, "decided": decided.value})
