"""Undoes what runs left behind that are gone: from their ledgers alone."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosnetra.errors import ChaosnetraError, FaultError, UndoDenied
from chaosnetra.faults import Undo, UndoReport, UndoResult, play
from chaosnetra.safety.ledger import (
    SUFFIX,
    LedgerContents,
    append,
    locked,
    mend_end,
    read_ledger,
    runs_folder,
)
from chaosnetra.text import one_line


@dataclass(frozen=True)
class Recovered:
    """What became of one undo: a report, or why it failed; both when it cannot be written down.

    `denied` tells that it may not be done, so that it is of no use to try again.
    """

    run: str
    undo: Undo | None
    report: UndoReport | None
    error: str | None
    denied: bool = False

    @property
    def left(self) -> bool:
        """Whether the ledger still holds it, so that it is to be played again."""
        return self.error is not None

    @property
    def line(self) -> str:
        """The result for people."""
        what = self.undo.description if self.undo else "ledger"
        if self.report is None:
            return one_line(f"run {self.run}: {what}: NOT DONE: {self.error}")
        more = f" ({self.report.detail})" if self.report.result is not UndoResult.DONE else ""
        if self.error is not None:
            more += f", but not written down: {self.error}; make room there, and recover again"
        return one_line(f"run {self.run}: {what}: {self.report.result.value}{more}")


def leftovers(folder: Path | None = None) -> list[Path]:
    """Ledgers whose runs are gone, those that another process is undoing included.

    Raises:
        FaultError: their folder cannot be read.
    """
    found = []
    for path in _ledgers(folder):
        try:
            with locked(path) as file:
                if file is not None or not _lives(path):
                    found.append(path)
        except FileNotFoundError:
            continue  # its run, or another recovery, has just ended it
        except OSError:
            found.append(path)  # no ledger that can be read: whoever reads it says so
    return found


def recover(path: Path) -> Iterator[Recovered]:
    """Play what a gone run's ledger still holds, last injected first.

    Nothing happens while the run lives. A ledger whose entries are all done is removed.

    Yields:
        One result for each undo, as it is played; one that fails is played again as long as
        others are done, and stays in the ledger then. So does one that was done where the disk
        takes no word of it; it stops no other.
    """
    run = path.name.removesuffix(SUFFIX)
    try:
        with locked(path) as file:
            if file is not None:
                yield from _recover_locked(path, file)
            elif not _lives(path):
                yield Recovered(run, None, None, "another process is undoing it now")
    except FileNotFoundError:
        return  # somebody else did it
    except (FaultError, OSError) as error:
        yield Recovered(run, None, None, str(error))


def _lives(path: Path) -> bool:
    """Whether the run of a locked ledger is in progress; its watchdog's lock is not its own."""
    try:
        return read_ledger(path).run_lives
    except FaultError:
        return path.exists()  # its first line is being written


def recover_all(folder: Path | None = None) -> Iterator[Recovered]:
    """`recover` for every run that is gone.

    Raises:
        FaultError: the folder of the ledgers cannot be read.
    """
    for path in (folder or runs_folder()).glob("*.unfinished"):
        # A run that was killed before its ledger had its first line; nothing was injected.
        with suppress(OSError), locked(path) as file:
            if file is not None:
                path.unlink(missing_ok=True)
    for path in _ledgers(folder):
        yield from recover(path)


def _recover_locked(path: Path, file: int) -> Iterator[Recovered]:
    if os.fstat(file).st_nlink == 0:
        return  # removed between opening and locking
    if path.stat().st_size == 0:
        path.unlink()  # its run was gone before the first line, and so before any fault
        return
    contents = read_ledger(path)
    mend_end(path)
    todo = dict(reversed(contents.open_entries.items()))
    all_written = True
    while todo:
        left = {}
        for number, undo in todo.items():
            result = _play(contents, undo)
            if result.report is None:
                left[number] = result
                continue
            result = _write_down(file, number, result, result.report)
            all_written &= not result.left
            # What is played again is reported when it is written down, and not at every try.
            if not result.left:
                _report(contents, result)
            yield result
        if left and (len(left) == len(todo) or all(one.denied for one in left.values())):
            yield from left.values()
            return
        # What failed may have waited for something that is gone now.
        todo = {number: todo[number] for number in left}
    if all_written:
        path.unlink(missing_ok=True)


def _write_down(file: int, number: int, result: Recovered, report: UndoReport) -> Recovered:
    """Mark an entry as done; that the disk is full must not keep the others from being played."""
    try:
        append(file, {"done": number, "at": time.time(), "result": report.result})
    except OSError as error:
        return replace(result, error=str(error))
    return result


def _play(contents: LedgerContents, undo: Undo) -> Recovered:
    try:
        return Recovered(contents.run, undo, play(undo), None)
    except Exception as error:  # noqa: BLE001 - one that fails must not stop the others
        if contents.part_is_gone(undo):
            report = UndoReport(UndoResult.ALREADY_DONE, "it ended with its server")
            return Recovered(contents.run, undo, report, None)
        ours = isinstance(error, ChaosnetraError)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        return Recovered(contents.run, undo, None, text, isinstance(error, UndoDenied))


def _report(contents: LedgerContents, result: Recovered) -> None:
    """Append what was done to the event file of the run, which can no longer do it."""
    if contents.events is None or result.report is None:
        return
    event: dict[str, Any] = {
        "event": "fault.recovered",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": contents.run,
        "undo": result.undo.description if result.undo else None,
        "result": result.report.result.value,
        "detail": result.report.detail,
    }
    try:
        with contents.events.open("r+b") as file:
            if json.loads(file.readline())["run"] != contents.run:
                return  # a later run writes there now
            mend_end(contents.events)
            file.seek(0, os.SEEK_END)
            file.write(json.dumps(event).encode() + b"\n")
    except (OSError, ValueError, LookupError, TypeError):
        return  # the ledger has it too


def _ledgers(folder: Path | None) -> list[Path]:
    folder = folder or runs_folder()
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except FileNotFoundError:
        return []  # no run has needed it yet
    except OSError as error:
        raise FaultError(
            f"the ledgers of earlier runs cannot be looked for ({error}); make {folder} a folder "
            "of yours, or set XDG_STATE_HOME to the one that they were written to"
        ) from None
