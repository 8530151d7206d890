"""The supervisor ends a command with everything that descends from it."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.supervised import SupervisedProcess, supervisor_command
from tests.support.helpers import ESCAPE, alive, wait_until, written_pids

pytestmark = pytest.mark.usefixtures("nothing_left")

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {}"


def records_of(*command: str, stop_after: str | None = None, grace: float = 1) -> list[dict]:
    """Everything the supervisor reports; asked to stop once the command printed `stop_after`."""
    status_read, status_write = os.pipe()
    with (
        os.fdopen(status_read, "rb") as status,
        subprocess.Popen(
            supervisor_command(command, status_fd=status_write, grace_seconds=grace),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(status_write,),
            start_new_session=True,
        ) as supervisor,
    ):
        os.close(status_write)
        assert supervisor.stdout is not None
        assert supervisor.stdin is not None
        if stop_after is not None:
            assert supervisor.stdout.readline().decode().strip() == stop_after
            supervisor.stdin.close()
        assert select.select([status], [], [], 20)[0]
        raw = status.read()
        supervisor.stdout.read()
        assert supervisor.wait(timeout=20) == 0
    return [json.loads(line) for line in raw.splitlines()]


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


@pytest.mark.parametrize("code", [0, 1, 3, 7, 255])
def test_exit_code_is_reported(code: int) -> None:
    started, exited, gone = records_of("sh", "-c", f"exit {code}")
    assert (started["event"], started["error"], started["complete"]) == ("started", "", True)
    assert exited["event"] == "exited"
    assert (exited["code"], exited["signal"], exited["asked"]) == (code, None, False)
    assert (gone["event"], gone["left"]) == ("gone", 0)
    assert started["at"] <= exited["at"] <= gone["at"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_signal_that_ends_the_command_is_reported(number: signal.Signals) -> None:
    _, exited, _ = records_of("sh", "-c", f"kill -{int(number)} $$")
    assert (exited["code"], exited["signal"], exited["asked"]) == (None, int(number), False)


def test_asked_to_stop_is_told_from_ended_by_itself() -> None:
    script = "import signal, sys, time\n"
    script += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
    script += "print('up', flush=True); time.sleep(100)"
    _, exited, gone = records_of(*python(script), stop_after="up")
    assert (exited["code"], exited["signal"], exited["asked"]) == (5, None, True)
    assert gone["left"] == 0


def test_ignored_sigterm_ends_in_sigkill_after_the_grace() -> None:
    script = STUBBORN.format("print('up', flush=True); time.sleep(100)")
    started = time.monotonic()
    _, exited, _ = records_of(*python(script), stop_after="up", grace=0.5)
    assert (exited["code"], exited["signal"], exited["asked"]) == (None, signal.SIGKILL, True)
    assert 0.5 <= time.monotonic() - started < 15


def test_command_gets_default_signals_and_no_standard_input() -> None:
    script = (
        "import signal, sys\n"
        "names = ('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE')\n"
        # Python itself sets the handlers of two of them.
        "ignored = open('/proc/self/status').read().split('SigIgn:')[1].split()[0]\n"
        "bits = int(ignored, 16)\n"
        "held = [n for n in names[1:3] if bits >> (getattr(signal, n) - 1) & 1]\n"
        "sys.exit(9 if held or sys.stdin.read() else 0)"
    )
    _, exited, _ = records_of(*python(script))
    assert exited["code"] == 0


def test_processes_left_behind_are_ended_and_counted(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # It ends by itself, once its helper is there.
    script = f"{ESCAPE}\nescape({str(pids)!r})\nawait_pids({str(pids)!r}, 1)"
    _, exited, gone = records_of(*python(script))
    assert exited["code"] == 0
    assert gone["left"] == 1
    assert alive(written_pids(pids, 1)) == []


def test_stop_ends_escaped_and_stubborn_descendants(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    script = f"{ESCAPE}\nescape({place})\nstubborn_child({place})\nwrite_pid({place})\n"
    script += "time.sleep(200)"
    kept = SupervisedProcess(python(script), output=subprocess.DEVNULL, grace_seconds=1)
    found = written_pids(pids, 3)
    assert sorted(alive(found)) == sorted(found)
    assert kept.pid in found
    assert not kept.exited
    started = time.monotonic()
    kept.stop()
    assert alive(found) == []
    assert time.monotonic() - started < 15


def test_stop_ends_a_shells_background_job() -> None:
    kept = SupervisedProcess(
        ["sh", "-c", "sleep 100 & exec sleep 200"], output=subprocess.DEVNULL, grace_seconds=1
    )
    wait_until(
        lambda: psutil.Process(kept.pid).name() == "sleep", 15, "the shell has become a sleep"
    )
    found = [kept.pid, *(child.pid for child in psutil.Process(kept.pid).children())]
    assert len(found) == 2
    kept.stop()
    assert alive(found) == []


def test_exited_says_that_the_command_ended() -> None:
    kept = SupervisedProcess(["sh", "-c", "exit 3"], output=subprocess.DEVNULL)
    try:
        wait_until(lambda: kept.exited, 15, "the command has ended")
    finally:
        kept.stop()


def test_output_environment_and_directory_reach_the_command(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        kept = SupervisedProcess(
            ["/bin/sh", "-c", "echo $GIVEN; pwd; echo wrong >&2"],
            output=output,
            environment={"GIVEN": "value"},
            directory=tmp_path,
        )
    wait_until(lambda: kept.exited, 15, "the command has ended")
    kept.stop()
    assert log.read_text().splitlines() == ["value", str(tmp_path), "wrong"]


@pytest.mark.parametrize("program", ["/nowhere/no-such-program", "no-such-program-9f3"])
def test_missing_program_is_one_line(program: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(PartUnavailable) as caught:
        SupervisedProcess([program], output=subprocess.DEVNULL, remove=[folder])
    text = str(caught.value)
    assert "could not be started" in text
    assert "No such file" in text
    assert "\n" not in text
    assert not folder.exists()


def test_program_without_permission_is_one_line(tmp_path: Path) -> None:
    program = tmp_path / "plain.txt"
    program.write_text("no program")
    with pytest.raises(PartUnavailable, match="Permission denied"):
        SupervisedProcess([str(program)], output=subprocess.DEVNULL)


def test_remove_happens_after_everything_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("text")
    beside = tmp_path / "beside"
    beside.mkdir()
    kept = SupervisedProcess(["sleep", "100"], output=subprocess.DEVNULL, remove=[folder])
    assert folder.exists()
    kept.stop()
    assert not folder.exists()
    assert beside.exists()


def test_parent_killed_ends_everything_and_removes_folders(tmp_path: Path) -> None:
    pids, folder = tmp_path / "pids", tmp_path / "data"
    folder.mkdir()
    place = repr(str(pids))
    command = f"{ESCAPE}\nescape({place})\nstubborn_child({place})\nwrite_pid({place})\n"
    command += "time.sleep(200)"
    parent_script = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from chaosnetra.processes.supervised import SupervisedProcess as Supervised\n"
        f"kept = Supervised([sys.executable, '-c', {command!r}], output=subprocess.DEVNULL,\n"
        f"    grace_seconds=0.5, remove=[Path({str(folder)!r})])\n"
        "time.sleep(200)"
    )
    with subprocess.Popen([sys.executable, "-c", parent_script]) as parent:
        try:
            found = written_pids(pids, 3)
            found += [child.pid for child in psutil.Process(parent.pid).children()]
            assert len(found) == 4
        finally:
            parent.kill()
    wait_until(lambda: not alive(found), 15, "all descendants are gone")
    wait_until(lambda: not folder.exists(), 15, "the folder is removed")


def test_supervisor_killed_takes_the_command_with_it() -> None:
    kept = SupervisedProcess(["sleep", "100"], output=subprocess.DEVNULL)
    supervisor = psutil.Process(kept.pid).ppid()
    try:
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not alive([kept.pid]), 15, "the command is gone")
    finally:
        kept.stop()


def test_signals_of_the_terminal_do_not_end_the_supervisor() -> None:
    kept = SupervisedProcess(["sleep", "100"], output=subprocess.DEVNULL)
    supervisor = psutil.Process(kept.pid).ppid()
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(supervisor, number)
        time.sleep(0.2)
        assert alive([supervisor, kept.pid]) == [supervisor, kept.pid]
        assert not kept.exited
    finally:
        kept.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as another user")
def test_command_runs_as_the_given_user() -> None:
    from chaosnetra.processes.supervised import User

    kept = SupervisedProcess(
        ["/bin/sleep", "9"], output=subprocess.DEVNULL, user=User(65534, 65534)
    )
    try:
        process = psutil.Process(kept.pid)
        assert set(process.uids()) == {65534}
        assert set(process.gids()) == {65534}
        groups = Path(f"/proc/{kept.pid}/status").read_text().split("Groups:")[1]
        assert groups.splitlines()[0].split() == []
    finally:
        kept.stop()


HEAVY = """
import signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ballast = bytearray(300_000_000)
ballast[::4096] = b"x" * len(ballast[::4096])
for _ in range(8):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
print("up", flush=True)
time.sleep(3600)
"""


def test_the_end_of_one_that_takes_a_while_to_die_is_reported() -> None:
    for _ in range(3):
        _, exited, gone = records_of(*python(HEAVY), stop_after="up", grace=0.1)
        assert (exited["code"], exited["signal"], exited["asked"]) == (None, signal.SIGKILL, True)
        assert gone["left"] == 0


def test_one_whose_first_thread_has_ended_still_runs_and_is_ended() -> None:
    script = (
        "import ctypes, signal, threading, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def live():\n"
        "    time.sleep(0.3)\n"
        "    print('up', flush=True)\n"
        "    time.sleep(3600)\n"
        "threading.Thread(target=live).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    _, exited, _ = records_of(*python(script), stop_after="up", grace=0.1)
    assert (exited["signal"], exited["asked"]) == (signal.SIGKILL, True)


def test_a_child_of_one_whose_first_thread_has_ended_is_found(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = (
        f"{ESCAPE}\nimport ctypes, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def live():\n"
        "    time.sleep(0.3)\n"
        f"    stubborn_child({str(pids)!r})\n"
        f"    await_pids({str(pids)!r}, 1)\n"
        "    print('up', flush=True)\n"
        "    time.sleep(3600)\n"
        "threading.Thread(target=live).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    *_, gone = records_of(*python(script), stop_after="up", grace=0.1)
    assert gone["left"] == 1
    assert alive(written_pids(pids, 1)) == []
