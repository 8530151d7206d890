"""The log of events."""

import json
import math
import os
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.evidence.journal.events import EventLog
from chaosnetra.redaction import Redactor


@pytest.fixture
def log(tmp_path: Path) -> Any:
    made = EventLog("run-1", Redactor())
    made.open(tmp_path / "journal.events.jsonl")
    yield made
    made.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_is_a_line_with_run_and_times(log: EventLog) -> None:
    log.record("run.started", {"target": "x"})
    log.record("run.ended")
    assert log.path is not None
    first, second = lines(log.path)
    assert (first["event"], first["run"], first["target"]) == ("run.started", "run-1", "x")
    assert second["event"] == "run.ended"
    at = datetime.fromisoformat(first["at"])
    assert at.utcoffset() == timedelta(0)
    assert 0 <= first["elapsed_seconds"] <= second["elapsed_seconds"] < 60
    assert log.count == 2


def test_an_event_can_be_read_when_record_returns(log: EventLog) -> None:
    assert log.path is not None
    for number in range(1, 4):
        log.record("step")
        assert len(lines(log.path)) == number


def test_secrets_are_masked(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    log = EventLog("run-1", redactor)
    log.open(tmp_path / "events.jsonl")
    log.record("x", {"url": "postgresql://u:hunter22@h/d", "deep": [{"hunter22": "hunter22"}]})
    log.close()
    assert "hunter22" not in (tmp_path / "events.jsonl").read_text()
    (line,) = lines(tmp_path / "events.jsonl")
    assert line["url"] == "postgresql://u:***@h/d"


def test_secrets_in_the_text_of_objects_are_masked(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    log = EventLog("run-1", redactor)
    log.open(tmp_path / "events.jsonl")
    log.record("x", {"error": ValueError("hunter22 is wrong"), "deep": [Path("/a/hunter22")]})
    log.record("y", {"error": ValueError("hunter22 is wrong"), "seconds": math.nan})
    log.close()
    assert "hunter22" not in (tmp_path / "events.jsonl").read_text()
    first, second = lines(tmp_path / "events.jsonl")
    assert (first["error"], first["deep"]) == ("*** is wrong", ["/a/***"])
    assert second["error"] == "*** is wrong"


def test_data_cannot_pose_as_the_events_own_fields(log: EventLog) -> None:
    log.record("x", {"event": "y", "run": "run-2", "at": "never", "elapsed_seconds": -1, "a": 1})
    assert log.path is not None
    (line,) = lines(log.path)
    assert (line["event"], line["run"], line["a"]) == ("x", "run-1", 1)
    assert datetime.fromisoformat(line["at"]).utcoffset() == timedelta(0)
    assert line["elapsed_seconds"] >= 0


def test_without_a_file_events_are_counted_and_dropped() -> None:
    log = EventLog("run-1", Redactor())
    log.record("x")
    assert (log.count, log.path) == (1, None)
    log.close()


def test_after_the_end_events_are_dropped(log: EventLog) -> None:
    log.record("x")
    log.close()
    log.close()
    log.record("y")
    assert log.path is not None
    assert [line["event"] for line in lines(log.path)] == ["x"]
    assert log.count == 2


def test_what_an_earlier_run_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("from an earlier run\n" * 100)
    log = EventLog("run-2", Redactor())
    log.open(path)
    log.record("x")
    log.close()
    assert [line["run"] for line in lines(path)] == ["run-2"]


def test_while_another_run_writes_a_second_takes_another_name(
    log: EventLog, tmp_path: Path
) -> None:
    log.record("first")
    second = EventLog("run-2", Redactor())
    second.open(tmp_path / "journal.events.jsonl")
    second.record("second")
    log.record("first again")
    second.close()
    assert second.path == tmp_path / "journal.events.run-2.jsonl"
    assert [line["event"] for line in lines(second.path)] == ["second"]
    assert log.path is not None
    assert [line["event"] for line in lines(log.path)] == ["first", "first again"]


def test_when_the_other_run_has_ended_the_name_is_free_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for run in ("run-1", "run-2"):
        log = EventLog(run, Redactor())
        log.open(path)
        log.record("x")
        log.close()
        assert log.path == path
    assert [line["run"] for line in lines(path)] == ["run-2"]


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        EventLog("run-1", Redactor()).open(tmp_path / "absent" / "events.jsonl")
    with pytest.raises(IsADirectoryError):
        EventLog("run-1", Redactor()).open(tmp_path)


def test_a_full_disk_is_an_os_error(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    with pytest.raises(OSError, match="the disk is full"):
        log.record("x")


def test_lines_are_flushed_to_the_disk_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    flushed = threading.Event()
    fsync = os.fsync

    def note(file: int) -> None:
        fsync(file)
        sizes.append(os.fstat(file).st_size)
        flushed.set()

    monkeypatch.setattr(os, "fsync", note)
    log = EventLog("run-1", Redactor())
    log.open(tmp_path / "events.jsonl")
    log.record("x")
    assert flushed.wait(30)
    assert sizes[-1] == (tmp_path / "events.jsonl").stat().st_size > 0
    log.close()


def test_everything_recorded_is_on_the_disk_when_the_log_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    begun = threading.Event()
    fsync = os.fsync

    def slow(file: int) -> None:
        sizes.append(os.fstat(file).st_size)
        begun.set()
        time.sleep(0.1)
        fsync(file)

    monkeypatch.setattr(os, "fsync", slow)
    log = EventLog("run-1", Redactor())
    log.open(tmp_path / "events.jsonl")
    log.record("first")
    assert begun.wait(30)
    log.record("second")
    log.close()
    assert len(lines(tmp_path / "events.jsonl")) == 2
    assert sizes[-1] == (tmp_path / "events.jsonl").stat().st_size


def test_what_the_disk_refuses_later_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()

    def refuse(file: int) -> None:
        refused.set()
        raise OSError("the disk is gone")

    monkeypatch.setattr(os, "fsync", refuse)
    log = EventLog("run-1", Redactor())
    log.open(tmp_path / "events.jsonl")
    log.record("x")
    assert refused.wait(30)
    with pytest.raises(OSError, match="the disk is gone"):
        log.close()
    with pytest.raises(OSError, match="the disk is gone"):
        log.record("y")


def test_threads_do_not_mix_their_lines(log: EventLog) -> None:
    def work(name: str) -> None:
        for number in range(20):
            log.record("step", {"name": name, "number": number, "long": name * 500})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.path is not None
    seen = lines(log.path)
    assert len(seen) == 80
    for name in "abcd":
        assert [line["number"] for line in seen if line["name"] == name] == list(range(20))


@given(
    st.dictionaries(
        st.text(max_size=5).filter(lambda key: key not in ("event", "at", "run")),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
        max_size=4,
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_data_is_one_line_of_json(tmp_path: Path, data: dict[str, Any]) -> None:
    log = EventLog("run-1", Redactor())
    log.open(tmp_path / "events.jsonl")
    log.record("x", data)
    log.close()
    raw = (tmp_path / "events.jsonl").read_bytes()
    assert raw.count(b"\n") == 1
    line = json.loads(raw)
    assert {key: line[key] for key in data} == data


def test_objects_are_written_as_their_text(log: EventLog) -> None:
    log.record("x", {"path": Path("/a/b"), "error": ValueError("bad")})
    assert log.path is not None
    (line,) = lines(log.path)
    assert (line["path"], line["error"]) == ("/a/b", "bad")


def test_numbers_that_json_does_not_know_are_written_as_text(log: EventLog) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    log.record("x", {"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": 1.5})
    log.record("y")
    assert log.path is not None
    first, second = (
        json.loads(line, parse_constant=refuse) for line in log.path.read_text().splitlines()
    )
    assert (first["a"], first["b"], first["d"]) == ("nan", ["inf", {"c": "-inf"}], 1.5)
    assert second["event"] == "y"


def test_a_line_cut_by_a_full_disk_does_not_spoil_the_next(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, raw: write(file, raw[: len(raw) // 2]))
        with pytest.raises(OSError, match="full"):
            log.record("lost")
    log.record("kept")
    assert log.path is not None
    assert [json.loads(line)["event"] for line in log.path.read_text().splitlines()] == ["kept"]


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "data", [{"x": deep(100_000)}, {"x": 10**5000}, {("a", 1): 2}], ids=["deep", "long", "key"]
)
def test_data_that_cannot_be_written_is_told_in_its_place(
    log: EventLog, data: dict[Any, Any]
) -> None:
    log.record("odd", data)
    assert log.path is not None
    (line,) = log.path.read_text().splitlines()
    assert json.loads(line)["event"] == "odd"
    assert "data_not_recordable" in json.loads(line)
