"""The phases that a target prints, and the cause that they tell."""

import pytest

from chaosnetra.startup.outcome import StartupFailure
from chaosnetra.startup.output import LONGEST_KEPT_LINE, Output
from chaosnetra.startup.phase_log import PhaseLog
from tests.support.printed import error, event, output, traceback


def test_phase_lines_are_followed() -> None:
    made = output(
        event(status="started", phase="initialization", number=1),
        event(status="completed", phase="initialization", number=1, seconds=0.2),
        event(status="started", phase="database", number=3),
    )
    assert made.phases.phase == "database"
    assert made.phases.seconds == {"initialization": 0.2}
    assert [one["status"] for one in made.phases.events] == ["started", "completed", "started"]


def test_the_first_phase_line_is_when_the_boot_ended() -> None:
    times = iter([7.5, 99.0])
    made = Output(clock=lambda: next(times))
    made.feed("stdout", b"hello\n")
    assert made.phases.first_at is None
    line = event(status="started", phase="a").encode() + b"\n"
    made.feed("stdout", line)
    made.feed("stdout", line)
    assert made.phases.first_at == 7.5


def test_a_failed_phase_tells_the_cause() -> None:
    found = error(
        event(status="started", phase="database"),
        event(
            status="failed",
            phase="database",
            seconds=1.0,
            error_class="BudgetExpired",
            error="CRITICAL STARTUP FAILURE: phase 3 (database): ran out",
            cause=["BudgetExpired: ran out", "TimeoutError: "],
            budget="table_setup",
            budget_seconds=1,
            sqlstate=None,
        ),
        *traceback("KeyError: 'something printed later'"),
    )
    assert found == StartupFailure(
        text="CRITICAL STARTUP FAILURE: phase 3 (database): ran out",
        error_class="BudgetExpired",
        sqlstate=None,
        causes=("BudgetExpired: ran out", "TimeoutError:"),
        budget="table_setup",
        budget_seconds=1.0,
    )


def test_a_degraded_phase_is_told_and_its_error_too() -> None:
    made = output(
        event(status="started", phase="database"),
        event(status="degraded", phase="database", seconds=0.5, error="refused", cause=["a", "b"]),
        event(status="started", phase="cache"),
        event(status="completed", phase="cache", seconds=0.1),
    )
    assert (made.phases.degraded, made.phases.failed, made.phases.phase) == (
        "database",
        None,
        "cache",
    )
    assert made.phases.seconds == {"database": 0.5, "cache": 0.1}
    assert made.phases.after_failure == ()
    assert made.error is not None
    assert (made.error.text, made.error.causes) == ("refused", ("a", "b"))


def test_a_failed_phase_goes_before_a_degraded_one() -> None:
    found = error(
        event(status="degraded", phase="a", error="swallowed"),
        event(status="failed", phase="b", error="fatal"),
    )
    assert found.text == "fatal"


def test_phases_after_a_failure_are_named_once_and_in_order() -> None:
    made = output(
        event(status="completed", phase="init"),
        event(status="failed", phase="database", error="no"),
        event(status="started", phase="database"),
        event(status="started", phase="cache"),
        event(status="completed", phase="cache"),
        event(status="started", phase="services"),
    )
    assert (made.phases.failed, made.phases.after_failure) == (
        "database",
        ("cache", "services"),
    )


def test_the_first_failed_phase_counts() -> None:
    found = error(
        event(status="failed", phase="a", error="first"),
        event(status="failed", phase="b", error="second"),
    )
    assert found.text == "first"


def test_a_failed_phase_with_odd_fields_is_read_as_far_as_it_goes() -> None:
    found = error(
        event(
            status="failed",
            phase="database",
            error=5,
            error_class=[],
            cause="no list",
            budget={},
            budget_seconds="1 s",
            sqlstate=53300,
        )
    )
    assert found == StartupFailure(text="phase database failed")


@pytest.mark.parametrize(
    "line",
    [
        '{"startup_phase": }',
        '{"startup_phase": "database"}',
        '{"startup_phase": {}}',
        '{"startup_phase": {"phase": 3, "status": "failed"}}',
        '{"startup_phase": {"phase": "a"}}',
        '{"startup_phase": ' + "[" * 3900,
        ' {"startup_phase": {"phase": "a", "status": "failed"}}',
        'INFO {"startup_phase": {"phase": "a", "status": "failed"}}',
    ],
)
def test_lines_that_only_look_like_phase_lines_are_plain_output(line: str) -> None:
    made = output(line)
    assert made.phases.events == []
    assert made.lines == [line]


def test_phase_lines_with_more_than_the_known_fields_count() -> None:
    assert output(event(status="started", phase="a", extra={"x": 1})).phases.phase == "a"


def test_the_number_of_phase_lines_kept_is_bounded() -> None:
    made = output(*[event(status="started", phase=f"p{number}") for number in range(5000)])
    assert len(made.phases.events) == 200


@pytest.mark.parametrize(
    "seconds", ["9" * 400, "NaN", "Infinity", "true", '"5"'], ids=lambda t: t[:9]
)
def test_lengths_that_are_no_usable_number_are_left_out(seconds: str) -> None:
    made = output(
        event(status="completed", phase="a", seconds=0.5),
        f'{{"startup_phase": {{"status": "completed", "phase": "b", "seconds": {seconds}}}}}',
        f'{{"startup_phase": {{"status": "failed", "phase": "c", "seconds": {seconds}, '
        f'"budget": "pool", "budget_seconds": {seconds}}}}}',
    )
    assert made.phases.seconds == {"a": 0.5}
    assert made.error == StartupFailure(text="phase c failed", budget="pool", budget_seconds=None)


def test_a_long_phase_line_is_read_whole() -> None:
    line = event(status="failed", phase="database", extra="x" * 20_000, error="too slow")
    made = output(line)
    assert made.phases.phase == "database"
    assert made.error == StartupFailure(text="too slow")
    assert made.lines == [line[:LONGEST_KEPT_LINE]]


def test_a_failure_behind_all_phase_lines_that_are_kept_is_the_cause() -> None:
    others = [event(status="started", phase=f"p{number}") for number in range(200)]
    made = output(*others, event(status="failed", phase="last", error="too slow"))
    assert made.phases.phase == "last"
    assert made.error == StartupFailure(text="too slow")
    assert len(made.phases.events) == 200


def test_of_lines_that_are_read_late_it_is_known_that_they_came_before() -> None:
    """On a busy machine lines are read late, several at once: phases were no shorter for that."""
    read_at = iter((0.31, 0.31, 0.31, 0.75, 0.8, 0.84))
    log = PhaseLog(lambda: next(read_at))
    for phase, seconds in (("init", 0.01), ("database", 0.62), ("finalize", 0.03)):
        log.add({"phase": phase, "status": "started"})
        log.add({"phase": phase, "status": "completed", "seconds": seconds})
    assert log.began_at == pytest.approx(0.75 - 0.62 - 0.01)
    assert log.spans(0.0) == {
        "init": (0.12, 0.13), "database": (0.13, 0.75), "finalize": (0.8, 0.84),
    }  # fmt: skip
    assert log.seconds == {"init": 0.01, "database": 0.62, "finalize": 0.03}
