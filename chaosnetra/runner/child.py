"""`chaos run` as a child process: what ci, the pytest plug-in and game days have in common."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from chaosnetra.processes.identity import started
from chaosnetra.runner.ending import RunIdentity
from chaosnetra.runner.files import RunFiles
from chaosnetra.runner.lifeline import UNWATCHED, WATCHED
from chaosnetra.running.run import GIVEN_BY
from chaosnetra.settings import SETTINGS

GATE_SECONDS = 10.0


class ChildRun:
    """A run of an experiment in a process of its own; it does nothing before `let_begin`.

    So its process can be written down before it does anything.

    Args:
        experiment: its file.
        files: where its journal, events and log go.
        output: where what it says goes; a file, or `subprocess.PIPE`.
        variables: of its configuration, in place of those in its file (`--var`); settings count
            where the experiment does not declare them, too.
        environment: what it has besides this process's.
        options: of `chaos run`, beside those for its journal.
        given_by: the option that the variables come from, as whoever gave them knows it.

    Raises:
        OSError: it cannot be started; so does a ValueError.
    """

    def __init__(
        self,
        experiment: Path,
        files: RunFiles,
        output: int | IO[bytes],
        *,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        given_by: str = "--var",
    ) -> None:
        given = [
            word for key, value in (variables or {}).items() for word in ("--var", f"{key}={value}")
        ]
        # The core passes over a `--var` that the experiment does not declare.
        settings = {
            SETTINGS[key].variable: value
            for key, value in (variables or {}).items()
            if key in SETTINGS
        }
        reading, self._lifeline = os.pipe()
        try:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # as the `chaos` command, which does not import from the directory
                    "-m",
                    "chaosnetra.runner.lifeline",
                    str(reading),
                    "--no-version-check",
                    "--log-file",
                    str(files.log),
                    "run",
                    "--journal-path",
                    str(files.journal),
                    *given,
                    *options,
                    str(experiment),
                ],
                env={**os.environ, **settings, GIVEN_BY: given_by, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                # What the terminal sends is ours; we end the run in order.
                start_new_session=True,
            )
        except BaseException:
            self.close()
            raise
        finally:
            os.close(reading)
        self.identity = RunIdentity(self.process.pid, started(self.process.pid), files.folder)

    def let_begin(self, *, watched: bool) -> None:
        """Let it do its work.

        Args:
            watched: whether it ends when this process does; somebody else sees to it if not.
        """
        with contextlib.suppress(OSError):  # it has ended; its exit code will say so
            os.write(self._lifeline, WATCHED if watched else UNWATCHED)
        if not watched:
            self.close()

    def give_up(self) -> None:
        """Let it end before it has begun."""
        self.close()
        self.process.wait(GATE_SECONDS)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the number of a signal that ended it, negative."""
        return self.process.poll()

    def close(self) -> None:
        """Let go of it; one that is watched is interrupted. Doing it again is no error."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
