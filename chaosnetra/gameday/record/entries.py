"""The entries of a day's record, as they lie in its file: see `gameday.record.record`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import Document
from chaosnetra.errors import Unreadable
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.plan.reading import parse_gameday
from chaosnetra.gameday.record.states import DayStage, DayState, Kind, NotAllowed, replayed
from chaosnetra.runner.ending import RunIdentity

VERSION = 1
NAME = "record.jsonl"
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Entry:
    """One line of the record.

    Attributes:
        number: from 1.
        kind: what happened.
        at: when, UTC, by the clock on the wall.
        monotonic_seconds: when, by a clock that nobody sets; only good within one `boot`.
        boot: names the start of the machine that it counts from.
        data: what there is to say of it.
    """

    number: int
    kind: Kind
    at: str
    monotonic_seconds: float
    boot: str
    data: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "data": dict(self.data)}


def read_entries(folder: Path) -> list[Entry]:
    """Everything that a day's record says.

    A last line that is not whole is the trace of a crash in mid-write: nobody was told that it
    had been taken, and it is passed over.

    Raises:
        Unreadable: there is no record, it is damaged elsewhere, or of another version.
    """
    path = folder / NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{folder}: it holds no game day ({error.strerror})") from None
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"{path}: it has more than {MOST_BYTES // 2**20} MiB")
    entries: list[Entry] = []
    for line in raw.split(b"\n")[:-1]:
        try:
            entries.append(_entry(json.loads(line), len(entries) + 1))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Unreadable(f"{path}:{len(entries) + 1}: the record is damaged: {error}") from None
    if not entries:
        raise Unreadable(f"{path}: the day had not begun")
    version = entries[0].data.get("version")
    if entries[0].kind is not Kind.OPENED or version != VERSION:
        raise Unreadable(f"{path}: its version is {version!r}, this one reads {VERSION}")
    return entries


def day_seconds(entries: Sequence[Entry]) -> list[float]:
    """For each entry, seconds since the first; never less than the one before it.

    By the clock that nobody sets; where the machine was started anew in between, by the wall's.
    """
    found = [0.0]
    for before, entry in pairwise(entries):
        if entry.boot == before.boot:
            passed = entry.monotonic_seconds - before.monotonic_seconds
        else:
            passed = wall_seconds(before.at, entry.at)
        found.append(found[-1] + max(0.0, passed))
    return found


def wall_seconds(before: str, after: str) -> float:
    """Seconds between two moments as the record writes them; 0 when one of them is none."""
    try:
        return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def plan_of(entries: Iterable[Entry], folder: Path) -> GameDay:
    """The plan that a day began with, as it acts.

    Raises:
        Unreadable: it is no plan.
    """
    opened = next(iter(entries)).data
    path = Path(str(opened.get("file")))
    document = Document(str(path), opened.get("plan"), {})
    day, findings = parse_gameday(document, path, check_files=False)
    if day is None:
        raise Unreadable(f"{folder / NAME}: the plan cannot be used: {findings[0].message}")
    return day.acting(rehearsal=opened.get("rehearsal") is True)


def state_of(entries: Iterable[Entry], steps: int, folder: Path) -> DayState:
    """Where a day is.

    Raises:
        Unreadable: the record says what cannot have happened.
    """
    happened = [(entry.kind, entry.data) for entry in entries if entry.kind is not Kind.OPENED]
    try:
        return replayed(steps, happened)
    except NotAllowed as error:
        raise Unreadable(f"{folder / NAME}: the record is damaged: {error}") from None


def is_closed(folder: Path) -> bool:
    """Whether the day in a folder has ended.

    Raises:
        Unreadable: there is no day, or its record is damaged.
    """
    entries = read_entries(folder)
    steps = len(plan_of(entries, folder).steps)
    return state_of(entries, steps, folder).stage is DayStage.CLOSED


def run_in_progress(entries: Iterable[Entry], day_folder: Path) -> RunIdentity | None:
    """The run that a record says has begun and not that it ended; it may be gone all the same."""
    found: RunIdentity | None = None
    for entry in entries:
        if entry.kind is Kind.RUN_BEGUN:
            found = RunIdentity.of(entry.data, day_folder / str(entry.data.get("folder")))
        elif entry.kind in (Kind.RUN_ENDED, Kind.RUN_LOST):
            found = None
    return found


def _entry(raw: Any, number: int) -> Entry:
    entry = Entry(
        raw["number"],
        Kind(raw["kind"]),
        str(raw["at"]),
        float(raw["monotonic_seconds"]),
        str(raw["boot"]),
        raw["data"],
    )
    if entry.number != number or not isinstance(entry.data, dict):
        raise ValueError(f"entry {number} is not where it should be")
    return entry
