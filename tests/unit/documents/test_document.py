"""Experiments as data with lines: what `json` and PyYAML read, and where."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.documents.document import MOST_BYTES, Document, read_document
from chaosnetra.documents.json_text import parse_json
from chaosnetra.documents.places import DEEPEST, Duplicate
from chaosnetra.documents.yaml_text import parse_yaml
from chaosnetra.errors import Unreadable

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def places(data: Any, place: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """Every key and element of JSON data."""
    found = set()
    items = data.items() if isinstance(data, dict) else ()
    items = enumerate(data) if isinstance(data, list) else items
    for key, value in items:
        found |= {(*place, key)} | places(value, (*place, key))
    return found


def test_lines_are_those_of_keys_and_elements() -> None:
    data, lines, duplicates = parse_json(
        '{\n "a": [\n  1,\n  {"b":\n 2}\n ],\n "c, \\"d\\": {": "e\\n}"\n}'
    )
    assert data == {"a": [1, {"b": 2}], 'c, "d": {': "e\n}"}
    assert lines == {("a",): 2, ("a", 0): 3, ("a", 1): 4, ("a", 1, "b"): 4, ('c, "d": {',): 7}
    assert duplicates == []


def test_a_duplicate_key_is_told_with_both_lines_and_the_later_one_counts() -> None:
    data, lines, duplicates = parse_json('{"a": {"x": 1},\n"b": 2,\n"a": 3}')
    assert data == {"a": 3, "b": 2}
    assert lines["a",] == 3
    assert duplicates == [Duplicate(("a",), 1, 3)]


def test_a_missing_place_has_the_line_of_what_should_hold_it() -> None:
    document = Document("f", {"a": {}}, {("a",): 7})
    assert document.line(("a", "b", 3)) == 7
    assert document.line(("z",)) == 1


@given(data=VALUES, indent=st.sampled_from([None, 0, 2]))
def test_json_is_read_as_json_reads_it_and_every_place_has_a_line(
    data: Any, indent: int | None
) -> None:
    text = json.dumps(data, indent=indent)
    read, lines, duplicates = parse_json(text)
    assert json.dumps(read) == json.dumps(json.loads(text))
    assert set(lines) == places(json.loads(text))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
    assert duplicates == []


@given(data=VALUES)
def test_each_key_stands_on_its_line(data: Any) -> None:
    text = json.dumps(data, indent=1)
    rows = text.split("\n")
    _, lines, _ = parse_json(text)
    for place, line in lines.items():
        if isinstance(place[-1], str):
            assert json.dumps(place[-1]) + ":" in rows[line - 1]


@given(text=st.text() | st.text(alphabet='{}[]:,"\\ntruefalse10.eE+- \n', max_size=60))
def test_any_json_text_is_read_or_refused(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            parse_json(text)
        return
    read, lines, _ = parse_json(text)
    assert repr(read) == repr(expected)
    assert places(expected) <= set(lines)


@given(data=VALUES)
def test_yaml_is_read_as_the_core_reads_it(data: Any) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    read, lines, duplicates = parse_yaml(text)
    assert repr(read) == repr(yaml.safe_load(text))
    assert places(read) == set(lines)
    assert duplicates == []


@given(text=st.text(alphabet=string.printable, max_size=80))
def test_any_yaml_text_is_read_as_the_core_reads_it_or_refused(text: str) -> None:
    try:
        read, _, _ = parse_yaml(text)
    except (ValueError, RecursionError):
        return
    assert repr(read) == repr(yaml.safe_load(text))


def test_yaml_lines_duplicates_and_merges() -> None:
    text = "a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n  y: 4\nc: [*a, 5]\n"
    read, lines, duplicates = parse_yaml(text)
    assert read == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 4}, "c": [{"x": 1, "y": 2}, 5]}
    assert (lines["b", "y"], lines["b", "x"], lines["c", 1]) == (7, 2, 8)
    assert duplicates == [Duplicate(("b", "y"), 6, 7)]


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)
MERGE_BOMB = "a: &a {k: 1, l: 2}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{','.join(['*' + chr(97 + n)] * 10)}]}}\n"
    for n in range(8)
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.txt", "{}", "reads only .json, .yaml and .yml"),
        ("e.json", "", "line 1: not JSON"),
        ("e.json", '{"a": 1,\n"b" 2}', "line 2: not JSON"),
        ("e.json", '{"a": 1', "not JSON"),
        ("e.json", "1" * 5000, "4300 digits"),
        ("e.json", b'{"a": "\xff"}', "not UTF-8 (byte 7)"),
        ("e.json", b'\xef\xbb\xbf{"a": 1}', "BOM"),
        ("e.json", "[" * 200 + "]" * 200, f"nested more than {DEEPEST} deep"),
        ("e.json", "[" * 200_000, "not JSON|nested too deeply"),
        ("e.json", "[" * 200_000 + "]" * 200_000, "nested"),
        ("e.json", " " * (MOST_BYTES + 1), "more than 1,000,000 bytes"),
        ("e.yaml", "a: [", "not YAML"),
        ("e.yml", "a: 1\n---\nb: 2\n", "not YAML"),
        ("e.yaml", "a: !!python/object:os.system x", "not YAML"),
        ("e.yaml", "? [1, 2]\n: 3\n", "a key must be text"),
        ("e.yaml", "<<: 3\n", "<< needs an object"),
        ("e.yaml", "a: 2001-99-99\n", "month"),
        ("e.yaml", "[" * 20_000, "nested|not YAML"),
        ("e.yaml", "&a [*a]", "nested more than"),
        ("e.yaml", BOMB, "more than 100,000 values"),
        ("e.yaml", MERGE_BOMB, "more than 100,000 values"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_read_is_one_readable_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(Unreadable, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        read_document(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    for path in (folder, tmp_path / "none.json", Path("a\0b.json"), Path("/dev/zero.json")):
        with pytest.raises(Unreadable):
            read_document(path)


def test_an_empty_yaml_file_holds_nothing(tmp_path: Path) -> None:
    assert read_document(written(tmp_path, "e.yaml", "")).data is None
