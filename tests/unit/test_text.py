"""Text from anywhere, made fit to be shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.text import how_many, markdown, none_of, one_line, plain_names, tenths_text


@given(text=st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(text=st.text(alphabet="ab_*[]<>|~&`\\\n\x1b "))
def test_markdown_shows_the_text_and_does_nothing_else(text: str) -> None:
    written = markdown(text)
    unescaped = re.sub(r"\\([\\`*\[\]<>|~&_])", r"\1", written)
    assert unescaped == one_line(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]<>|~&]", written)


@pytest.mark.parametrize("text", ["startups_succeed", "5 of 5 (100%)", "p95-latency", "a.b/c"])
def test_common_words_stay_as_they_are(text: str) -> None:
    assert markdown(text) == text


def test_html_and_links_become_text() -> None:
    assert markdown("<b>[x](y)</b>\n_z_") == r"\<b\>\[x\](y)\</b\> \_z\_"


def test_nothing_turns_the_direction_of_a_line_around() -> None:
    assert one_line("held\u202edleh\u2066x\u2069") == "held dleh x "


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 startups"), (1, "1 startup"), (2, "2 startups"), (1200, "1,200 startups")],
)
def test_one_is_told_in_the_singular(count: int, told: str) -> None:
    assert how_many(count, "startup") == told


def test_a_plural_may_be_another_one() -> None:
    assert (how_many(1, "launch", "launches"), how_many(3, "launch", "launches")) == (
        "1 launch",
        "3 launches",
    )


def test_none_of_one_is_told_as_such() -> None:
    assert none_of(1, "startup") == "not even the one startup"
    assert none_of(3, "startup") == "not one of 3 startups"


RUN = "chaosnetra_20261130t154757_0a1b2c"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"toxic {RUN}/{RUN}_slow", "toxic slow"),
        (f"toxic {RUN}/{RUN}_slow update 2", "toxic slow update 2"),
        (f"proxy {RUN} down", "proxy down"),
        (f"proxy {RUN} has no toxic {RUN}_slow", "proxy database has no toxic slow"),
        ("proxy theirs down", "proxy theirs down"),
        ("chaosnetra_r1 and chaosnetra_startup", "chaosnetra_r1 and chaosnetra_startup"),
    ],
)
def test_an_experiments_own_words_have_no_name_of_the_run(text: str, plain: str) -> None:
    assert plain_names(text) == plain


def test_a_time_that_tenths_tell_as_none_is_less_than_one() -> None:
    told = [tenths_text(seconds) for seconds in (0.0, 0.049, 0.05, 1.04)]
    assert told == ["less than 0.1 s", "less than 0.1 s", "0.1 s", "1.0 s"]
