"""JSON read piece by piece says what `json` says of the whole."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.json_stream import WINDOW, BreaksOff, NoJson, read_json

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LONG = "é\\" * WINDOW
LARGE: Any = {
    "texts": [LONG, LONG[1:]],
    "numbers": [number * 12345.678 for number in range(WINDOW // 4)],
    "words": [None, True, False] * WINDOW,
    "objects": [{"a": {"b": [number]}, "c": ""} for number in range(WINDOW // 4)],
    "empty": [{}, []],
}


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def same(data: dict[str, Any]) -> dict[str, Any]:
    return data


@given(ANY_JSON, st.integers(1, 50), st.sampled_from([None, 0, 2]))
def test_any_document_is_read_as_json_reads_it(data: Any, size: int, indent: int | None) -> None:
    text = json.dumps(data, indent=indent)
    assert repr(read_json(pieces(f" {text}\n", size), same)) == repr(json.loads(text))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [997, WINDOW, 3 * WINDOW, 10**9])
def test_a_large_document_is_read_as_json_reads_it(size: int, indent: int | None) -> None:
    text = json.dumps(LARGE, indent=indent)
    assert read_json(pieces(text, size), same) == LARGE


def test_what_an_object_is_replaced_with_is_kept_wherever_it_stands() -> None:
    text = json.dumps(LARGE)
    found = read_json(pieces(text, 1000), lambda data: data.get("b", data))
    assert found["objects"][-1] == {"a": [WINDOW // 4 - 1], "c": ""}


@given(st.data())
def test_a_torn_document_breaks_off_and_is_never_taken_for_whole(data: st.DataObject) -> None:
    text = json.dumps(LARGE)
    kept = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(BreaksOff):
        read_json(pieces(text[:kept], 10_000), same)


def test_wherever_a_small_document_is_torn_it_breaks_off() -> None:
    words = [None, True, False, float("nan"), float("inf"), float("-inf")]
    text = json.dumps({"a": [0, -1, 1.25, 1e-300, 1e300, -2e22, "é\\\n", *words], "": {}})
    assert {"e-", "e+", "-I", "Na", "\\u"} <= {text[at : at + 2] for at in range(len(text))}
    for kept in range(len(text)):
        with pytest.raises(BreaksOff):
            read_json(pieces(text[:kept], 1), same)


@pytest.mark.parametrize(
    "wrong", ["}", "x", "] []", ',"a"', '{"a" 1}', "{1: 2}", "[1,]", '{"a":1,}']
)
def test_what_is_wrong_far_inside_is_found(wrong: str) -> None:
    good = json.dumps(LARGE["objects"])
    for text in (f"[{good}, {wrong}, {good}]", f'{{"a": {good}, "b": {wrong}, "c": {good}}}'):
        with pytest.raises(NoJson):
            read_json(pieces(text, 1000), same)
