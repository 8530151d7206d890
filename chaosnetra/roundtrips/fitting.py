"""Whether a startup's time is its own and round trips times latency, and what says that not. Pure.

A service that polls, or tries again, asks more or less often as answers take longer; one that does
several things at once waits less than the sum of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.evidence.statistics.round_trips import (
    FITS_WITHIN,
    Prediction,
    RoundTrips,
    check,
    fit,
    is_same_count,
    ran_side_by_side,
)
from chaosnetra.evidence.wire.attempts import attempts
from chaosnetra.roundtrips.start import Start
from chaosnetra.text import cut, one_line
from chaosnetra.wire.observation import Observation

# What a machine that does something else may add to any start.
SLACK_SECONDS = 0.1
MOST_STATEMENTS = 3
LONGEST_STATEMENT = 60


@dataclass(frozen=True)
class Check:
    """The model held against one start under a latency.

    Attributes:
        start: under the latency.
        prediction: against what was measured; None: it was not ready.
        why: what says that the model does not fit; empty: nothing does.
    """

    start: Start
    prediction: Prediction | None
    why: tuple[str, ...]

    @property
    def fits(self) -> bool | None:
        """None: it was not ready, and nothing else says that it does not."""
        return None if self.prediction is None and not self.why else not self.why

    def to_json(self) -> dict[str, Any]:
        told = self.prediction.to_json() if self.prediction else {}
        return {
            "added_seconds": self.start.added_seconds,
            "predicted_seconds": told.get("predicted_seconds"),
            "measured_seconds": told.get("measured_seconds"),
            "off_by": told.get("off_by"),
            "ready": self.start.is_ready,
            "status": self.start.outcome.status.value,
            "why_not_ready": None if self.start.is_ready else self.start.why_not_ready,
            "round_trips": self.start.seen.serial_round_trips,
            "own_seconds": self.start.seen.own_seconds,
            "waited_seconds": self.start.seen.waited_seconds,
            "fits": self.fits,
            "why": list(self.why),
        }


def checked(model: RoundTrips, plain: Start, start: Start) -> Check:
    """Hold a model against a start under a latency.

    Args:
        model: of `plain`.
        plain: without the latency.
        start: under it.
    """
    if not start.is_ready:
        return Check(start, None, tuple(_tried_again(plain.seen, start.seen)))
    prediction = check(model, start.added_seconds, [start.seen])
    assert prediction is not None  # noqa: S101 - it was ready
    return Check(start, prediction, tuple(_why(model, plain, start, prediction)))


def changed_statements(plain: Observation, other: Observation) -> list[tuple[str, int, int]]:
    """Statements that were executed another number of times, those that differ most first."""
    before = {one.text: one.times for one in plain.statements}
    after = {one.text: one.times for one in other.statements}
    found = [
        (text, before.get(text, 0), after.get(text, 0))
        for text in {**before, **after}
        if before.get(text, 0) != after.get(text, 0)
    ]
    return sorted(found, key=lambda one: (-abs(one[1] - one[2]), one[0]))


def _why(model: RoundTrips, plain: Start, start: Start, prediction: Prediction) -> Iterator[str]:
    seen, added = start.seen, start.added_seconds
    if not is_same_count(seen.serial_round_trips, model.serial):
        yield from _other_round_trips(model, plain.seen, seen)
        return
    if prediction.fits:
        return
    slack = max(SLACK_SECONDS, FITS_WITHIN * prediction.measured_seconds)
    expected, grew = model.serial * added, seen.waited_seconds - model.waited_seconds
    if grew < expected - slack:
        yield (
            f"it waited {grew:.2f} s longer, not {expected:.2f} s: some of its round trips are "
            "made at the same time"
        )
    elif grew > expected + slack:
        yield (
            f"it waited {grew:.2f} s longer, not {expected:.2f} s: its answers take longer than "
            "the latency says"
        )
    # That own time is less, or is spent waiting for a core, is the machine's doing.
    longer = start.busy_seconds - plain.busy_seconds
    if longer > slack:
        yield (
            f"its round trips were the same, and it took {longer:.2f} s more by itself: it waits "
            "for what it asked without asking again, or the machine was busy with something else"
        )


def _other_round_trips(model: RoundTrips, plain: Observation, seen: Observation) -> Iterator[str]:
    less = seen.serial_round_trips < model.serial
    found = fit([seen])
    if found is not None and ran_side_by_side(model, found):
        yield (
            f"it made {found.serial:g} round trips one after the other instead of "
            f"{model.serial:g}, and as many in all: it asks on several connections at the same "
            "time, which does not show without the latency"
        )
        return
    how = "polls" if less else "polls, or tries again"
    yield (
        f"it made {seen.serial_round_trips} round trips one after the other instead of "
        f"{model.serial:g}, as a service does that {how}"
    )
    if seen.connection_count != plain.connection_count:
        yield (
            f"it opened {_connections(seen.connection_count)} instead of {plain.connection_count}"
        )
    for text, before, after in changed_statements(plain, seen)[:MOST_STATEMENTS]:
        shown = cut(one_line(text), LONGEST_STATEMENT)
        yield f"{_times(after)} instead of {_times(before)}: {shown}"


def _tried_again(plain: Observation, seen: Observation) -> Iterator[str]:
    """Of one that was not ready: whether it opened more connections, those to cancel aside."""
    before, after = attempts(plain), attempts(seen)
    if after > before:
        yield (
            f"it opened {_connections(after)} instead of {before}, as a service does that tries "
            "again"
        )


def fits_all(checks: Sequence[Check]) -> bool | None:
    """Whether the model fits in all starts under a latency; None: nothing is known."""
    known = [one.fits for one in checks if one.fits is not None]
    return all(known) if known else None


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
