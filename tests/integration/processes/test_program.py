"""A program's answer is its first JSON object, whatever warnings stand around it."""

import sys
from pathlib import Path

import pytest

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.program import MOST_BYTES, start_program
from tests.support.helpers import alive, wait_until, written_pids

WRITES_PID = """
import os, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
(place / "new").write_text(f"{os.getpid()}\\n")
(place / "new").rename(place / "pid")
"""


def started(text: str, folder: Path, seconds: float = 20) -> dict[str, object]:
    """What the program says; it is stopped, and must have been alive until then."""
    command = [sys.executable, "-c", WRITES_PID + text, str(folder)]
    said, process = start_program("the part", command, seconds)
    (pid,) = written_pids(folder / "pid", 1)
    try:
        assert alive([pid]) == [pid]
    finally:
        process.stop()
    assert alive([pid]) == []
    return said


@pytest.mark.parametrize(
    "noise",
    [
        "",
        "print('Future exception was never retrieved', file=sys.stderr, flush=True)",
        "print('one'); print('[1]'); print('3'); print('{'); print()",
        "print('{\"half\": ', end='', flush=True); time.sleep(0.1); print()",
        "sys.stdout.buffer.write(b'\\xff\\x00\\n')",
    ],
)
def test_warnings_before_the_answer_are_passed_over(noise: str, tmp_path: Path) -> None:
    answer = 'print(\'{"url": "x"}\\nmore\', flush=True); time.sleep(100)'
    assert started(f"{noise}\n{answer}", tmp_path) == {"url": "x"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise ValueError('no such thing')", "ValueError: no such thing$"),
        ("print('first'); print('last', end='')", "last$"),
        ("", "it said nothing$"),
        ("print('waiting', flush=True); time.sleep(100)", "waiting$"),
        ("while True: print('x' * 1000)", "x{1000}"),
    ],
)
def test_without_an_answer_its_last_line_tells_why(text: str, told: str, tmp_path: Path) -> None:
    assert MOST_BYTES > 1000
    with pytest.raises(PartUnavailable, match=f"^the part did not start: {told}") as caught:
        started(text, tmp_path, seconds=2)
    assert "\n" not in str(caught.value)
    if (tmp_path / "pid").exists():
        (pid,) = written_pids(tmp_path / "pid", 1)
        wait_until(lambda: alive([pid]) == [], 20, "the program has ended")
