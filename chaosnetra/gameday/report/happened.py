"""What happened on a day, put together from its record and the journals beside it.

Times are seconds since the day began, by the clock that nobody sets: a clock on the wall that
jumps changes no order and no length. Where the machine was started anew in between, the wall's
clock bridges the gap.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from chaosnetra.gameday.conduct.progress import fault_label, is_in_effect
from chaosnetra.gameday.people.predictions import Prediction
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.record.entries import (
    Entry,
    day_seconds,
    plan_of,
    read_entries,
    wall_seconds,
)
from chaosnetra.gameday.record.events import events_of
from chaosnetra.gameday.record.states import Kind
from chaosnetra.gameday.report.calibration import Calibration, PredictionOutcome, calibration
from chaosnetra.gameday.report.verdicts import outcome_of, predictions_of
from chaosnetra.quantities import finite_or_none
from chaosnetra.runner.files import RunFiles

# An entry of the record, and when it was written: seconds of the day.
Moment = tuple[Entry, float]


@dataclass(frozen=True)
class Span:
    """A fault and when it was in place, seconds of the day; `end` None: not known."""

    name: str
    begin: float
    end: float | None


@dataclass(frozen=True)
class Note:
    """Something that somebody said; `at` in seconds of the day, when they began to type.

    `number`, from 1, is the one that plots and their table have for it.
    """

    number: int
    what: str
    by: str
    text: str
    at: float
    step: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class StepAttempt:
    """One run of a step.

    Attributes:
        step: its name.
        number: of the attempt.
        folder: of its journal, seen from the day's folder.
        parameters: it ran with, those of the step.
        begin: seconds of the day.
        end: likewise; None when the record does not say.
        ended: the entry of its end, with verdict and proofs; empty when it was lost.
        lost: why it was lost; None when it was not.
        predictions: what people had said of it.
        faults: that it injected.
        has_journal: whether it left one.
    """

    step: str
    number: int
    folder: str
    parameters: Mapping[str, str]
    begin: float
    end: float | None
    ended: Mapping[str, Any]
    lost: str | None
    predictions: Sequence[Prediction]
    faults: Sequence[Span]
    has_journal: bool

    @property
    def verdict(self) -> str:
        """Held, violated, inconclusive; or lost."""
        return str(self.ended.get("verdict")) if self.ended else "lost"

    @property
    def outcome(self) -> PredictionOutcome:
        return outcome_of(self.ended)


@dataclass(frozen=True)
class Decision:
    """A turn of the day: go, no-go, a pause, an abort; `at` in seconds of the day."""

    kind: Kind
    text: str
    at: float


@dataclass(frozen=True)
class Happened:
    """A whole day; see the module."""

    folder: Path
    day: GameDay
    began: str
    seconds: float
    rehearsal: bool
    present: Sequence[str]
    checks: Sequence[Mapping[str, Any]]
    attempts: Sequence[StepAttempt]
    notes: Sequence[Note]
    decisions: Sequence[Decision]
    aborted: str | None
    closed: bool
    clock_jumps: Sequence[str] = field(default=())

    def notes_of(self, what: str) -> list[Note]:
        return [note for note in self.notes if note.what == what]

    @property
    def calibration(self) -> Calibration:
        """Of all people together."""
        return calibration(self._pairs())

    def calibration_of(self, person: str) -> Calibration:
        return calibration(pair for pair in self._pairs() if pair[0].by == person)

    @property
    def predictors(self) -> list[str]:
        return list(dict.fromkeys(prediction.by for prediction, _ in self._pairs()))

    def _pairs(self) -> list[tuple[Prediction, PredictionOutcome]]:
        return [
            (prediction, attempt.outcome)
            for attempt in self.attempts
            for prediction in attempt.predictions
        ]


def read_day(folder: Path) -> Happened:
    """What happened on the day in a folder.

    Raises:
        Unreadable: it holds no day, or a damaged record.
    """
    entries = read_entries(folder)
    day = plan_of(entries, folder)
    moments = list(zip(entries, day_seconds(entries), strict=True))
    opened = entries[0]
    checked = next((entry.data for entry in entries if entry.kind is Kind.CHECKED), {})
    aborted = next((entry.data for entry in entries if entry.kind is Kind.ABORTED), None)
    return Happened(
        folder=folder,
        day=day,
        began=opened.at,
        seconds=moments[-1][1],
        rehearsal=opened.data.get("rehearsal") is True,
        present=[str(person) for person in _list(checked.get("present"))],
        checks=[check for check in _list(checked.get("checks")) if isinstance(check, dict)],
        attempts=list(_attempts(moments, folder)),
        notes=list(_notes(moments, day)),
        decisions=list(_decisions(moments)),
        aborted=None if aborted is None else f"{aborted.get('reason')} ({aborted.get('by')})",
        closed=entries[-1].kind is Kind.CLOSED,
        clock_jumps=list(_clock_jumps(entries)),
    )


JUMP_SECONDS = 2.0


def _clock_jumps(entries: Sequence[Entry]) -> Iterable[str]:
    for before, entry in pairwise(entries):
        if entry.boot != before.boot:
            continue
        passed = entry.monotonic_seconds - before.monotonic_seconds
        jump = wall_seconds(before.at, entry.at) - passed
        if abs(jump) > JUMP_SECONDS:
            way = "forward" if jump > 0 else "back"
            yield f"the clock on the wall was set {way} by {abs(jump):.0f} s before {entry.at}"


def _attempts(moments: Sequence[Moment], folder: Path) -> Iterable[StepAttempt]:
    said: list[Entry] = []
    begun: Moment | None = None
    counted: dict[str, int] = {}
    for entry, at in moments:
        said.append(entry)
        if entry.kind is Kind.RUN_BEGUN:
            begun = entry, at
        elif entry.kind in (Kind.RUN_ENDED, Kind.RUN_LOST) and begun is not None:
            yield _attempt(begun, (entry, at), said, counted, folder)
            begun = None
    if begun is not None:
        yield _attempt(begun, None, said, counted, folder)


def _attempt(
    begun: Moment, over: Moment | None, said: Sequence[Entry], counted: dict[str, int], folder: Path
) -> StepAttempt:
    (entry, at), (end, end_at) = begun, over or (None, None)
    step, place = str(entry.data.get("step")), str(entry.data.get("folder"))
    counted[step] = counted.get(step, 0) + 1
    parameters = entry.data.get("parameters")
    facts: Mapping[str, Any] = end.data if end is not None else {}
    ended = facts if end is not None and end.kind is Kind.RUN_ENDED else {}
    # Where the conductor did not live to compare the clocks, events count from the run's begin.
    began = finite_or_none(facts.get("events_began"))
    offset = at if began is None else at + max(0.0, began - entry.monotonic_seconds)
    files = RunFiles(folder / place)
    return StepAttempt(
        step=step,
        number=counted[step],
        folder=place,
        parameters=parameters if isinstance(parameters, dict) else {},
        begin=at,
        end=end_at,
        ended=ended,
        lost=None if ended else str(facts.get("why") or "the record does not say how it ended"),
        predictions=predictions_of(said),
        faults=sorted(_faults(files.events, offset), key=lambda span: span.begin),
        has_journal=files.journal.is_file(),
    )


def _faults(path: Path, offset: float) -> Iterable[Span]:
    """The faults of a run that were in effect, from its events."""
    open_since: dict[str, float] = {}
    for event in events_of(path):
        elapsed = finite_or_none(event.get("elapsed_seconds"))
        name = fault_label(event.get("name"))
        if event["event"] == "fault.injected" and is_in_effect(event) and elapsed is not None:
            open_since.setdefault(name, offset + elapsed)
        elif event["event"] == "fault.undone" and name in open_since and elapsed is not None:
            yield Span(name, open_since.pop(name), offset + elapsed)
    for name, begin in open_since.items():
        yield Span(name, begin, None)


def _notes(moments: Sequence[Moment], day: GameDay) -> Iterable[Note]:
    noted = ((entry.data, at) for entry, at in moments if entry.kind is Kind.NOTED)
    for number, (data, at) in enumerate(noted, start=1):
        step = data.get("step")
        known = isinstance(step, int) and 0 <= step < len(day.steps)
        yield Note(
            number,
            what=str(data.get("what")),
            by=str(data.get("by")),
            text=str(data.get("text")),
            at=max(0.0, at - (finite_or_none(data.get("typing_seconds")) or 0.0)),
            step=day.steps[int(step or 0)].name if known else "",
            data=data,
        )


_TURNS: Mapping[Kind, str] = {
    Kind.GO: "go",
    Kind.NO_GO: "no-go",
    Kind.REPEATED: "once more",
    Kind.SKIPPED: "skipped",
    Kind.PAUSED: "paused",
    Kind.CONTINUED: "continued",
    Kind.INTERRUPTED: "left",
    Kind.RESUMED: "resumed",
    Kind.RUN_LOST: "run lost",
    Kind.ABORTED: "aborted",
}


def _decisions(moments: Sequence[Moment]) -> Iterable[Decision]:
    step = ""
    for entry, at in moments:
        step = str(entry.data.get("step") or step) if entry.kind is not Kind.NOTED else step
        word = _TURNS.get(entry.kind)
        if word is None:
            continue
        parameters = entry.data.get("parameters")
        pairs = parameters.items() if isinstance(parameters, dict) else ()
        changed = " ".join(f"{key}={value}" for key, value in pairs)
        why = str(entry.data.get("reason") or entry.data.get("why") or changed)
        by = f" ({entry.data['by']})" if entry.data.get("by") else ""
        yield Decision(
            entry.kind, f"{step}: {word}{f': {why}' if why else ''}{by}".lstrip(": "), at
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
