"""Patterns that match whatever they are given: proved, so there is no false alarm."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.lint.patterns import Reach, is_every_json, reach

EVERYTHING = [
    "", ".*", "x*", "ok|", "|ok", "^", "$", "^.*", ".*$", "(?s).*", "(?s)^.*$", r"\A[\s\S]*\Z",
    "(ok)?", "(?:ok|)", "x{0,3}", "()", "(?i)a*", "(?=.*)", "(?!error)", "(?!.*error)", "(?<!x)",
    "a*?", "(?#note)", r"^(?s:.*)$", r"[\w\W]*", "(.|\n)*", r"\d*\s*", "^x*", "a*+", "(?>a*)",
]  # fmt: skip
LINES = ["^.*$", "^.*?$", r"\A.*\Z", "^(.*)$", "(?m)^.*$", r"^\d*.*$"]
MEANING_SOMETHING = [
    "ok", ".", ".+", "^.+$", "^$", r"^\s*$", "^(ok)?$", "^(ok|)$", "^(?!.*error)", "^(?!$)", r"\b",
    r"\B", r"\S", "^ok", "ok$", "^[0-9]*$", "^a*b*$", "(?=ok)", "(?<=x)", "(x)?y", r"(x)\1*z",
    "^.*ok.*$", "^.{0,80}$", "^(?!x).*$", "(", "a{2,1}", "[[a]", "^(?:a|b)*$", "^.*(?<!error)$",
    r"a*+\A", r"(?<=a*)",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EVERYTHING)
def test_it_matches_everything(pattern: str) -> None:
    assert reach(pattern) is Reach.EVERYTHING


@pytest.mark.parametrize("pattern", LINES)
def test_it_matches_every_line(pattern: str) -> None:
    assert reach(pattern) is Reach.LINES


@pytest.mark.parametrize("pattern", MEANING_SOMETHING)
def test_it_means_something(pattern: str) -> None:
    assert reach(pattern) is Reach.UNKNOWN


PIECES = st.sampled_from(
    ["a", "b", ".", "^", "$", "(", ")", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "|", "*", "+",
     "?", "{0,2}", "{1}", "[ab]", r"[\s\S]", r"\b", r"\B", r"\A", r"\Z", r"\1", "(?s:", "(?m:",
     "(?-s:", "*+", "\n", r"\d", "(?s)", "(?m)"]
)  # fmt: skip


@settings(max_examples=400)
@given(
    pattern=st.lists(PIECES, max_size=8).map("".join) | st.sampled_from(EVERYTHING + LINES),
    text=st.text(alphabet="ab1 \n") | st.text(),
)
def test_what_is_proved_is_so(pattern: str, text: str) -> None:
    found = reach(pattern)
    if found is Reach.LINES:
        text = " ".join(text.splitlines())
    if found is not Reach.UNKNOWN:
        assert re.search(pattern, text) is not None


@pytest.mark.parametrize(
    ("path", "keys", "expected"),
    [
        ("$", (), True),
        (" $ ", (), True),
        ("$.status", ("status",), True),
        ("$['status']", ("status",), True),
        ("$.*", ("status",), True),
        ("$[*]", ("status",), True),
        ("$..*", ("status",), True),
        ("$.*", (), False),
        ("$.status", (), False),
        ("$.body.items", ("body",), False),
        ("$.items[?(@.ok = true)]", ("status",), False),
        ("", ("status",), False),
    ],
)
def test_paths_that_find_something_in_everything(
    path: str, keys: tuple[str, ...], expected: bool
) -> None:
    assert is_every_json(path, keys) is expected
