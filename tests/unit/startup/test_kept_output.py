"""What is kept of the output of a startup that is not ready."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.redaction import MASK, Redactor
from chaosnetra.startup.kept_output import (
    LAST_LINES,
    LONGEST_LINE,
    MOST_BYTES,
    MOST_DIFFERENT,
    Different,
    Keeping,
    bounded,
)
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.text import one_line

PYTHON = [
    "Traceback (most recent call last):", '  File "/app/db.py", line 3, in connect',
    "    raise OSError(111, 'Connection refused')",
    "ConnectionRefusedError: [Errno 111] Connection refused", "",
    "The above exception was the direct cause of the following exception:", "",
    "Traceback (most recent call last):", '  File "/app/main.py", line 9, in <module>',
    "    start()", "app.errors.StartupFailed: no database",
]  # fmt: skip
JAVA = [
    "org.springframework.beans.factory.BeanCreationException: Error creating bean",
    "\tat org.springframework.Factory.create(Factory.java:10)",
    "\t... 12 more",
    "Caused by: java.net.ConnectException: Connection refused",
    "\tat java.net.Socket.connect(Socket.java:1)",
]
NODE = [
    "Error: connect ECONNREFUSED 127.0.0.1:5432",
    "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16)",
    "    at node:internal/main",
]
GO = [
    "panic: dial tcp 127.0.0.1:5432: connect: connection refused",
    "",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/app/main.go:12 +0x1d",
    "exit status 2",
]


def kept(*lines: str, keeping: Keeping | None = None) -> tuple[str, ...]:
    output = Output()
    output.feed("stderr", "".join(f"{line}\n" for line in lines).encode(errors="replace"))
    output.feed("stderr", b"")
    return output.kept(keeping or Keeping())


def noise(count: int, word: str = "tidying up") -> list[str]:
    return [f"INFO {word} {number}" for number in range(count)]


def size(lines: tuple[str, ...]) -> int:
    return len(json.dumps(lines))


def shown(lines: list[str]) -> tuple[str, ...]:
    return tuple(line.replace("\t", "    ") for line in lines)


def test_a_short_output_is_kept_as_it_was() -> None:
    assert kept("one", "", "  two") == ("one", "", "  two")
    assert kept(*PYTHON) == tuple(PYTHON)
    assert kept() == ()


def test_of_a_longer_one_the_last_lines_are_kept() -> None:
    lines = noise(500)
    assert kept(*lines) == tuple(lines[-LAST_LINES:])


@pytest.mark.parametrize("lines", [PYTHON, JAVA, NODE, GO], ids=["python", "java", "node", "go"])
@pytest.mark.parametrize("after", [3, 60, 3000])
@pytest.mark.parametrize("before", [0, 1000])
def test_the_whole_traceback_is_kept_however_far_back(
    lines: list[str], after: int, before: int
) -> None:
    found = kept(*noise(before, "starting"), *lines, *noise(after))
    text = "\n".join(found)
    assert "\n".join(shown(lines)) in text, text
    assert found[-1] == f"INFO tidying up {after - 1}"
    if after > LAST_LINES:
        assert f"… {after - LAST_LINES:,} lines left out" in found
    assert len(found) <= len(lines) + LAST_LINES + 1


def test_a_traceback_that_reaches_into_the_last_lines_is_there_once() -> None:
    deep = [PYTHON[0], *[f'  File "/app/a.py", line {n}, in f' for n in range(80)], PYTHON[3]]
    assert kept(*noise(30), *deep, *noise(5)) == (*deep, *noise(5))


def test_the_traceback_in_a_field_of_json_is_kept_as_it_reads() -> None:
    stack = "\n".join(PYTHON)
    line = json.dumps({"message": "startup failed", "padding": "x" * 3000, "stack_trace": stack})
    found = kept("INFO hello", line)
    assert found[: len(PYTHON)] == tuple(PYTHON)
    assert found[-1].startswith('{"message": "startup failed"')
    assert len(found[-1]) == LONGEST_LINE


def test_a_line_that_looks_like_no_error_needs_no_place_of_its_own() -> None:
    assert kept("hello", *noise(100)) == tuple(noise(100)[-LAST_LINES:])


def test_terminals_and_readers_are_left_in_peace() -> None:
    found = kept(
        "\x1b[31mred\x1b[0m\x07", "a\rb\x00c", "\u202egnp.exe", "x\ty", "\x1b]0;title\x07z"
    )
    assert found == ("red", "a b c", " gnp.exe", "x    y", "z")
    output = Output()
    output.feed("stdout", b"caf\xe9 \xff\n")
    assert output.kept(Keeping()) == ("caf\ufffd \ufffd",)


def masking(*secrets: str) -> Keeping:
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    return Keeping(redactor.text)


@pytest.mark.parametrize(
    "before", [LONGEST_LINE - 4, LONGEST_LINE, LONGEST_LINE - 11, 2 * LONGEST_LINE - 20]
)
def test_no_half_of_a_secret_is_kept_where_a_line_is_cut(before: int) -> None:
    secret = "hunter2-hunter2"
    (line,) = kept("y" * before + secret + "z" * 5000, keeping=masking(secret))
    assert "hunter" not in line
    assert len(line) <= LONGEST_LINE


@pytest.mark.parametrize("nothing", ["\x1b[0m", "\x00"])
def test_what_is_taken_out_of_a_line_brings_no_half_of_a_secret_into_it(nothing: str) -> None:
    secret = "hunter2-hunter2"
    before = nothing * (3000 // len(nothing))
    line = before + "y" * (2 * LONGEST_LINE - len(before) - 8) + secret
    (found,) = kept(line, keeping=masking(secret))
    assert "hunter" not in found


def test_a_secret_with_colours_or_lines_in_it_is_masked() -> None:
    keeping = masking("correct-horse", "first line of key\nsecond line of key")
    found = kept(
        "p=correct\x1b[1m-horse", "first line of key", "second line of key", keeping=keeping
    )
    assert found[0] == f"p={MASK}"
    assert "line of key" not in "".join(found)


def test_wide_lines_stay_within_the_bound_and_the_error_keeps_its_place() -> None:
    wide = [f"{number} " + "é\\" * 900 for number in range(100)]
    found = kept(*PYTHON, *wide)
    assert size(found) <= MOST_BYTES
    assert found[: len(PYTHON)] == tuple(PYTHON)
    assert found[-1].startswith("99 ")
    deep = [PYTHON[0], *[f"  {n} " + "x" * 1800 for n in range(150)], PYTHON[3]]
    found = kept(*deep, *noise(100))
    assert size(found) <= MOST_BYTES
    assert found[0] == PYTHON[0]
    assert PYTHON[3] in found
    assert found[-1] == noise(100)[-1]


@pytest.mark.parametrize("most", [0, 1, 50, 1000])
def test_a_small_bound_is_kept_too(most: int) -> None:
    assert size(kept(*PYTHON, *noise(100), keeping=Keeping(most_bytes=most))) <= max(2, most)


CHUNKS = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.binary(max_size=200)
        | st.sampled_from(
            [b"\n", b"\x1b[", b"\xc2", *(f"{line}\n".encode() for line in PYTHON + GO)]
        ),
    ),
    max_size=40,
)


@given(CHUNKS, st.integers(0, 3000))
def test_any_bytes_are_kept_harmless_and_bounded(
    chunks: list[tuple[str, bytes]], most: int
) -> None:
    output = Output()
    for stream, chunk in chunks:
        output.feed(stream, chunk)
    found = output.kept(Keeping(str.upper, most))
    assert size(found) <= max(2, most)
    for line in found:
        assert line == one_line(line)
        line.encode()
    assert bounded(found) == tuple(line.rstrip() for line in found)


def test_memory_does_not_grow_with_what_is_printed() -> None:
    output = Output()
    chunk = b"".join(b'  File "a.py", line %d, in x\n' % number for number in range(2000))
    output.feed("stdout", PYTHON[0].encode() + b"\n" + chunk)
    tracemalloc.start()
    try:
        for _ in range(50):  # 3 MB
            output.feed("stdout", chunk)
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 1_000_000


# Of many startups


def failed(number: int, *lines: str) -> StartupOutcome:
    return StartupOutcome(number, Status.FAILED, 1.0, output=lines)


def of_all(make: Callable[[int], StartupOutcome], count: int) -> list[StartupOutcome]:
    different = Different()
    return [different.of(make(number)) for number in range(1, count + 1)]


def test_startups_that_print_the_same_but_for_numbers_share_an_output() -> None:
    def make(number: int) -> StartupOutcome:
        return failed(number, f"pid {number}: connection refused", f"at 0x{number:x}f")

    made = of_all(make, 1000)
    assert made[0] == replace(make(1), output_of=1)
    assert {one.output for one in made[1:]} == {()}
    assert {one.output_of for one in made} == {1}


def test_of_outputs_that_all_differ_the_first_are_kept() -> None:
    made = of_all(lambda number: failed(number, "x" * number * 30), 1000)
    assert [one.output_of for one in made[:MOST_DIFFERENT]] == list(range(1, MOST_DIFFERENT + 1))
    assert {(one.output, one.output_of) for one in made[MOST_DIFFERENT:]} == {((), None)}


def test_a_thousand_failures_fit_into_one_result() -> None:
    lines = kept(*["y" * 5000 for _ in range(200)])
    made = of_all(lambda number: failed(number, *lines, chr(96 + number) * 3), 1000)
    assert (
        len(json.dumps([one.to_json() for one in made])) < MOST_DIFFERENT * MOST_BYTES + 1_000_000
    )


def test_what_is_ready_has_none() -> None:
    ready = StartupOutcome(1, Status.READY, 1.0)
    assert Different().of(ready) == ready
