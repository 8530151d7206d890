"""How far the model is off: on launches that it was not calibrated with."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from chaosnetra.evidence.statistics.machine_share import LEAST_SECONDS, LEAST_STRETCH
from chaosnetra.evidence.statistics.quantiles import nearest_rank
from chaosnetra.evidence.statistics.rates import failure_rate_upper_bound
from chaosnetra.whatif.calibration import Calibration, calibrated, limits_of
from chaosnetra.whatif.launches import Launch, Launched
from chaosnetra.whatif.model import simulate
from chaosnetra.whatif.system import System

SHARES = (0.5, 0.9)
# Of a few startups, which courses are drawn matters; of many it does not.
DRAWS = 9
MANY = 200
HALVINGS = 60


@dataclass(frozen=True)
class LaunchPrediction:
    """One launch against what the model says of it without having seen it.

    Attributes:
        where: it for people.
        count: startups at once.
        latency_seconds: added to each round trip.
        slots: of the connector; None: it was not limited.
        predicted_seconds: median and 90th percentile of those that were ready.
        measured_seconds: the same, without what they waited for a core.
        predicted_success: share of startups.
        measured_success: likewise.
        machine_share: what a startup waited for a core, a median, as a share of the rest. It is
            taken out of what was measured, and known at least.
    """

    where: str
    count: int
    latency_seconds: float
    slots: int | None
    predicted_seconds: tuple[float, ...]
    measured_seconds: tuple[float, ...]
    predicted_success: float
    measured_success: float
    machine_share: float = 0.0

    @property
    def time_error(self) -> float:
        """The larger error of both times, as a share of what was measured; 0 without any."""
        pairs = zip(self.predicted_seconds, self.measured_seconds, strict=False)
        return max((abs(said - was) / was for said, was in pairs if was > 0), default=0.0)

    @property
    def misses(self) -> tuple[tuple[float, float], ...]:
        """Each time that was predicted, and by how many seconds it was off."""
        pairs = zip(self.predicted_seconds, self.measured_seconds, strict=False)
        return tuple((said, abs(said - was)) for said, was in pairs)

    @property
    def machine_miss(self) -> tuple[tuple[float, float], ...]:
        """The median that was measured, and how many seconds the machine took more."""
        return tuple((was, self.machine_share * was) for was in self.measured_seconds[:1])

    @property
    def success_error(self) -> float:
        return abs(self.predicted_success - self.measured_success)

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "time_error": self.time_error,
            "success_error": self.success_error,
        }


@dataclass(frozen=True)
class ModelError:
    """The error that the model states.

    Each is the largest one of the launches, and a share of it more: the largest of so many is
    below the largest that there can be, by one part in as many, where all are equally likely.

    Attributes:
        launches: that it did not see.
        most_startups: at once in one of them.
        time_share: of startup times, where none of them says more; see `seconds`.
        misses: times that were predicted, and how far they may be off; and times that were
            measured, with what the machine took of them: that is known at least, and what the
            database and the proxies waited for a core is part of the waits.
        success_share: of the share of startups that are ready; no less than so few startups leave
            open, where each ended as predicted.
        machine_share: the largest of a launch.
    """

    launches: int
    most_startups: int
    time_share: float
    misses: tuple[tuple[float, float], ...]
    success_share: float
    machine_share: float = 0.0

    def seconds(self, predicted_seconds: float) -> float:
        """How far a predicted time may be off.

        The least that allows for every miss, as seconds and a share of the time: a short startup
        that was off by a large share says little of a long one. What is longer than all of them
        is off by as large a share as the longest. It is no less than what the machine may take of
        a startup before anybody says so: that much the measured times leave open themselves.
        """
        longest = max((time for time, _ in self.misses), default=0.0)
        within = min(predicted_seconds, longest)
        steepest = max((off / time for time, off in self.misses if time > 0), default=0.0)

        def allowed(share: float) -> float:
            fixed = max((off - share * time for time, off in self.misses), default=0.0)
            return share * within + max(0.0, fixed)

        least, most = 0.0, steepest
        for _ in range(HALVINGS):  # it falls, and then grows
            third = (most - least) / 3
            if allowed(least + third) <= allowed(most - third):
                most -= third
            else:
                least += third
        beyond = predicted_seconds / longest if longest > 0 else 1.0
        missed = allowed((least + most) / 2) * max(1.0, beyond)
        return max(missed, LEAST_SECONDS, LEAST_STRETCH * predicted_seconds)

    def to_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["misses"]
        return told


def predictions(launches: Sequence[Launch], seed: int) -> Iterator[LaunchPrediction]:
    """Hold the model against each launch, calibrated without it.

    Args:
        launches: of the journals; those under a fault that the model does not have are left out.
        seed: see `simulate`.
    """
    for at, launch in enumerate(launches):
        if not launch.is_known:
            continue
        others = [other for place, other in enumerate(launches) if place != at]
        calibration = calibrated(others, limits_of(others))
        if calibration is not None:
            yield predicted(launch, calibration, seed)


def predicted(launch: Launch, calibration: Calibration, seed: int) -> LaunchPrediction:
    """Hold a model against a launch that it did not see.

    Args:
        launch: under nothing that the model does not have.
        calibration: of the model.
        seed: see `simulate`.
    """
    system = System(
        latency_seconds=launch.latency_seconds,
        connector=launch.connector,
        startup_timeout_seconds=launch.limit_seconds,
        own_limits=calibration.own_limits,
    )
    draws = range(seed, seed + (DRAWS if launch.count < MANY else 1))
    runs = [simulate(calibration.courses, system, launch.count, draw) for draw in draws]
    said = [_quantiles(run.ready_seconds) for run in runs if run.ready_seconds]
    ready = sorted(one.alone_seconds for one in launch.startups if one.ready)
    return LaunchPrediction(
        launch.where,
        launch.count,
        launch.latency_seconds,
        None if launch.connector is None else launch.connector.slots,
        tuple(median(one[at] for one in said) for at in range(len(SHARES))) if said else (),
        _quantiles(ready) if ready else (),
        median(run.success_share for run in runs),
        len(ready) / len(launch.startups),
        median(map(_machine_share, launch.startups)),
    )


def _machine_share(one: Launched) -> float:
    alone = one.alone_seconds
    return one.share.share_seconds / alone if one.share is not None and alone > 0 else 0.0


def _quantiles(ordered: Sequence[float]) -> tuple[float, ...]:
    return tuple(ordered[nearest_rank(share, len(ordered)) - 1] for share in SHARES)


def stated(found: Sequence[LaunchPrediction]) -> ModelError | None:
    """The error that follows; None where no launch was left to test it on."""
    if not found:
        return None
    more = (len(found) + 1) / len(found)
    left_open = failure_rate_upper_bound(0, sum(one.count for one in found))
    return ModelError(
        len(found),
        max(one.count for one in found),
        more * max(one.time_error for one in found),
        (
            *((said, more * off) for one in found for said, off in one.misses),
            *(miss for one in found for miss in one.machine_miss),
        ),
        min(1.0, max(left_open, more * max(one.success_error for one in found))),
        max(one.machine_share for one in found),
    )
