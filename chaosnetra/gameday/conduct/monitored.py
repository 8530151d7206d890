"""The conductor's end of the monitor; see `chaosnetra.gameday.conduct.abort_monitor`."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.settings.sources import Source, find_sources

FIRST_CHECK_SECONDS = 60.0
GOODBYE_SECONDS = 10.0
POLL_SECONDS = 0.02
# After the time between two rounds, until one in which a probe hangs is a reason to end the day.
ROUND_SECONDS = 60.0


class AbortMonitor:
    """The monitor of a day, as a process.

    Args:
        folder: of the day.
        day: the plan as it acts, with its secrets.
        terminal: see `chaosnetra.gameday.people.keys.kept_terminal`.

    Raises:
        PartUnavailable: it cannot be started.
        InvalidInput: the `chaosnetra.toml` of the day cannot be used.
    """

    def __init__(self, folder: Path, day: GameDay, terminal: str | None = None) -> None:
        parameters = {**_settings_of_file(day), **day.parameters}
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "chaosnetra.gameday.conduct.abort_monitor",
                    str(folder),
                    *([terminal] if terminal else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise PartUnavailable(
                f"the abort monitor of the day cannot be started: {error}"
            ) from None
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - a pipe was asked for
        assert stdout is not None  # noqa: S101 - likewise
        self._stdin, self._stdout = stdin, stdout
        os.set_blocking(stdout.fileno(), False)
        self._raw = b""
        self._checked = False
        self._longest_seconds = day.abort.frequency_seconds + ROUND_SECONDS
        self._heard = time.monotonic()
        self._crossed: str | None = None
        watch = {
            "conditions": list(day.abort.conditions),
            "frequency_seconds": day.abort.frequency_seconds,
            "parameters": parameters,
        }
        self._tell(json.dumps(watch).encode() + b"\n")

    @property
    def crossed(self) -> str | None:
        """Why the day must end; None while it may go on. A monitor that is gone is a reason."""
        self._read()
        if self._crossed is None and self._process.poll() is not None:
            self._crossed = "the monitor that checks the abort criteria has ended"
        silent_seconds = time.monotonic() - self._heard
        if self._crossed is None and self._checked and silent_seconds > self._longest_seconds:
            self._crossed = f"the abort criteria were not checked for {silent_seconds:.0f} s"
        return self._crossed

    def has_checked(self, tick: Callable[[], None] = lambda: None) -> bool:
        """Wait until all criteria were checked once; whether they were, in time.

        Args:
            tick: called often meanwhile; may raise to end the wait.
        """
        deadline = Deadline.after(FIRST_CHECK_SECONDS)
        while not self._checked and self.crossed is None:
            if deadline.passed:
                return False
            tick()
            time.sleep(POLL_SECONDS)
        return True

    def end(self) -> None:
        """Tell it that the day is over. Doing it again is no error."""
        if self._stdin.closed:
            return
        self._tell(b"end\n")
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # a probe hangs; there is no run any more that it could monitor
            self._process.wait(GOODBYE_SECONDS)
        self._stdout.close()

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended, which `crossed` says
            self._stdin.write(line)
            self._stdin.flush()

    def _read(self) -> None:
        if self._stdout.closed:
            return
        with contextlib.suppress(OSError):
            while chunk := self._stdout.read(65536):
                self._raw += chunk
        *lines, self._raw = self._raw.split(b"\n")
        for line in lines:
            said = json.loads(line)
            self._heard = time.monotonic()
            self._checked = self._checked or said.get("checked") is True
            self._crossed = self._crossed or said.get("crossed")


def _settings_of_file(day: GameDay) -> dict[str, str]:
    """What a `chaosnetra.toml` beside the day's file gives, as environment variables have it."""
    return {
        key: one.value if isinstance(one.value, str) else json.dumps(one.value)
        for key, one in find_sources(day.path.parent).given.items()
        if one.source is Source.FILE
    }
