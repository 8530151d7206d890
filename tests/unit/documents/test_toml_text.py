"""TOML with the line of each key."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.documents.toml_text import TomlError, parse_toml

TEXT = """\
# settings
target = "shop:app"

target_environment = { A = "1", "B.C" = "2" }
prepare_command = '''
make
migrate = "no key"
'''
patterns = [
  "a = 1",  # in an array
  "[b]",
]
nested.key = 1

[parameters]
latency_ms = 300

[[phase_patterns]]
start = "x"
[[phase_patterns]]
start = "y"
end = "z"
"""
LINES = {
    ("target",): 2,
    ("target_environment",): 4,
    ("target_environment", "A"): 4,
    ("target_environment", "B.C"): 4,
    ("prepare_command",): 5,
    ("patterns",): 9,
    ("nested",): 13,
    ("nested", "key"): 13,
    ("parameters",): 15,
    ("parameters", "latency_ms"): 16,
    ("phase_patterns",): 18,
    ("phase_patterns", "start"): 19,
    ("phase_patterns", "end"): 22,
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_key_has_its_line(end: str) -> None:
    data, lines = parse_toml(TEXT.replace("\n", end))
    assert lines == LINES
    assert data["parameters"] == {"latency_ms": 300}


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb =\n", 2), ("a = 1\na = 2", 2), ("a = [\n1,\n", 2), ("\n\n[x\n", 3)],
)
def test_where_a_text_breaks_off(text: str, line: int) -> None:
    with pytest.raises(TomlError) as raised:
        parse_toml(text)
    assert raised.value.line == line
    assert "(at" not in str(raised.value)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(-(2**60), 2**60) | st.booleans() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=6), st.integers(0, 3))
def test_no_key_is_without_its_line(values: dict[str, Any], blank: int) -> None:
    """A text of JSON is one of TOML where it has no DEL: keys, texts, numbers and arrays."""
    written = {key: json.dumps(value) for key, value in values.items()}
    head = "\n" * blank
    text = head + "".join(f"{json.dumps(key)} = {value}\n" for key, value in written.items())
    if "\x7f" in text or "\\ud" in text:  # DEL, and pairs of surrogates
        return
    data, lines = parse_toml(text)
    assert data == values
    assert lines == {(key,): blank + number for number, key in enumerate(values, 1)}
