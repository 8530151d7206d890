"""The tolerance `held`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.tolerances import held


def test_a_result_that_says_held_holds() -> None:
    assert held({"held": True, "observed": "5 of 5"}) is True


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "held",
        [],
        [("held", True)],
        {},
        {"held": False},
        {"held": None},
        {"held": 1},
        {"held": "true"},
        {"Held": True},
    ],
)
def test_everything_else_does_not(value: Any) -> None:
    assert held(value) is False


def test_called_without_a_value_it_does_not_hold() -> None:
    assert held() is False


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_is_no_mapping_never_holds(value: Any) -> None:
    assert held(value, configuration={"held": True}, secrets={"held": True}) is False
