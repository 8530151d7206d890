"""The watchdog beside a process that forks, and one that somebody ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from chaosnetra.safety.ledger import SUFFIX
from tests.support.helpers import alive, wait_until, written_pids
from tests.support.repository import ROOT

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc"),
]
WATCHDOG = "safety/watchdog.py"
# How long a helper of a run lives on without it, and within what time the undo must be played.
HELPER_SECONDS = 60
UNDONE_SECONDS = 20.0

# Its fault is a folder that bears its id, and its server a program under a supervisor.
RUN = """
import os, sys, time
from pathlib import Path
from chaosnetra.faults import Undo
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.safety.watchdog_process import WatchdogProcess
from chaosnetra.safety.ledger import Ledger

LABEL = "20260101t000000-abcdef"
UNDO = Undo("stand.remove_folders", "remove the folders", {"label": LABEL})
watchdog_process = WatchdogProcess(float(sys.argv[2]))
ledger = Ledger(LABEL, guarded=watchdog_process.guard)
ledger.add(UNDO)
fault = Path(sys.argv[1]) / f"chaosnetra-{LABEL}-fault"
fault.mkdir()
kept = SupervisedProcess(["sleep", "100"], output=os.open(os.devnull, os.O_WRONLY))

def tell(*pids):
    with open(Path(sys.argv[1]) / "pids", "a") as file:
        file.write("".join(f"{pid}\\n" for pid in pids))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts runs that do something `then`, ended with the test."""
    runs: list[subprocess.Popen[bytes]] = []

    def start_one(then: str, seconds: float = 100) -> subprocess.Popen[bytes]:
        runs.append(subprocess.Popen([sys.executable, "-c", RUN + then, folder, str(seconds)]))
        return runs[-1]

    yield start_one
    for run in runs:
        run.kill()
        run.wait(10)


def left(folder: Path) -> list[Path]:
    return [*folder.glob("chaosnetra-*"), *folder.rglob(f"*{SUFFIX}")]


def test_a_helper_that_a_run_forked_keeps_no_undo_waiting(start: Start, folder: Path) -> None:
    run = start(
        f"""
helper = os.fork()
if helper == 0:
    time.sleep({HELPER_SECONDS})
    os._exit(0)
tell(helper, kept.pid)
time.sleep(100)
"""
    )
    helper, server = written_pids(folder / "pids", 2, 30)
    assert len(left(folder)) == 2
    run.kill()
    try:
        wait_until(lambda: not left(folder), UNDONE_SECONDS, "the undo")
        wait_until(lambda: not alive([server]), UNDONE_SECONDS, "the end of the run's server")
        assert alive([helper]) == [helper]
    finally:
        os.kill(helper, signal.SIGKILL)


def test_a_copy_that_keeps_the_pipe_open_does_not_hide_the_end_of_the_run(
    start: Start, folder: Path
) -> None:
    """One that no Python forked: it passes by what closes the pipe in copies."""
    run = start(
        f"""
pipe = watchdog_process._process.stdin.fileno()
holder = __import__("subprocess").Popen(["sleep", "{HELPER_SECONDS}"], pass_fds=(pipe,))
tell(holder.pid)
time.sleep(100)
"""
    )
    (holder,) = written_pids(folder / "pids", 1, 30)
    run.kill()
    try:
        wait_until(lambda: not left(folder), UNDONE_SECONDS, "the undo")
    finally:
        os.kill(holder, signal.SIGKILL)


def test_a_watchdog_that_was_ended_is_replaced_before_the_next_undo(
    start: Start, folder: Path
) -> None:
    run = start(
        """
watchdog_process._process.kill()
watchdog_process._process.wait()
ledger.add(UNDO)
tell(watchdog_process._process.pid)
time.sleep(100)
"""
    )
    (watchdog,) = written_pids(folder / "pids", 1, 30)
    assert WATCHDOG in " ".join(psutil.Process(watchdog).cmdline())
    run.kill()
    wait_until(lambda: not left(folder), UNDONE_SECONDS, "the undo")


@pytest.mark.parametrize("hard", [True, False])
def test_a_watchdog_that_cannot_write_undoes_all_and_ends(
    start: Start, folder: Path, hard: bool
) -> None:
    """Its files may have no size at all. A limit that it may lift itself is none."""
    before = "" if hard else "resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))\n"
    after = "resource.prlimit(watchdog_process._process.pid, resource.RLIMIT_FSIZE, (0, 0))\n"
    run = start(
        f"""
import resource
{before}watchdog_process._process.kill()
watchdog_process._process.wait()
watchdog_process.guard(ledger.path)
{after if hard else ""}resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
tell(watchdog_process._process.pid)
time.sleep(100)
"""
    )
    (watchdog,) = written_pids(folder / "pids", 1, 30)
    run.kill()
    run.wait(10)
    wait_until(lambda: not list(folder.glob("chaosnetra-*")), UNDONE_SECONDS, "the undo")
    wait_until(lambda: not alive([watchdog]), UNDONE_SECONDS, "the end of the watchdog")
    # What the ledger could not be told is left to `recover`.
    assert bool(left(folder)) == hard


def test_a_run_out_of_time_is_ended_by_what_is_surely_it(start: Start, folder: Path) -> None:
    run = start("time.sleep(100)\n", seconds=1)
    assert run.wait(30) == -signal.SIGTERM
    wait_until(lambda: not left(folder), UNDONE_SECONDS, "the undo")


def test_a_process_that_is_not_its_parent_is_never_signalled(folder: Path) -> None:
    """Its number has passed to another one since."""
    program = ROOT / "chaosnetra" / "safety" / "watchdog.py"
    with subprocess.Popen(["sleep", "100"]) as bystander:
        command = [sys.executable, "-I", "-S", str(program), str(folder / "none"), "0.2"]
        with subprocess.Popen([*command, str(bystander.pid)], stdin=subprocess.PIPE) as watchdog:
            try:
                assert watchdog.wait(30) == 0
                assert bystander.poll() is None
            finally:
                watchdog.kill()
                bystander.kill()


def test_a_copy_that_ends_does_not_end_the_run(folder: Path) -> None:
    """Nor does it take back what the run has injected."""
    program = """
import os
from chaosnetra.running.session import current_session
session = current_session({})
session.staging._at_close.append(lambda: print("closed", flush=True))
copy = os.fork()
if copy == 0:
    raise SystemExit(0)
os.waitpid(copy, 0)
print("on it goes", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert done.stdout == b"on it goes\nclosed\n"
