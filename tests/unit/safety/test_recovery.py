"""Rolling back what a ledger names, and the events that tell of it."""

import json
import os
import sys
from pathlib import Path

import pytest

from chaosnetra.errors import FaultError
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.safety.ledger import SUFFIX, Ledger, read_ledger
from chaosnetra.safety.recovery import leftovers, recover, recover_all
from tests.support.ledgers import HEADER, UNDO, event_lines, left_by, played, results, undo, written
from tests.support.programs import merged

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
    done = merged([str(Path(sys.executable).with_name("chaosnetra")), "recover", *options])
    return done.returncode, done.stdout
