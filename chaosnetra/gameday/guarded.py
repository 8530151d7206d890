"""The conductor's end of the guard; see `chaosnetra.gameday.guard`."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable

FIRST_CHECK_SECONDS = 60.0
GOODBYE_SECONDS = 10.0


class Guard:
    """The guard of a day, as a process.

    Args:
        folder: of the day.
        terminal: see `chaosnetra.gameday.keys.kept_terminal`.

    Raises:
        PartUnavailable: it cannot be started.
    """

    def __init__(self, folder: Path, terminal: str | None = None) -> None:
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "chaosnetra.gameday.guard",
                    str(folder),
                    *([terminal] if terminal else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise PartUnavailable(f"the guard of the day cannot be started: {error}") from None
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        os.set_blocking(self._process.stdout.fileno(), False)
        self._raw = b""
        self._checked = False
        self._crossed: str | None = None

    @property
    def crossed(self) -> str | None:
        """Why the day must end; None while it may go on. A guard that is gone is a reason."""
        self._read()
        if self._crossed is None and self._process.poll() is not None:
            self._crossed = "the guard that checks the abort criteria has ended"
        return self._crossed

    @property
    def has_checked(self) -> bool:
        """Whether all criteria have been checked once, and held."""
        self._read()
        return self._checked

    def first_check(self) -> Deadline:
        """By when it has to have checked everything once."""
        return Deadline.after(FIRST_CHECK_SECONDS)

    def end(self) -> None:
        """Tell it that the day is over. Doing it again is no error."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        with contextlib.suppress(OSError):
            stdin.write(b"end\n")
            stdin.flush()
        with contextlib.suppress(OSError):
            stdin.close()
        try:
            self._process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # a probe hangs; there is no run any more that it could guard
            self._process.wait(GOODBYE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        stdout = self._process.stdout
        if stdout is None or stdout.closed:
            return
        with contextlib.suppress(OSError):
            while chunk := stdout.read(65536):
                self._raw += chunk
        *lines, self._raw = self._raw.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):  # a probe may print what it likes
                said = json.loads(line)
                if isinstance(said, dict):
                    self._checked = self._checked or said.get("checked") is True
                    if isinstance(said.get("crossed"), str):
                        self._crossed = said["crossed"]
