"""How good predictions were. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from chaosnetra.gameday.people.predictions import Prediction


@dataclass(frozen=True)
class PredictionOutcome:
    """What a prediction is held against.

    Attributes:
        held: whether the steady state held; None where the run proves nothing.
        startup_seconds: median time under the fault; None when no startup was ready.
    """

    held: bool | None
    startup_seconds: float | None


@dataclass(frozen=True)
class Calibration:
    """How well a set of predictions was calibrated.

    Attributes:
        judged: predictions of held or not that could be judged.
        brier: their Brier score: mean squared distance from 0 or 1. 0 is perfect, 0.25 is what
            50 % for everything gets, 1 is certain and wrong. None without any.
        expected_held: mean of the probabilities they gave.
        observed_held: share of these runs that held.
        times: predictions of a time that could be judged.
        ranges: of these, ranges.
        covered: of the ranges, those that hold what was measured.
        median_error_seconds: median distance of the time said from the time measured.
        median_bias_seconds: likewise with its sign; above 0, startups took longer than said.
    """

    judged: int = 0
    brier: float | None = None
    expected_held: float | None = None
    observed_held: float | None = None
    times: int = 0
    ranges: int = 0
    covered: int = 0
    median_error_seconds: float | None = None
    median_bias_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @property
    def coverage(self) -> float | None:
        """Share of the ranges that hold what was measured."""
        return self.covered / self.ranges if self.ranges else None


def calibration(pairs: Iterable[tuple[Prediction, PredictionOutcome]]) -> Calibration:
    """How well predictions were calibrated, each with what happened."""
    found = list(pairs)
    judged = [
        (prediction.held_probability, float(outcome.held))
        for prediction, outcome in found
        if prediction.held_probability is not None and outcome.held is not None
    ]
    timed = [
        (prediction, outcome.startup_seconds)
        for prediction, outcome in found
        if prediction.middle_seconds is not None and outcome.startup_seconds is not None
    ]
    errors = [seconds - (prediction.middle_seconds or 0.0) for prediction, seconds in timed]
    ranges = [(prediction, seconds) for prediction, seconds in timed if prediction.is_range]
    return Calibration(
        judged=len(judged),
        brier=fmean((said - was) ** 2 for said, was in judged) if judged else None,
        expected_held=fmean(said for said, _ in judged) if judged else None,
        observed_held=fmean(was for _, was in judged) if judged else None,
        times=len(timed),
        ranges=len(ranges),
        covered=sum(covers(prediction, seconds) for prediction, seconds in ranges),
        median_error_seconds=median(map(abs, errors)) if errors else None,
        median_bias_seconds=median(errors) if errors else None,
    )


def covers(prediction: Prediction, seconds: float) -> bool:
    """Whether what was measured lies in the range that was said."""
    low, high = prediction.low_seconds, prediction.high_seconds
    return low is not None and high is not None and low <= seconds <= high
