"""JSON as a person lays it out."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.documents.json_layout import WIDTH, laid_out

DATA: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=30,
)


def test_what_fits_stands_on_one_line() -> None:
    data = {"title": "t", "long": ["x" * 40, "y" * 40, "z" * 40], "empty": {}}
    text = laid_out(data)
    assert text.splitlines() == [
        "{",
        '  "title": "t",',
        '  "long": [',
        f'    "{"x" * 40}",',
        f'    "{"y" * 40}",',
        f'    "{"z" * 40}"',
        "  ],",
        '  "empty": {}',
        "}",
    ]


@given(DATA)
def test_it_is_the_same_data_and_only_single_values_are_too_wide(data: Any) -> None:
    text = laid_out(data)
    assert json.loads(text) == data
    for line in text.split("\n"):
        value = line.strip().rstrip(",").partition('": ')[2] or line.strip().rstrip(",")
        assert len(line) <= WIDTH or not value.startswith(("{", "[")) or value in ("{", "[")
