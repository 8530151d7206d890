"""Progress of long probes: on a real terminal, and without one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import chaos_command
from tests.support.repository import EXPERIMENTS
from tests.support.terminal import on_terminal

# A probe's progress, with the core's log as `chaos` sets it up; each step waits for a file.
PROGRAM = """
import logging, sys, time
from pathlib import Path
from chaoslib.log import configure_logger
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally

def step(name):
    deadline = time.monotonic() + 60
    while not Path(name).exists() and time.monotonic() < deadline:
        time.sleep(0.01)

configure_logger()
logger = logging.getLogger("chaostoolkit")
logger.info("the first line")
tally = Tally("Startups", 60, 24, success="ready", faults=lambda: ["toxic latency"])
with shown(tally, line_seconds=0.05) as ended:
    for number in range(10):
        ended("timed_out" if number % 5 == 4 else "ready")
    step("look")
    logger.info("a line while it is drawn, longer than the terminal is wide: " + "x" * 60)
    ended("ready")
    step("end")
logger.info("the last line")
print("rich" in sys.modules, flush=True)
"""
DRAWN = "9 ready, 2 timed out, 49 left"


# As with a hypothesis that is checked continuously, beside a probe of the method.
TWO_PROBES = """
import threading, time
from pathlib import Path
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally

def probe(what, name):
    with shown(Tally(what, 5, 24)):
        deadline = time.monotonic() + 60
        while not Path(name).exists() and time.monotonic() < deadline:
            time.sleep(0.01)

threads = [threading.Thread(target=probe, args=args) for args in (("One", "one"), ("Two", "two"))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    return {**kept, "TERM": "xterm-256color", **more}


def test_a_terminal_has_one_line_below_a_whole_log(program: list[str], tmp_path: Path) -> None:
    with on_terminal(program, tmp_path, environment()) as terminal:
        terminal.wait_for(lambda: "8 ready, 2 timed out, 50 left" in terminal.text)
        first = terminal.lines
        (tmp_path / "look").touch()
        terminal.wait_for(lambda: DRAWN in "\n".join(terminal.lines))
        second = terminal.lines
        assert terminal.cursor_shown
        (tmp_path / "end").touch()
        terminal.finish()
    assert terminal.returncode == 0
    assert first[0].endswith("INFO] the first line")
    assert len(first) == 2
    assert re.fullmatch(
        r"Startups \S{10} 8 ready, 2 timed out, 50 left; \d+\.\d of 24 s; toxic latency", first[1]
    )
    assert second[-1].startswith("Startups")
    assert [line for line in second if line.startswith("Startups")] == second[-1:]
    whole = terminal.text.splitlines()
    assert len(whole) == 4
    assert whole[1].endswith("longer than the terminal is wide: " + "x" * 60)
    assert whole[2].endswith("INFO] the last line")
    assert whole[3] == "True"
    assert "left" not in terminal.text
    assert terminal.cursor_shown


def test_probes_that_run_at_once_have_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TWO_PROBES)
    with on_terminal([sys.executable, "program.py"], tmp_path, environment()) as terminal:
        terminal.wait_for(
            lambda: sorted(line.split()[0] for line in terminal.lines) == ["One", "Two"]
        )
        (tmp_path / "one").touch()
        terminal.wait_for(lambda: [line.split()[0] for line in terminal.lines] == ["Two"])
        (tmp_path / "two").touch()
        terminal.finish()
    assert (terminal.returncode, terminal.lines) == (0, [])
    assert terminal.cursor_shown


def test_no_color_means_none(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "look").touch()
    with on_terminal(program, tmp_path, environment(NO_COLOR="1")) as terminal:
        terminal.wait_for(lambda: DRAWN in terminal.text)
        (tmp_path / "end").touch()
        terminal.finish()
    drawn = [part for part in terminal.raw.split(b"\r") if b"Startups" in part]
    assert drawn
    assert not [part for part in drawn if re.search(rb"\x1b\[[0-9;]*m", part)]


def test_a_dumb_terminal_has_lines(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "look").touch()
    with on_terminal(program, tmp_path, environment(TERM="dumb")) as terminal:
        terminal.wait_for(lambda: DRAWN in terminal.text)
        (tmp_path / "end").touch()
        terminal.finish()
    assert b"\x1b[?" not in terminal.raw
    assert "INFO] Startups: 9 ready" in terminal.text
    assert terminal.text.splitlines()[-1] == "False"


def test_without_a_terminal_there_are_lines_and_rich_is_not_loaded(
    program: list[str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        program,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "8 ready, 2 timed out, 50 left" in line:
            break
    (tmp_path / "look").touch()
    for line in process.stderr:
        if DRAWN in line:
            break
    (tmp_path / "end").touch()
    output, rest = process.communicate(timeout=60)
    assert re.search(r"INFO\].* Startups: 9 ready, 2 timed out, 49 left; [\d.]+ of 24 s;", line)
    assert rest.splitlines()[-1].endswith("the last line")
    assert output == "False\n"


def test_ctrl_c_leaves_the_terminal_clean(tmp_path: Path) -> None:
    command = [*chaos_command(), "run", str(EXPERIMENTS / "vpc_latency.json")]
    slow = environment(CHAOSNETRA_LATENCY_MS="4000")
    with on_terminal(command, tmp_path, slow) as terminal:
        terminal.wait_for(lambda: "left; " in terminal.text and "toxic" in terminal.text)
        terminal.press(b"\x03")
        terminal.finish()
    assert terminal.returncode == 1
    assert "  because       interrupted by SIGINT" in terminal.text
    assert "Verdict: inconclusive\n" in f"{terminal.text}\n"
    assert "left; " not in terminal.text
    assert terminal.cursor_shown
    written = (tmp_path / "journal.json").read_text() + (
        tmp_path / "journal.events.jsonl"
    ).read_text()
    assert "left; " not in written
