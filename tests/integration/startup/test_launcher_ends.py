"""Whatever a startup leaves is ended; launches that are refused or interrupted."""

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from chaosnetra.errors import Interrupted, PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import EndedBy, StartupOutcome, Status
from tests.support.helpers import ESCAPE, alive, wait_until, written_pids
from tests.support.launches import (
    DATABASE,
    ENOUGH,
    HTTP,
    SERVE,
    TCP,
    launched,
    nothing_left_behind,
    one,
    plan_of,
    script,
)

pytestmark = pytest.mark.usefixtures("little_grace")

# Whatever it leaves


@nothing_left_behind
def test_escaped_helper_and_stubborn_grandchild_are_ended_and_counted(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    text = f"{SERVE}{ESCAPE}\nescape({place})\nstubborn_child({place})\nwrite_pid({place})\n"
    text += f"await_pids({place}, 3)\nserve()"
    outcome = one(script(text), HTTP)
    assert outcome.status is Status.READY
    assert outcome.processes_left == 2
    assert alive(written_pids(pids, 3)) == []


@nothing_left_behind
def test_helper_of_a_target_that_failed_is_ended_and_counted(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"{ESCAPE}\nescape({str(pids)!r})\n"
    text += f"await_pids({str(pids)!r}, 1)\nraise SystemExit(3)"
    outcome = one(script(text), TCP)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)
    assert outcome.processes_left == 1
    assert alive(written_pids(pids, 1)) == []


@nothing_left_behind
def test_background_job_of_a_shell_is_ended(tmp_path: Path) -> None:
    command = "echo $$ > pids; sleep 100 & echo $! >> pids; echo up; exec sleep 200"
    plan = plan_of(["sh", "-c", command], "log:up", directory=tmp_path)
    assert launched(plan)[0].status is Status.READY
    assert alive(written_pids(tmp_path / "pids", 2)) == []


@nothing_left_behind
def test_target_that_ignores_sigterm_is_killed() -> None:
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    outcome = one(script(text + "print('up', flush=True); time.sleep(100)"), "log:up")
    assert (outcome.status, outcome.signal) == (Status.READY, signal.SIGKILL)
    assert outcome.ended_by is EndedBy.LAUNCHER


# Refused and interrupted


@nothing_left_behind
def test_fixed_port_in_use_is_refused_before_the_start(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        plan = plan_of(["touch", str(mark)], f"http://127.0.0.1:{port}/ready")
        with pytest.raises(PartUnavailable, match=f"port {port} .* is in use") as caught:
            launched(plan)
    assert "{port}" in str(caught.value)
    assert not mark.exists()


@nothing_left_behind
def test_fixed_port_for_several_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    port = free_port()
    with pytest.raises(PartUnavailable, match=f"one port {port}, but 2 startups"):
        launched(plan_of(["touch", str(mark)], f"tcp://127.0.0.1:{port}"), count=2)
    assert not mark.exists()


@nothing_left_behind
def test_fixed_port_that_is_free_is_used() -> None:
    port = free_port()
    outcome = one(script(SERVE + "serve()"), f"http://127.0.0.1:{port}/ready")
    assert outcome.status is Status.READY


@nothing_left_behind
def test_interruption_ends_everything_promptly(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    text = f"{ESCAPE}\nescape({place})\nwrite_pid({place})\ntime.sleep(100)"
    plan = plan_of(script(text), TCP)
    interrupted_at: list[float] = []

    def interrupted() -> bool:
        if not interrupted_at and pids.exists() and pids.read_text().count("\n") == 6:
            interrupted_at.append(time.monotonic())
        return bool(interrupted_at)

    with pytest.raises(Interrupted):
        launched(plan, Limits(60, 60, 5), count=3, interrupted=interrupted)
    assert time.monotonic() - interrupted_at[0] < 20
    assert alive(written_pids(pids, 6)) == []


@nothing_left_behind
def test_cancelled_launch_leaves_nothing(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    text = f"{ESCAPE}\nescape({place})\nwrite_pid({place})\ntime.sleep(100)"

    async def run() -> None:
        running = asyncio.create_task(
            launch(plan_of(script(text), TCP), [DATABASE] * 2, Limits(60, 60, 5))
        )
        await asyncio.to_thread(written_pids, pids, 4)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(run())
    wait_until(lambda: not alive(written_pids(pids, 4)), 20, "everything is ended")


def test_an_interrupted_launch_reports_no_startup_as_decided() -> None:
    told: list[StartupOutcome] = []
    plan = plan_of(["sleep", "60"], "exit")
    started = time.monotonic()
    with pytest.raises(Interrupted):
        asyncio.run(
            launch(
                plan,
                [DATABASE] * 2,
                ENOUGH,
                progress=told.append,
                interrupted=lambda: time.monotonic() - started > 0.3,
            )
        )
    assert told == []


def test_a_working_directory_that_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    plan = plan_of(["sleep", "1"], "exit", directory=tmp_path / "gone")
    with pytest.raises(PartUnavailable, match="cannot be started"):
        launched(plan)
