"""The binomial distribution against scipy's."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom

from chaosnetra.evidence.statistics.binomial import (
    chance_of_at_most,
    number_with_chance,
    rate_with_so_few,
)

COUNTS = st.integers(0, 3000).flatmap(
    lambda trials: st.tuples(st.integers(-1, trials + 1), st.just(trials))
)
RATES = st.floats(1e-6, 1 - 1e-6)


@given(counts=COUNTS, rate=RATES)
@example((100_100, 200_000), 0.5)
@example((20, 1_000_000), 3e-5)
@example((1, 2), 0.0)
@example((1, 2), 1.0)
def test_the_chance_is_scipys(counts: tuple[int, int], rate: float) -> None:
    count, trials = counts
    expected = float(binom.cdf(count, trials, rate))
    assert chance_of_at_most(count, trials, rate) == pytest.approx(expected, rel=1e-8, abs=1e-15)


@given(counts=st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_at_the_rate_so_few_have_the_chance(counts: tuple[int, int]) -> None:
    for chance in (0.025, 0.5, 0.975):
        rate = rate_with_so_few(*counts, chance)
        assert chance_of_at_most(*counts, rate) == pytest.approx(chance, rel=1e-9)


@given(chance=st.floats(1e-4, 1 - 1e-4), trials=st.integers(0, 2000), rate=st.floats(0.01, 0.99))
@example(0.975, 20_000, 0.95)
def test_the_number_is_the_smallest(chance: float, trials: int, rate: float) -> None:
    number = number_with_chance(chance, trials, rate)
    assert 0 <= number <= trials
    assert number == trials or chance_of_at_most(number, trials, rate) >= chance
    assert chance_of_at_most(number - 1, trials, rate) < chance
