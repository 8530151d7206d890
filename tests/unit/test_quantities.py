"""Numbers at the edge."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, changed_by
from chaosnetra.hints import argument
from chaosnetra.quantities import choice, duration, fraction, number, optional, whole_number

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5.0), (2.5, 2.5), ("7", 7.0), ("  -3.5 ", -3.5), ("1e3", 1000.0), (0, 0.0)],
)
def test_numbers_and_text_that_holds_one_are_read(value: Any, expected: float) -> None:
    result = number("length", value)
    assert result == expected
    assert isinstance(result, float)


@pytest.mark.parametrize(
    "value", [None, True, False, "", "five", "5 s", "0x10", [], [5], {}, b"5", 5j, object()]
)
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^length_ms must be a number, got "):
        number("length_ms", value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "nan", "inf", "-Infinity", "1e999"]
)
def test_what_is_not_finite_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="length must be a finite number"):
        number("length", value)


def test_an_integer_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must be a number"):
        number("length", 10**400)


def test_an_integer_too_long_to_print_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^n must be a number, got a number of thousands"):
        number("n", 10**5000)
    with pytest.raises(InvalidInput, match=r"^n must be a number, got "):
        number("n", [10**5000])


def test_inclusive_bounds_allow_the_bound_itself() -> None:
    assert number("n", 1, minimum=1, maximum=3) == 1
    assert number("n", 3, minimum=1, maximum=3) == 3


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (0.999, {"minimum": 1}, "n must be at least 1, got 0.999"),
        (3.001, {"maximum": 3}, "n must be at most 3, got 3.001"),
        (0, {"above": 0}, "n must be more than 0, got 0"),
        (-1, {"above": 0}, "n must be more than 0, got -1"),
    ],
)
def test_out_of_bounds_is_refused_with_the_bound(
    value: float, bounds: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        number("n", value, **bounds)
    assert str(caught.value) == message


def test_the_innermost_setting_to_change_is_named_and_kept() -> None:
    with pytest.raises(InvalidInput) as caught, changed_by("OTHER"), changed_by("CHAOSNETRA_N"):
        number("n", "x")
    assert str(caught.value) == "n must be a number, got 'x'; set CHAOSNETRA_N"
    assert caught.value.setting == "CHAOSNETRA_N"


def test_an_argument_is_what_a_message_says_to_change() -> None:
    assert argument(number, "n", "2", minimum=1) == 2
    with pytest.raises(InvalidInput, match=r"^n must be at least 1, got 0; set the argument `n`$"):
        argument(number, "n", 0, minimum=1)


@pytest.mark.parametrize("value", [5, 5.0, "5", "5.0"])
def test_whole_numbers_come_back_as_int(value: Any) -> None:
    result = whole_number("count", value)
    assert result == 5
    assert type(result) is int


@pytest.mark.parametrize("value", [5.5, "5.5", 1e-9])
def test_a_part_of_a_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="count must be a whole number"):
        whole_number("count", value)


def test_whole_numbers_have_bounds_too() -> None:
    assert whole_number("count", 1000, minimum=1, maximum=1000) == 1000
    with pytest.raises(InvalidInput, match="at least 1"):
        whole_number("count", 0, minimum=1)
    with pytest.raises(InvalidInput, match="at most 1000"):
        whole_number("count", 1001, maximum=1000)


def test_a_duration_may_be_zero_but_not_negative() -> None:
    assert duration("seconds", 0) == 0
    with pytest.raises(InvalidInput, match="seconds must be at least 0"):
        duration("seconds", -0.001)


@given(FINITE)
def test_a_fraction_is_accepted_exactly_from_0_to_1(value: float) -> None:
    if 0 <= value <= 1:
        assert fraction("share", value) == value
    else:
        with pytest.raises(InvalidInput):
            fraction("share", value)


@given(FINITE)
def test_text_of_a_number_reads_as_that_number(value: float) -> None:
    assert number("n", repr(value)) == value


@given(st.integers(-(2**53), 2**53))
def test_integers_survive_whole_number(value: int) -> None:
    assert whole_number("n", str(value)) == value


@given(st.text() | st.binary() | st.none() | st.booleans() | st.lists(st.integers()) | st.floats())
def test_anything_gives_a_finite_float_or_invalid_input(value: Any) -> None:
    try:
        result = number("n", value)
    except InvalidInput:
        return
    assert math.isfinite(result)


def test_a_choice_is_one_of_its_texts() -> None:
    assert choice("mode", " on ", allowed=("on", "off")) == "on"
    for value in ("ON", "", None, True, ["on"], 10**5000):
        with pytest.raises(InvalidInput, match=r"mode must be on or off, got .*"):
            choice("mode", value, allowed=("on", "off"))


def test_an_optional_value_is_none_where_it_is_empty_and_else_checked() -> None:
    parse = optional(duration, None, "", "auto")
    assert [parse("wait_seconds", value) for value in (None, "", " auto ", "2", 0)] == [
        *(None, None, None),
        *(2.0, 0.0),
    ]
    with pytest.raises(InvalidInput, match="wait_seconds must be at least 0, got -1"):
        parse("wait_seconds", -1)
