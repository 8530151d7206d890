"""Ends a run of a step, whoever started it, and takes back what it left."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.gameday.record.entries import Entry
from chaosnetra.gameday.record.states import Kind
from chaosnetra.processes.identity import started
from chaosnetra.quantities import finite_or_none
from chaosnetra.safety.ledger import SUFFIX, runs_folder
from chaosnetra.safety.recovery import recover

# A run that is told to end undoes what it injected and writes its journal; after this it is killed.
PATIENCE_SECONDS = 30.0
# The watchdog of a killed run needs some seconds; after this somebody has to look.
RECOVERY_SECONDS = 75.0
POLL_SECONDS = 0.05
EVENTS = "journal.events.jsonl"
JOURNAL = "journal.json"
ASKED = "the run was asked to end"


@dataclass(frozen=True)
class RunIdentity:
    """A run's process, told apart from a later one with its number, and its folder."""

    pid: int
    started: float
    folder: Path

    @classmethod
    def of(cls, data: Mapping[str, Any], folder: Path) -> "RunIdentity":
        """The process that an entry names; one that is gone, where it names none."""
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

    def ask_to_end(self) -> bool:
        """Ask it to undo everything and end; again does no harm. Whether it was there to hear."""
        there = self.is_alive()
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that was suspended cannot undo anything
        return there


def run_in_progress(entries: Iterable[Entry], day_folder: Path) -> RunIdentity | None:
    """The run that a record says has begun and not that it ended; it may be gone all the same."""
    found: RunIdentity | None = None
    for entry in entries:
        if entry.kind is Kind.RUN_BEGUN:
            found = identity_of(entry.data, day_folder)
        elif entry.kind in (Kind.RUN_ENDED, Kind.RUN_LOST):
            found = None
    return found


def identity_of(data: Any, day_folder: Path) -> RunIdentity:
    """The run that an entry of the kind `run.begun` names."""
    return RunIdentity.of(data, day_folder / str(data.get("folder")))


def end_and_undo(
    run: RunIdentity,
    patience_seconds: float = PATIENCE_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Ask a run to end, kill it when it does not, and take back what it left.

    Returns:
        What was done, each as a line; the last says so when something may be left.
    """
    asked = [ASKED] if run.ask_to_end() else []
    return asked + see_end_and_undo(run, patience_seconds, wait)


def see_end_and_undo(
    run: RunIdentity,
    patience_seconds: float = PATIENCE_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> list[str]:
    """As `end_and_undo`, for a run that was asked already."""
    said = []
    if not _ended(run, patience_seconds, wait):
        run.signal(signal.SIGKILL)
        _ended(run, POLL_SECONDS * 100, wait)
        said.append(f"it was killed, because it did not end within {patience_seconds:g} s")
    return said + undo(run.folder, wait)


def undo(folder: Path, wait: Callable[[float], None] = time.sleep) -> list[str]:
    """Take back what the run in a folder left; its watchdog may be doing it already.

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
        wait(POLL_SECONDS * 4)
    return done or ["what the run had left was taken back by its watchdog"]


def _ended(run: RunIdentity, seconds: float, wait: Callable[[float], None]) -> bool:
    deadline = Deadline.after(seconds)
    while run.is_alive():
        if deadline.passed:
            return False
        wait(POLL_SECONDS)
    return True


def _ledger(folder: Path) -> Path | None:
    """The ledger of the run in a folder; None when it never came so far as to have one."""
    try:
        with (folder / EVENTS).open("rb") as file:
            first = json.loads(file.readline(1_000_000))
        return runs_folder() / f"{first['run']}{SUFFIX}"
    except (OSError, ValueError, LookupError, TypeError):
        return None
