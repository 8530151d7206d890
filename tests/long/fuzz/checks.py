"""What a case is checked with, and what is noted of it."""

import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import chaosnetra
from chaosnetra.errors import ChaosnetraError

PACKAGE = str(Path(chaosnetra.__file__).parent)
CALL_SECONDS = 20.0
TRACEBACK = "Traceback (most recent call last):"


class Failed(Exception):
    """A check did not hold."""


@dataclass
class Report:
    """What was fed in and what came of it."""

    cases: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def strict_json(text: str) -> Any:
    """Parse JSON as the standard has it: no NaN, no infinity."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def package_frames(output: str) -> list[str]:
    """Frames of printed tracebacks that lie in the package.

    What the logging module prints when it cannot write the core's log file is passed over.
    """
    found, inside, logging_error = [], False, False
    for line in output.splitlines():
        if line.startswith("--- Logging error ---"):
            logging_error = True
        elif line.startswith("Arguments:"):
            logging_error = inside = False
        elif TRACEBACK in line:
            inside = True
        elif inside and not logging_error and f'File "{PACKAGE}' in line:
            found.append(line.strip())
    return found


def listing(folder: Path, leave_out: tuple[Path, ...] = ()) -> dict[str, tuple[int, int]]:
    """Size and time of everything under `folder`."""
    found = {}
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if here / name not in leave_out]
        for name in [*folders, *files]:
            stat = (here / name).lstat()
            found[str(here / name)] = (stat.st_size if name in files else 0, stat.st_mtime_ns)
    # A folder's own time changes with the folders that are left out.
    return {path: facts if facts[0] else (0, 0) for path, facts in found.items()}


def processes_of(home: Path) -> list[str]:
    """Living processes that were started with that HOME."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("HOME") == str(home):
                found.append(" ".join(process.cmdline())[:200])
    return found


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Fail when the code inside takes longer."""

    def too_long(number: int, frame: Any) -> None:
        raise Failed(f"no end within {seconds:g} s")

    former = signal.signal(signal.SIGALRM, too_long)
    # A test's own limit uses the same timer; it gets back what is left of it.
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, remaining)


def where(error: BaseException) -> str:
    """An exception with the innermost place in the package that it passed."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(PACKAGE):
            place = f"{file.removeprefix(PACKAGE)[1:]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}: {str(error)[:150]}"


def one_line(error: ChaosnetraError) -> None:
    """An error that a user is to read."""
    text = str(error)
    if not text.strip():
        raise Failed("an error without a text")
    if "\n" in text and "\\n" not in text:
        raise Failed(f"an error of several lines: {text[:200]!r}")
