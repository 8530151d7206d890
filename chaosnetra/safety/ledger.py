"""The durable list of undos: one append-only file a run, flushed to disk before each fault."""

import json
import os
import time
from pathlib import Path
from typing import Any

from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Undo

VERSION = 1


def runs_folder() -> Path:
    """Folder of the ledgers of this user's runs."""
    from platformdirs import user_state_path

    return user_state_path("chaosnetra", appauthor=False) / "runs"


class Ledger:
    """One run's list of undos.

    The file is made with the first entry. It is removed by `close` when everything in it is
    done; a ledger that is still there names what a run left behind.
    """

    def __init__(self, run_id: str, folder: Path | None = None) -> None:
        self._run_id = run_id
        self._path = (folder or runs_folder()) / f"{run_id}.ledger.jsonl"
        self._file: int | None = None
        self._entries = 0
        self._open: set[int] = set()

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
        number = self._entries + 1
        try:
            if self._file is None:
                self._file = self._create()
            self._write({"entry": number, "at": time.time(), "undo": undo.to_json()})
        except OSError as error:
            raise InjectionFailed(
                f"the undo cannot be written to {self._path} ({error}), so nothing is injected"
            ) from error
        self._entries = number
        self._open.add(number)
        return number

    def done(self, number: int, result: str) -> None:
        """Mark an entry as undone."""
        self._write({"done": number, "at": time.time(), "result": result})
        self._open.discard(number)

    def close(self) -> None:
        """Close the file, and remove it when nothing in it is left to undo."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if not self._open:
            self._path.unlink(missing_ok=True)

    def _create(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            header = {
                "version": VERSION,
                "run": self._run_id,
                "pid": os.getpid(),
                "at": time.time(),
            }
            _append(file, header)
            # The file's name must survive a crash of the machine too.
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            os.close(file)
            self._path.unlink(missing_ok=True)
            raise
        return file

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is None:
            raise OSError(f"{self._path} is closed")
        _append(self._file, record)


def _append(file: int, record: dict[str, Any]) -> None:
    line = json.dumps(record, sort_keys=True).encode() + b"\n"
    whole = os.fstat(file).st_size
    if os.write(file, line) != len(line):
        os.ftruncate(file, whole)  # a later entry must not continue a torn line
        raise OSError("the disk is full")
    os.fsync(file)
