"""What startups under a latency do otherwise than without, so that it is not only waited for."""

from collections.abc import Sequence
from statistics import median

from chaosnetra.evidence.journal.samples import Startup, startups
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.round_trips import fit, ran_side_by_side
from chaosnetra.evidence.wire.attempts import attempts
from chaosnetra.search.own_limits import Tried
from chaosnetra.search.record import Habits

# Round trips may differ so much from start to start: a pool opens one more or less.
SAME_SHARE = 0.1
SAME_TRIPS = 2


def habits_of(tried: Sequence[Tried]) -> Habits:
    """What trials under latencies show, against the startups before the fault.

    Args:
        tried: all that say anything.
    """
    before = [
        startup
        for one in tried
        for startup in startups(one.journal)
        if startup.stage is Stage.BEFORE and startup.ready
    ]
    highest = max(
        (one for one in tried if not one.violated),
        key=lambda one: one.added_seconds,
        default=None,
    )
    lowest = min(
        (one for one in tried if one.violated), key=lambda one: one.added_seconds, default=None
    )
    return Habits(
        None if highest is None else _polls(before, highest),
        None if lowest is None else _tries_again(before, lowest),
    )


def _polls(before: Sequence[Startup], held: Tried) -> str | None:
    under = [one for one in startups(held.journal) if one.under_fault and one.ready]
    usual, found = _trips(before), _trips(under)
    if usual is None or found is None:
        return None
    if found < usual and _asked_as_often(before, under):
        return None  # what it asks at the same time overlaps for longer
    if abs(found - usual) <= max(SAME_TRIPS, SAME_SHARE * max(found, usual)):
        return None
    how = "polls" if found < usual else "polls, or tries again"
    return (
        f"under {1000 * held.added_seconds:.0f} ms a startup made {found:.0f} round trips one "
        f"after the other instead of {usual:.0f}, as a service does that {how}: they do not tell "
        "what a start takes"
    )


def _trips(ready: Sequence[Startup]) -> float | None:
    """Round trips of a startup; None: they are not known exactly."""
    seen = [one.observation for one in ready]
    counts = [
        one.serial_round_trips
        for one in seen
        if one is not None and one.complete and one.serial_is_exact
    ]
    return median(counts) if counts else None


def _asked_as_often(before: Sequence[Startup], under: Sequence[Startup]) -> bool:
    models = [fit(seen for one in some if (seen := one.observation)) for some in (before, under)]
    usual, found = models
    return usual is not None and found is not None and ran_side_by_side(usual, found)


def _tries_again(before: Sequence[Startup], violated: Tried) -> str | None:
    failed = [one for one in startups(violated.journal) if one.under_fault and not one.ready]
    usual, found = _connections(before), _connections(failed)
    if usual is None or found is None or found < usual + 1:
        return None
    return (
        f"under {1000 * violated.added_seconds:.0f} ms a startup opened {found:.0f} connections "
        f"instead of {usual:.0f}, as a service does that tries again"
    )


def _connections(all_of: Sequence[Startup]) -> float | None:
    counts = [attempts(seen) for one in all_of if (seen := one.observation) is not None]
    return median(counts) if counts else None
