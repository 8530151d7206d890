"""Starts a watchdog for a run, tells it what it needs, and lets it go."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InjectionFailed

PROGRAM = Path(__file__).with_name("watchdog.py")
GOODBYE_SECONDS = 5.0


class Guardian:
    """The watchdog of this process's run.

    Args:
        time_to_live_seconds: when the run must have ended.
    """

    def __init__(self, time_to_live_seconds: float) -> None:
        self._seconds = time_to_live_seconds
        self._urls: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def trust(self, address: DatabaseAddress) -> None:
        """Tell it the password of a database whose undos it may have to play."""
        self._urls.append(address.url)
        self._tell(address.url)

    def start(self, ledger: Path) -> None:
        """Start it; from now on the ledger is played when this process ends.

        Raises:
            InjectionFailed: it cannot be started; nothing may be injected unguarded.
        """
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(PROGRAM),
                    str(ledger),
                    f"{self._seconds:g}",
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
        for url in self._urls:
            self._tell(url)

    def let_go(self) -> None:
        """Tell it that the run has ended: it is done, or plays what the run had to leave."""
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        # One that still works on what is left goes on without us, and without a warning.
        self._process.returncode = self._process.returncode or 0
        self._process = None

    def _tell(self, url: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # A watchdog that was killed is missed when the run ends, not here.
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(url).encode() + b"\n")
            self._process.stdin.flush()


def _folder() -> str:
    """What relative paths of the run's environment are relative to."""
    try:
        return os.getcwd()  # noqa: PTH109 - it goes into a command line
    except OSError:
        return "/"  # removed
