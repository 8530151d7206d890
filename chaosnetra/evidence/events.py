"""Events of a run, written as they happen: one JSON object a line, flushed to disk."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosnetra.redaction import Redactor


class EventLog:
    """Appends events to a file; without one, they are counted and dropped.

    Each line holds `event`, `at` (UTC), `elapsed_seconds` since the log was made (monotonic,
    so that a clock that jumps does not reorder anything), `run`, and the event's own data.
    """

    def __init__(self, run_id: str, redactor: Redactor) -> None:
        self._run_id = run_id
        self._redactor = redactor
        self._started = time.monotonic()
        self._file: int | None = None
        self._path: Path | None = None
        self._lock = threading.Lock()
        self.count = 0

    @property
    def path(self) -> Path | None:
        return self._path

    def open(self, path: Path) -> None:
        """Write to `path` from now on, in place of what an earlier, ended run left there.

        While another run writes to that file, this one takes a name of its own beside it.

        Raises:
            OSError: the file cannot be written.
        """
        file = _locked(path)
        if file is None:
            path = path.with_name(f"{path.name.removesuffix('.jsonl')}.{self._run_id}.jsonl")
            file = _locked(path)
            if file is None:
                raise OSError(f"{path} is in use")
        os.ftruncate(file, 0)
        self._file, self._path = file, path

    def record(self, event: str, data: dict[str, Any] | None = None) -> None:
        """Append one event.

        Raises:
            OSError: it could not be written.
        """
        self.count += 1
        if self._file is None:
            return
        line = {
            "event": event,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "elapsed_seconds": round(time.monotonic() - self._started, 4),
            "run": self._run_id,
            **self._redactor.data(data or {}),
        }
        raw = json.dumps(line, default=str).encode() + b"\n"
        with self._lock:
            if os.write(self._file, raw) != len(raw):
                raise OSError(f"{self._path}: the disk is full")
            os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _locked(path: Path) -> int | None:
    """Open for appending and lock; None while another process holds the lock."""
    import fcntl

    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
