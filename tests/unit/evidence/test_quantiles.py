"""Quantiles of times with censored ones among them."""

import json
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from chaosnetra.evidence.statistics.quantiles import KAPLAN_MEIER, ORDER_STATISTICS, quantile

TIMES = st.lists(st.floats(0, 1000), min_size=1, max_size=60)
SHARES = st.sampled_from([0.05, 0.25, 0.5, 0.9, 0.95, 0.99])
ROUNDS = 1500


@pytest.mark.parametrize(
    ("share", "value"), [(0.05, 1), (0.5, 10), (0.75, 15), (0.95, 19), (0.951, 20)]
)
def test_the_value_is_the_smallest_that_the_share_does_not_exceed(
    share: float, value: float
) -> None:
    assert quantile(range(1, 21), share).value == value


# Ranks of the interval of the median, 95 %: Conover, Practical Nonparametric Statistics, and
# every table of the sign test.
@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(6, 1, 6), (10, 2, 9), (20, 6, 15), (25, 8, 18), (50, 18, 33), (100, 40, 61)],
)
def test_the_interval_of_the_median_has_the_tables_ranks(count: int, low: int, high: int) -> None:
    found = quantile(range(1, count + 1), 0.5)
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize("count", [1, 5])
def test_so_few_times_give_the_median_no_interval(count: int) -> None:
    found = quantile(range(1, count + 1), 0.5)
    assert (found.low, found.high) == (None, None)
    assert found.value is not None


def test_the_95th_percentile_has_an_upper_end_from_72_times_on() -> None:
    """The largest of n is above it with a chance of 1 - 0.95 ** n: above 97.5 % from 72 on."""
    assert quantile(range(71), 0.95).high is None
    assert quantile(range(72), 0.95).high == 71


@given(times=TIMES, share=SHARES, confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_ranks_have_the_confidence(times: list[float], share: float, confidence: float) -> None:
    ordered = list(range(1, len(times) + 1))
    found = quantile(ordered, share, confidence=confidence)
    low = 0 if found.low is None else int(found.low)
    high = len(times) + 1 if found.high is None else int(found.high)
    chance = binom.cdf(high - 1, len(times), share) - binom.cdf(low - 1, len(times), share)
    assert chance >= confidence - 1e-9


@given(times=TIMES, waited=st.lists(st.floats(0, 1000), max_size=30), share=SHARES)
def test_the_interval_holds_the_value_whatever_is_censored(
    times: list[float], waited: list[float], share: float
) -> None:
    found = quantile(times, share, waited)
    assert found.value is not None
    assert found.observations == len(times) + len(waited)
    assert found.censored == len(waited)
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.high >= found.value
    json.dumps(found.to_json(), allow_nan=False)


@given(times=TIMES, share=SHARES, data=st.data())
def test_a_time_that_is_cut_short_never_makes_the_quantile_shorter_by_dropping_it(
    times: list[float], share: float, data: st.DataObject
) -> None:
    """Censoring the longest times gives a lower bound of what all of them would have given."""
    limit = data.draw(st.sampled_from(times))
    seen = [time for time in times if time < limit]
    cut = quantile(seen, share, [limit] * (len(times) - len(seen)))
    whole = quantile(times, share)
    assert cut.value is not None
    assert whole.value is not None
    assert cut.value <= whole.value
    assert cut.is_lower_bound == (whole.value >= limit)


def test_a_quantile_beyond_the_censoring_is_a_lower_bound() -> None:
    found = quantile([1, 2, 3], 0.95, [10, 12])
    assert (found.value, found.is_lower_bound, found.high) == (12, True, None)
    assert quantile([1, 2, 3], 0.5, [10, 12]).is_lower_bound is False


def test_when_all_are_censored_everything_is_a_lower_bound() -> None:
    found = quantile([], 0.5, [5, 5, 5, 5, 5, 5, 5])
    assert (found.value, found.is_lower_bound, found.low, found.high) == (5, True, 5, None)


def test_without_times_there_is_no_quantile() -> None:
    found = quantile([], 0.5)
    assert (found.value, found.low, found.high, found.observations) == (None, None, None, 0)
    assert not found.is_lower_bound


def test_equal_times_have_an_interval_without_width() -> None:
    found = quantile([3.0] * 20, 0.5)
    assert (found.low, found.value, found.high) == (3.0, 3.0, 3.0)


# Survival in weeks of the patients treated with 6-mercaptopurine; Freireich and others, Blood 21
# (1963), 699-716, as in every textbook: the Kaplan-Meier median is 23, with 95 % from 13 on.
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
STILL_WELL = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_the_textbooks_median_of_survival() -> None:
    found = quantile(TREATED, 0.5, STILL_WELL)
    assert found.method == KAPLAN_MEIER
    assert (found.value, found.low, found.high) == (23, 13, None)
    assert quantile(TREATED, 0.25, STILL_WELL).value == 13
    beyond = quantile(TREATED, 0.75, STILL_WELL)
    assert (beyond.value, beyond.is_lower_bound) == (35, True)


def coverage(
    draw: Callable[[random.Random], float],
    true: float,
    count: int,
    share: float,
    limit: Callable[[random.Random], float],
) -> tuple[float, set[str]]:
    """How often the interval holds the true quantile, simulated with a seed."""
    drawn = random.Random(11)
    covered, methods = 0, set()
    for _ in range(ROUNDS):
        seen, waited = [], []
        for _ in range(count):
            time, most = draw(drawn), limit(drawn)
            (seen if time <= most else waited).append(min(time, most))
        found = quantile(seen, share, waited)
        methods.add(found.method)
        low = -math.inf if found.low is None else found.low
        high = math.inf if found.high is None else found.high
        covered += low <= true <= high
    return covered / ROUNDS, methods


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("count", [5, 20, 80])
@pytest.mark.parametrize("limit", [math.inf, 3.0], ids=["none", "at 3"])
def test_intervals_cover_quantiles_of_exponential_times(
    share: float, count: int, limit: float
) -> None:
    """At least so often, for any distribution, also when all are given up after the same time."""
    true = -math.log(1 - share)
    found, methods = coverage(
        lambda drawn: drawn.expovariate(1), true, count, share, lambda _: limit
    )
    assert methods == {ORDER_STATISTICS}
    assert found >= 0.95 - 0.012


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_intervals_cover_quantiles_when_times_are_cut_at_random(share: float) -> None:
    true = math.exp(0.8 * {0.25: -0.6745, 0.5: 0.0}[share])
    found, methods = coverage(
        lambda drawn: drawn.lognormvariate(0, 0.8),
        true,
        60,
        share,
        lambda drawn: drawn.expovariate(0.4),
    )
    assert KAPLAN_MEIER in methods
    assert 0.93 <= found <= 0.99
