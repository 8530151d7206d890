"""Runs that live, recoveries that meet, and servers that ended with their run."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.safety import ledger as ledger_module
from chaosnetra.safety.ledger import Ledger, read_ledger
from chaosnetra.safety.recovery import Recovered, leftovers, recover, recover_all
from tests.support.helpers import present
from tests.support.ledgers import HEADER, KIND, ended, left_by, mark, played, results, undo, written
from tests.support.repository import ROOT


@pytest.fixture
def gone_part() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a test can end, as a server of the run."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


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
        assert present(run.stdout).readline() == b"held\n"
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
UNDO_PLAYERS[{KIND!r}] = {mark.__module__ + ":mark"!r}
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
        assert present(process.stdout).readline() == "ready\n"
    lines = [line for process in recoveries for line in ended(process)]
    assert played(marks) == ["4", "3", "2", "1", "0"]
    assert len(lines) == 5
    assert not path.exists()


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
            "url": url, "proxy": "p", "toxic": toxic,
            "before": {
                "listen": "127.0.0.1:2", "upstream": database, "enabled": True, "toxics": [],
            },
        },
    }  # fmt: skip
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
