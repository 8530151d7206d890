"""Quantiles of times, with intervals that assume no distribution; timeouts count as censored.

A time is censored when we stopped waiting: the true one is longer, nobody knows how much. To
leave such times out, or to take them as they are, makes a slow system look fast.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.evidence.statistics.binomial import number_with_chance
from chaosnetra.evidence.statistics.rates import CONFIDENCE

ORDER_STATISTICS = "order statistics"
KAPLAN_MEIER = "Kaplan-Meier"


@dataclass(frozen=True)
class Quantile:
    """A quantile of times, as far as the observations tell.

    Attributes:
        share: which: 0.5 is the median.
        value: the smallest time that at least this share did not exceed; None without
            observations.
        is_lower_bound: the quantile lies beyond the censoring: it is at least `value`.
        low: lower end of its interval; None where so few observations give none.
        high: upper end; None where so few, or the censoring, give none.
        confidence: of the interval.
        observations: how many there were, censored ones too.
        censored: how many of them were censored.
        method: how the interval was computed.
    """

    share: float
    value: float | None
    is_lower_bound: bool
    low: float | None
    high: float | None
    confidence: float
    observations: int
    censored: int
    method: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def nearest_rank(share: float, count: int) -> int:
    """The rank, from 1, of the smallest of `count` values that `share` of them do not exceed."""
    return max(1, math.ceil(round(share * count, 9)))  # 0.95 * 20 is 19.000000000000004


def median_of(values: Iterable[float | None], digits: int) -> float | None:
    """The median of the values that are known, rounded; None where none is."""
    from statistics import median  # it loads fractions, which little else needs

    known = [value for value in values if value is not None]
    return round(median(known), digits) if known else None


def quantile(
    times: Iterable[float],
    share: float,
    censored: Iterable[float] = (),
    confidence: float = CONFIDENCE,
) -> Quantile:
    """Estimate a quantile.

    Where no time is censored before the last event, order statistics give an interval whose
    coverage is at least `confidence` for any distribution; else the Kaplan-Meier estimate and
    the pointwise interval of its log-log transformation.

    Args:
        times: of what was seen to happen, finite, not negative.
        share: above 0, below 1.
        censored: how long was waited for what was not seen to happen.
        confidence: between 0 and 1.

    Source: David and Nagaraja, Order Statistics (2003), 7.1; Kaplan and Meier, Journal of the
    American Statistical Association 53 (1958), 457-481; Brookmeyer and Crowley, Biometrics 38
    (1982), 29-41; Collett, Modelling Survival Data (2015), 2.4.
    """
    seen, waited = sorted(times), sorted(censored)
    if waited and seen and waited[0] < seen[-1]:
        return _kaplan_meier(seen, waited, share, confidence)
    return _order_statistics(seen, waited, share, confidence)


def _order_statistics(
    seen: Sequence[float], waited: Sequence[float], share: float, confidence: float
) -> Quantile:
    """All censored times are at or above all others, so they are the last by order."""
    ordered = [*seen, *waited]
    count = len(ordered)
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rank = nearest_rank(share, count)
    if ordered:
        value = ordered[rank - 1]
        # Ranks l and u with P(X(l) <= q <= X(u)) >= confidence: the number of observations
        # below the quantile is binomial.
        tail = (1 - confidence) / 2
        lower = number_with_chance(tail, count, share)
        upper = number_with_chance(1 - tail, count, share) + 1
        low = ordered[lower - 1] if lower >= 1 else None
        high = ordered[upper - 1] if upper <= len(seen) else None
    return Quantile(
        share,
        value,
        rank > len(seen) and count > 0,
        low,
        high,
        confidence,
        count,
        len(waited),
        ORDER_STATISTICS,
    )


def _kaplan_meier(
    seen: Sequence[float], waited: Sequence[float], share: float, confidence: float
) -> Quantile:
    from statistics import NormalDist

    import numpy as np

    ended, all_times = np.asarray(seen), np.concatenate((seen, waited))
    times, at_risk = np.unique(all_times, return_counts=True)
    at_risk = np.cumsum(at_risk[::-1])[::-1]
    events = np.searchsorted(ended, times, "right") - np.searchsorted(ended, times, "left")
    survival = np.cumprod((at_risk - events) / at_risk)
    # Before the first and after the last event the interval is undefined, which is no news.
    with np.errstate(all="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events))) / np.log(survival) ** 2
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        middle, half = np.log(-np.log(survival)), z * np.sqrt(variance)
        lower, upper = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
    left = 1 - share
    value = _first_at_or_below(times, survival, left)
    high = _first_at_or_below(times, upper, left)
    low = _first_at_or_below(times, lower, left)
    # Where the estimate is 1 or 0 the interval is undefined; it then reaches to the estimate.
    reached = float(times[-1]) if value is None else value
    return Quantile(
        share,
        reached,
        value is None,
        reached if low is None else low,
        high,
        confidence,
        len(seen) + len(waited),
        len(waited),
        KAPLAN_MEIER,
    )


def _first_at_or_below(times: Any, probabilities: Any, left: float) -> float | None:
    for time, probability in zip(times, probabilities, strict=True):
        if probability <= left + 1e-12:  # never true of NaN
            return float(time)
    return None
