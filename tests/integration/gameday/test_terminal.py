"""Days at a real terminal, by somebody who types."""

import os
import re
import signal
import termios

import pytest

from tests.support.game_days import Bed, Seat
from tests.support.helpers import wait_until

pytestmark = pytest.mark.usefixtures("nothing_left")

ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
COLOURS = re.compile(rb"\x1b\[[0-9;]*[34][0-9](;[0-9]+)*m")


@pytest.fixture
def seat_for_waiting(bed: Bed, seats: list[Seat], request: pytest.FixtureRequest) -> Seat:
    """Somebody at the terminal of a day with one step that waits."""
    bed.plan({**bed.waiting_step(), "announcement": "Something breaks."})
    seat = Seat(bed, **getattr(request, "param", {}))
    seats.append(seat)
    return seat


def until_running(seat: Seat, bed: Bed) -> None:
    seat.answer("Who is present?", "Ada")
    seat.answer("Read it out", "")
    seat.answer("Go, or no-go", "go")
    seat.answer("Ada: does it hold?", "yes 90%")
    seat.expect("noted: Ada: yes 90%")
    bed.wait_for_fault()


def confirm(seat: Seat) -> None:
    seat.answer("really abort the day?", "yes")


def wrap_up(seat: Seat) -> None:
    for question in ("What was a surprise?", "What was decided?", "What is to be done?"):
        seat.answer(question, "")


def test_a_day_at_a_terminal(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.expect("o observe")
    seat.type("oBen: it is slow\r")
    seat.expect("observation of Ben: it is slow")
    seat.type("p")
    seat.expect("pausing after this run")
    bed.release.touch()
    seat.answer("Enter when the day goes on", "")
    seat.answer("What next", "/decision we look at it")
    seat.expect("decision of Ada: we look at it")
    seat.type("repeat count=3\r")
    seat.expect("no parameter 'count'")
    seat.type("\r")
    wrap_up(seat)
    assert seat.ended() == 0
    assert termios.tcgetattr(seat.slave) == seat.before
    # What it wrote last may still be on its way here.
    wait_until(lambda: seat.raw.count(b"\x1b[?25l") == seat.raw.count(b"\x1b[?25h"), 10, "a cursor")
    said = [entry.data["text"] for entry in bed.entries() if entry.kind.value == "noted"]
    assert said == ["it is slow", "we look at it"]
    plain = ESCAPES.sub(b"", seat.raw).decode()
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= 80
    assert COLOURS.search(seat.raw)


def test_what_is_being_typed_when_a_run_ends_is_noted_and_answers_no_question(
    bed: Bed, seat_for_waiting: Seat
) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.type("oBen: it is sl")
    seat.expect("it is sl")
    bed.release.touch()
    seat.expect("Verdict: held")
    seat.type("ow\rend we know enough\r")
    seat.expect("observation of Ben: it is slow")
    confirm(seat)
    wrap_up(seat)
    assert seat.ended() == 4
    assert [entry.data["text"] for entry in bed.entries() if entry.kind.value == "noted"] == [
        "it is slow"
    ]


def test_a_repetition_that_cannot_be_run_is_asked_for_again(bed: Bed, seats: list[Seat]) -> None:
    step = bed.waiting_step()
    bed.plan({**step, "predict": []})
    bed.release.touch()
    seats.append(seat := Seat(bed))
    seat.answer("Who is present?", "Ada")
    seat.answer("Read it out", "")
    seat.answer("Go, or no-go", "go")
    seat.answer("What next", "repeat time_scale=fast")
    seat.expect("time_scale must be a number")
    (bed.folder / step["experiment"]).write_text("{")
    seat.type("repeat\r")
    seat.expect("Expecting")
    seat.type("\r")
    wrap_up(seat)
    assert seat.ended() == 0
    assert "step.repeated" not in bed.kinds()


def test_a_step_that_cannot_be_run_any_more_leaves_the_day(bed: Bed, seats: list[Seat]) -> None:
    step = bed.waiting_step()
    bed.plan({**step, "predict": []})
    seats.append(seat := Seat(bed))
    seat.answer("Who is present?", "Ada")
    seat.answer("Read it out", "")
    seat.expect("Go, or no-go")
    (bed.folder / step["experiment"]).unlink()
    seat.type("go\r")
    seat.expect("The day was left: step 'waiting' cannot be run")
    assert seat.ended() == 6
    bed.waiting_step()
    bed.release.touch()
    code, output = bed.run("--yes", "--resume")
    assert code == 0, output


def test_a_folder_of_a_run_that_never_began_is_in_nobodys_way(
    bed: Bed, seat_for_waiting: Seat
) -> None:
    seat = seat_for_waiting
    seat.expect("Who is present?")
    left = bed.day / "steps" / "01-waiting-1"
    left.mkdir(parents=True)
    seat.type("Ada\r")
    seat.answer("Read it out", "")
    seat.answer("Go, or no-go", "go")
    seat.answer("does it hold?", "-")
    bed.release.touch()
    seat.answer("What next", "")
    wrap_up(seat)
    assert seat.ended() == 0
    assert (bed.day / "steps" / "01-waiting-1-2" / "journal.json").exists()


@pytest.mark.parametrize("seat_for_waiting", [{"NO_COLOR": "1"}], indirect=True)
def test_an_abort_in_mid_run_without_colours(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.type("aBen: the pager rings\r")
    confirm(seat)
    seat.expect("The day is aborted by Ben: the pager rings")
    wrap_up(seat)
    assert seat.ended() == 4
    assert not bed.fault.exists()
    assert not COLOURS.search(seat.raw)


@pytest.mark.parametrize("seat_for_waiting", [{"TERM": "dumb"}], indirect=True)
def test_a_skip_in_mid_run_at_a_dumb_terminal(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.type("sit takes too long\r")
    wrap_up(seat)
    assert seat.ended() == 2
    assert not bed.fault.exists()
    assert "step.skipped" in bed.kinds()
    assert b"\x1b" not in seat.raw


def test_a_day_is_aborted_although_its_run_is_being_stopped(
    bed: Bed, seat_for_waiting: Seat
) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.type("stoo long\raBen: the pager rings\r")
    confirm(seat)
    seat.expect("The day is aborted by Ben: the pager rings")
    wrap_up(seat)
    assert seat.ended() == 4
    (ended,) = [entry.data for entry in bed.entries() if entry.kind.value == "run.ended"]
    assert ended["stopped"] == "skipped by Ada: too long"


def test_steps_that_were_not_run_are_listed_each_with_its_reason(
    bed: Bed, seats: list[Seat]
) -> None:
    bed.plan(*(bed.waiting_step(name) for name in ("one", "two", "three")))
    seats.append(seat := Seat(bed))
    seat.answer("Who is present?", "Ada")
    seat.answer("Read it out", "")
    seat.answer("Go, or no-go", "no-go not today")
    seat.answer("Read it out", "/skip no time")
    seat.answer("Read it out", "/abort enough")
    confirm(seat)
    wrap_up(seat)
    assert seat.ended() == 4
    report = (bed.day / "report.md").read_text()
    for line in (
        "| one | | | not run: no-go: not today (Ada) | |",
        "| two | | | not run: skipped: no time (Ada) | |",
        "| three | | | not run: not reached | |",
    ):
        assert line in report


def test_answers_that_cannot_be_taken_are_asked_for_again(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    seat.answer("Who is present?", "Ada,,")
    seat.expect("a name is empty")
    seat.answer("", "Ada")
    seat.answer("Read it out", "")
    seat.answer("Go, or no-go", "")
    seat.expect("the answer is empty")
    seat.type(b"\xff\xfe\r")
    seat.expect("the answer is no text")
    seat.type(b"a\x07b\r")
    seat.expect("holds control characters")
    seat.type("x" * 1_000_000)
    seat.type("\r")
    seat.expect("the answer has 1,000,000 characters")
    seat.type("no-go\r")
    seat.expect("a no-go needs its reason")
    seat.type("no-go enough\r")
    wrap_up(seat)
    assert seat.ended() == 2


def test_a_line_is_edited_with_arrow_keys_and_earlier_ones_are_brought_back(
    bed: Bed, seat_for_waiting: Seat
) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.type("oit is sow\x1b[D\x1b[Dl\x1b[F, Ben\r")
    seat.expect("observation of Ada: it is slow, Ben")
    for byte in b"o\x1b[A\x1b[A\x1b[B\x1b[H\x1bOCt\x7f\x01Ben: \r":
        seat.type(bytes([byte]))  # as over a slow line
    seat.expect("observation of Ben: it is slow, Ben")
    bed.release.touch()
    seat.answer("What next", "\x1b[A\x1b[A\x15\x1b[A" + 3 * "\x1b[B")
    wrap_up(seat)
    assert seat.ended() == 0


def test_what_was_typed_ahead_aborts_nothing(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    seat.expect("Who is present?")
    seat.type("Ada\r\r/abort it is late\ryes\r")
    seat.answer("really abort the day?", "")
    seat.expect("The day is not aborted.")
    seat.type("go\r")
    seat.answer("Ada: does it hold?", "-")
    bed.wait_for_fault()
    seat.type("athe pager rings\ryes\r")
    seat.answer("really abort the day?", "no")
    seat.expect("The day is not aborted.")
    seat.type("athe pager rings\ryes\r")
    seat.expect("really abort the day?")
    seat.type("\x1b")
    bed.release.touch()
    seat.answer("What next", "end enough\ryes")
    seat.answer("really abort the day?", "")
    seat.expect("The day is not aborted.")
    seat.type("\r")
    wrap_up(seat)
    assert seat.ended() == 0
    assert "day.aborted" not in bed.kinds()


def test_a_terminal_that_closes_leaves_the_day_with_nothing_injected(
    bed: Bed, seat_for_waiting: Seat
) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.hang_up()
    assert seat.ended() == 6
    assert not bed.fault.exists()
    kinds = bed.kinds()
    assert kinds[-2:] == ["run.lost", "day.interrupted"]
    assert "predicted" in kinds


def test_a_killed_conductors_terminal_is_put_in_order(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    until_running(seat, bed)
    seat.expect("o observe")
    while_led = termios.tcgetattr(seat.slave)
    assert while_led != seat.before
    assert not while_led[0] & termios.IXON  # Ctrl-S would stop the conductor
    os.kill(seat.process.pid, signal.SIGKILL)
    seat.ended()
    wait_until(lambda: termios.tcgetattr(seat.slave) == seat.before, 20, "the terminal's settings")
    wait_until(lambda: not bed.fault.exists(), 40, "the undo")
    wait_until(lambda: seat.raw.count(b"\x1b[?25l") <= seat.raw.count(b"\x1b[?25h"), 10, "a cursor")


def test_end_of_file_leaves_the_day(bed: Bed, seat_for_waiting: Seat) -> None:
    seat = seat_for_waiting
    seat.answer("Who is present?", "Ada")
    seat.expect("Read it out")
    seat.type("\x04")
    seat.expect("The day was left: the terminal was closed (end of file)")
    assert seat.ended() == 6
    assert termios.tcgetattr(seat.slave) == seat.before
