"""Axes and figures for people."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chaosnetra.report.plots.scales import (
    Scale,
    number_text,
    scale_of,
    seconds_text,
    share_text,
    time_scale_of,
)

TIMES = st.lists(st.floats(0, 1e9), max_size=50)


@given(TIMES, st.booleans())
def test_ticks_are_few_round_and_within(times: list[float], whole: bool) -> None:
    for scale in (scale_of(times, whole=whole), time_scale_of(times)):
        ticks = scale.ticks
        assert ticks == sorted(set(ticks))
        assert len(ticks) <= 8
        room = (scale.high - scale.low) * 1e-6
        assert all(scale.low - room <= tick <= scale.high + room for tick in ticks)
    assert all(tick.is_integer() for tick in scale_of(times, whole=True).ticks)


@given(TIMES, st.floats(0, 1e9), st.floats(0, 1e9))
def test_larger_values_lie_further_to_the_right(
    times: list[float], one: float, other: float
) -> None:
    assume(one <= other)
    for scale in (scale_of(times), time_scale_of(times)):
        assert 0 <= scale.share(one) <= scale.share(other) <= 1


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_every_time_lies_on_the_axis(times: list[float]) -> None:
    scale = time_scale_of(times)
    assert all(scale.holds(time) for time in times)


def test_times_that_differ_very_much_are_on_a_logarithmic_axis() -> None:
    assert not time_scale_of([0.5, 0.6, 3.0]).logarithmic
    scale = time_scale_of([0.002, 0.02, 3.0])
    assert scale.logarithmic
    assert scale.ticks == [0.001, 0.01, 0.1, 1.0]
    assert scale.share(0.1) - scale.share(0.01) == pytest.approx(
        scale.share(1.0) - scale.share(0.1)
    )


def test_a_value_has_its_place() -> None:
    assert Scale(0.0, 4.0).percent(1.0) == "25%"
    assert Scale(0.0, 4.0).percent(9.0) == "100%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.00081, "0.81 ms"), (0.0994, "99.4 ms"), (0.5691, "0.569 s"), (25.0, "25 s"),
     (1234.5, "1,234 s")],
)  # fmt: skip
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_numbers_for_people() -> None:
    assert [number_text(value) for value in (5.0, 100000, 0.25)] == ["5", "100,000", "0.25"]
    assert [share_text(value) for value in (0, 0.004, 0.45, 1)] == ["0%", "0.4%", "45%", "100%"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(20, 400, [20, 50, 100, 200]), (0.01, 10, [0.01, 0.1, 1, 10]), (9, 110, [10, 20, 50, 100]),
     (2, 900, [3, 10, 30, 100, 300]), (100, 150, [100, 110, 120, 130, 140, 150])],
)  # fmt: skip
def test_a_short_logarithmic_axis_has_marks_between_powers_of_ten(
    low: float, high: float, ticks: list[float]
) -> None:
    assert Scale(low, high, logarithmic=True).ticks == ticks


@given(st.floats(1e-4, 1e4), st.floats(1.05, 1e6))
@example(1251.0, 1.109375)
def test_a_logarithmic_axis_has_some_marks(low: float, ratio: float) -> None:
    scale = Scale(low, low * ratio, logarithmic=True)
    ticks = scale.ticks
    assert 3 <= len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-6) <= tick <= scale.high * (1 + 1e-6) for tick in ticks)
