"""Two groups of times by their ranks."""

import json
import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from chaosnetra.evidence.statistics.ranks import adjusted, compare_times

TIMES = st.lists(st.floats(0, 100) | st.just(math.inf), min_size=1, max_size=25)


@given(before=TIMES, after=TIMES)
def test_effect_sizes_are_what_they_say(before: list[float], after: list[float]) -> None:
    found = compare_times(before, after)
    pairs = [(one, other) for one in before for other in after]
    longer = sum(other > one for one, other in pairs)
    shorter = sum(other < one for one, other in pairs)
    equal = len(pairs) - longer - shorter
    assert found.u == pytest.approx(longer + equal / 2)
    assert found.cliffs_delta == pytest.approx((longer - shorter) / len(pairs))
    assert found.probability_of_longer == pytest.approx((longer + equal / 2) / len(pairs))
    assert found.p_value is not None
    assert 0 <= found.p_value <= 1
    json.dumps(found.to_json(), allow_nan=False)


@given(
    before=st.lists(st.floats(0, 100), min_size=1, max_size=25),
    after=st.lists(st.floats(0, 100), min_size=1, max_size=25),
)
def test_the_p_value_is_scipys(before: list[float], after: list[float]) -> None:
    assume(len({*before, *after}) > 1)
    found = compare_times(before, after)
    expected = mannwhitneyu(after, before, method=found.method)
    assert found.p_value == pytest.approx(float(expected.pvalue))


@pytest.mark.parametrize(("first", "second"), [(100, 100), (1, 9000), (40, 250), (150, 300)])
def test_large_groups_have_scipys_p_value(first: int, second: int) -> None:
    draw = random.Random(7)
    before = [draw.random() for _ in range(first)]
    after = [draw.random() + 0.1 for _ in range(second)]
    found = compare_times(before, after)
    expected = mannwhitneyu(after, before, method=found.method)
    assert found.p_value == pytest.approx(float(expected.pvalue), rel=1e-9)


def test_five_and_five_apart_have_the_tables_p_value() -> None:
    """All of one above all of the other: 2 of the 252 orders."""
    found = compare_times([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
    assert (found.method, found.p_value) == ("exact", pytest.approx(2 / 252))
    assert (found.u, found.cliffs_delta, found.effect) == (25, 1, "large")


def test_what_never_happened_is_longer_than_all_else_and_equal_to_itself() -> None:
    found = compare_times([1, 2, math.inf], [math.inf, math.inf, math.inf])
    assert found.cliffs_delta == pytest.approx(2 / 3)
    same = compare_times([math.inf] * 4, [math.inf] * 4)
    assert (same.cliffs_delta, same.p_value) == (0, 1)


def test_equal_times_differ_in_nothing() -> None:
    found = compare_times([2.0] * 5, [2.0] * 5)
    assert (found.p_value, found.cliffs_delta, found.probability_of_longer) == (1, 0, 0.5)
    assert found.effect == "negligible"


def test_without_times_there_is_no_test() -> None:
    for before, after in (([], [1.0]), ([1.0], []), ([], [])):
        found = compare_times(before, after)
        assert (found.p_value, found.cliffs_delta, found.effect) == (None, None, None)


def test_one_and_one_prove_nothing() -> None:
    assert compare_times([1], [2]).p_value == 1


@pytest.mark.parametrize(
    ("delta", "effect"), [(10, "negligible"), (20, "small"), (40, "medium"), (60, "large")]
)
def test_effects_have_words(delta: int, effect: str) -> None:
    """One time before, and of 100 after so many more are longer than shorter."""
    longer = 50 + delta // 2
    assert compare_times([1], [2] * longer + [0] * (100 - longer)).effect == effect


def test_of_equal_groups_as_few_are_told_apart_as_the_p_value_says() -> None:
    drawn = random.Random(5)
    found = 0
    for _ in range(2000):
        before = [drawn.expovariate(1) for _ in range(8)]
        after = [drawn.expovariate(1) for _ in range(12)]
        found += (compare_times(before, after).p_value or 0) < 0.05
    assert 0.03 <= found / 2000 <= 0.06


def test_two_hundred_thousand_times_are_compared_in_seconds() -> None:
    drawn = random.Random(1)
    before = [drawn.random() for _ in range(200_000)]
    found = compare_times(before, [time + 0.1 for time in before])
    assert (found.method, found.p_value) == ("asymptotic", pytest.approx(0, abs=1e-6))


# Holm's correction of these four is in most introductions to it.
def test_p_values_of_several_tests_are_corrected() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted([None, 0.5, 0.04, None]) == [None, 0.5, 0.08, None]
    assert adjusted([]) == []


@given(p_values=st.lists(st.none() | st.floats(0, 1), max_size=8))
def test_a_correction_never_makes_a_p_value_smaller(p_values: list[float | None]) -> None:
    for given_p, corrected in zip(p_values, adjusted(p_values), strict=True):
        assert (given_p is None) == (corrected is None)
        if given_p is not None and corrected is not None:
            assert given_p <= corrected <= 1


@pytest.mark.parametrize(
    ("before", "after", "can"),
    [(1, 1, False), (3, 3, False), (4, 4, True), (3, 5, True), (2, 7, False), (2, 8, True),
     (1, 38, False), (1, 40, True)],
)  # fmt: skip
def test_too_few_times_can_show_no_difference(before: int, after: int, can: bool) -> None:
    found = compare_times([float(n) for n in range(before)], [100.0 + n for n in range(after)])
    assert found.can_tell(0.95) == can
    assert found.p_value is not None
    assert (found.p_value < 0.05) == can
