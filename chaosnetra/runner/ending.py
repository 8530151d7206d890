"""Ends a run, whoever started it, and undoes what it left."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.processes.identity import started
from chaosnetra.quantities import finite_or_none
from chaosnetra.runner.files import RunFiles
from chaosnetra.safety.ledger import SUFFIX, runs_folder
from chaosnetra.safety.recovery import recover

# A run that is told to end undoes what it injected and writes its journal; after this it is killed.
PATIENCE_SECONDS = 30.0
# The watchdog of a killed run needs some seconds; after this somebody has to look.
RECOVERY_SECONDS = 75.0
POLL_SECONDS = 0.05
ASKED = "the run was asked to end"


@dataclass(frozen=True)
class RunIdentity:
    """A run's process, told apart from a later one with its number, and its folder."""

    pid: int
    started: float
    folder: Path

    @classmethod
    def of(cls, data: Mapping[str, Any], folder: Path) -> "RunIdentity":
        """The process that was written down; one that is gone, where there is none."""
        pid, began = data.get("pid"), finite_or_none(data.get("started"))
        if type(pid) is not int or pid <= 0 or began is None:
            return cls(0, 0.0, folder)
        return cls(pid, began, folder)

    def is_alive(self) -> bool:
        """Whether the very process that was written down is still there."""
        return self.started != 0 and started(self.pid) == self.started

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def ask_to_end(self, number: int = SIGTERM) -> bool:
        """Ask it to undo everything and end; again does no harm. Whether it was there to hear."""
        there = self.is_alive()
        self.signal(number)
        self.signal(signal.SIGCONT)  # one that was suspended cannot undo anything
        return there

    def has_ended(self, seconds: float) -> bool:
        """Wait for its end, so long at most; whether it has ended."""
        deadline = Deadline.after(seconds)
        while self.is_alive():
            if deadline.passed:
                return False
            time.sleep(POLL_SECONDS)
        return True


def end_and_undo(
    run: RunIdentity,
    patience_seconds: float = PATIENCE_SECONDS,
    *,
    asked: bool = False,
) -> list[str]:
    """Ask a run to end, kill it when it does not, and undo what it left.

    Args:
        run: to be ended.
        patience_seconds: until it is killed.
        asked: whether it was asked already.

    Returns:
        What was done, each as a line; the last says so when something may be left.
    """
    done = [ASKED] if not asked and run.ask_to_end() else []
    if not run.has_ended(patience_seconds):
        run.signal(signal.SIGKILL)
        run.has_ended(POLL_SECONDS * 100)
        done.append(f"it was killed, because it did not end within {patience_seconds:g} s")
    return done + undo(run.folder)


def undo(folder: Path) -> list[str]:
    """Undo what the run in a folder left; its watchdog may be doing it already.

    Returns:
        What was undone and by whom, each as a line.
    """
    ledger = _ledger(folder)
    if ledger is None or not ledger.exists():
        return []
    deadline = Deadline.after(RECOVERY_SECONDS)
    done: list[str] = []
    failed: list[str] = []
    while ledger.exists():
        results = list(recover(ledger))
        done += [result.line for result in results if not result.left]
        failed = [result.line for result in results if result.left]
        if deadline.passed:
            return [*done, *failed, "something may be left: `chaosnetra recover` says what"]
        time.sleep(POLL_SECONDS * 4)
    return done or ["its watchdog undid what the run had left"]


def _ledger(folder: Path) -> Path | None:
    """The ledger of the run in a folder; None when it never came so far as to have one."""
    try:
        with RunFiles(folder).events.open("rb") as file:
            first = json.loads(file.readline(1_000_000))
        return runs_folder() / f"{first['run']}{SUFFIX}"
    except (OSError, ValueError, LookupError, TypeError):
        return None
