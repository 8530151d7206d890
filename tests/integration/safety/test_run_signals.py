"""Signals end a run with all undone and a whole journal, and no password shows."""

import signal
import subprocess
import time

import psutil
import pytest

from tests.integration.safety.disturbed import (
    CLEAN_SECONDS,
    EXPERIMENT,
    Start,
    Started,
)
from tests.long.campaign import Servers, until_clean

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.mark.parametrize(
    ("pause_seconds", "numbers"),
    [
        (0.0, [signal.SIGINT, signal.SIGINT]),
        (0.05, [signal.SIGINT, signal.SIGINT]),
        (0.5, [signal.SIGINT, signal.SIGINT]),
        (0.0, [signal.SIGTERM, signal.SIGTERM]),
        (0.05, [signal.SIGTERM, signal.SIGTERM]),
        (0.5, [signal.SIGTERM, signal.SIGTERM]),
        (0.0, [signal.SIGHUP]),
        (0.02, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTERM]),
    ],
    ids=lambda value: (
        "-".join(number.name for number in value) if isinstance(value, list) else None
    ),
)
@pytest.mark.parametrize("place", ["in the pause", "in a startup"])
def test_signals_leave_nothing_and_a_whole_journal(
    start: Start, numbers: list[signal.Signals], pause_seconds: float, place: str
) -> None:
    if place == "in the pause":
        run = start()
        run.reach_the_pause()
    else:
        run = start(CHAOSNETRA_COUNT="2")
        run.reach("fault.injected", "proxy ")
    for number in numbers:
        run.process.send_signal(number)
        time.sleep(pause_seconds)
    assert run.process.wait(30) == 1, run.output.read_text()
    assert_interrupted(run)


def test_a_signal_that_is_followed_by_a_kill_after_10_s_is_enough(start: Start) -> None:
    """As service managers and Cloud Run do it."""
    run = start()
    run.reach_the_pause()
    run.process.send_signal(signal.SIGTERM)
    try:
        assert run.process.wait(10) == 1, run.output.read_text()
    except subprocess.TimeoutExpired:  # a machine that is very busy
        run.kill()
        assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
        assert run.unreadable() == []
    else:
        assert_interrupted(run)


def assert_interrupted(run: Started) -> None:
    found, _ = until_clean(run.everything_left, CLEAN_SECONDS)
    assert found == []
    assert run.unreadable() == []
    assert run.journal["status"] == "interrupted"
    section = run.journal["chaosnetra"]
    assert (section["verdict"], section["cause"]) == ("inconclusive", "interrupted")
    assert {fault["undo"] for fault in section["faults"]} <= {"done", "already done"}
    assert run.events()[-1]["event"] == "run.ended"


def test_no_password_is_shown_anywhere(start: Start, servers: Servers) -> None:
    run = start(path=EXPERIMENT, CHAOSNETRA_DATABASE_STATE="fresh")
    secret = servers.database.password
    shown: set[str] = set()
    ledgers = ""

    def look() -> bool:
        nonlocal ledgers
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if secret in words:
                shown.add(words)
        for path in run.ledgers:
            try:
                ledgers += path.read_text()
            except FileNotFoundError:
                continue
        return run.has("activity.ended", "put-the-path-to-the-database-under-pressure")

    assert run.wait_for(look), run.output.read_text()
    run.kill()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        look()
    assert shown == set()
    assert "postgres.drop_schema" in ledgers
    assert secret not in ledgers
    assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
    texts = [path for path in run.folder.rglob("*") if path.is_file()]
    assert run.events_path in texts
    for path in texts:
        assert secret not in path.read_text(), path


def test_no_password_is_in_a_journal_that_a_signal_ended(start: Start, servers: Servers) -> None:
    run = start()
    run.reach_the_pause()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 1
    for path in (path for path in run.folder.rglob("*") if path.is_file()):
        assert servers.database.password not in path.read_text(), path
