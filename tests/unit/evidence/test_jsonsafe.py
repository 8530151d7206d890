"""Only JSON lands in a journal."""

import asyncio
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.jsonsafe import LONGEST_TEXT, json_safe


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, "x", None, True]},
        (1, 2),
        date(2026, 1, 1),
        {"at": datetime(2026, 1, 1, tzinfo=UTC), "id": uuid.UUID(int=1), "cost": Decimal("1.5")},
    ],
)
def test_what_the_journal_can_hold_is_left_as_it_is(value: Any) -> None:
    assert json_safe(value) == (value, None)
    assert json_safe(value)[0] is value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, "not JSON serializable"),
        (b"bytes", "not JSON serializable"),
        ({"deep": [object()]}, "not JSON serializable"),
        ({(1, 2): 3}, "keys must be"),
        (float("nan"), "Out of range float"),
        ([float("inf")], "Out of range float"),
    ],
)
def test_the_rest_becomes_text_with_the_reason(value: Any, words: str) -> None:
    text, wrong = json_safe(value)
    assert text == repr(value)
    assert wrong is not None
    assert words in wrong


def test_a_structure_that_contains_itself_becomes_text() -> None:
    value: list[Any] = []
    value.append(value)
    assert json_safe(value) == ("[[...]]", "Circular reference detected")


def test_very_deep_data_becomes_text() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    text, wrong = json_safe(value)
    assert text == "a list that cannot be printed"
    assert wrong is not None


def test_long_text_is_cut() -> None:
    text, _ = json_safe(b"x" * 10_000)
    assert len(text) == LONGEST_TEXT


def test_a_coroutine_is_closed_so_that_nobody_warns_of_it() -> None:
    async def forgotten() -> None:
        await asyncio.sleep(0)

    text, wrong = json_safe(forgotten())
    assert "coroutine object" in text
    assert wrong is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3) | st.none(), inner),
        max_leaves=8,
    )
)
def test_what_comes_out_is_json(value: Any) -> None:
    safe, wrong = json_safe(value)
    json.dumps(safe, allow_nan=False)
    assert (wrong is None) == (safe is value)
