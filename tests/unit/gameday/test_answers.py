"""What people type: predictions, notes, answers in files, lines in a terminal; how good it was."""

from collections import deque
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding import KeyPress

from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.gameday.people.answers import Scripted, Unattended, parse_answers, read_answers
from chaosnetra.gameday.people.interface import Command, Does, Left, Question, Style, parsed_command
from chaosnetra.gameday.people.keys import KeyParser
from chaosnetra.gameday.people.lineedit import LineEditor
from chaosnetra.gameday.people.predictions import (
    LONGEST_ANSWER,
    Prediction,
    changes,
    checked_answer,
    follow_up,
    held_probability,
    seconds_range,
)
from chaosnetra.gameday.people.questions import go_or_not, named, next_word, what_next
from chaosnetra.gameday.plan.day import DayStep
from chaosnetra.gameday.record.notes import said_by
from chaosnetra.gameday.report.calibration import PredictionOutcome, calibration
from chaosnetra.gameday.report.verdicts import against, verdict_line


@pytest.mark.parametrize(
    ("text", "probability"),
    [
        ("yes", 0.8),
        ("y", 0.8),
        ("no", 0.2),
        ("yes 90%", 0.9),
        ("no 70%", 0.3),
        ("No, 70 %", 0.3),
        ("85%", 0.85),
        ("yes 100%", 1.0),
        ("-", None),
    ],
)
def test_whether_it_holds(text: str, probability: float | None) -> None:
    assert held_probability(text) == probability


@pytest.mark.parametrize("text", ["maybe", "yes 101%", "", "yes no", "% yes", "1e400%"])
def test_what_is_neither_yes_nor_no(text: str) -> None:
    with pytest.raises(InvalidInput):
        held_probability(text)


@pytest.mark.parametrize(
    ("text", "low_high"),
    [("4", (4, 4)), ("4 s", (4, 4)), ("3-6", (3, 6)), ("0.5 to 2 s", (0.5, 2)), ("-", None)],
)
def test_a_time(text: str, low_high: tuple[float, float] | None) -> None:
    assert seconds_range(text) == low_high


@pytest.mark.parametrize("text", ["soon", "6-3", "1e9", "99999999", "4 minutes", "nan", "--"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        seconds_range(text)


@given(st.text())
def test_whatever_is_typed_is_an_answer_or_a_line_that_says_why_not(text: str) -> None:
    for read in (checked_answer, held_probability, seconds_range, follow_up, changes, go_or_not):
        said = ""
        try:
            read(text)
        except InvalidInput as error:
            said = str(error)
        assert "\n" not in said


@pytest.mark.parametrize(
    ("raw", "named_as"),
    [
        ("", "empty"),
        ("   \t ", "empty"),
        (b"\xff\xfe", "no text"),
        ("a\x00b", "control characters"),
        ("\x1b[2J", "control characters"),
        ("x" * 1_000_000, "1,000,000 characters"),
        (b"x" * 1_000_000, "1,000,000 characters"),
        ("x" * (LONGEST_ANSWER + 1), "at most 2,000"),
    ],
)
def test_answers_that_cannot_be_taken(raw: str | bytes, named_as: str) -> None:
    with pytest.raises(InvalidInput, match=named_as):
        checked_answer(raw)


def test_a_follow_up_has_three_parts() -> None:
    said = follow_up("Raise it; to 20 s; Ada; 2026-12-10")
    assert said == {"what_to_do": "Raise it; to 20 s", "owner": "Ada", "due": "2026-12-10"}
    for wrong in ("Raise it", "Raise it; Ada", "Raise it; Ada; soon", "; Ada; 2026-12-10"):
        with pytest.raises(InvalidInput):
            follow_up(wrong)


def test_who_says_it() -> None:
    people = ("Ada", "Ben")
    assert said_by("ben: slow", people) == ("Ben", "slow")
    assert said_by("phase: slow", people) == ("Ada", "phase: slow")
    with pytest.raises(InvalidInput, match="Ben says nothing"):
        said_by("Ben: ", people)
    assert named("ben, Cleo", people) == ("Ben", "Cleo")
    comma = ("Lovelace, Ada", "Ben")
    assert named("Lovelace, Ada, Ben", comma) == comma
    assert named("ben,lovelace,  ada", comma) == ("Ben", "Lovelace, Ada")


def test_go_no_go_and_what_next() -> None:
    assert go_or_not("go") == (True, "")
    assert go_or_not("no-go: the pager rings") == (False, "the pager rings")
    for wrong in ("no-go", "perhaps"):
        with pytest.raises(InvalidInput):
            go_or_not(wrong)
    assert next_word("repeat latency_ms=800") == ("repeat", "latency_ms=800")
    with pytest.raises(InvalidInput, match="none of"):
        next_word("repeatedly")
    question = what_next(DayStep.model_construct(name="one"), changes, may_go_on=False)
    assert question.default is None
    with pytest.raises(InvalidInput, match="does not go on"):
        question.check("go on")
    with pytest.raises(InvalidInput, match="KEY=VALUE"):
        question.check("repeat faster")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/observe it is slow", Command(Does.OBSERVE, "it is slow")),
        ("/abort", Command(Does.ABORT)),
        ("/p", Command(Does.PAUSE)),
    ],
)
def test_commands(text: str, command: Command) -> None:
    assert parsed_command(text) == command


@pytest.mark.parametrize("text", ["/", "/s", "/dance"])
def test_unknown_commands(text: str) -> None:
    with pytest.raises(InvalidInput, match="/observe"):
        parsed_command(text)


class Quiet:
    """A listener to which nothing happens."""

    def tick(self) -> None:
        pass

    def command(self, command: Command) -> None:
        pass


def say(text: str, style: Style = Style.PLAIN) -> None:
    pass


def test_answers_of_a_file_come_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "answers.txt"
    path.write_text("# a comment\n\none go = go\none next = repeat count=3\none next = go on\n")
    script = Scripted(read_answers(path), say)
    question = Question("one next", "?")
    assert [script.ask(question, Quiet()) for _ in range(2)] == ["repeat count=3", "go on"]
    assert script.unused == ["one go"]
    with pytest.raises(Left, match="'one next'"):
        script.ask(question, Quiet())
    assert script.ask(Question("more", "?", default="-"), Quiet()) == "-"


def test_an_answer_of_a_file_that_cannot_be_used_ends_it() -> None:
    script = Scripted({"one go": deque(["perhaps"])}, say)
    with pytest.raises(Left, match="neither go nor no-go"):
        script.ask(Question("one go", "?", go_or_not), Quiet())


@pytest.mark.parametrize(
    ("raw", "named_as"),
    [
        (b"one go", "2: it is no KEY = ANSWER"),
        (b"one go = ", "2: the answer is empty"),
        (b"one go = \xff", "2: the answer is no text"),
        (b"one go = " + b"x" * 1_000_000, "2: the answer has 1,000,0"),
        (b"a = b\n" * 1_000_000, "more than 4,000,000 bytes"),
    ],
)
def test_a_file_of_answers_that_cannot_be_read_names_the_line(raw: bytes, named_as: str) -> None:
    with pytest.raises(Unreadable, match=named_as):
        parse_answers(b"# first\n" + raw, "answers.txt")


def test_nobody_answers_as_the_plan_expects() -> None:
    assert Unattended(say).ask(Question("k", "?", unattended="go"), Quiet()) == "go"


def pressed(raw: str | bytes) -> list[KeyPress]:
    parser = KeyParser()
    keys = parser.feed(raw.encode() if isinstance(raw, str) else raw)
    return keys + parser.flush()


def typed(raw: str | bytes, *earlier: str) -> LineEditor:
    """A line while it is being typed."""
    editor = LineEditor(earlier)
    assert editor.feed(pressed(raw)) == (None, ())
    return editor


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("abd\x7fc", "abc"),
        ("abc de\x17fg", "abc fg"),
        ("abc\x15x", "x"),
        ("bc\x1b[D\x1b[Da\x1b[Cx", "abxc"),
        ("bc\x1b[Ha\x1b[Fd", "abcd"),
        ("bc\x01a\x05d", "abcd"),
        ("abc\x1b[D\x1b[D\x1b[3~", "ac"),
        ("abc\x1b[D\x1b[D\x0b", "a"),
        ("one two\x1b[1;5D\x1b[1;5Dno", "noone two"),
        ("né\x1b[Dx\x1bOC日", "nxé日"),
        ("a\x1b", "a"),
    ],
)
def test_a_line_is_edited(raw: str, text: str) -> None:
    assert typed(raw).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[A", "second"),
        ("\x1b[A\x1b[A\x1b[A", "first"),
        ("new\x1b[A\x1b[B", "new"),
        ("new\x1b[A\x1b[A!\x1b[B\x1b[A", "first!"),
        ("\x10\x10\x0e", "second"),
        ("\x1b[B", ""),
    ],
)
def test_earlier_lines_are_brought_back(raw: str, text: str) -> None:
    assert typed(raw, "first", "second").text == text


def test_a_line_ends_with_enter_and_what_comes_after_it_is_kept() -> None:
    line, rest = LineEditor().feed(pressed("one\rrest"))
    assert (line, [press.key for press in rest]) == ("one", list("rest"))
    with pytest.raises(EOFError):
        LineEditor().feed(pressed("\x04"))


@pytest.mark.parametrize(
    ("raw", "named_as"),
    [
        (b"a\x07b", "control characters"),
        (b"\xff\xfe", "no text"),
        ("x" * (LONGEST_ANSWER + 1), "2,001 characters"),
        ("  ", "empty"),
    ],
)
def test_lines_that_cannot_be_taken(raw: str | bytes, named_as: str) -> None:
    with pytest.raises(InvalidInput, match=named_as):
        typed(raw).checked()


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=50))
def test_a_terminals_bytes_may_come_one_by_one(text: str) -> None:
    parser = KeyParser()
    one_by_one = [press for byte in text.encode() for press in parser.feed(bytes([byte]))]
    assert one_by_one + parser.flush() == pressed(text)


def test_more_than_a_person_types_is_counted_and_not_kept() -> None:
    editor = typed("x" * 100_000)
    assert (len(editor.text), editor.dropped) == (LONGEST_ANSWER, 100_000 - LONGEST_ANSWER)
    editor.feed(pressed("\x15y"))
    assert editor.checked() == "y"


def test_how_well_predictions_were_calibrated() -> None:
    found = calibration(
        [
            (Prediction("Ada", 0.9, 3, 6), PredictionOutcome(True, 5)),
            (Prediction("Ben", 0.2, 10, 10), PredictionOutcome(True, 5)),
            (Prediction("Ada", 0.5), PredictionOutcome(None, None)),
            (Prediction("Ben", None, 1, 2), PredictionOutcome(False, 4)),
        ]
    )
    assert (found.judged, found.brier) == (2, pytest.approx((0.01 + 0.64) / 2))
    assert (found.expected_held, found.observed_held) == (pytest.approx(0.55), 1)
    assert (found.times, found.ranges, found.covered) == (3, 2, 1)
    assert (found.coverage, found.median_error_seconds) == (0.5, 2.5)
    assert found.median_bias_seconds == 0.5


predictions = st.builds(
    Prediction, st.just("Ada"), st.none() | st.floats(0, 1), st.floats(0, 9), st.floats(9, 20)
)
outcomes = st.builds(PredictionOutcome, st.none() | st.booleans(), st.none() | st.floats(0, 20))


@given(st.lists(st.tuples(predictions, outcomes)))
def test_a_score_is_between_perfect_and_certainly_wrong(
    pairs: list[tuple[Prediction, PredictionOutcome]],
) -> None:
    found = calibration(pairs)
    assert found.brier is None or 0 <= found.brier <= 1
    assert found.covered <= found.ranges <= found.times <= len(pairs)
    said = Prediction("Ada", 0.5, 1, 2)
    assert Prediction.from_json(asdict(said)) == said


def test_verdicts_and_predictions_as_lines() -> None:
    proof = {
        "probe": "p",
        "trials": 5,
        "failures": 0,
        "failure_rate_bounds": [0, 0.45],
        "confidence": 0.95,
    }
    line = verdict_line({"verdict": "held", "reason": "it held", "proofs": [proof]})
    assert line.startswith("held: it held (0 of 5 trials")
    assert "at most 45%" in line
    assert verdict_line({"verdict": "odd", "reason": "a\nb", "proofs": [1]}) == "odd: a b"
    said = Prediction("Ada", 0.9, 3, 6)
    assert (
        against(said, PredictionOutcome(True, 5))
        == "Ada: holds 90%: it held; startup 3-6 s: 5 s, inside"
    )
    assert against(Prediction("Ben"), PredictionOutcome(None, None)) == "Ben: no opinion"
