"""Events of a run, written as they happen: one JSON object a line, flushed to disk.

Each line is handed to the system before `record` returns, so it survives the end of this
process, however it ends. A thread flushes lines to the disk within `FLUSH_SECONDS`, several at
once, so that a run does not wait for the disk at every event.
"""

import errno
import json
import logging
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

from chaosnetra.evidence.journal.jsonsafe import strict
from chaosnetra.redaction import Redactor
from chaosnetra.text import utc_now

logger = logging.getLogger("chaostoolkit")

# How long a line may stay in the system's memory, which only a crash of the machine loses.
FLUSH_SECONDS = 0.05


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
        self._unflushed = threading.Event()
        self._flusher: threading.Thread | None = None
        self._closing = threading.Event()
        self._failure: OSError | None = None
        # Why an event is missing from the file, if one is.
        self.lost: str | None = None
        self._told = False
        self.count = 0

    @property
    def path(self) -> Path | None:
        return self._path

    def elapsed_seconds(self, monotonic: float | None = None) -> float:
        """Seconds since the log was made: what `elapsed_seconds` of an event counts.

        Args:
            monotonic: a reading of `time.monotonic()`; without it, until now.
        """
        now = time.monotonic() if monotonic is None else monotonic
        return round(now - self._started, 6)

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
        self._flusher = threading.Thread(target=self._flush, name="event log", daemon=True)
        self._flusher.start()

    def record(self, event: str, data: dict[str, Any] | None = None) -> None:
        """Append one event.

        Raises:
            OSError: it, or one before it, could not be written.
        """
        self.count += 1
        if self._failure is not None:
            raise self._failure
        if self._file is None:
            return
        fixed = {
            "event": event,
            "at": utc_now(),
            "elapsed_seconds": round(self.elapsed_seconds(), 4),
            "run": self._run_id,
        }
        raw = self._encoded(data or {}, fixed) + b"\n"
        with self._lock:
            whole = os.fstat(self._file).st_size
            try:
                written = os.write(self._file, raw)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                self.lost = f"{self._path}: {'the disk is full' if full else error.strerror}"
                raise OSError(self.lost) from error
            if written != len(raw):
                os.ftruncate(self._file, whole)  # the next line must not continue a torn one
                self.lost = f"{self._path}: the disk is full"
                raise OSError(self.lost)
        self._unflushed.set()

    def record_if_possible(self, event: str, data: dict[str, Any] | None = None) -> None:
        """Append one event of which there may be very many, and which happened all the same.

        That it cannot be written is logged once; the journal control meets the same error next,
        and fails the run.
        """
        try:
            self.record(event, data)
        except OSError as error:
            if not self._told:
                self._told = True
                logger.error(f"{event} could not be recorded: {error}")

    def close(self) -> None:
        """Flush what was recorded and close the file. Doing it again is no error.

        Raises:
            OSError: something that was recorded is not on the disk.
        """
        if self._flusher is None:
            return
        self._closing.set()
        self._unflushed.set()
        self._flusher.join()
        self._flusher = None
        with self._lock:
            if self._file is not None:
                self._flush_now(self._file)
                os.close(self._file)
                self._file = None
        if self._failure is not None:
            raise self._failure

    def _flush(self) -> None:
        while not self._closing.is_set():
            self._unflushed.wait()
            self._closing.wait(FLUSH_SECONDS)
            self._unflushed.clear()
            if self._file is not None:
                self._flush_now(self._file)

    def _flush_now(self, file: int) -> None:
        try:
            os.fsync(file)
        except OSError as error:
            self._failure = error

    def _encoded(self, data: dict[str, Any], fixed: dict[str, Any]) -> bytes:
        def text(value: object) -> str:
            return self._redactor.text(str(value))

        try:
            line = {**self._redactor.data(data), **fixed}
            try:
                return json.dumps(line, default=text, allow_nan=False).encode()
            except ValueError:  # NaN and infinity are not JSON
                return json.dumps(strict(line), default=text, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            return json.dumps({**fixed, "data_not_recordable": str(error)}).encode()


def _locked(path: Path) -> int | None:
    """Open for appending and lock; None while another process holds the lock."""
    import fcntl

    # One that is a pipe must not keep us waiting for its reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
    file = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("it is no file")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
