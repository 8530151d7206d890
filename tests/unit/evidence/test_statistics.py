"""What a number of trials can prove."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import betaincinv
from scipy.stats import binom, binomtest

from chaosnetra.evidence.statistics.rates import (
    failure_rate_lower_bound,
    failure_rate_upper_bound,
)

TRIALS = st.integers(1, 400)
COUNTS = TRIALS.flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
CONFIDENCE = st.floats(0.5, 0.999)


def test_five_clean_startups_prove_little() -> None:
    assert failure_rate_upper_bound(0, 5) == pytest.approx(0.4507, abs=5e-5)


@pytest.mark.parametrize(("rate", "needed"), [(0.20, 14), (0.15, 19), (0.10, 29)])
def test_clean_runs_that_a_claim_needs(rate: float, needed: int) -> None:
    assert failure_rate_upper_bound(0, needed) < rate
    assert failure_rate_upper_bound(0, needed - 1) > rate


@pytest.mark.parametrize("trials", [1, 5, 100])
def test_the_ends_of_the_scale(trials: int) -> None:
    assert failure_rate_upper_bound(trials, trials) == 1.0
    assert failure_rate_lower_bound(0, trials) == 0.0
    assert failure_rate_lower_bound(trials, trials) == pytest.approx(0.05 ** (1 / trials))
    assert failure_rate_upper_bound(0, trials) == pytest.approx(1 - 0.05 ** (1 / trials))


@given(counts=COUNTS, confidence=CONFIDENCE)
def test_bounds_are_those_of_the_exact_binomial_test(
    counts: tuple[int, int], confidence: float
) -> None:
    failures, trials = counts
    upper = binomtest(failures, trials, alternative="less").proportion_ci(confidence)
    lower = binomtest(failures, trials, alternative="greater").proportion_ci(confidence)
    assert failure_rate_upper_bound(failures, trials, confidence) == pytest.approx(upper.high)
    assert failure_rate_lower_bound(failures, trials, confidence) == pytest.approx(
        lower.low, abs=1e-9
    )


@given(counts=COUNTS)
def test_at_the_upper_bound_so_few_failures_are_just_improbable(counts: tuple[int, int]) -> None:
    failures, trials = counts
    if failures < trials:
        bound = failure_rate_upper_bound(failures, trials)
        assert binom.cdf(failures, trials, bound) == pytest.approx(0.05, rel=1e-4)


@given(counts=COUNTS)
def test_the_observed_rate_lies_between_the_bounds(counts: tuple[int, int]) -> None:
    failures, trials = counts
    low = failure_rate_lower_bound(failures, trials)
    high = failure_rate_upper_bound(failures, trials)
    assert 0 <= low <= failures / trials <= high <= 1


@given(counts=COUNTS)
def test_one_more_failure_never_lowers_a_bound(counts: tuple[int, int]) -> None:
    failures, trials = counts
    if failures < trials:
        for bound in (failure_rate_upper_bound, failure_rate_lower_bound):
            assert bound(failures + 1, trials) >= bound(failures, trials)


@given(
    counts=st.integers(1, 1000).flatmap(
        lambda trials: st.tuples(st.integers(0, trials), st.just(trials))
    ),
    confidence=st.floats(0.001, 0.999999),
)
@example((1, 200_000), 0.95)
@example((100_000, 200_000), 0.975)
@example((199_000, 200_000), 0.025)
def test_the_bound_is_what_scipy_says(counts: tuple[int, int], confidence: float) -> None:
    failures, trials = counts
    if failures < trials:
        expected = float(betaincinv(failures + 1, trials - failures, confidence))
        found = failure_rate_upper_bound(failures, trials, confidence)
        assert found == pytest.approx(expected, rel=1e-8)
