"""Intervals of rates and of their difference: tables, scipy, and coverage."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from chaosnetra.evidence.statistics.rates import (
    difference_of_rates,
    exact_interval,
    failure_free_trials_needed,
    failure_rate_upper_bound,
    wilson_interval,
)

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCE = st.floats(0.5, 0.999)


@given(counts=COUNTS, confidence=CONFIDENCE)
def test_intervals_are_scipys(counts: tuple[int, int], confidence: float) -> None:
    failures, trials = counts
    test = binomtest(failures, trials)
    for ours, method in ((exact_interval, "exact"), (wilson_interval, "wilson")):
        interval = ours(failures, trials, confidence)
        expected = test.proportion_ci(confidence, method)
        assert interval.low == pytest.approx(float(expected.low), abs=1e-9)
        assert interval.high == pytest.approx(float(expected.high), abs=1e-9)
        assert 0 <= interval.low <= failures / trials <= interval.high <= 1


@pytest.mark.parametrize(
    ("failures", "trials", "low", "high"), [(2, 5, 5, 85), (7, 60, 5, 23), (8, 50, 7, 29)]
)
def test_what_the_thresholds_of_the_experiments_can_prove(
    failures: int, trials: int, low: int, high: int
) -> None:
    interval = exact_interval(failures, trials)
    assert (round(100 * interval.low), round(100 * interval.high)) == (low, high)


@pytest.mark.parametrize("trials", [1, 5, 14, 60])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_exact_interval_covers_every_rate_at_least_so_often(
    trials: int, confidence: float
) -> None:
    """No simulation is needed: the chance of each count is known."""
    intervals = [exact_interval(failures, trials, confidence) for failures in range(trials + 1)]
    for rate in (n / 200 for n in range(201)):
        covered = sum(
            binom.pmf(failures, trials, rate)
            for failures, interval in enumerate(intervals)
            if interval.low <= rate <= interval.high
        )
        assert covered >= confidence - 1e-9


@pytest.mark.parametrize(("rate", "needed"), [(0.20, 14), (0.15, 19), (0.10, 29), (0.05, 59)])
def test_clean_trials_of_the_rule_of_thumb(rate: float, needed: int) -> None:
    assert failure_free_trials_needed(rate) == needed


@given(rate=st.floats(0.001, 0.999), confidence=CONFIDENCE)
def test_so_many_clean_trials_prove_the_claim_and_one_fewer_does_not(
    rate: float, confidence: float
) -> None:
    needed = failure_free_trials_needed(rate, confidence)
    assert failure_rate_upper_bound(0, needed, confidence) <= rate * (1 + 1e-6)
    if needed > 1:
        assert failure_rate_upper_bound(0, needed - 1, confidence) > rate * (1 - 1e-6)


# Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
@pytest.mark.parametrize(
    ("one", "two", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_rates_is_the_published_one(
    one: tuple[int, int], two: tuple[int, int], low: float, high: float
) -> None:
    difference = difference_of_rates(*two, *one)
    assert difference.value == pytest.approx(one[0] / one[1] - two[0] / two[1])
    assert difference.interval.low == pytest.approx(low, abs=5e-5)
    assert difference.interval.high == pytest.approx(high, abs=5e-5)


@given(before=COUNTS, after=COUNTS, confidence=CONFIDENCE)
def test_the_difference_turns_round_with_its_sides(
    before: tuple[int, int], after: tuple[int, int], confidence: float
) -> None:
    one = difference_of_rates(*before, *after, confidence)
    other = difference_of_rates(*after, *before, confidence)
    assert one.value is not None
    assert one.interval.low == pytest.approx(-other.interval.high, abs=1e-12)
    assert -1 <= one.interval.low <= one.value + 1e-12
    assert one.value - 1e-12 <= one.interval.high <= 1


def test_the_interval_of_the_difference_covers_it_as_often_as_it_says() -> None:
    """Simulated, with a seed; the method is close to its confidence on average, not exact."""
    drawn = random.Random(7)
    covered = 0
    for _ in range(4000):
        rates = drawn.random(), drawn.random()
        trials = drawn.randint(5, 60), drawn.randint(5, 60)
        failures = [
            sum(drawn.random() < rate for _ in range(count))
            for rate, count in zip(rates, trials, strict=True)
        ]
        found = difference_of_rates(failures[0], trials[0], failures[1], trials[1]).interval
        covered += found.low <= rates[1] - rates[0] <= found.high
    assert 0.94 <= covered / 4000 <= 0.975


def test_without_trials_nothing_is_known() -> None:
    for interval in (exact_interval(0, 0), wilson_interval(0, 0)):
        assert (interval.low, interval.high) == (0.0, 1.0)
    difference = difference_of_rates(0, 0, 1, 5)
    assert difference.value is None
    assert (difference.interval.low, difference.interval.high) == (-1.0, 1.0)
    assert not difference.is_rise


def test_one_trial_proves_little() -> None:
    assert exact_interval(0, 1).high == pytest.approx(0.975)
    assert exact_interval(1, 1).low == pytest.approx(0.025)
    assert difference_of_rates(0, 1, 1, 1).is_rise is False


def test_results_are_json() -> None:
    difference = difference_of_rates(1, 5, 0, 5)
    said = json.loads(json.dumps(difference.to_json()))
    assert said["interval"]["method"] == "Newcombe"
    assert json.loads(json.dumps(exact_interval(1, 5).to_json()))["confidence"] == 0.95


# Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: methods 3 (score) and 5 (exact).
@pytest.mark.parametrize(
    ("failures", "trials", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_are_the_published_ones(
    failures: int, trials: int, wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    for found, (low, high) in (
        (wilson_interval(failures, trials), wilson),
        (exact_interval(failures, trials), exact),
    ):
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)


def test_both_intervals_cover_the_rate_as_often_as_they_say() -> None:
    """Simulated, with a seed: the exact one never less often, Wilson's on average as often."""
    drawn = random.Random(3)
    rounds = 3000
    covered = {"exact": 0, "wilson": 0}
    for _ in range(rounds):
        rate, trials = drawn.random(), drawn.randint(5, 60)
        failures = sum(drawn.random() < rate for _ in range(trials))
        for name, interval in (("exact", exact_interval), ("wilson", wilson_interval)):
            found = interval(failures, trials)
            covered[name] += found.low <= rate <= found.high
    assert covered["exact"] / rounds >= 0.95
    assert 0.935 <= covered["wilson"] / rounds <= 0.97
