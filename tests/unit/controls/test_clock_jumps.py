"""A wall clock that jumps reorders nothing, makes nothing unreadable, and moves no deadline."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from chaosnetra.durations import Deadline
from chaosnetra.evidence.journal.events import EventLog
from chaosnetra.faults import UNDO_PLAYERS, Undo, UndoReport, UndoResult
from chaosnetra.redaction import Redactor
from chaosnetra.running.run import Run
from chaosnetra.safety import ledger as ledger_module
from chaosnetra.safety.ledger import Ledger, read_ledger
from chaosnetra.safety.recovery import recover

DAY, YEAR = 86_400.0, 365 * 86_400.0
UNDO = Undo("test.clock", "take it back", {"url": "http://127.0.0.1:1"})
PLAYED: list[dict[str, Any]] = []


def play_clock(arguments: dict[str, Any]) -> UndoReport:
    PLAYED.append(arguments)
    return UndoReport(UndoResult.DONE, "")


class JumpingClock:
    """Wall time that at each reading lies a day back, a year ahead, or where it belongs."""

    def __init__(self) -> None:
        self._offsets = cycle((0.0, -DAY, YEAR, 0.0, YEAR, -DAY))

    def time(self) -> float:
        return REAL_TIME() + next(self._offsets)

    def now(self, zone: Any = None) -> datetime:
        return datetime.now(zone) + timedelta(seconds=next(self._offsets))


REAL_TIME = time.time


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    made = JumpingClock()
    monkeypatch.setattr(time, "time", made.time)
    jumping = SimpleNamespace(now=made.now, fromisoformat=datetime.fromisoformat)
    monkeypatch.setattr("chaosnetra.text.datetime", jumping)
    monkeypatch.setattr("chaosnetra.safety.recovery.datetime", jumping)
    monkeypatch.setitem(UNDO_PLAYERS, "test.clock", f"{__name__}:play_clock")
    PLAYED.clear()
    return made


def test_elapsed_seconds_never_go_back(tmp_path: Path) -> None:
    log = EventLog("run-1", Redactor())
    log.open(tmp_path / "events.jsonl")
    begun = time.monotonic()
    for number in range(30):
        log.record("step", {"number": number})
        time.sleep(0.002)
    took = time.monotonic() - begun
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(30))
    elapsed = [line["elapsed_seconds"] for line in lines]
    assert elapsed == sorted(elapsed)
    assert 0.05 <= elapsed[-1] - elapsed[0] <= took
    walls = [datetime.fromisoformat(line["at"]) for line in lines]
    assert walls != sorted(walls)  # the clock did jump
    assert all(wall.utcoffset() == timedelta(0) for wall in walls)


def test_a_ledger_is_readable_whatever_its_times_say(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    numbers = [ledger.add(UNDO) for _ in range(6)]
    ledger.done(numbers[1], "done")
    ledger.done(numbers[4], "already done")
    times = [json.loads(line)["at"] for line in ledger.path.read_text().splitlines()]
    assert times != sorted(times)
    assert max(times) - min(times) > YEAR
    contents = read_ledger(ledger.path)
    assert contents.run == "run-1"
    assert list(contents.open_entries) == [1, 3, 4, 6]
    assert all(undo == UNDO for undo in contents.open_entries.values())
    for number in (1, 3, 4, 6):
        ledger.done(number, "done")
    assert read_ledger(ledger.path).open_entries == {}
    ledger.close()
    assert not ledger.path.exists()


def test_recovery_plays_last_first_by_order_and_not_by_time(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    log = EventLog("run-1", Redactor())
    log.open(events)
    log.record("run.started")
    log.close()
    ledger = Ledger("run-1", tmp_path)
    ledger.events_path = events
    for number in range(5):
        ledger.add(Undo(UNDO.kind, UNDO.description, {"number": number}))
    ledger.close()
    results = list(recover(ledger.path))
    assert [result.report is not None for result in results] == [True] * 5
    assert [arguments["number"] for arguments in PLAYED] == [4, 3, 2, 1, 0]
    assert not ledger.path.exists()
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["event"] for line in told] == ["run.started", *["fault.recovered"] * 5]
    assert all(datetime.fromisoformat(line["at"]).utcoffset() == timedelta(0) for line in told)


@pytest.mark.skipif(sys.platform != "linux", reason="sets the time of boot that Linux tells")
@pytest.mark.parametrize("jump", [-DAY, YEAR])
def test_a_server_that_runs_is_not_gone_because_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """When a process began is computed from when the machine did, which moves with the clock."""
    ledger = Ledger("run-1", tmp_path)
    ledger.add_part("127.0.0.1:1", psutil.Process().pid)
    contents = read_ledger(ledger.path)
    assert not contents.part_is_gone(UNDO)
    # As another process, one that recovers, sees it after the clock was set.
    booted = psutil.boot_time() + jump
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted)
    monkeypatch.setattr("psutil._pslinux.BOOT_TIME", None, raising=False)  # older versions
    assert psutil.boot_time() == booted
    assert not contents.part_is_gone(UNDO)
    ledger.close()


def test_a_deadline_ends_neither_early_nor_late() -> None:
    begun = time.monotonic()
    deadline = Deadline.after(0.2)
    remaining = []
    while not deadline.passed:
        remaining.append(deadline.remaining_seconds)
        assert time.monotonic() - begun < 5
        time.sleep(0.005)
    assert time.monotonic() - begun >= 0.2
    assert deadline.remaining_seconds == 0.0
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[0] <= 0.2


def test_a_deadline_goes_by_the_clock_it_was_given() -> None:
    readings = iter((100.0, 100.0, 104.9, 105.0))
    deadline = Deadline.after(5, lambda: next(readings))
    assert deadline.remaining_seconds == 5.0
    assert not deadline.passed
    assert deadline.passed


@pytest.mark.parametrize("jump", [-DAY, YEAR])
def test_runs_that_begin_at_the_same_wall_time_have_ids_of_their_own(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    at = time.gmtime(datetime.now(UTC).timestamp() + jump)
    monkeypatch.setattr(time, "gmtime", lambda *seconds: at)
    assert len({Run().id for _ in range(50)}) == 50


def test_the_ledger_takes_its_times_from_the_clock_that_jumps() -> None:
    """Else the tests above show nothing."""
    readings = [ledger_module.time.time() for _ in range(6)]
    assert max(readings) - min(readings) > YEAR
