"""Text from anywhere: what a report shows of it, and what markup makes of it."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.report.markdown import code, safe
from chaosnetra.report.markup import element
from chaosnetra.report.page import document, table
from chaosnetra.report.safe_text import as_json, one_visible_line, visible

ANYTHING = st.text(st.characters(codec=None), max_size=200)
# XML 1.0, production 2.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


@given(ANYTHING)
def test_what_is_visible_fits_into_any_format(text: str) -> None:
    shown = visible(text)
    assert not NOT_XML.search(shown)
    assert not TURNING.search(shown)
    shown.encode()
    assert "\n" not in one_visible_line(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x9b1mbold", "bold"),
        ("a\x00b\x08c\x85", "abc"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\u202eabc\u202c", "abc"),
        ("\ud800", "?"),
        ("café 🐘", "café 🐘"),
    ],
)
def test_signs_that_do_something_are_taken_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_of_megabytes_is_cut_in_the_middle_and_says_so() -> None:
    text = "begin " + "x" * 2_000_000 + " end"
    shown = visible(text)
    assert len(shown) <= 2_000
    assert shown.startswith("begin ")
    assert shown.endswith(" end")
    assert "2,000,010 characters" in shown


@given(st.integers(min_value=100, max_value=500), st.text(max_size=2_000))
def test_no_text_is_longer_than_it_may_be(longest: int, text: str) -> None:
    assert len(visible(text, longest)) <= longest


def test_a_value_that_is_too_large_is_not_written_out() -> None:
    assert as_json(list(range(10**6))) == "a list of 1,000,000 elements"
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert as_json(deep) == "a list"
    assert as_json({"a": "x" * 1000}).endswith("…")


@given(ANYTHING, ANYTHING)
def test_an_element_holds_its_text_and_nothing_else(text: str, attribute: str) -> None:
    found = ET.fromstring(element("p", text, title=attribute, data_x=True and "1"))
    assert (found.text or "") == visible(text)
    assert found.tag == "p"
    assert list(found) == []
    assert set(found.attrib) == {"title", "data-x"}


def test_markup_is_kept_and_text_is_not_taken_for_it() -> None:
    inner = element("b", "<script>alert(1)</script>")
    assert str(element("p", inner, None, 5)) == (
        "<p><b>&lt;script&gt;alert(1)&lt;/script&gt;</b>5</p>"
    )


def test_a_page_needs_nothing_else() -> None:
    page = document("a <title>", element("p", "text"), footer="made today")
    assert page.startswith("<!DOCTYPE html>")
    assert "a &lt;title&gt;" in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"<script|src=|@import|url\(|https?://", page)


def test_figures_are_set_to_the_right_of_what_names_a_row() -> None:
    made = table(("name", "value"), [("a", "5 s"), ("b", None)], "what it is")
    rows = ET.fromstring(made).findall(".//tbody/tr")
    assert [cell.get("class") for row in rows for cell in row] == [None, "figure", None, None]
    assert rows[0][0].tag == "th"


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |",
        "`code` ``more``",
        "[x](javascript:alert(1)) ![i](http://evil/i.png)",
        "<script>alert(1)</script><!-- -->",
        "line\n# heading\n- item",
        "https://evil.example www.evil.example mailto:a@b.example",
        "@somebody #123 GH-5",
        "~~no~~ **no** __no__ &lt;b&gt;",
    ],
)
def test_markdown_signs_do_nothing(text: str) -> None:
    shown = safe(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[|`*<>\[\]~]", shown)
    assert not re.search(r"https?:/|www\.\w|@\w|#\d(?!\d*;)|GH-\d", shown)


@given(ANYTHING)
def test_a_command_cannot_end_its_fence(text: str) -> None:
    lines = code(visible(text)).split("\n")
    fence = lines[-1]
    assert len(fence) >= 3
    assert lines[0] == f"{fence}sh"
    assert not any(line.strip().startswith(fence) for line in lines[1:-1])
