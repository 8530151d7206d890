"""The durable list of undos."""

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Undo
from chaosnetra.safety.ledger import Ledger, locked, read_ledger, runs_folder

UNDO = Undo("test.take_back", "take it back", {"what": "x"})


def records(ledger: Ledger) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.path.read_text().splitlines()]


def test_there_is_no_file_before_the_first_undo(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_undos_are_on_disk_when_add_returns(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    assert [ledger.add(UNDO), ledger.add(UNDO)] == [1, 2]
    header, first, second = records(ledger)
    assert (header["version"], header["run"], header["pid"]) == (1, "run-1", os.getpid())
    assert (first["entry"], second["entry"]) == (1, 2)
    assert Undo.from_json(first["undo"]) == UNDO
    ledger.close()


def test_what_is_done_is_written_behind(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.done(ledger.add(UNDO), "already done")
    last = records(ledger)[-1]
    assert (last["done"], last["result"]) == (1, "already done")
    ledger.close()


def test_the_file_goes_when_all_is_done(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    for number in (ledger.add(UNDO), ledger.add(UNDO)):
        ledger.done(number, "done")
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_while_something_is_open(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.done(ledger.add(UNDO), "done")
    ledger.add(UNDO)
    ledger.close()
    assert [record.get("entry") for record in records(ledger)] == [None, 1, None, 2]


def test_closing_twice_is_no_error(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.done(ledger.add(UNDO), "done")
    ledger.close()
    ledger.close()
    assert not ledger.path.exists()


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path / "made" / "here")
    ledger.add(UNDO)
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
    ledger.close()


def test_each_run_has_a_file_of_its_own_in_the_state_folder(tmp_path: Path) -> None:
    assert Ledger("run-1").path.parent == runs_folder()
    assert Ledger("run-1").path != Ledger("run-2").path


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="XDG_STATE_HOME is Linux's")
def test_the_state_folder_is_the_users(tmp_path: Path) -> None:
    assert runs_folder() == tmp_path / "state" / "chaosnetra" / "runs"


def test_a_folder_that_cannot_be_made_means_no_injection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ledger = Ledger("run-1", tmp_path / "file")
    with pytest.raises(InjectionFailed, match=r"cannot be written to .* so nothing is injected"):
        ledger.add(UNDO)


def test_the_ledger_of_another_run_is_never_overwritten(tmp_path: Path) -> None:
    first = Ledger("run-1", tmp_path)
    first.add(UNDO)
    before = first.path.read_text()
    with pytest.raises(InjectionFailed, match="File exists"):
        Ledger("run-1", tmp_path).add(UNDO)
    assert first.path.read_text() == before
    first.close()


def test_a_full_disk_means_no_injection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.done(ledger.add(UNDO), "done")
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
    with pytest.raises(InjectionFailed, match="the disk is full"):
        ledger.add(UNDO)
    monkeypatch.undo()
    ledger.close()
    assert not ledger.path.exists()


def test_an_undo_that_was_written_in_part_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger("run-1", tmp_path)
    ledger.add(UNDO)
    before = ledger.path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
    with pytest.raises(InjectionFailed, match="the disk is full"):
        ledger.add(UNDO)
    assert ledger.path.read_bytes() == before
    monkeypatch.undo()
    assert ledger.add(UNDO) == 2
    assert [record.get("entry") for record in records(ledger)] == [None, 1, 2]
    ledger.close()


def test_a_ledger_whose_first_write_fails_leaves_no_file_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger("run-1", tmp_path)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, raw: write(file, raw[: len(raw) // 2]))
        with pytest.raises(InjectionFailed):
            ledger.add(Undo("kind", "description", {}))
    assert not ledger.path.exists()
    assert ledger.add(Undo("kind", "description", {})) == 1
    assert len(ledger.path.read_text().splitlines()) == 2


def test_threads_may_share_it(tmp_path: Path) -> None:
    ledger = Ledger("run-1", tmp_path)
    together = threading.Barrier(8)
    given: list[int] = []

    def inject() -> None:
        together.wait(10)
        for _ in range(20):
            number = ledger.add(UNDO)
            given.append(number)
            ledger.done(number, "done")

    threads = [threading.Thread(target=inject) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(given) == list(range(1, 161))
    assert read_ledger(ledger.path).open_entries == {}
    ledger.close()
    assert not ledger.path.exists()


def test_before_each_undo_somebody_is_asked_to_guard_it(tmp_path: Path) -> None:
    guarded: list[int] = []
    ledger = Ledger("run-1", tmp_path, guarded=lambda path: guarded.append(len(records(ledger))))
    for _ in range(3):
        ledger.add(UNDO)
    assert guarded == [1, 2, 3]  # lines that are there: the header, and the undos before
    ledger.close()


def test_what_cannot_be_guarded_any_more_is_not_written_down(tmp_path: Path) -> None:
    watched = [True, False]

    def guard(path: Path) -> None:
        if not watched.pop(0):
            raise InjectionFailed("the watchdog cannot be started")

    ledger = Ledger("run-1", tmp_path, guarded=guard)
    ledger.add(UNDO)
    with pytest.raises(InjectionFailed, match="watchdog"):
        ledger.add(UNDO)
    assert list(read_ledger(ledger.path).open_entries) == [1]
    ledger.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_copy_of_the_process_neither_holds_nor_touches_it(tmp_path: Path) -> None:
    """As the helper is that somebody's probe forks."""
    ledger = Ledger("run-1", tmp_path)
    ledger.done(ledger.add(UNDO), "done")
    said, say = os.pipe()
    asked, ask = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.close(ask)
        try:
            ledger.add(UNDO)
        except InjectionFailed as error:
            os.write(say, str(error).encode())
        ledger.close()
        os.write(say, b"\n")
        os.read(asked, 1)
        os._exit(0)
    os.close(asked)
    try:
        assert b"forked" in os.read(said, 4096)
        assert len(records(ledger)) == 3
        file, ledger._file = ledger._file, None
        assert file is not None
        os.close(file)  # as the end of the process does
        with locked(ledger.path) as free:
            assert free is not None
    finally:
        os.close(ask)
        os.waitpid(copy, 0)
        os.close(said)
        os.close(say)
