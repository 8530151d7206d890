"""Whatever a startup leaves is ended; launches that are refused or interrupted."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from chaosnetra.errors import Interrupted, PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.startup.launcher import launch
from chaosnetra.startup.outcome import StartupOutcome, Status
from tests.support.helpers import alive, written_pids
from tests.support.launches import (
    DATABASE,
    ENOUGH,
    SERVE,
    launched,
    nothing_left_behind,
    one,
    plan_of,
    script,
)

pytestmark = pytest.mark.usefixtures("little_grace")

# Whatever it leaves


@nothing_left_behind
def test_background_job_of_a_shell_is_ended(tmp_path: Path) -> None:
    command = "echo $$ > pids; sleep 100 & echo $! >> pids; echo up; exec sleep 200"
    plan = plan_of(["sh", "-c", command], "log:up", directory=tmp_path)
    assert launched(plan)[0].status is Status.READY
    assert alive(written_pids(tmp_path / "pids", 2)) == []


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
