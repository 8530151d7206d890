"""Reading the ledgers that runs left, and taking back what they name."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import FaultError, InjectionFailed, UndoFailed
from chaosnetra.faults import UNDO_PLAYERS, Undo, UndoReport, UndoResult
from chaosnetra.safety import ledger as ledger_module
from chaosnetra.safety.ledger import SUFFIX, Ledger, LedgerContents, read_ledger
from chaosnetra.safety.recovery import Recovered, leftovers, recover, recover_all
from tests.support.repository import ROOT

KIND = "test.mark"
HEADER = {"version": 1, "run": "run-1", "pid": 1, "at": 1.0, "events": None}


def mark(arguments: Mapping[str, Any]) -> UndoReport:
    """The player of the undos of this module: notes in a file that it was played."""
    time.sleep(arguments.get("seconds", 0))
    with Path(arguments["file"]).open("a") as file:
        file.write(f"{arguments['name']}\n")
    if "fails" in arguments:
        raise UndoFailed(f"{arguments['name']} fails")
    if Path(arguments.get("fails_while", os.devnull)).is_file():
        raise ConnectionError(f"{arguments['name']} cannot be reached")
    if "removes" in arguments:
        Path(arguments["removes"]).unlink()
    return UndoReport(UndoResult(arguments.get("result", "done")), f"marked {arguments['name']}")


@pytest.fixture(autouse=True)
def player(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNDO_PLAYERS, KIND, f"{__name__}:mark")


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """The file that the player writes to."""
    return tmp_path / "marks"


@pytest.fixture
def gone_part() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a test can end, as a server of the run."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def undo(marks: Path, name: str, **arguments: Any) -> Undo:
    return Undo(KIND, f"undo {name}", {"file": str(marks), "name": name, **arguments})


def left_by(folder: Path, *undos: Undo, run: str = "run-1", events: Path | None = None) -> Path:
    """The ledger of a run that ended without taking these back."""
    ledger = Ledger(run, folder / "runs")
    ledger.events_path = events
    for each in undos:
        ledger.add(each)
    ledger.close()
    return ledger.path


def written(folder: Path, *records: Any, end: str = "\n") -> Path:
    """A ledger file with these lines."""
    path = folder / f"run-1{SUFFIX}"
    path.write_text("\n".join(json.dumps(record) for record in records) + end)
    return path


def played(marks: Path) -> list[str]:
    return marks.read_text().splitlines() if marks.exists() else []


def results(path: Path) -> list[str | None]:
    return [one.report.result if one.report else None for one in recover(path)]


# Reading


def test_a_ledger_says_what_is_open_and_what_the_run_started(tmp_path: Path, marks: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.events_path = tmp_path / "events"
    ledger.add_part("127.0.0.1:5432", os.getpid())
    first, second, third = (undo(marks, name) for name in "abc")
    for each in (first, second, third):
        ledger.add(each)
    ledger.done(2, "done")
    contents = read_ledger(ledger.path)
    assert (contents.run, contents.pid) == ("run-1", os.getpid())
    assert contents.events == tmp_path / "events"
    assert contents.open_entries == {1: first, 3: third}
    assert list(contents.parts) == ["127.0.0.1:5432"]
    ledger.close()


def test_a_torn_last_line_is_passed_over(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, undo(marks, "a"))
    with path.open("ab") as file:
        file.write(b'{"entry": 2, "undo": {"ki')
    assert list(read_ledger(path).open_entries) == [1]
    assert results(path) == ["done"]
    assert not path.exists()


def test_what_is_done_is_not_written_behind_a_torn_line(tmp_path: Path, marks: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    path = left_by(tmp_path, undo(marks, "a", fails_while=str(obstacle)), undo(marks, "b"))
    with path.open("ab") as file:
        file.write(b'{"entry": 3, "undo": {"ki')
    assert results(path) == ["done", None]
    assert list(read_ledger(path).open_entries) == [1]
    obstacle.unlink()
    assert results(path) == ["done"]
    assert played(marks) == ["b", "a", "a", "a"]  # once more behind b, and then again


UNDO = {"kind": KIND, "description": "d", "arguments": {}}
INFINITE = float("inf")
DAMAGED: dict[str, list[Any]] = {
    "header is a list": [[]],
    "header is text": ["version"],
    "header is a number": [1],
    "header is null": [None],
    "header is empty": [{}],
    "another version": [{**HEADER, "version": 2}],
    "version as text": [{**HEADER, "version": "1"}],
    "no run": [{key: value for key, value in HEADER.items() if key != "run"}],
    "pid is text": [{**HEADER, "pid": "x"}],
    "pid is null": [{**HEADER, "pid": None}],
    "pid is infinite": [{**HEADER, "pid": INFINITE}],
    "time is far too long a number": [{**HEADER, "at": 10**400}],
    "events is a number": [{**HEADER, "events": 5}],
    "record is a number": [HEADER, 1],
    "record is null": [HEADER, None],
    "record is text": [HEADER, "entry"],
    "record is a list": [HEADER, ["entry"]],
    "entry is text": [HEADER, {"entry": "x", "undo": UNDO}],
    "entry is infinite": [HEADER, {"entry": INFINITE, "undo": UNDO}],
    "no undo": [HEADER, {"entry": 1}],
    "undo is a number": [HEADER, {"entry": 1, "undo": 5}],
    "undo without arguments": [HEADER, {"entry": 1, "undo": {"kind": "k", "description": "d"}}],
    "arguments are a number": [HEADER, {"entry": 1, "undo": {**UNDO, "arguments": 5}}],
    "arguments are a list": [HEADER, {"entry": 1, "undo": {**UNDO, "arguments": ["x"]}}],
    "kind is a list": [HEADER, {"entry": 1, "undo": {**UNDO, "kind": []}}],
    "done is text": [HEADER, {"done": "x"}],
    "done is infinite": [HEADER, {"done": INFINITE}],
    "part is a list": [HEADER, {"part": [], "pid": 1, "started": 1}],
    "part is a number": [HEADER, {"part": 5, "pid": 1, "started": 1}],
    "part without pid": [HEADER, {"part": "127.0.0.1:1"}],
    "part's pid is text": [HEADER, {"part": "127.0.0.1:1", "pid": "x", "started": 1}],
}


@pytest.mark.parametrize("records", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_ledger_is_told_and_left_as_it_is(
    tmp_path: Path, marks: Path, records: list[Any]
) -> None:
    """It is told by recover too, and stops the recovery of no other run."""
    path = written(tmp_path, *records)
    before = path.read_bytes()
    with pytest.raises(FaultError, match=str(path)):
        read_ledger(path)
    (one,) = recover(path)
    assert one.report is None
    assert str(path) in str(one.error)
    assert path.read_bytes() == before
    left_by(tmp_path, undo(marks, "other"), run="run-2").rename(tmp_path / f"run-2{SUFFIX}")
    assert len(list(recover_all(tmp_path))) == 2
    assert played(marks) == ["other"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"{", "is torn"),
        (b'{"version": 1, "run"', "is torn"),
        (b"not JSON\n", "is damaged"),
        (b"\xff\xfe\x00\n", "is damaged"),
        (b"\n", "is damaged"),
        (json.dumps(HEADER).encode() + b"\n{\n" + b'{"done": 1}\n', "is damaged"),
        (json.dumps(HEADER).encode() + b"\n\n" + b'{"done": 1}\n', "is damaged"),
        (json.dumps({**HEADER, "version": 7}).encode() + b"\n", "has version 7, this one reads 1"),
        (b"[" * 100_000 + b"\n", "is damaged"),
        (b'{"version": ' + b"1" * 5000 + b"}\n", "is damaged|has version"),
    ],
)
def test_what_is_no_ledger_is_refused_in_one_line(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_bytes(raw)
    with pytest.raises(FaultError, match=said) as refused:
        read_ledger(path)
    assert len(str(refused.value).splitlines()) == 1
    assert path.read_bytes() == raw


def test_a_ledger_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="cannot be read"):
        read_ledger(tmp_path / "missing")
    with pytest.raises(FaultError, match="cannot be read"):
        read_ledger(tmp_path)


def read_raw(raw: bytes) -> LedgerContents | None:
    """What a ledger of these bytes says; None when it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{SUFFIX}"
        path.write_bytes(raw)
        try:
            return read_ledger(path)
        except FaultError:
            return None
        finally:
            assert path.read_bytes() == raw


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    read_raw(raw)


NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, INFINITE])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYS = ["version", "run", "pid", "at", "events", "entry", "undo", "done", "part", "started"]
UNDO_LIKE = st.dictionaries(st.sampled_from(["kind", "description", "arguments"]), JSON)
RECORDS = st.dictionaries(st.sampled_from(KEYS), NUMBERS | UNDO_LIKE | JSON) | JSON


@given(st.booleans(), st.lists(RECORDS, max_size=3))
def test_any_json_lines_are_read_or_refused(well_begun: bool, records: list[Any]) -> None:
    lines = [HEADER, *records] if well_begun else records
    read_raw(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


ADD = st.builds(
    lambda text: {"entry": 0, "at": 1.0, "undo": {**UNDO, "description": text}}, st.text(max_size=8)
)
DONE = st.builds(lambda number: {"done": number, "at": 1.0, "result": "done"}, st.integers(1, 6))
PART = st.just({"part": "127.0.0.1:5432", "pid": 7, "started": 1.0})


@given(st.lists(ADD | DONE | PART, max_size=8), st.data())
def test_any_prefix_of_a_ledger_is_read_as_far_as_it_goes(
    records: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A machine that goes down leaves such a file; only an incomplete header says nothing."""
    number = 0
    for at, record in enumerate(records):
        if "entry" in record:
            number += 1
            records[at] = {**record, "entry": number}
    lines = [json.dumps(record, sort_keys=True).encode() + b"\n" for record in (HEADER, *records)]
    raw = b"".join(lines)
    cut = data.draw(st.integers(0, len(raw)))
    contents = read_raw(raw[:cut])
    if cut < len(lines[0]):
        assert contents is None
        return
    assert contents is not None
    ends = [len(b"".join(lines[: count + 1])) for count in range(len(lines))]
    whole = records[: sum(1 for end in ends if end <= cut) - 1]
    expected: dict[int, str] = {}
    for record in whole:
        if "entry" in record:
            expected[record["entry"]] = record["undo"]["description"]
        elif "done" in record:
            expected.pop(record["done"], None)
    assert {at: one.description for at, one in contents.open_entries.items()} == expected


# Taking back


def test_the_last_injected_is_taken_back_first(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, *(undo(marks, name) for name in "abc"))
    recovered = list(recover(path))
    assert played(marks) == ["c", "b", "a"]
    assert [one.report for one in recovered] == [
        UndoReport(UndoResult.DONE, f"marked {name}") for name in "cba"
    ]
    assert recovered[0].line.startswith("run run-1: undo c: done")
    assert not path.exists()


def test_what_fails_stops_nothing_else_and_stays(tmp_path: Path, marks: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    path = left_by(
        tmp_path, undo(marks, "a"), undo(marks, "b", fails_while=str(obstacle)), undo(marks, "c")
    )
    first = list(recover(path))
    assert played(marks) == ["c", "b", "a", "b"]
    assert [one.report is None for one in first] == [False, False, True]
    assert "undo b: NOT DONE: " in first[2].line
    assert "b cannot be reached" in first[2].line
    assert [one.description for one in read_ledger(path).open_entries.values()] == ["undo b"]

    assert results(path) == [None]
    assert played(marks)[4:] == ["b"]

    obstacle.unlink()
    assert results(path) == ["done"]
    assert played(marks)[5:] == ["b"]
    assert not path.exists()
    assert results(path) == []


def test_what_waits_for_another_undo_is_tried_once_more(tmp_path: Path, marks: Path) -> None:
    """As a database cannot be dropped before the proxy of a stuck session is deleted."""
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    path = left_by(
        tmp_path,
        undo(marks, "proxy", removes=str(obstacle)),
        undo(marks, "database", fails_while=str(obstacle)),
    )
    assert results(path) == ["done", "done"]
    assert played(marks) == ["database", "proxy", "database"]
    assert not path.exists()


def test_a_kind_of_another_version_stays_and_stops_nothing_else(
    tmp_path: Path, marks: Path
) -> None:
    path = left_by(tmp_path, undo(marks, "a"), Undo("later.thing", "remove it", {}))
    assert results(path) == ["done", None]
    assert [one.kind for one in read_ledger(path).open_entries.values()] == ["later.thing"]


@pytest.mark.parametrize("result", ["already done", "not ours any more"])
def test_what_was_taken_back_or_changed_by_others_counts_as_handled(
    tmp_path: Path, marks: Path, result: str
) -> None:
    path = left_by(tmp_path, undo(marks, "a", result=result))
    assert results(path) == [result]
    assert not path.exists()


def test_a_ledger_in_which_all_is_done_is_removed(tmp_path: Path, marks: Path) -> None:
    path = written(tmp_path, HEADER, {"entry": 1, "undo": UNDO}, {"done": 1, "result": "done"})
    assert results(path) == []
    assert not path.exists()
    assert played(marks) == []


def test_an_empty_ledger_is_removed(tmp_path: Path) -> None:
    """Its run was gone before it had written anything, and so before any fault."""
    path = tmp_path / f"run-1{SUFFIX}"
    path.touch()
    assert results(path) == []
    assert not path.exists()


def test_a_recovery_that_is_broken_off_goes_on_where_it_was(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, *(undo(marks, name) for name in "abc"))
    begun = recover(path)
    next(begun)
    begun.close()
    assert results(path) == ["done", "done"]
    assert played(marks) == ["c", "b", "a"]


def test_what_could_not_be_written_down_is_played_again(
    tmp_path: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by(tmp_path, undo(marks, "a"))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, raw: write(file, raw[: len(raw) // 2]))
        (one,) = recover(path)
    assert one.left
    assert "undo a: done, but not written down: the disk is full" in one.line
    assert results(path) == ["done"]
    assert not path.exists()


# Runs that live, and recoveries that meet


def test_a_living_run_is_left_alone(tmp_path: Path, marks: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.add(undo(marks, "a"))
    before = ledger.path.read_bytes()
    assert results(ledger.path) == []
    assert leftovers(tmp_path) == []
    assert list(recover_all(tmp_path)) == []
    assert ledger.path.read_bytes() == before
    assert played(marks) == []
    ledger.close()
    assert leftovers(tmp_path) == [ledger.path]


HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_run_lives_until_its_process_is_gone(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, undo(marks, "a"))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"held\n"
        assert results(path) == []
        assert leftovers(path.parent) == []
        run.kill()
    assert results(path) == ["done"]


def test_a_run_that_has_just_made_its_file_does_not_lose_it(
    tmp_path: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recovery that comes between making the file and locking it sees no bytes in it."""
    flock = fcntl.flock
    looked: list[bool] = []

    def late(file: int, operation: int) -> None:
        if not looked:
            looked.append(True)
            list(recover_all(tmp_path))
        flock(file, operation)

    monkeypatch.setattr(ledger_module.fcntl, "flock", late)
    ledger = Ledger("run-1", tmp_path)
    try:
        ledger.add(undo(marks, "a"))
    except InjectionFailed:
        return  # nothing is injected: that is safe too
    assert looked
    assert ledger.path.exists()
    assert list(read_ledger(ledger.path).open_entries) == [1]
    ledger.close()


def test_without_a_watchdog_nothing_is_written_down_for_injection(
    tmp_path: Path, marks: Path
) -> None:
    """Neither at the first fault nor at the next."""

    def fails(path: Path) -> None:
        raise InjectionFailed("the watchdog cannot be started")

    ledger = Ledger("run-1", tmp_path, guarded=fails)
    for name in "ab":
        with pytest.raises(InjectionFailed, match="watchdog"):
            ledger.add(undo(marks, name))
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_recoveries_in_threads_play_each_undo_once(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, *(undo(marks, str(number), seconds=0.01) for number in range(8)))
    together = threading.Barrier(4)
    recovered: list[Recovered] = []

    def one() -> None:
        together.wait(timeout=10)
        for _ in range(20):
            recovered.extend(recover(path))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert played(marks) == [str(number) for number in reversed(range(8))]
    assert len(recovered) == 8
    assert all(one.error is None for one in recovered)
    assert not path.exists()


RECOVERY = f"""
import sys
from pathlib import Path
from chaosnetra.faults import UNDO_PLAYERS
from chaosnetra.safety.recovery import recover
UNDO_PLAYERS[{KIND!r}] = {__name__ + ":mark"!r}
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    for one in recover(Path(sys.argv[1])):
        print(one.line, flush=True)
"""


def test_recoveries_in_processes_play_each_undo_once(tmp_path: Path, marks: Path) -> None:
    path = left_by(tmp_path, *(undo(marks, str(number), seconds=0.02) for number in range(5)))
    recoveries = [
        subprocess.Popen(
            [sys.executable, "-c", RECOVERY, str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in recoveries:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    lines = [line for process in recoveries for line in ended(process)]
    assert played(marks) == ["4", "3", "2", "1", "0"]
    assert len(lines) == 5
    assert not path.exists()


def ended(process: "subprocess.Popen[str]") -> list[str]:
    """Let it begin; its lines. The other one is let begin while this one still plays."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return output.splitlines()


def test_leftovers_are_the_ledgers_of_runs_that_are_gone(tmp_path: Path, marks: Path) -> None:
    assert leftovers(tmp_path / "missing") == []
    runs = tmp_path / "runs"
    second = left_by(tmp_path, undo(marks, "b"), run="run-2")
    first = left_by(tmp_path, undo(marks, "a"), run="run-1")
    damaged = runs / f"run-3{SUFFIX}"
    damaged.write_text("not JSON\n")
    (runs / "notes.txt").write_text("no ledger")
    living = Ledger("run-4", runs)
    living.add(undo(marks, "d"))
    assert leftovers(runs) == [first, second, damaged]
    assert played(marks) == []
    living.close()


def test_everything_that_is_left_is_taken_back(tmp_path: Path, marks: Path) -> None:
    for run in ("run-1", "run-2"):
        left_by(tmp_path, undo(marks, run), run=run)
    (tmp_path / "runs" / f"run-0{SUFFIX}").write_text("not JSON\n")
    recovered = list(recover_all(tmp_path / "runs"))
    assert [(one.run, one.report is None) for one in recovered] == [
        ("run-0", True),
        ("run-1", False),
        ("run-2", False),
    ]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"run-0{SUFFIX}"]


# Servers that ended with their run


def with_part(folder: Path, part: subprocess.Popen[bytes], address: str, *undos: Undo) -> Path:
    ledger = Ledger("run-1", folder / "runs")
    ledger.add_part(address, part.pid)
    for each in undos:
        ledger.add(each)
    ledger.close()
    return ledger.path


def test_what_was_in_a_server_that_has_ended_is_gone(
    tmp_path: Path, marks: Path, gone_part: subprocess.Popen[bytes]
) -> None:
    lost = undo(marks, "a", fails=True, url="http://127.0.0.1:5432")
    path = with_part(tmp_path, gone_part, "127.0.0.1:5432", lost)
    assert results(path) == [None]  # the server is still there: the undo only failed
    gone_part.kill()
    gone_part.wait()
    (one,) = recover(path)
    assert one.report == UndoReport(UndoResult.ALREADY_DONE, "it ended with its server")
    assert not path.exists()


def test_an_undo_that_works_is_believed_although_its_server_has_ended(
    tmp_path: Path, marks: Path, gone_part: subprocess.Popen[bytes]
) -> None:
    path = with_part(tmp_path, gone_part, "127.0.0.1:1", undo(marks, "a", url="http://127.0.0.1:1"))
    gone_part.kill()
    gone_part.wait()
    assert results(path) == ["done"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:54321",
        "http://127.0.0.1:15432",
        "http://127.0.0.10:5432",
        "http://127.0.0.1:54",
        "postgresql://u@db.example:5432/x",
        "",
    ],
)
def test_what_was_in_another_server_is_not_gone(
    tmp_path: Path, marks: Path, gone_part: subprocess.Popen[bytes], url: str
) -> None:
    path = with_part(
        tmp_path, gone_part, "127.0.0.1:5432", undo(marks, "a", fails=True, where={"url": url})
    )
    gone_part.kill()
    gone_part.wait()
    assert results(path) == [None]
    assert path.exists()


@pytest.mark.parametrize("kind", ["toxiproxy.delete_proxy", "toxiproxy.remove_toxic"])
def test_a_proxy_does_not_go_with_the_database_behind_it(
    tmp_path: Path, gone_part: subprocess.Popen[bytes], kind: str
) -> None:
    """A Toxiproxy server of one's own that cannot be reached still has the proxy."""
    database = "127.0.0.1:5432"
    toxic = {
        "name": "t",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1.0,
        "attributes": {"latency": 1, "jitter": 0},
    }
    url = "http://127.0.0.1:1"
    arguments: dict[str, dict[str, Any]] = {
        "toxiproxy.delete_proxy": {"url": url, "name": "p", "upstream": database},
        "toxiproxy.remove_toxic": {
            "url": url,
            "proxy": "p",
            "toxic": toxic,
            "before": {
                "listen": "127.0.0.1:2",
                "upstream": database,
                "enabled": True,
                "toxics": [],
            },
        },
    }
    path = with_part(tmp_path, gone_part, database, Undo(kind, "take it back", arguments[kind]))
    gone_part.kill()
    gone_part.wait()
    (one,) = recover(path)
    assert one.report is None
    assert "no Toxiproxy answers" in str(one.error)
    assert path.exists()


def test_a_number_that_another_process_has_now_is_not_the_server(
    tmp_path: Path, marks: Path
) -> None:
    lost = undo(marks, "a", fails=True, url="http://127.0.0.1:5432").to_json()
    part = {"part": "127.0.0.1:5432", "pid": os.getpid(), "started": 1.0}
    path = written(tmp_path, HEADER, part, {"entry": 1, "undo": lost})
    assert results(path) == ["already done"]


def test_a_process_number_that_cannot_be_is_no_server(tmp_path: Path, marks: Path) -> None:
    lost = undo(marks, "a", fails=True, url="http://127.0.0.1:5432").to_json()
    part = {"part": "127.0.0.1:5432", "pid": -1, "started": 1.0}
    path = written(tmp_path, HEADER, part, {"entry": 1, "undo": lost})
    assert len(list(recover(path))) == 1


# The run's own events


def event_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_events_of_the_run_tell_what_was_recovered(tmp_path: Path, marks: Path) -> None:
    events = tmp_path / "journal.events.jsonl"
    events.write_text(json.dumps({"event": "run.started", "run": "run-1"}) + "\n")
    path = left_by(tmp_path, undo(marks, "a"), undo(marks, "b", fails=True), events=events)
    list(recover(path))
    _, told = event_lines(events)  # one that failed is tried again, and told when it is done
    assert (told["event"], told["run"]) == ("fault.recovered", "run-1")
    assert (told["undo"], told["result"], told["detail"]) == ("undo a", "done", "marked a")


def test_a_line_that_the_run_could_not_end_does_not_spoil_the_next(
    tmp_path: Path, marks: Path
) -> None:
    events = tmp_path / "journal.events.jsonl"
    begun = json.dumps({"event": "run.started", "run": "run-1"}) + '\n{"event": "fault.undo_wr'
    events.write_text(begun)
    list(recover(left_by(tmp_path, undo(marks, "a"), events=events)))
    assert json.loads(events.read_text().splitlines()[-1])["event"] == "fault.recovered"


def test_the_events_of_a_later_run_are_left_alone(tmp_path: Path, marks: Path) -> None:
    events = tmp_path / "journal.events.jsonl"
    text = json.dumps({"event": "run.started", "run": "run-2"}) + "\n"
    events.write_text(text)
    path = left_by(tmp_path, undo(marks, "a"), events=events)
    assert results(path) == ["done"]
    assert events.read_text() == text


@pytest.mark.parametrize("place", ["missing", "missing folder/events", "x" * 300, "folder"])
def test_events_that_cannot_be_written_stop_no_undo(
    tmp_path: Path, marks: Path, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    events = tmp_path / place
    undos = [undo(marks, name).to_json() for name in "ab"]
    path = written(
        tmp_path,
        {**HEADER, "events": str(events)},
        *({"entry": number, "undo": one} for number, one in enumerate(undos, 1)),
    )
    assert results(path) == ["done", "done"]
    assert played(marks) == ["b", "a"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "marks"]


# What is in the way


def test_on_a_full_disk_each_undo_is_played_all_the_same(
    tmp_path: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "journal.events.jsonl"
    events.write_text(json.dumps({"event": "run.started", "run": "run-1"}) + "\n")
    path = left_by(tmp_path, *(undo(marks, name) for name in "abc"), events=events)
    before = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, raw: 0)
        first = list(recover(path))
    assert played(marks) == ["c", "b", "a"]
    assert [one.report is not None and one.left for one in first] == [True] * 3
    assert "undo c: done, but not written down: the disk is full" in first[0].line
    assert path.read_bytes() == before
    assert len(event_lines(events)) == 1
    assert results(path) == ["done"] * 3
    assert not path.exists()


def test_what_fails_with_an_error_of_another_kind_names_it(tmp_path: Path) -> None:
    (one,) = recover(left_by(tmp_path, Undo("toxiproxy.delete_proxy", "delete it", {})))
    assert one.line.endswith("delete it: NOT DONE: KeyError: 'url'")


def test_each_refusal_of_a_ledger_says_what_to_do(tmp_path: Path) -> None:
    for records, advice in [
        ([{**HEADER, "version": 2}], "with the version of chaosnetra that wrote it"),
        ([HEADER, 1], "undo by hand what it names, and delete it"),
    ]:
        with pytest.raises(FaultError, match=advice):
            read_ledger(written(tmp_path, *records))


@pytest.mark.parametrize("options", [[], ["--list"]], ids=["recover", "list"])
@pytest.mark.parametrize("thing", ["folder", "pipe"])
def test_what_is_no_file_is_told_at_once(tmp_path: Path, options: list[str], thing: str) -> None:
    runs = tmp_path / "state" / "chaosnetra" / "runs"
    runs.mkdir(parents=True)
    odd = runs / f"odd{SUFFIX}"
    odd.mkdir() if thing == "folder" else os.mkfifo(odd)
    code, said = recover_command(*options)
    assert code == 1
    assert "odd" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("options", [[], ["--list"]], ids=["recover", "list"])
def test_a_state_folder_that_is_a_file_is_told(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "chaosnetra").touch()
    code, said = recover_command(*options)
    assert code == 1
    assert "XDG_STATE_HOME" in said
    assert len(said.splitlines()) == 1


def recover_command(*options: str) -> tuple[int, str]:
    """Exit code and output of `chaosnetra recover`, which must not hang."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("chaosnetra")), "recover", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout
