"""The real Toxiproxy built beside a run, which does not wait for a compiler.

A process of its own builds it, with what of the cores nobody else wants. It outlives the run: the
next one finds the program.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.program import module_command
from chaosnetra.stand.part import last_line, wait_for_answer
from chaosnetra.stand.toxiproxy_program import find_program, ready_program

# With Go's own caches filled a build takes a second, and without them from 20.
IN_TIME_SECONDS = 3.0
LEAST_PRIORITY = 19

BEING_BUILT = (
    "Go builds that one beside this run, for later ones; CHAOSNETRA_TOXIPROXY_SERVER=real waits "
    "for it"
)


class _Build:
    """A build in progress, by this process or another one."""

    def __init__(self) -> None:
        self.has_ended = False
        self._said = b""
        self._process = subprocess.Popen(
            module_command("chaosnetra.stand.toxiproxy_build"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        self._said = self._process.communicate()[1]
        self.has_ended = True

    @property
    def why_not(self) -> str:
        """The last line of one that failed."""
        return last_line(self._said.decode(errors="replace"))


_build: _Build | None = None
_lock = threading.Lock()


def begin() -> _Build | None:
    """Begin to build the server where there is none and it can be built; returns at once."""
    global _build
    with _lock:
        if _build is not None and not _build.has_ended:
            return _build
        is_wanted = ready_program() is None and shutil.which("go") is not None
        _build = _Build() if is_wanted else None
        return _build


def program_in_time() -> Path:
    """The server's program, waited for no longer than it takes to see that it comes.

    Raises:
        PartUnavailable: it is not there yet, or cannot be had; says why.
    """
    build = begin()
    if build is None:
        return find_program()
    wait_for_answer(ready_program, lambda: build.has_ended, IN_TIME_SECONDS)
    program = ready_program()
    if program is None:
        raise PartUnavailable(build.why_not if build.has_ended else BEING_BUILT)
    return program


def _give_way() -> None:
    """Leave the cores to all who want them."""
    os.nice(LEAST_PRIORITY)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    _give_way()
    try:
        find_program()
    except PartUnavailable as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
