"""The record of a day: replayed, torn, damaged, locked, and deaf to clocks that jump."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.errors import Unreadable
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.gameday.record.entries import (
    NAME,
    Entry,
    day_seconds,
    plan_of,
    read_entries,
    state_of,
)
from chaosnetra.gameday.record.folders import PlanLock, find_folder, latest_folder, new_folder
from chaosnetra.gameday.record.record import Clock, InUse, Record, RecordLost
from chaosnetra.gameday.record.states import DayStage, Kind, NotAllowed
from chaosnetra.gameday.report.happened import read_day
from chaosnetra.runner.ending import RunIdentity
from tests.unit.gameday.test_reading import plan, written


@pytest.fixture
def day(tmp_path: Path) -> GameDay:
    found, _ = read_gameday(written(tmp_path, plan()))
    assert found is not None
    return found.acting(rehearsal=False)


@pytest.fixture
def record(tmp_path: Path, day: GameDay) -> Record:
    return Record.opened(tmp_path / "days" / "one", day, {"pid": 1})


ENTRY = {"number": 2, "kind": "checked", "at": "", "monotonic_seconds": 0, "boot": "", "data": {}}


class SetClock(Clock):
    """A clock on the wall that somebody sets, beside one that nobody does."""

    def __init__(self, walls: list[str]) -> None:
        object.__setattr__(self, "_walls", iter(walls))
        object.__setattr__(self, "_now", 0.0)

    def wall(self) -> str:
        return str(next(self._walls))  # type: ignore[attr-defined]

    def monotonic_seconds(self) -> float:
        object.__setattr__(self, "_now", self._now + 10)  # type: ignore[attr-defined]
        return float(self._now)  # type: ignore[attr-defined]

    def boot(self) -> str:
        return "one"


def test_what_was_written_is_read_again(record: Record) -> None:
    record.write(Kind.CHECKED, {"present": ["Ada"]})
    record.write(Kind.NOTED, {"what": "observation", "by": "Ada", "text": "line\nend"})
    entries = read_entries(record.folder)
    assert entries == record.entries
    assert state_of(entries, 1, record.folder) == record.state
    assert plan_of(entries, record.folder) == record.day


def test_what_is_not_allowed_is_not_written(record: Record) -> None:
    before = (record.folder / NAME).read_bytes()
    with pytest.raises(NotAllowed):
        record.write(Kind.RUN_BEGUN, {})
    assert (record.folder / NAME).read_bytes() == before


# Each write waits for the disk, which may be busy.
@settings(deadline=None)
@given(st.integers(0, 400), st.binary(max_size=30).filter(lambda raw: b"\n" not in raw))
def test_a_torn_last_line_is_passed_over_and_mended(cut: int, rubbish: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, _ = read_gameday(written(folder, plan()))
        assert found is not None
        record = Record.opened(folder / "day", found, {})
        record.write(Kind.CHECKED, {})
        whole = (record.folder / NAME).read_bytes()
        record.close()
        second = whole.split(b"\n")[1]
        (record.folder / NAME).write_bytes(whole + second[:cut] + rubbish)
        again = Record.reopened(record.folder)
        assert again.state.stage is DayStage.ANNOUNCING
        again.write(Kind.ANNOUNCED, {})
        again.close()
        assert [entry.number for entry in read_entries(record.folder)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"\xff",
        b"[" * 100_000,
        json.dumps({**ENTRY, "number": 9}).encode(),
        json.dumps({**ENTRY, "kind": "danced"}).encode(),
        json.dumps({**ENTRY, "data": 1}).encode(),
    ],
)
def test_damage_elsewhere_is_named_with_its_line(record: Record, line: bytes) -> None:
    path = record.folder / NAME
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(Unreadable, match=r"record.jsonl:2: the record is damaged"):
        read_entries(record.folder)


def test_a_record_of_what_cannot_have_happened_is_damaged(record: Record) -> None:
    path = record.folder / NAME
    entry = {**record.entries[0].to_json(), "number": 2, "kind": "go", "data": {}}
    path.write_bytes(path.read_bytes() + json.dumps(entry).encode() + b"\n")
    with pytest.raises(Unreadable, match="go cannot happen while checking"):
        state_of(read_entries(record.folder), 1, record.folder)


def test_another_version_is_refused(record: Record) -> None:
    path = record.folder / NAME
    entry = record.entries[0].to_json()
    entry["data"]["version"] = 2
    path.write_text(json.dumps(entry) + "\n")
    with pytest.raises(Unreadable, match="its version is 2, this one reads 1"):
        read_entries(record.folder)


def test_two_do_not_lead_the_same_day(record: Record) -> None:
    with pytest.raises(InUse, match="another conductor"):
        Record.reopened(record.folder)
    record.close()
    Record.reopened(record.folder).close()


def test_two_do_not_lead_days_of_the_same_file(record: Record, day: GameDay) -> None:
    lock = PlanLock(day.path)
    lock.point_to(record.folder)
    with pytest.raises(InUse, match="another conductor"):
        PlanLock(day.path)
    lock.close()
    PlanLock(day.path).close()
    assert latest_folder(day.path) == record.folder.resolve()
    assert find_folder(day.path) == record.folder.resolve()
    assert find_folder(record.folder) == record.folder


def test_a_shorter_name_replaces_a_longer_one(record: Record, day: GameDay, tmp_path: Path) -> None:
    lock = PlanLock(day.path)
    lock.point_to(tmp_path / ("long" * 50))
    lock.point_to(record.folder)
    lock.close()
    assert latest_folder(day.path) == record.folder.resolve()


def test_a_day_that_is_not_there_is_named(tmp_path: Path) -> None:
    for what in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(Unreadable, match=str(what)):
            find_folder(what)


def test_days_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    found = set()
    for _ in range(3):
        folder = new_folder(Path("vpc.json"), tmp_path)
        folder.mkdir()
        found.add(folder)
    assert len(found) == 3


def test_secrets_do_not_get_into_the_record(
    tmp_path: Path, day: GameDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", "hunter2hunter2")
    record = Record.opened(tmp_path / "days" / "two", day, {})
    record.learn_secrets({"URL": "postgresql://me:s3cr3tword@db/x"})
    record.write(Kind.NOTED, {"text": "it is hunter2hunter2 and s3cr3tword"})
    raw = (record.folder / NAME).read_text()
    assert "hunter2" not in raw
    assert "s3cr3tword" not in raw
    assert record.shown("s3cr3tword") == "***"


def test_a_repetition_keeps_the_secret_that_the_record_has_not(record: Record) -> None:
    url = "postgresql://me:s3cr3tword@db/x"
    record.learn_secrets({"database_url": url})
    for kind in (Kind.CHECKED, Kind.ANNOUNCED, Kind.GO, Kind.RUN_BEGUN, Kind.RUN_ENDED):
        record.write(kind)
    record.write(Kind.REPEATED, {"parameters": {"database_url": url}})
    assert record.state.changed == {"database_url": url}
    assert "s3cr3tword" not in (record.folder / NAME).read_text()


def test_a_damaged_number_of_a_process_is_that_of_none(tmp_path: Path) -> None:
    for damaged in ({"pid": "x", "started": 1}, {"pid": 1, "started": "soon"}, {"pid": -1}, {}):
        assert not RunIdentity.of(damaged, tmp_path).is_alive()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, day: GameDay) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordLost, match="cannot be written"):
        Record.opened(tmp_path / "file" / "day", day, {})


def test_a_write_that_fails_changes_nothing(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, entries = record.state, list(record.entries)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RecordLost, match="No space left"):
            record.write(Kind.CHECKED, {})
    assert (record.state, record.entries) == (state, entries)


def test_a_clock_that_is_set_moves_nothing(tmp_path: Path, day: GameDay) -> None:
    walls = [
        "2026-12-03T09:00:00.000+00:00",
        "2026-12-03T09:00:10.000+00:00",
        "2026-12-03T05:00:20.000+00:00",
        "2026-12-03T09:00:30.000+00:00",
    ]
    record = Record.opened(tmp_path / "days" / "set", day, {}, SetClock(walls))
    for kind in (Kind.CHECKED, Kind.NOTED, Kind.ANNOUNCED):
        record.write(kind, {"what": "observation", "by": "Ada", "text": "x"})
    happened = read_day(record.folder)
    assert happened.seconds == 30
    assert [note.at for note in happened.notes] == [20]
    assert len(happened.clock_jumps) == 2
    assert "set back by 14400 s" in happened.clock_jumps[0]


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.sampled_from(["one", "two"]), st.integers(0, 59)),
        min_size=1,
        max_size=20,
    )
)
def test_seconds_of_the_day_never_run_back(times: list[tuple[float, str, int]]) -> None:
    entries = [
        Entry(number, Kind.NOTED, f"2026-12-03T09:00:{second:02d}+00:00", at, boot, {})
        for number, (at, boot, second) in enumerate(times, start=1)
    ]
    seconds = day_seconds(entries)
    assert seconds[0] == 0
    assert seconds == sorted(seconds)


def test_the_plan_is_known_again_and_kept_without_its_secrets(tmp_path: Path) -> None:
    data = plan(parameters={"database_url": "postgresql://me:s3cr3tword@db/x"})
    found, _ = read_gameday(written(tmp_path, data))
    assert found is not None
    record = Record.opened(tmp_path / "days" / "secret", found, {})
    assert "s3cr3tword" not in (record.folder / NAME).read_text()
    assert record.holds_plan(data)
    assert not record.holds_plan(plan())
