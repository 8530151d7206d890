"""The setting that says how a service's log tells its phases."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, changed_by
from chaosnetra.line_patterns import compiled
from chaosnetra.phase_patterns import LONGEST_SETTING, PhasePatterns, Says, parse
from chaosnetra.settings import Settings

START = r"starting (?P<phase>\w+)"


def test_an_object_a_list_and_text_say_the_same() -> None:
    one = {"start": START, "end": ["done", "finished"]}
    made = parse("patterns", one)
    assert [(each.says, each.text) for each in made.patterns] == [
        (Says.START, START),
        (Says.END, "done"),
        (Says.END, "finished"),
    ]
    assert parse("patterns", [one]) == parse("patterns", json.dumps(one)) == made
    assert parse("patterns", made.given) == made
    assert json.loads(json.dumps(made.given)) == [one]


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, ()])
def test_no_patterns_are_none(nothing: Any) -> None:
    assert not parse("patterns", nothing)
    assert parse("patterns", nothing) == PhasePatterns()


@pytest.mark.parametrize(
    "value",
    [
        {"phase": "pool", "start": "HikariPool"},
        {"phase": "pool", "failure": "no pool"},
        {"start": "begins", "fields": {"phase": "stage.name"}},
        [{"phase": "a", "start": "a"}, {"failure": "it failed"}],
        {"failure": r"(?P<phase>\w+) failed"},
        {"start": START, "detail": r"after (?P<budget_seconds>\d+)"},
        {"start": "(?i)STARTING (?<phase>[a-z]+)"},
    ],
)
def test_a_phase_may_be_told_in_several_ways(value: Any) -> None:
    assert parse("patterns", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "patterns is not valid JSON"),
        ("[" * 100_000, "patterns is not valid JSON"),
        (5, "patterns must be a JSON object with start, end, failure, degraded, detail, got 5"),
        ([5], r"patterns\[0\] must be a JSON object"),
        ({"starts": START}, r"unknown keys starts \(did you mean start\?\)"),
        ({"start": 5}, "patterns.start must be a regular expression or a list of them"),
        ({"start": [""]}, "patterns.start must be a regular expression"),
        ({"phase": "a"}, "patterns has no pattern"),
        ({"phase": "", "start": "a"}, "patterns.phase must be a name of 1 to 100 characters"),
        ({"detail": "after (?P<budget_seconds>.)"}, "needs at least one of start, end, failure"),
        ({"start": "begins"}, r"patterns.start does not tell the phase: give the pattern a group"),
        ({"failure": "failed"}, "patterns.failure does not tell the phase"),
        ([{"phase": "a", "start": "a"}, {"start": "b"}], r"patterns\[1\].start does not tell"),
        ({"start": "(?P<phse>x)"}, "a group is called 'phse': write 'phase'"),
        ({"start": "(?P<phase>x)(?P<zzz>y)"}, "a group is called 'zzz': known are phase, seconds"),
        ({"start": "(?P<phase>x"}, r"'\(\?P<phase>x' is no regular expression of RE2"),
        ({"start": "(?P<phase>x)(?=y)"}, "look-around"),
        ({"start": r"(?P<phase>x)\1"}, "back-references"),
        ({"start": "((((x{100}){100}){100}))"}, "is no regular expression"),
        ({"start": "(?P<phase>.*)"}, "matches every line, also an empty one"),
        ({"start": "x" * 1001}, "patterns.start must have at most 1000 characters, has 1001"),
        ({"start": "(?P<phase>\ud800)"}, "is no regular expression"),
        ({"start": START, "fields": {"second": "x"}}, r"did you mean seconds\?"),
        ({"start": START, "fields": ["seconds"]}, "patterns.fields must be a JSON object of keys"),
        ({"phase": "a", "start": ["x"] * 101}, "more than 100 patterns"),
        ({"phase": "a", "start": ["x" * 1000] * 17}, f"longer than {LONGEST_SETTING:,} characters"),
    ],
)
def test_what_cannot_be_used_is_named(value: Any, message: str) -> None:
    with (
        pytest.raises(InvalidInput, match=message) as raised,
        changed_by("CHAOSNETRA_PHASE_PATTERNS"),
    ):
        parse("patterns", value)
    assert str(raised.value).endswith("; set CHAOSNETRA_PHASE_PATTERNS")
    assert "\n" not in str(raised.value)


def test_it_is_a_setting_of_the_experiment_and_of_the_environment() -> None:
    value = {"start": START}
    made = Settings.from_configuration({"phase_patterns": value}, {}).phase_patterns
    variables = {"CHAOSNETRA_PHASE_PATTERNS": json.dumps(value)}
    assert made == Settings.from_configuration({}, variables).phase_patterns == parse("p", value)
    with pytest.raises(InvalidInput, match="or CHAOSNETRA_PHASE_PATTERNS"):
        Settings.from_configuration({"phase_patterns": {"start": "("}}, {})


def test_no_line_keeps_a_pattern_busy() -> None:
    # Python's own engine needs longer than the universe has existed for this one.
    pattern = compiled(r"(x+x+)+y")
    began = time.process_time()
    assert pattern.search(b"x" * 4000) is None
    assert time.process_time() - began < 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["start", "end", "failure", "detail", "phase", "fields", "seconds"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_is_given_is_used_or_refused_in_one_line(value: Any) -> None:
    try:
        made = parse("patterns", value)
    except InvalidInput as error:
        assert "\n" not in str(error)  # noqa: PT017 - either may be
    else:
        assert parse("patterns", made.given) == made
