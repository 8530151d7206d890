"""What a target prints, and the cause that it tells."""

import asyncio
import time
import tracemalloc
from itertools import pairwise
from traceback import format_exc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.line_patterns import LinePattern
from chaosnetra.startup.output import (
    KEPT_FIRST,
    KEPT_LAST,
    LONGEST_ERROR,
    LONGEST_KEPT_LINE,
    LONGEST_LINE,
    Output,
)
from tests.support.printed import GIVING_UP, TRACEBACK, error, event, output, traceback


def test_nothing_printed_tells_nothing() -> None:
    made = Output()
    assert (made.lines, made.phases.events, made.phases.phase, made.error) == ([], [], None, None)
    assert made.phases.seconds == {}
    assert made.phases.first_at is None


def test_in_a_chain_the_first_exception_is_the_cause() -> None:
    found = error(
        *traceback(
            "asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already",
            "sqlalchemy.exc.OperationalError: could not connect",
            "RuntimeError: startup failed",
        ),
        GIVING_UP,
    )
    assert found.error_class == "TooManyConnectionsError"
    assert found.text == "TooManyConnectionsError: sorry, too many clients already"
    assert found.sqlstate == "53300"
    assert found.causes == (
        "RuntimeError: startup failed",
        "OperationalError: could not connect",
        "TooManyConnectionsError: sorry, too many clients already",
    )


def test_a_cancellation_is_not_the_cause() -> None:
    found = error(
        *traceback("asyncio.exceptions.CancelledError", "TimeoutError", "RuntimeError: no database")
    )
    assert (found.error_class, found.text) == ("TimeoutError", "TimeoutError")
    assert found.causes == ("RuntimeError: no database", "TimeoutError", "CancelledError")


def test_the_inner_exception_of_a_group_is_the_cause() -> None:
    async def connect() -> None:
        raise ValueError("no such database")

    async def start() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(connect())

    try:
        asyncio.run(start())
    except ExceptionGroup:
        printed = format_exc()
    found = error(*printed.splitlines(), GIVING_UP)
    assert (found.error_class, found.text) == ("ValueError", "ValueError: no such database")


def test_a_cancellation_alone_is_better_than_nothing() -> None:
    assert error(*traceback("asyncio.exceptions.CancelledError")).error_class == "CancelledError"


def test_an_exception_without_a_traceback_is_an_ordinary_line() -> None:
    found = error("ValueError: only mentioned", "something failed")
    assert (found.error_class, found.text) == (None, "something failed")


def test_a_traceback_behind_a_logs_prefix_is_found() -> None:
    lines = ["ERROR:    Traceback (most recent call last):", *traceback("KeyError: 'x'")[1:]]
    assert error(*lines, "", GIVING_UP).text == "KeyError: 'x'"


@pytest.mark.parametrize(
    ("last", "name", "text"),
    [
        ("OSError: [Errno 98] in use", "OSError", "OSError: [Errno 98] in use"),
        ("a.b.c.MyTimeout: late", "MyTimeout", "MyTimeout: late"),
        ("SystemExit: 3", "SystemExit", "SystemExit: 3"),
        ("KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("my.BudgetExpired: the budget", "BudgetExpired", "BudgetExpired: the budget"),
    ],
)
def test_exceptions_of_many_names_are_known(last: str, name: str, text: str) -> None:
    found = error(*traceback(last))
    assert (found.error_class, found.text) == (name, text)


@pytest.mark.parametrize(
    "giving_up",
    [
        GIVING_UP,
        "ERROR:    Application startup failed. Exiting.",
        "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker failed to boot.",
    ],
)
@pytest.mark.parametrize("cause", ["ERROR:    no route to the database", "CRITICAL: no route"])
def test_the_framework_giving_up_is_never_the_cause(giving_up: str, cause: str) -> None:
    found = error(cause, "INFO: bye", giving_up)
    assert "no route" in found.text
    assert "Application" not in found.text


@pytest.mark.parametrize(
    "line", ["Application startup failed. Exiting.", GIVING_UP, "Worker failed to boot."]
)
def test_the_framework_giving_up_is_no_cause_even_alone(line: str) -> None:
    assert output(line).error is None
    assert error("hello", line).text == "hello"


def test_without_any_error_the_last_line_has_to_do() -> None:
    assert error("one", "two", "", "  ").text == "two"


def test_blank_output_tells_nothing() -> None:
    assert output("", "   ").error is None


@pytest.mark.parametrize(
    ("line", "sqlstate"),
    [
        (
            'psql: error: connection to "::1" failed: FATAL:  sorry, too many clients already',
            "53300",
        ),
        (
            "psql: error: FATAL:  remaining connection slots are reserved for roles with SUPERUSER",
            "53300",
        ),
        ('psql: error: FATAL:  password authentication failed for user "u"', "28P01"),
        ("psql: error: FATAL:  the database system is starting up", "57P03"),
        ("FATAL:  the database system is shutting down", "57P03"),
        ("ERROR:  canceling statement due to statement timeout", "57014"),
        ("FATAL:  terminating connection due to administrator command", "57P01"),
        ("error: duplicate key (SQLSTATE 23505)", "23505"),
        ("Error: failed, sqlState=08006", "08006"),
        ("error: { code: '42P01' }", "42P01"),
        ("error: exit code ABCDE", None),
        ("psql: error: could not translate host name", None),
    ],
)
def test_sqlstates_are_found_in_what_clients_print(line: str, sqlstate: str | None) -> None:
    assert error(line).sqlstate == sqlstate


def test_the_sqlstate_of_a_driver_comes_from_its_class() -> None:
    found = error(*traceback("asyncpg.exceptions.InvalidPasswordError: no"))
    assert found.sqlstate == "28P01"
    assert error(*traceback("KeyError: 'x'")).sqlstate is None


def test_invalid_utf_8_is_replaced() -> None:
    made = Output()
    made.feed("stdout", b"caf\xe9 \xff\xfe\nnext\n")
    assert made.lines == ["caf\ufffd \ufffd\ufffd", "next"]


def test_windows_line_ends_are_taken_off() -> None:
    made = Output()
    made.feed("stdout", b"one\r\ntwo\r\n")
    assert made.lines == ["one", "two"]


def test_the_two_streams_do_not_mix_within_a_line() -> None:
    made = Output()
    made.feed("stdout", b"out ")
    made.feed("stderr", b"err ")
    made.feed("stdout", b"put\n")
    made.feed("stderr", b"or\n")
    assert made.lines == ["out put", "err or"]


def test_a_last_line_without_an_end_counts_when_its_stream_ends() -> None:
    made = Output()
    made.feed("stdout", b"last words")
    assert made.lines == []
    made.feed("stdout", b"")
    assert made.lines == ["last words"]
    made.feed("stdout", b"")
    assert made.lines == ["last words"]


def test_a_log_line_shows_readiness() -> None:
    made = Output(LinePattern(r"listening on \d+"))
    made.feed("stderr", b"starting\nlistening on \n")
    assert not made.matched
    made.feed("stderr", b"now listening on 8080\nother\n")
    assert made.matched


def test_no_line_keeps_readiness_busy() -> None:
    # Python's own engine needs longer than the universe has existed for this one.
    made = Output(LinePattern("(x+x+)+y"))
    began = time.process_time()
    made.feed("stdout", b"x" * 200_000 + b"\n")
    assert not made.matched
    assert time.process_time() - began < 1


def test_without_a_pattern_nothing_matches() -> None:
    assert not output("listening").matched


def test_many_lines_stay_bounded_and_keep_both_ends() -> None:
    made = Output()
    chunk = b"".join(b"line %d\n" % number for number in range(200_000))
    for start in range(0, len(chunk), 1 << 16):
        made.feed("stdout", chunk[start : start + (1 << 16)])
    assert len(made.lines) == KEPT_FIRST + KEPT_LAST
    assert (made.lines[0], made.lines[-1]) == ("line 0", "line 199999")


def test_a_cause_at_either_end_of_many_lines_is_found() -> None:
    noise = [f"line {number}" for number in range(5000)]
    assert error(*traceback("KeyError: 'early'"), *noise).text == "KeyError: 'early'"
    assert error(*noise, *traceback("KeyError: 'late'")).text == "KeyError: 'late'"


def test_a_line_without_an_end_stays_bounded() -> None:
    made = Output()
    chunk = b"x" * (1 << 16)
    tracemalloc.start()
    try:
        for _ in range(300):
            made.feed("stdout", chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    made.feed("stdout", b"\nnext\n")
    assert made.lines == ["x" * LONGEST_KEPT_LINE, "next"]
    assert peak < 2_000_000


def test_a_long_line_is_cut_however_it_arrives() -> None:
    line = b"x" * (LONGEST_LINE + 1) + b"\n"
    whole, pieces = Output(), Output()
    whole.feed("stdout", line)
    for start in range(0, len(line), 999):
        pieces.feed("stdout", line[start : start + 999])
    assert whole.lines == pieces.lines == ["x" * LONGEST_KEPT_LINE]


def test_error_texts_are_one_short_line() -> None:
    found = error(*traceback(f"KeyError: {'x ' * 1000}"))
    assert len(found.text) == LONGEST_ERROR
    assert found.text.endswith("…")


INTERESTING = st.sampled_from(
    [
        b"\n", b"\r\n", b"hello", b"ERROR: it failed\n", TRACEBACK.encode() + b"\n",
        b"asyncio.exceptions.CancelledError\n", b"x.TimeoutError: late\n", b"code: 53300",
        event(status="started", phase="a").encode() + b"\n",
        event(status="failed", phase="a", error="e", seconds=1).encode() + b"\n",
        b'{"startup_phase":', b"\xc3", b"\xa9", b"y" * (LONGEST_LINE - 1),
    ]
)  # fmt: skip
PRINTED = st.lists(INTERESTING | st.binary(max_size=10), max_size=12).map(b"".join)


def everything(made: Output) -> tuple[Any, ...]:
    return (
        made.lines,
        made.phases.events,
        made.phases.phase,
        made.phases.seconds,
        made.error,
        made.matched,
    )


@given(printed=PRINTED, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_how_bytes_arrive_makes_no_difference(printed: bytes, cuts: list[int]) -> None:
    pattern = LinePattern("hello|late")
    whole = Output(pattern, clock=lambda: 0.0)
    if printed:
        whole.feed("stdout", printed)
    whole.feed("stdout", b"")
    pieces = Output(pattern, clock=lambda: 0.0)
    places = sorted({0, *(cut % (len(printed) + 1) for cut in cuts), len(printed)})
    for start, end in pairwise(places):
        pieces.feed("stdout", printed[start:end])
    pieces.feed("stdout", b"")
    assert everything(pieces) == everything(whole)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=200))))
def test_any_bytes_can_be_read(chunks: list[tuple[str, bytes]]) -> None:
    made = Output(LinePattern("x"))
    for stream, chunk in chunks:
        made.feed(stream, chunk)
    everything(made)
    for line in made.lines:
        assert "\n" not in line
        assert len(line) <= LONGEST_KEPT_LINE


EVENT_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
EVENT_KEYS = st.sampled_from(
    [
        "phase", "status", "seconds", "error", "cause", "budget", "budget_seconds", "sqlstate",
        "error_class",
    ]
)  # fmt: skip


@given(
    st.lists(
        st.dictionaries(EVENT_KEYS, EVENT_VALUES | st.sampled_from(["failed", "completed"])),
        max_size=4,
    )
)
def test_any_phase_lines_can_be_read(events: list[dict[str, Any]]) -> None:
    made = output(*[event(**fields) for fields in events])
    everything(made)
    assert len(made.phases.events) <= len(events)
