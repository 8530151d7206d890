"""The durable list of undos: one append-only file a run, flushed to disk before each fault.

Format, version 1: JSON lines. The first is the header (`version`, `run`, `pid`, `at`, `events`:
the run's event file). Then, in the order in which they happened, `{"entry": 1, "undo": {…}}`
before a fault, `{"done": 1, "result": …}` after its undo, and `{"part": address, "pid": …,
"started": …}` for a server that the run itself started, with which its faults end.

The run holds a lock on its file as long as it lives, so that a ledger without one tells that its
run is gone, however it went, and two that would recover it do not meet. The lock is the run's
process's alone: a copy that is forked of it does not hold it, and writes nothing here.
"""

import fcntl
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaosnetra.errors import FaultError, InjectionFailed
from chaosnetra.faults import Undo
from chaosnetra.processes.copies import release, withhold

VERSION = 1
SUFFIX = ".ledger.jsonl"


def runs_folder() -> Path:
    """Folder of the ledgers of this user's runs."""
    from platformdirs import user_state_path

    return user_state_path("chaosnetra", appauthor=False) / "runs"


class Ledger:
    """One run's list of undos, while the run writes it.

    The file is made with the first entry. It is removed by `close` when everything in it is
    done; a ledger that is still there names what a run left behind. Threads may share it.

    Args:
        run_id: names the file.
        folder: where it goes; `runs_folder()` by default.
        guarded: called with the file before anything is written down in it: sees to it that
            somebody plays it when the run is gone, or raises.
    """

    def __init__(
        self,
        run_id: str,
        folder: Path | None = None,
        guarded: Callable[[Path], None] = lambda path: None,
    ) -> None:
        self._run_id = run_id
        self._path = (folder or runs_folder()) / f"{run_id}{SUFFIX}"
        self._guarded = guarded
        self._lock = threading.RLock()
        self._file: int | None = None
        self._pid = 0
        self._entries = 0
        self._open: set[int] = set()
        self._parts: dict[str, tuple[int, float]] = {}
        self.events_path: Path | None = None

    @property
    def path(self) -> Path:
        return self._path

    def add(self, undo: Undo) -> int:
        """Write an undo to disk before its fault is injected.

        Returns:
            The number of the entry.

        Raises:
            InjectionFailed: it could not be written; the fault must not be injected.
        """
        with self._lock:
            number = self._entries + 1
            self._write({"entry": number, "at": time.time(), "undo": undo.to_json()})
            self._entries = number
            self._open.add(number)
            return number

    def add_part(self, address: str, pid: int) -> None:
        """Write down a server of this run, or of a stand: what is injected into it ends with it.

        Raises:
            InjectionFailed: it could not be written.
        """
        started = _started(pid)
        with self._lock:
            self._write({"part": address, "pid": pid, "started": started})
            self._parts[address] = (pid, started)

    def part_is_gone(self, undo: Undo) -> bool:
        """Whether the undo concerns a server that was written down and that has ended."""
        with self._lock:
            return _part_is_gone(self._parts, undo)

    def done(self, number: int, result: str) -> None:
        """Mark an entry as undone."""
        with self._lock:
            if self._file is None:
                raise OSError(f"{self._path} is closed")
            append(self._file, {"done": number, "at": time.time(), "result": result})
            self._open.discard(number)

    def close(self) -> None:
        """Close the file, and remove it when nothing in it is left to undo."""
        with self._lock:
            if self._file is None:
                return
            if not self._open and self._pid == os.getpid():
                self._path.unlink(missing_ok=True)
            release(self._file)
            os.close(self._file)
            self._file = None

    def _write(self, record: dict[str, Any]) -> None:
        try:
            if self._file is None:
                self._file = self._create()
            elif self._pid != os.getpid():
                raise OSError("it is the ledger of the process that this one was forked from")
            else:
                self._guarded(self._path)
            append(self._file, record)
        except OSError as error:
            raise InjectionFailed(
                f"the undo cannot be written to {self._path} ({error}), so nothing is injected"
            ) from error

    def _create(self) -> int:
        self._pid = os.getpid()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked and begun under another name: under its own it is never seen without either.
        unfinished = self._path.with_suffix(".unfinished")
        linked = False
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        withhold(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            header = {
                "version": VERSION,
                "run": self._run_id,
                "pid": self._pid,
                "started": _started(self._pid),
                "at": time.time(),
                "events": str(self.events_path.resolve()) if self.events_path else None,
            }
            append(file, header)
            self._path.hardlink_to(unfinished)  # unlike a rename it replaces nobody's
            linked = True
            unfinished.unlink()
            # The file's name must survive a crash of the machine too.
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._guarded(self._path)
        except BaseException:
            release(file)
            os.close(file)
            unfinished.unlink(missing_ok=True)
            if linked:
                self._path.unlink(missing_ok=True)
            raise
        return file


@dataclass(frozen=True)
class LedgerContents:
    """What a ledger says.

    Attributes:
        path: the file.
        run: id of the run.
        pid: its process.
        started: when that process started; see `chaosnetra.processes.identity`. 0 when the header
            does not say.
        at: when it began, seconds since 1970.
        events: the run's event file.
        open_entries: undos that are not done, by number, in the order they were written.
        parts: servers that the run started: address to process id and start time.
    """

    path: Path
    run: str
    pid: int
    started: float
    at: float
    events: Path | None
    open_entries: dict[int, Undo] = field(default_factory=dict)
    parts: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def run_lives(self) -> bool:
        """Whether the run's own process is still there."""
        found = _started(self.pid)
        return found != 0 and self.started in (0, found)

    def part_is_gone(self, undo: Undo) -> bool:
        """Whether the undo concerns a server of the run's own that has ended."""
        return _part_is_gone(self.parts, undo)


def _started(pid: int) -> float:
    from chaosnetra.processes.identity import started

    return started(pid)


def servers_of(undo: Undo) -> set[str]:
    """`host:port` of the servers that an undo talks to; what is no URL names none."""
    spoken_to = [undo.arguments.get(key) for key in ("url", "database")]
    try:
        return {
            urlsplit(url).netloc.rpartition("@")[2] for url in spoken_to if isinstance(url, str)
        }
    except ValueError:
        return set()


def _part_is_gone(parts: Mapping[str, tuple[int, float]], undo: Undo) -> bool:
    """Whether the server that the undo talks to, and no other that it names, has ended."""
    servers = servers_of(undo)
    return any(
        address in servers and _started(pid) != started for address, (pid, started) in parts.items()
    )


def read_ledger(path: Path) -> LedgerContents:
    """Read a ledger that some run wrote.

    A last line that is not whole is the trace of a crash in mid-write: its fault was not
    injected yet, and it is passed over.

    Raises:
        FaultError: the file cannot be read, is of another version, or is damaged elsewhere; it
            is left as it is.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is no file")  # a pipe would keep us waiting
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise FaultError(
            f"ledger {path} cannot be read: {error}; make it a file that you can read"
        ) from None
    whole, last = lines[:-1], lines[-1]
    try:
        records = [json.loads(line) for line in whole]
        if not records:
            what = "torn" if last else "empty"
            raise FaultError(
                f"ledger {path} is {what}: its run ended before it had injected anything; delete it"
            )
        return _contents(path, records)
    except _DAMAGE as error:
        raise FaultError(
            f"ledger {path} is damaged: {type(error).__name__}: {error}; undo by hand what "
            "it names, and delete it"
        ) from None


# What a record can raise that is not as we wrote it.
_DAMAGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def _contents(path: Path, records: list[dict[str, Any]]) -> LedgerContents:
    header = records[0]
    if header["version"] != VERSION:
        raise FaultError(
            f"ledger {path} has version {header['version']}, this one reads {VERSION}; recover it "
            "with the version of chaosnetra that wrote it"
        )
    events = header.get("events")
    contents = LedgerContents(
        path,
        str(header["run"]),
        int(header["pid"]),
        float(header.get("started", 0)),
        float(header["at"]),
        Path(events) if events else None,
    )
    for record in records[1:]:
        if "entry" in record:
            contents.open_entries[int(record["entry"])] = _undo(record["undo"])
        elif "done" in record:
            contents.open_entries.pop(int(record["done"]), None)
        elif "part" in record:
            address = record["part"]
            if not isinstance(address, str):
                raise TypeError(f"a part's address is {address!r}")
            contents.parts[address] = (int(record["pid"]), float(record["started"]))
    return contents


def _undo(data: Any) -> Undo:
    kinds = {"kind": str, "description": str, "arguments": dict}
    for key, kind in kinds.items():
        if not isinstance(data[key], kind):
            raise TypeError(f"an undo's {key} is {data[key]!r}")
    return Undo.from_json(data)


def mend_end(path: Path) -> None:
    """Cut off a last line that a crash left unfinished, so that the next can be appended."""
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        os.truncate(path, raw.rfind(b"\n") + 1)


@contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """The ledger's file, open for appending, with its lock; None while its run lives."""
    # What is no file must not keep us waiting for whoever reads it.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file
    finally:
        os.close(file)


def append(file: int, record: dict[str, Any]) -> None:
    """Append one record and flush it to the disk.

    Raises:
        OSError: it is not on the disk; no part of it is left in the file.
    """
    line = json.dumps(record, sort_keys=True).encode() + b"\n"
    whole = os.fstat(file).st_size
    if os.write(file, line) != len(line):
        os.ftruncate(file, whole)  # a later entry must not continue a torn line
        raise OSError("the disk is full")
    os.fsync(file)
