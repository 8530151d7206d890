"""How a run ends: with its own exit code, and a line that says what to change, come what may."""

import contextlib
import json
import os
import pty
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import experiments
from tests.support.experiments import control
from tests.support.helpers import wait_until
from tests.support.programs import chaos_command, merged

pytestmark = pytest.mark.usefixtures("user_modules")
JOURNAL = "chaosnetra.controls.journal"
SAFEGUARD = """
import threading
from chaoslib.exit import {function}

def unhealthy(): {function}()

def before_method_control(context, **_): threading.Timer(0.1, unhealthy).start()
"""
USER_MODULES = {
    "of_a_user": """
import shutil, sys, threading, time
from pathlib import Path
from chaoslib.exceptions import InterruptExecution
from chaoslib.exit import exit_gracefully, exit_ungracefully

def value(of): return of

def say(of):
    print("something")
    return of

def touch(file): Path(file).touch()

def remove(folder): shutil.rmtree(folder)

def nap(): time.sleep(20)

def leave(): sys.exit(4)

def log(seconds, mark):
    import logging
    logger = logging.getLogger("chaostoolkit")
    Path(mark).touch()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        logger.debug("x" * 200)
""",
    "guards": SAFEGUARD.format(function="exit_gracefully"),
    "harsh_guards": SAFEGUARD.format(function="exit_ungracefully"),
    "raises": """
from chaoslib.exceptions import InterruptExecution

def before_method_control(context, **_): raise InterruptExecution("too hot")
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where runs are started."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def activity(kind: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    return experiments.activity(kind, "of_a_user", function, **arguments)


def write(
    folder: Path,
    method: list[dict[str, Any]],
    after: bool = True,
    function: str = "value",
    controls: tuple[str, ...] = (JOURNAL,),
) -> None:
    """An experiment whose steady state holds, or not."""
    made = experiments.experiment(
        *method,
        controls=[control(name) for name in controls],
        probes=[{**activity("probe", function, of=after), "tolerance": True}],
        rollbacks=[activity("action", "touch", file=str(folder / "rolled-back"))],
    )
    (folder / "experiment.json").write_text(json.dumps(made))


def command(*options: str) -> list[str]:
    return [*chaos_command(), "run", *options, "experiment.json"]


def run(folder: Path, *options: str, **named: Any) -> subprocess.CompletedProcess[str]:
    return merged(command(*options), cwd=folder, stdin=subprocess.DEVNULL, **named)


def verdict(folder: Path) -> tuple[str, str]:
    section = json.loads((folder / "journal.json").read_text())["chaosnetra"]
    return section["verdict"], section["reason"]


# Nobody reads


@contextlib.contextmanager
def pipe_without_reader() -> Iterator[int]:
    read, written = os.pipe()
    os.close(read)
    yield written
    os.close(written)


@contextlib.contextmanager
def terminal_that_is_gone() -> Iterator[int]:
    ours, theirs = pty.openpty()
    os.close(ours)
    yield theirs
    os.close(theirs)


@contextlib.contextmanager
def full_device() -> Iterator[int]:
    device = os.open("/dev/full", os.O_WRONLY)
    yield device
    os.close(device)


@pytest.mark.parametrize("unread", [pipe_without_reader, terminal_that_is_gone, full_device])
@pytest.mark.parametrize(
    ("streams", "unbuffered"), [(("stdout",), ""), (("stdout", "stderr"), "1")]
)
def test_the_exit_code_is_the_verdicts_also_when_nobody_reads(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    unread: Callable[[], contextlib.AbstractContextManager[int]],
    streams: tuple[str, ...],
    unbuffered: str,
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    write(folder, [], function="say")
    with unread() as descriptor:
        given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        given |= dict.fromkeys(streams, descriptor)
        done = subprocess.run(
            command(), cwd=folder, stdin=subprocess.DEVNULL, timeout=60, check=False, **given
        )
    assert done.returncode == 0
    assert b"Traceback" not in (done.stderr or b"")
    assert verdict(folder)[0] == "held"


def test_the_exit_code_is_the_verdicts_also_with_closed_streams(folder: Path) -> None:
    write(folder, [], after=False, function="say")
    closing = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command()]
    done = subprocess.run(closing, cwd=folder, timeout=60, check=False)
    assert done.returncode == 1
    assert verdict(folder)[0] == "violated"


@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr")])
def test_a_command_ends_with_its_own_code_when_nobody_reads(
    folder: Path, streams: tuple[str, ...]
) -> None:
    write(folder, [])
    assert run(folder).returncode == 0
    program = str(Path(chaos_command()[0]).with_name("chaosnetra"))
    with pipe_without_reader() as descriptor:
        given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        given |= dict.fromkeys(streams, descriptor)
        held = subprocess.run(
            [program, "verdict", "journal.json"], cwd=folder, timeout=60, check=False, **given
        )
        unreadable = subprocess.run(
            [program, "verdict", "experiment.json"], cwd=folder, timeout=60, check=False, **given
        )
    assert (held.returncode, unreadable.returncode) == (0, 7)
    assert b"Traceback" not in (held.stderr or b"") + (unreadable.stderr or b"")


def test_a_command_whose_output_is_lost_says_so_in_one_line(folder: Path) -> None:
    write(folder, [])
    assert run(folder).returncode == 0
    program = str(Path(chaos_command()[0]).with_name("chaosnetra"))
    with full_device() as descriptor:
        done = subprocess.run(
            [program, "verdict", "journal.json"],
            cwd=folder,
            stdout=descriptor,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "Error: the output cannot be written: No space left on device\n"


# A journal that cannot be written


def no_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize(
    ("journal", "why", "limit"),
    [
        ("folder", "Is a directory", None),
        ("file/journal.json", "Not a directory", None),
        ("/proc/journal.json", "No such file or directory", None),
        ("/dev/full", "No space left on device", None),
        ("journal.json", "raise the limit on the size of files", no_files),
    ],
)
def test_a_journal_that_cannot_be_written_is_known_before_anything_is_injected(
    folder: Path, journal: str, why: str, limit: Callable[[], None] | None
) -> None:
    (folder / "folder").mkdir()
    (folder / "file").touch()
    before = set(folder.iterdir()) | set(Path("/dev").iterdir())
    write(folder, [activity("action", "touch", file=str(folder / "injected"))])
    done = run(folder, "--journal-path", journal, preexec_fn=limit)
    assert done.returncode == 1
    (said,) = [line for line in done.stdout.splitlines() if "ERROR" in line]
    assert "Verdict: inconclusive: the journal cannot be written" in said
    assert why in said
    assert "--journal-path" in said
    assert "Traceback" not in done.stdout
    made = {folder / "experiment.json", folder / "chaostoolkit.log"}
    assert set(folder.iterdir()) | set(Path("/dev").iterdir()) == before | made


def test_a_folder_that_is_deleted_during_the_run_leaves_no_verdict_of_held(folder: Path) -> None:
    (folder / "evidence").mkdir()
    write(folder, [activity("action", "remove", folder=str(folder / "evidence"))])
    done = run(folder, "--journal-path", "evidence/journal.json")
    assert done.returncode == 1
    (said,) = [line for line in done.stdout.splitlines() if "ERROR" in line]
    assert "the journal cannot be written to evidence/journal.json (No such file" in said
    assert "Traceback" not in done.stdout
    assert "Evidence:" not in done.stdout
    assert "Verdict: held" not in done.stdout
    assert (folder / "rolled-back").exists()


def test_nothing_is_made_beside_a_pipe(folder: Path) -> None:
    write(folder, [])
    os.mkfifo(folder / "pipe")
    with subprocess.Popen(command("--journal-path", "pipe"), cwd=folder) as process:
        journal = json.loads((folder / "pipe").read_text())
    assert process.returncode == 0
    assert journal["chaosnetra"]["verdict"] == "held"
    assert journal["chaosnetra"]["events_file"] is None
    assert not list(folder.glob("*.events.jsonl"))


def test_a_log_that_is_cut_short_is_told_in_one_line(folder: Path) -> None:
    write(folder, [activity("action", "log", seconds=0.1, mark=str(folder / "mark"))])
    size = 20_000

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = run(folder, preexec_fn=small_files)
    assert done.returncode == 0
    assert "Traceback" not in done.stdout
    told = [line for line in done.stdout.splitlines() if "WARNING" in line]
    (said,) = [line for line in told if "Rollbacks were" not in line]
    assert "chaostoolkit.log is not complete" in said
    assert "Verdict: held" in done.stdout
    assert "\x1b" not in done.stdout


# Who interrupted


@pytest.mark.parametrize(
    ("control", "method", "who", "rolled_back"),
    [
        ("guards", "nap", "control 'guards' (guards) (SIGUSR1)", True),
        ("harsh_guards", "nap", "control 'harsh_guards' (harsh_guards) (SIGUSR2)", False),
        ("raises", "nap", "control 'raises' (raises): too hot", True),
        (None, "leave", "of_a_user (exit with 4)", True),
    ],
)
def test_who_really_interrupted_is_told(
    folder: Path, control: str | None, method: str, who: str, rolled_back: bool
) -> None:
    controls = (JOURNAL,) if control is None else (JOURNAL, control)
    write(folder, [activity("action", method)], controls=controls)
    done = run(folder)
    assert done.returncode == 1
    left = "declared rollbacks were not played: 'touch'; what the method did may still be in place"
    reason = f"interrupted by {who}" if rolled_back else f"interrupted by {who}; {left}"
    assert verdict(folder) == ("inconclusive", reason)
    assert f"Verdict: inconclusive: interrupted by {who}" in done.stdout
    assert (folder / "rolled-back").exists() == rolled_back


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_from_elsewhere_is_told_by_its_name(folder: Path, number: signal.Signals) -> None:
    mark = folder / "mark"
    steps = [activity("action", "touch", file=str(mark)), activity("action", "nap")]
    write(folder, steps)
    with subprocess.Popen(command(), cwd=folder, stderr=subprocess.PIPE) as process:
        wait_until(mark.exists, 30, "the method")
        time.sleep(0.2)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 1
    assert verdict(folder) == ("inconclusive", f"interrupted by {number.name}")


# Signals in the middle of a line of the log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_in_the_middle_of_the_log_print_no_traceback(
    folder: Path, number: signal.Signals
) -> None:
    """A handler that logs meets the line that it interrupted: RuntimeError, reentrant call."""
    mark = folder / "mark"
    write(folder, [activity("action", "log", seconds=20, mark=str(mark))])
    with subprocess.Popen(
        command(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(mark.exists, 30, "the log")
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            process.send_signal(number)
            time.sleep(0.05)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "reentrant" not in said
    assert "Traceback" not in said
    assert verdict(folder) == ("inconclusive", f"interrupted by {number.name}")
