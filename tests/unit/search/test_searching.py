"""Searches with a truth that is known, from the first trial to the answer."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.search.conclusion import conclude
from chaosnetra.search.endings import End, is_precise
from chaosnetra.search.levels import failing_share
from chaosnetra.search.span import Span
from chaosnetra.search.telling import answer, summary
from tests.support.searches import ATTEMPTS, conducted, forecast, search, values_of


def step(truth: float) -> Callable[[float], int]:
    return lambda value: ATTEMPTS if value > truth else 0


@settings(max_examples=8, deadline=None)
@given(st.floats(40, 1800), st.floats(-0.04, 0.04))
def test_a_prediction_is_confirmed_in_few_trials(truth: float, off: float) -> None:
    made = conducted(search(forecast=forecast(truth * (1 + off))), step(truth))
    found = conclude(made)
    assert found.end is End.PRECISE
    assert len(made.trials) <= 6
    assert found.point is not None
    assert found.point.low is not None
    assert found.point.high is not None
    # The grid of values is as fine as 2 %.
    assert found.point.low * 0.98 <= truth <= found.point.high * 1.02


@settings(max_examples=4, deadline=None)
@given(st.floats(40, 1800), st.sampled_from([0.3, 0.6, 1.7, 3.0]))
def test_a_wrong_prediction_is_refuted(truth: float, times: float) -> None:
    made = conducted(search(forecast=forecast(truth * times)), step(truth))
    found = conclude(made)
    assert found.end is End.PRECISE
    assert found.forecast_confirmed is False
    assert found.point is not None
    assert found.point.low is not None
    assert found.point.high is not None
    assert found.point.low * 0.97 <= truth <= found.point.high * 1.03


def _at_random(chance: float, seed: int) -> Callable[[float], int]:
    draw = random.Random(seed)
    return lambda _: sum(draw.random() < chance for _ in range(ATTEMPTS))


@pytest.mark.parametrize("chance", [0.3, 0.5])
def test_failures_that_do_not_depend_on_the_value_are_told_so_early(chance: float) -> None:
    took = []
    for seed in range(10):
        made = conducted(search(), _at_random(chance, seed))
        found = conclude(made)
        if found.end is End.INDEPENDENT:
            assert (found.point, found.exit_code) == (None, 0)
            assert answer(made, found).startswith("latency_ms does not decide it: ")
        took.append(len(made.trials))
    assert sorted(took)[len(took) // 2] <= 12


def test_whether_it_bears_what_was_asked_is_not_known_where_the_value_decides_nothing() -> None:
    outcomes = iter([2, 2, 1, 3, 2, 2, 3, 1, 2, 2, 1, 3] * 4)
    made = conducted(search(at_least=100.0), lambda _: next(outcomes))
    found = conclude(made)
    assert (found.end, found.bears_asked, found.exit_code) == (End.INDEPENDENT, False, 1)


@pytest.mark.parametrize("expected", [False, True])
def test_a_response_that_falls_is_found_from_its_ends(expected: bool) -> None:
    made = conducted(
        search(span=Span(20, 2000, falling=expected)), lambda value: ATTEMPTS if value < 300 else 0
    )
    assert values_of(made)[: 2 - expected] == ([2000] if expected else [20, 2000])
    assert made.oriented.falling
    found = conclude(made)
    assert found.end is End.PRECISE
    assert found.point is not None
    assert found.point.low is not None
    assert found.point.high is not None
    assert found.point.low * 0.98 <= 300 <= found.point.high * 1.02
    assert found.last_held is not None
    assert found.first_violated is not None
    assert found.first_violated < 300 <= found.last_held
    if expected:
        assert values_of(made)[1:4] == [1000, 500, 250]


@settings(max_examples=6, deadline=None)
@given(st.floats(40, 1000), st.integers(0, 5))
def test_a_falling_response_is_searched_as_a_rising_one_in_a_mirror(
    truth: float, lapse: int
) -> None:
    def rising(value: float) -> int:
        return ATTEMPTS if value > truth else lapse % 2

    up = conducted(search(span=Span(20, 2000)), rising)
    down = conducted(
        search(span=Span(20, 2000, falling=True)), lambda value: rising(40_000 / value)
    )
    # Later ones may be rounded to different sides of the truth.
    mirrored = [pytest.approx(40_000 / value, rel=2e-3) for value in values_of(down)[:6]]
    assert list(values_of(up)[:6]) == mirrored


def test_one_that_holds_down_to_the_end_has_no_limit() -> None:
    made = conducted(search(span=Span(20, 2000, falling=True), at_most=50.0), step(1e9))
    found = conclude(made)
    assert (found.end, found.bears_asked, found.exit_code) == (End.HOLDS, True, 0)
    assert answer(made, found) == "no limit down to latency_ms 20"


@pytest.mark.parametrize(("most", "passes"), [(500.0, True), (301.0, False), (100.0, False)])
def test_a_falling_response_is_gated_from_above(most: float, passes: bool) -> None:
    made = conducted(
        search(span=Span(20, 2000, falling=True), at_most=most, operating_point=1200.0),
        lambda value: ATTEMPTS if value < 300 else 0,
    )
    found = conclude(made)
    assert (found.bears_asked, found.exit_code) == (passes, 0 if passes else 1)
    assert found.margin == pytest.approx(4, rel=0.1)
    text = summary(made, found)
    assert f"below {most:g}, which was asked" in text
    assert "times as little is enough" in text


def test_without_a_prediction_values_double_until_one_is_violated() -> None:
    made = conducted(search(), step(300))
    assert list(values_of(made)[:6]) == [20, 40, 80, 160, 320, pytest.approx(240, rel=0.25)]


def test_an_interval_holds_the_truth_of_noisy_responses() -> None:
    draw = random.Random(7)
    covered = 0
    for _ in range(6):
        truth = draw.uniform(60, 800)

        def failures(value: float, truth: float = truth) -> int:
            chance = 1 / (1 + (truth / value) ** 20)
            return sum(draw.random() < chance for _ in range(ATTEMPTS))

        found = conclude(conducted(search(most_trials=10), failures)).point
        assert found is not None
        level = failing_share(0.2, ATTEMPTS, 0.5)
        at = truth * (level / (1 - level)) ** (1 / 20)
        covered += (found.low or 0) <= at <= (found.high or 1e9)
    assert covered >= 4


def test_a_steady_state_that_holds_to_the_end_has_no_limit() -> None:
    made = conducted(search(forecast=forecast(50_000)), step(1e9))
    assert values_of(made) == [20, 2000, 2000]
    found = conclude(made)
    assert (found.end, found.point) == (End.HOLDS, None)


def test_one_that_fails_at_the_beginning_is_not_searched() -> None:
    made = conducted(search(forecast=forecast(400)), step(0))
    assert values_of(made) == [20, 2000, 20]
    assert conclude(made).end is End.FAILS


def test_values_that_cannot_be_told_apart_are_not_told_apart() -> None:
    made = conducted(search(resolution=50.0, forecast=forecast(400)), step(410))
    assert all(value % 50 == 0 or value == 20 for value in values_of(made))
    found = conclude(made)
    assert found.end is End.PRECISE
    assert is_precise(made, found.point)


@pytest.mark.parametrize(
    ("keys", "end"), [({"most_trials": 3}, End.TRIALS), ({"most_seconds": 25.0}, End.SECONDS)]
)
def test_a_search_ends_when_it_may_take_no_more(keys: dict[str, float], end: End) -> None:
    made = conducted(search(**keys), step(300))
    assert conclude(made).end is end
    assert len(made.trials) == 3
