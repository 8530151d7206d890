"""JSON paths without jsonpath2: what they find is what it finds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.verdict.jsonpath import values_at

VALUE = {"a": {"b": 3, "c": [{"b": 4}, {"b": 5}]}, "items": [1, {"z": None}], "a b": 7, "t": "x"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [VALUE]),
        ("$.a.b", [3]),
        ('$["a"]["c"][1].b', [5]),
        ('$["a b"]', [7]),
        ("$.a.c[*].b", [4, 5]),
        ("$.items[*]", [1, {"z": None}]),
        ("$.items[1].z", [None]),
        ("$.a.c[*].*", [4, 5]),
        ("$..b", [3, 4, 5]),
        ("$.a..b", [3, 4, 5]),
        ("$.nope", []),
        ("$.items[9]", []),
        ("$.t[0]", []),
        ("$.t.*", []),
    ],
)
def test_the_everyday_paths(path: str, found: list[Any]) -> None:
    """The same as jsonpath2 0.4 finds."""
    assert values_at(path, VALUE) == found


@pytest.mark.parametrize(
    "path",
    [
        *("", "a.b", "$a", "$.", "$..", "$.a.", "$.a[", "$.a-b", "$['a']", "$.items[-1]"),
        *("$.items[0:2]", "$.items[0,1]", "$.a.c[?(@.b=4)]", "$..*..*", f"$.{'a' * 2000}"),
    ],
)
def test_what_is_beyond_them_is_not_guessed(path: str) -> None:
    assert values_at(path, VALUE) is None


JSON = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
)


@given(st.text('$.*[]"ab01', max_size=8), JSON)
def test_any_text_is_a_path_or_beyond(path: str, value: Any) -> None:
    found = values_at(f"${path}", value)
    assert found is None or all(one is None or isinstance(one, int | list | dict) for one in found)


@given(JSON)
def test_everything_is_found_once(value: Any) -> None:
    def count(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return sum(1 + count(child) for child in inner)

    assert len(values_at("$..*", value) or []) == count(value)
