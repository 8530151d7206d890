"""What a number of trials can prove: rates of failure, and the difference of two.

Gates use the exact (Clopper-Pearson) interval, whose coverage is never below what it says;
people are shown the Wilson interval, which is closer to it on average. For times see
`chaosnetra.evidence.statistics.quantiles` and `chaosnetra.evidence.statistics.ranks`.
"""

import math
from typing import Any, NamedTuple

from chaosnetra.evidence.statistics.binomial import rate_with_so_few

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An interval of confidence.

    Attributes:
        low: its lower end.
        high: its upper end.
        confidence: with which the true value lies in it.
        method: how it was computed.
    """

    low: float
    high: float
    confidence: float
    method: str

    def to_json(self) -> dict[str, Any]:
        return self._asdict()


class RateDifference(NamedTuple):
    """A rate after, less the rate before.

    Attributes:
        value: the difference of the observed rates; None when either has no trials.
        interval: where the true difference lies.
    """

    value: float | None
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "interval": self.interval.to_json()}

    @property
    def is_rise(self) -> bool:
        """Whether the trials prove that the rate went up."""
        return self.interval.low > 0

    @property
    def is_fall(self) -> bool:
        """Whether they prove that it went down."""
        return self.interval.high < 0


def failure_rate_upper_bound(failures: int, trials: int, confidence: float = 0.95) -> float:
    """The one-sided Clopper-Pearson upper bound of a failure rate.

    Args:
        failures: trials that failed, 0 to `trials`.
        trials: at least 1.
        confidence: with which the true rate is not above the bound, between 0 and 1.

    Returns:
        The bound; 1.0 when every trial failed.

    Source: Clopper and Pearson, Biometrika 26 (1934), 404-413.
    """
    if failures >= trials:
        return 1.0
    if failures == 0:
        return -math.expm1(math.log1p(-confidence) / trials)  # the closed form
    return rate_with_so_few(failures, trials, 1 - confidence)


def failure_rate_lower_bound(failures: int, trials: int, confidence: float = 0.95) -> float:
    """The one-sided lower bound; see `failure_rate_upper_bound`. 0.0 when no trial failed."""
    return 1.0 - failure_rate_upper_bound(trials - failures, trials, confidence)


def exact_interval(failures: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The two-sided Clopper-Pearson interval of a rate, for gates.

    Args:
        failures: trials that failed, 0 to `trials`.
        trials: 0 or more; without trials the interval is 0 to 1.
        confidence: with which the true rate lies in it, at least.
    """
    one_sided = (1 + confidence) / 2
    return Interval(
        failure_rate_lower_bound(failures, trials, one_sided) if trials else 0.0,
        failure_rate_upper_bound(failures, trials, one_sided) if trials else 1.0,
        confidence,
        "Clopper-Pearson",
    )


def wilson_interval(failures: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The Wilson score interval of a rate, for display; arguments as of `exact_interval`.

    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not trials:
        return Interval(0.0, 1.0, confidence, "Wilson")
    from statistics import NormalDist  # it loads fractions, which little else needs

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = failures / trials
    middle = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    half /= 1 + z * z / trials
    # At the ends the formula gives the end itself, but for rounding.
    return Interval(
        0.0 if failures == 0 else max(0.0, middle - half),
        1.0 if failures == trials else min(1.0, middle + half),
        confidence,
        "Wilson",
    )


def failure_free_trials_needed(rate: float, confidence: float = CONFIDENCE) -> int:
    """How many trials, none of them failed, prove a failure rate of at most `rate`.

    Args:
        rate: above 0, below 1.
        confidence: of the claim, one-sided, between 0 and 1.

    Returns:
        The smallest number; 14, 19 and 29 for 20, 15 and 10 % with 95 % confidence.
    """
    # The bound of n failure-free trials is 1 - (1 - confidence) ** (1 / n).
    needed = math.log1p(-confidence) / math.log1p(-rate)
    return max(1, math.ceil(needed - 1e-9))


def difference_of_rates(
    failures_before: int,
    trials_before: int,
    failures_after: int,
    trials_after: int,
    confidence: float = CONFIDENCE,
) -> RateDifference:
    """How much a failure rate rose: after less before, with Newcombe's interval.

    Args:
        failures_before: 0 to `trials_before`.
        trials_before: 0 or more.
        failures_after: 0 to `trials_after`.
        trials_after: 0 or more.
        confidence: with which the true difference lies in the interval.

    Source: Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10 (hybrid score).
    """
    method = "Newcombe"
    if not (trials_before and trials_after):
        return RateDifference(None, Interval(-1.0, 1.0, confidence, method))
    before, after = failures_before / trials_before, failures_after / trials_after
    one = wilson_interval(failures_after, trials_after, confidence)
    two = wilson_interval(failures_before, trials_before, confidence)
    value = after - before
    return RateDifference(
        value,
        Interval(
            max(-1.0, value - math.hypot(after - one.low, two.high - before)),
            min(1.0, value + math.hypot(one.high - after, before - two.low)),
            confidence,
            method,
        ),
    )
