"""Startup time as own time and round trips: what a latency makes of it. Pure.

    seconds = own time + waits without the latency + round trips one after the other x added latency

Holds for a service that waits for one answer after the other, and asks the same under a latency.
One that polls, tries again, or gives up does not fit; `check` tells.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from chaosnetra.wire.observation import Observation

# A prediction that is further off than this says that the model does not fit.
FITS_WITHIN = 0.1
# Round trips may differ so much from start to start: a pool opens one more or less.
SAME_SHARE = 0.03


@dataclass(frozen=True)
class RoundTrips:
    """How a startup's time comes about; medians of some startups that became ready.

    Attributes:
        own_seconds: in which it waited for no answer.
        waited_seconds: in which it did, without the latency that is asked about.
        serial: round trips one after the other.
        startups: how many it is the median of.
        is_exact: whether `serial` is sure; else it is mostly too many, as what was asked at the
            same time cannot always be told without latency.
        in_all: round trips, also those that others overlapped; None: not known.
    """

    own_seconds: float
    waited_seconds: float
    serial: float
    startups: int
    is_exact: bool = True
    in_all: float | None = None

    @property
    def shown_serial(self) -> str:
        """`serial` for people, who read from it whether it is exact."""
        return f"{'' if self.is_exact else 'about '}{self.serial:g}"

    @property
    def round_trip_seconds(self) -> float:
        """What one round trip took; 0 without any."""
        return self.waited_seconds / self.serial if self.serial else 0.0

    def predicted_seconds(self, added_seconds: float) -> float:
        """How long a startup takes when each round trip takes so much longer."""
        return self.own_seconds + self.waited_seconds + self.serial * added_seconds

    def room_seconds(self, limit_seconds: float) -> float | None:
        """How much longer each round trip may take within a limit of the whole startup.

        Returns:
            Seconds, 0 where the limit is too short without any; None where no latency matters,
            since there are no round trips.
        """
        if not self.serial:
            return None
        left = limit_seconds - self.own_seconds - self.waited_seconds
        return max(0.0, left / self.serial)


@dataclass(frozen=True)
class Prediction:
    """What was predicted for a latency, against what was measured.

    Attributes:
        added_seconds: to each round trip.
        predicted_seconds: of a startup.
        measured_seconds: median of startups that became ready.
        startups: how many.
    """

    added_seconds: float
    predicted_seconds: float
    measured_seconds: float
    startups: int

    @property
    def off_by(self) -> float:
        """How far the prediction is off, as a share of what was measured; below 0: too short."""
        if not self.measured_seconds:
            return 0.0 if not self.predicted_seconds else math.inf
        return (self.predicted_seconds - self.measured_seconds) / self.measured_seconds

    @property
    def fits(self) -> bool:
        return abs(self.off_by) <= FITS_WITHIN

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "off_by": self.off_by, "fits": self.fits}


def fit(ready: Iterable[Observation]) -> RoundTrips | None:
    """How the time of startups comes about; None without any that was counted whole.

    Args:
        ready: startups without the latency, that became ready.
    """
    whole = [seen for seen in ready if seen.complete]
    if not whole:
        return None
    return RoundTrips(
        median(seen.own_seconds for seen in whole),
        median(seen.waited_seconds for seen in whole),
        median(seen.serial_round_trips for seen in whole),
        len(whole),
        all(seen.serial_is_exact for seen in whole),
        median(seen.round_trips for seen in whole),
    )


def is_same_count(one: float, other: float) -> bool:
    """Whether so many round trips are the same, but for what differs from start to start."""
    return abs(one - other) <= max(1.0, SAME_SHARE * max(one, other))


def ran_side_by_side(model: RoundTrips, under: RoundTrips) -> bool:
    """Whether startups asked as often as in a model, but waited less often one after the other.

    Who polls asks less often under a latency; what runs side by side only overlaps more. Of tasks
    that start in turn, such as workers, nothing overlaps without a latency.
    """
    if model.in_all is None or under.in_all is None or under.serial >= model.serial:
        return False
    return is_same_count(model.in_all, under.in_all)


def recounted(model: RoundTrips, under: Iterable[Observation]) -> RoundTrips:
    """The same, by startups under a latency where theirs is less, and the count is not exact or
    they asked as often: what ran side by side overlaps there for as long as the latency.

    Args:
        model: of startups without that latency.
        under: startups under it, that became ready.
    """
    found = fit(under)
    if found is None or not 0 < found.serial < model.serial:
        return model
    if model.is_exact and not ran_side_by_side(model, found):
        return model
    return replace(model, serial=found.serial, is_exact=False)


def check(
    model: RoundTrips, added_seconds: float, ready: Iterable[Observation]
) -> Prediction | None:
    """Hold a model against startups under a latency; None where none of them became ready.

    Args:
        model: of startups without that latency.
        added_seconds: to each round trip, as measured.
        ready: startups under it, that became ready.
    """
    seconds = [seen.seconds for seen in ready]
    if not seconds:
        return None
    predicted = model.predicted_seconds(added_seconds)
    return Prediction(added_seconds, predicted, median(seconds), len(seconds))
