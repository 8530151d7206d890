"""Reading the ledgers that runs left, whatever is in them."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import FaultError
from chaosnetra.safety.ledger import SUFFIX, Ledger, LedgerContents, read_ledger
from chaosnetra.safety.recovery import recover, recover_all
from tests.support.ledgers import HEADER, INFINITE, UNDO, left_by, played, results, undo, written

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
