"""Ends a day from elsewhere: also one whose conductor hangs."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError
from chaosnetra.gameday.conduct.monitored import GOODBYE_SECONDS
from chaosnetra.gameday.conduct.rehearsal import take_down_stand_of
from chaosnetra.gameday.record.entries import is_closed, read_entries, run_in_progress
from chaosnetra.gameday.record.record import InUse, Record
from chaosnetra.gameday.record.states import DayStage, Kind
from chaosnetra.runner.ending import ASKED, RunIdentity, end_and_undo

# A conductor that is well leaves as soon as its run has ended, and its monitor.
CONDUCTOR_SECONDS = GOODBYE_SECONDS + 5.0
POLL_SECONDS = 0.05


def stop_day(folder: Path, by: str) -> Iterator[str]:
    """End the day in a folder: its run, its conductor, and the day itself.

    Args:
        folder: of the day.
        by: who stops it, for the record.

    Yields:
        What was done, each as a line.

    Raises:
        Unreadable: there is no such day.
        ChaosnetraError: it cannot be written down that the day has ended; nothing is left
            injected all the same.
    """
    if is_closed(folder):
        yield "the day had ended already"
        return
    entries = read_entries(folder)
    led = [entry for entry in entries if entry.kind in (Kind.OPENED, Kind.RESUMED)][-1]
    conductor = RunIdentity.of(led.data, folder)
    # The run first: what it injected is what hurts. Its conductor is asked to leave at once, so
    # that it begins no other.
    run = run_in_progress(entries, folder)
    asked = run is not None and run.ask_to_end()
    conductor.signal(signal.SIGTERM)
    if asked:
        yield ASKED
    if run is not None:
        yield from end_and_undo(run, asked=True)
    yield from _end_conductor(conductor)
    # One that began between the two looks.
    later = run_in_progress(read_entries(folder), folder)
    undone: list[str] = []
    if later is not None and later.is_alive():
        undone = end_and_undo(later)
        yield from undone
    yield from _close(folder, by, undone)
    if take_down_stand_of(read_entries(folder)):
        yield "the stand that the rehearsal had brought was taken down"


def _end_conductor(conductor: RunIdentity) -> Iterator[str]:
    if not conductor.is_alive():
        yield "its conductor was gone, or has left"
        return
    if conductor.has_ended(CONDUCTOR_SECONDS):
        yield "its conductor has left"
        return
    conductor.signal(signal.SIGKILL)
    conductor.has_ended(CONDUCTOR_SECONDS)
    yield f"its conductor was killed, because it did not leave within {CONDUCTOR_SECONDS:g} s"


def _close(folder: Path, by: str, undone: list[str]) -> Iterator[str]:
    record = _reopened(folder)
    try:
        if record.state.stage is not DayStage.CLOSED:
            if record.state.ending is None:
                record.write(Kind.ABORTED, {"reason": "stopped from elsewhere", "by": by})
            if record.state.stage is DayStage.RUNNING:
                why = "the day was stopped from elsewhere"
                record.write(Kind.RUN_LOST, {"why": why, "undone": undone})
            record.write(Kind.CLOSED, {})
    finally:
        record.close()
    yield f"the day has ended: stopped by {by}"
    from chaosnetra.gameday.report.writing import write_reports

    try:
        for path in write_reports(folder):
            yield f"report: {path}"
    except (ChaosnetraError, OSError) as error:
        yield f"the report cannot be written: {error}"


def _reopened(folder: Path) -> Record:
    """The record, once the lock of a conductor that has just left is free."""
    deadline = Deadline.after(CONDUCTOR_SECONDS)
    while True:
        try:
            return Record.reopened(folder)
        except InUse:
            if deadline.passed:
                raise
            time.sleep(POLL_SECONDS)
