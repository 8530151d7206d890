"""Runs that are killed, stopped, hung and out of time: their faults are taken back all the same.

The parts are configured ones that outlive the run, so that there is something to take back.
"""

import asyncio
import os
import signal
import time

import pytest

from tests.integration.safety.disturbed import (
    CLEAN_SECONDS,
    EXPERIMENT,
    LIGHT,
    Start,
)
from tests.long.campaign import Run, Servers, run_folder, until_clean

pytestmark = pytest.mark.usefixtures("nothing_left")

MOMENTS = {
    "in the baseline": ("fault.injected", "proxy "),
    "undo of the schema written": ("fault.undo_written", "schema "),
    "undo of the proxy written": ("fault.undo_written", "proxy "),
    "undo of the toxic written": ("fault.undo_written", "toxic "),
    "under the fault": ("fault.injected", "toxic "),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_run_that_is_killed_leaves_nothing(start: Start, moment: tuple[str, str]) -> None:
    run = start()
    run.reach(*moment)
    run.kill()
    run.assert_recovered_by_itself()


@pytest.mark.usefixtures("neighbour")
def test_a_group_that_is_killed_with_its_run_leaves_nothing(start: Start) -> None:
    run = start()
    run.reach("fault.injected", "toxic ")
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait(10)
    run.assert_recovered_by_itself()


def test_startups_that_are_in_progress_end_with_their_run(start: Start) -> None:
    """Their sessions are in the schema that is dropped."""
    run = start(path=EXPERIMENT, CHAOSNETRA_COUNT="3", CHAOSNETRA_DATABASE_STATE="fresh")
    run.reach("fault.injected", "toxic ")
    run.reach("activity.ended")
    time.sleep(1.0)
    run.kill()
    # A startup that is told to end has time to do so before its supervisor kills it.
    run.assert_recovered_by_itself()


def test_the_watchdog_is_there_from_the_first_undo_to_the_end(start: Start) -> None:
    run = start(path=EXPERIMENT, CHAOSNETRA_TARGET=LIGHT)
    run.reach("fault.undo_written")
    (watchdog,) = run.watchdogs()
    assert os.getsid(watchdog.pid) == watchdog.pid
    assert run.process.wait(100) == 0, run.output.read_text()
    assert not watchdog.is_running()
    assert run.everything_left() == []
    assert run.recovered() == []


def test_a_database_that_is_still_being_copied_is_not_left(start: Start, servers: Servers) -> None:
    """The server goes on with a copy whose client is gone, and makes it after the undo."""
    asyncio.run(kill_in_the_copy(start, servers))


async def kill_in_the_copy(start: Start, servers: Servers) -> None:
    import asyncpg

    # PostgreSQL waits up to 5 s for others to leave the database that it copies.
    blocker = await asyncpg.connect(servers.admin.named(servers.database.database).url, timeout=10)
    try:
        run = start(CHAOSNETRA_DATABASE_STATE="fresh")
        await asyncio.to_thread(run.reach, "fault.undo_written", "database ")
        await asyncio.sleep(0.3)
        run.kill()
        await asyncio.sleep(1.5)
    finally:
        await blocker.close()
    await asyncio.sleep(1.0)  # what is made now is made after a recovery that did not wait
    await asyncio.to_thread(run.assert_recovered_by_itself)


@pytest.mark.parametrize("delay_seconds", [0.0, 0.3])
def test_a_run_that_is_killed_while_its_stand_is_made_leaves_nothing(delay_seconds: float) -> None:
    """There is no server yet, and so no supervisor of one; but a folder, and a program in it."""
    with run_folder() as folder:
        run = Run(folder / "run", EXPERIMENT, {})
        try:
            # A file there may be Python's own, which tries whether the folder can be written to.
            assert run.wait_for(
                lambda: any(path.is_dir() for path in run.temporary.iterdir()), 30
            ), run.output.read_text()
            time.sleep(delay_seconds)
            run.process.kill()
            run.process.wait(10)
            found, _ = until_clean(run.left, CLEAN_SECONDS)
            assert found == []
        finally:
            run.end()


# Long enough for a slow machine to inject the fault in, and well below the minute under it.
TIME_TO_LIVE = "25"


@pytest.mark.timeout(200)
def test_when_its_time_is_over_a_run_ends_and_one_that_hangs_is_killed(start: Start) -> None:
    """It has 20 s to end by itself; one that does not move cannot."""
    runs = [
        start(CHAOSNETRA_TIME_TO_LIVE_SECONDS=TIME_TO_LIVE, CHAOSNETRA_TARGET=LIGHT)
        for _ in range(2)
    ]
    for run in runs:
        run.reach("fault.injected", "toxic ")
    ending, hanging = runs
    hanging.process.send_signal(signal.SIGSTOP)
    assert ending.process.wait(75) == 1, ending.output.read_text()
    assert hanging.process.wait(75) == -signal.SIGKILL
    hanging.assert_recovered_by_itself()
    assert ending.unreadable() == []
    assert ending.recovered() == []  # it did it itself
    assert ending.journal["status"] == "interrupted"
    assert ending.journal["chaosnetra"]["verdict"] == "inconclusive"
    assert {fault["undo"] for fault in ending.journal["chaosnetra"]["faults"]} == {"done"}
