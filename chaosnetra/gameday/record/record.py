"""The record of a game day: what was said and done, and when, as it happened.

One folder a day. In it `record.jsonl`, append-only, format version 1: JSON lines, each with
`number` (from 1, without a gap), `kind` (see `chaosnetra.gameday.record.states.Kind`), `at` (UTC),
`monotonic_seconds` and `boot` (the machine's clock that nobody sets, and which start of the
machine it counts from), and `data`. The first is `day.opened` and holds the whole plan. A line is
on the disk before what it says is acknowledged. The journal of each run lies in `steps/`.

Whoever leads the day holds a lock on the file, and another one that names the plan's file; so two
conductors of one file or one day cannot meet, and a lock that is free tells of a conductor that is
gone, however it went.
"""

import fcntl
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.errors import ChaosnetraError, Unreadable
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.gameday.record.entries import (
    NAME,
    VERSION,
    Entry,
    day_seconds,
    plan_of,
    read_entries,
    state_of,
)
from chaosnetra.gameday.record.states import DayState, Kind
from chaosnetra.redaction import Redactor
from chaosnetra.safety.ledger import append, mend_end
from chaosnetra.text import utc_now


class RecordLost(ChaosnetraError):
    """Something could not be written to the record, so it was not acknowledged."""


class InUse(ChaosnetraError):
    """Another conductor leads this day, or one of the same file."""


@dataclass(frozen=True)
class Clock:
    """The two clocks of the record."""

    def wall(self) -> str:
        return utc_now()

    def monotonic_seconds(self) -> float:
        return time.monotonic()

    def boot(self) -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            import psutil

            return f"{psutil.boot_time():.0f}"


class Record:
    """A day's record while its conductor writes it. Not safe for threads.

    Make one with `opened` or `reopened`.
    """

    def __init__(self, folder: Path, day: GameDay, file: int, clock: Clock) -> None:
        self.folder = folder
        self.day = day
        self.state = DayState(len(day.steps))
        self.entries: list[Entry] = []
        self._file = file
        self._clock = clock
        self._boot = clock.boot()
        self._redactor = Redactor()
        self._redactor.learn(dict(day.data))

    @classmethod
    def opened(
        cls, folder: Path, day: GameDay, data: Mapping[str, Any], clock: Clock | None = None
    ) -> "Record":
        """Begin a day in a new folder.

        Raises:
            RecordLost: it cannot be written.
        """
        file = None
        try:
            folder.mkdir(parents=True)
            file = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            record = cls(folder, day, file, clock or Clock())
            plan = {"version": VERSION, "file": str(day.path.resolve()), "plan": dict(day.data)}
            record.write(Kind.OPENED, {**plan, **data})
            record.learn_environment()
            _flush_name(folder)
            _flush_name(folder.parent)
        except (OSError, RecordLost) as error:
            if file is not None:
                os.close(file)
            raise RecordLost(f"the record cannot be written to {folder}: {error}") from None
        return record

    @classmethod
    def reopened(cls, folder: Path) -> "Record":
        """Go on with a day whose conductor is gone.

        Raises:
            InUse: its conductor is there.
            Unreadable: it is no record, or a damaged one.
            RecordLost: it cannot be written.
        """
        path = folder / NAME
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise Unreadable(f"{folder}: it holds no game day ({error.strerror})") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            entries = read_entries(folder)
            record = cls(folder, plan_of(entries, folder), file, Clock())
            record.entries = entries
            record.state = state_of(entries, len(record.day.steps), folder)
            record.learn_environment()
            mend_end(path)
        except BlockingIOError:
            os.close(file)
            raise InUse(f"{folder}: this day is being led by another conductor now") from None
        except OSError as error:
            os.close(file)
            raise RecordLost(f"the record in {folder} cannot be written: {error}") from None
        except BaseException:
            os.close(file)
            raise
        return record

    def write(self, kind: Kind, data: Mapping[str, Any] | None = None) -> Entry:
        """Write down what happened; it is on the disk when this returns.

        Raises:
            NotAllowed: it cannot happen now; nothing was written.
            RecordLost: it could not be written; the state is as before.
        """
        said = self._redactor.data(dict(data or {}))
        opens = kind is Kind.OPENED and not self.entries
        # What a repetition changes may hold a secret, which its run needs.
        state = self.state if opens else self.state.after(kind, dict(data or {}))
        entry = Entry(
            len(self.entries) + 1,
            kind,
            self._clock.wall(),
            round(self._clock.monotonic_seconds(), 4),
            self._boot,
            said,
        )
        try:
            append(self._file, entry.to_json())
        except OSError as error:
            raise RecordLost(f"the record in {self.folder} cannot be written: {error}") from None
        self.entries.append(entry)
        self.state = state
        return entry

    def holds_plan(self, data: Any) -> bool:
        """Whether the day began with this plan; the record keeps it without its secrets."""
        redactor = Redactor()
        redactor.learn(data)
        return bool(redactor.data(data) == self.entries[0].data.get("plan"))

    def learn_environment(self) -> None:
        """Keep the secrets of the environment out of what people say and runs answer.

        The plan is written before: where it lies is no secret, whatever else has that value.
        """
        self._redactor.learn_environment(os.environ)

    @property
    def seconds(self) -> float:
        """How long the day has taken by now, by the clock that nobody sets."""
        last = self.entries[-1]
        return day_seconds(self.entries)[-1] + max(
            0.0, self._clock.monotonic_seconds() - last.monotonic_seconds
        )

    @property
    def step(self) -> DayStep:
        """The step that the day is at."""
        return self.day.steps[self.state.step]

    def last(self, kind: Kind) -> Mapping[str, Any]:
        """The data of the last entry of a kind; empty without one."""
        return next((entry.data for entry in reversed(self.entries) if entry.kind is kind), {})

    def learn_secrets(self, data: Mapping[str, Any]) -> None:
        """Keep the secrets in `data` out of everything that is written from now on."""
        self._redactor.learn(dict(data))

    def shown(self, text: str) -> str:
        """`text` without secrets."""
        return self._redactor.text(text)

    def close(self) -> None:
        """Let go of the file. Doing it again is no error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _flush_name(folder: Path) -> None:
    """The name of what is in a folder must survive a crash of the machine too."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
