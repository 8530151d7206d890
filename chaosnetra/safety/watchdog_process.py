"""Starts a watchdog for a run, tells it what it needs, and lets it go."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import InjectionFailed
from chaosnetra.processes.copies import release, withhold

PROGRAM = Path(__file__).with_name("watchdog.py")
GOODBYE_SECONDS = 5.0


class WatchdogProcess:
    """The watchdog of this process's run.

    Args:
        time_to_live_seconds: when the run must have ended.
    """

    def __init__(self, time_to_live_seconds: float) -> None:
        self._seconds = time_to_live_seconds
        self._deadline: Deadline | None = None
        self._urls: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def trust(self, address: DatabaseAddress) -> None:
        """Tell it the password of a database whose undos it may have to play."""
        with self._lock:
            self._urls.append(address.url)
            self._tell(address.url)

    def guard(self, ledger: Path) -> None:
        """See to it that a watchdog plays the ledger when this process ends, or its time does.

        One that somebody ended is replaced by another.

        Raises:
            InjectionFailed: it cannot be started; nothing may be injected unguarded.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._forget()
            self._process = self._start(ledger)
            for url in self._urls:
                self._tell(url)

    def let_go(self) -> None:
        """Tell it that the run has ended: it is done, or plays what the run had to leave."""
        with self._lock:
            if (process := self._process) is None:
                return
            self._forget()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GOODBYE_SECONDS)
            # One that still works on what is left goes on without us, and without a warning.
            process.returncode = process.returncode or 0

    def _start(self, ledger: Path) -> subprocess.Popen[bytes]:
        if self._deadline is None:
            self._deadline = Deadline.after(self._seconds)
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(PROGRAM),
                    str(ledger),
                    f"{self._deadline.remaining_seconds:g}",
                    str(os.getpid()),
                    _folder(),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise InjectionFailed(
                f"the watchdog cannot be started ({error}), so nothing is injected"
            ) from error
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        withhold(process.stdin.fileno())
        return process

    def _forget(self) -> None:
        """Close our end of its pipe, by which it knows of us."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            release(process.stdin.fileno())
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _tell(self, url: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # One that was killed is missed before the next undo is written down, not here.
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(url).encode() + b"\n")
            self._process.stdin.flush()


def _folder() -> str:
    """What relative paths of the run's environment are relative to."""
    try:
        return os.getcwd()  # noqa: PTH109 - it goes into a command line
    except OSError:
        return "/"  # removed
