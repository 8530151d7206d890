"""What may happen on a game day, and when: a state machine over what the record holds.

    checking ──checked──> announcing ──announced──> deciding ──go──> predicting
    predicting ──run.begun──> running ──run.ended──> reviewing
    reviewing ──step.repeated──> predicting      ──step.finished──> the next step
    running ──run.lost──> deciding               (the conductor was killed; that try is undone)
    announcing, deciding, predicting, reviewing ──no-go, step.skipped──> the next step
    any ──day.aborted──> wrapping up ──day.closed──> closed

The next step after the last is wrapping up. An abort during a run waits for the end of that run,
so that nothing is wrapped up while something is injected. Nothing here reads a clock or a file:
the state of a day is `replayed` from its entries.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from chaosnetra.errors import ChaosnetraError


class DayStage(StrEnum):
    """Where the day is."""

    CHECKING = "checking"
    ANNOUNCING = "announcing"
    DECIDING = "deciding"
    PREDICTING = "predicting"
    RUNNING = "running"
    REVIEWING = "reviewing"
    WRAPPING_UP = "wrapping up"
    CLOSED = "closed"


class Kind(StrEnum):
    """What can happen; the `kind` of an entry of the record."""

    OPENED = "day.opened"
    RESUMED = "day.resumed"
    INTERRUPTED = "day.interrupted"
    CHECKED = "checked"
    ANNOUNCED = "announced"
    GO = "go"
    NO_GO = "no-go"
    PREDICTED = "predicted"
    RUN_BEGUN = "run.begun"
    RUN_ENDED = "run.ended"
    RUN_LOST = "run.lost"
    REPEATED = "step.repeated"
    SKIPPED = "step.skipped"
    FINISHED = "step.finished"
    PAUSED = "paused"
    CONTINUED = "continued"
    NOTED = "noted"
    ABORTED = "day.aborted"
    CLOSED = "day.closed"


class NotAllowed(ChaosnetraError):
    """Something cannot happen now; the message says what can."""


@dataclass(frozen=True)
class DayState:
    """Where a day is.

    Attributes:
        steps: how many the day has.
        stage: what is happening.
        step: index of the step that it is at; `steps` once all are over.
        attempt: of that step, from 1.
        changed: parameters that a repetition changed, for this and later attempts of the step.
        predicted: what has been predicted of this attempt, `PERSON/QUESTION` each.
        paused: whether nothing goes on until it is continued.
        ending: why the day was aborted; None while it was not.
    """

    steps: int
    stage: DayStage = DayStage.CHECKING
    step: int = 0
    attempt: int = 1
    changed: Mapping[str, str] = field(default_factory=dict)
    predicted: tuple[str, ...] = ()
    paused: bool = False
    ending: str | None = None

    @property
    def allowed(self) -> tuple[Kind, ...]:
        """What may happen next."""
        if self.stage is DayStage.CLOSED:
            return ()
        always = (Kind.NOTED, Kind.RESUMED, Kind.INTERRUPTED)
        own = _ALLOWED[self.stage]
        if self.stage is not DayStage.WRAPPING_UP and self.ending is None:
            own = (*own, Kind.ABORTED)
        if self.paused:
            own = tuple(kind for kind in own if kind in _WHILE_PAUSED)
            return (*own, Kind.CONTINUED, *always)
        if self.stage is not DayStage.WRAPPING_UP:
            own = (*own, Kind.PAUSED)
        return (*own, *always)

    def after(self, kind: Kind, data: Mapping[str, Any]) -> "DayState":
        """The state once something has happened.

        Raises:
            NotAllowed: it cannot happen now.
        """
        if kind not in self.allowed:
            can = ", ".join(self.allowed) or "nothing"
            raise NotAllowed(f"{kind} cannot happen while {self.stage} (now can: {can})")
        change = _CHANGES.get(kind)
        return self if change is None else change(self, data)


_ALLOWED: Mapping[DayStage, tuple[Kind, ...]] = {
    DayStage.CHECKING: (Kind.CHECKED,),
    DayStage.ANNOUNCING: (Kind.ANNOUNCED, Kind.SKIPPED),
    DayStage.DECIDING: (Kind.GO, Kind.NO_GO, Kind.SKIPPED),
    DayStage.PREDICTING: (Kind.PREDICTED, Kind.RUN_BEGUN, Kind.SKIPPED),
    DayStage.RUNNING: (Kind.RUN_ENDED, Kind.RUN_LOST),
    DayStage.REVIEWING: (Kind.REPEATED, Kind.FINISHED, Kind.SKIPPED),
    DayStage.WRAPPING_UP: (Kind.CLOSED,),
}
# A run that is under way ends when it ends, and a step or a day can always be given up.
_WHILE_PAUSED = (Kind.RUN_ENDED, Kind.RUN_LOST, Kind.SKIPPED, Kind.ABORTED)


def replayed(steps: int, happened: Iterable[tuple[Kind, Mapping[str, Any]]]) -> DayState:
    """The state after all of it.

    Raises:
        NotAllowed: one of it could not happen then.
    """
    state = DayState(steps)
    for kind, data in happened:
        state = state.after(kind, data)
    return state


def _next_step(state: DayState) -> DayState:
    step = state.step + 1
    if step == state.steps:
        return DayState(state.steps, DayStage.WRAPPING_UP, step)  # where nothing is paused
    return DayState(state.steps, DayStage.ANNOUNCING, step, paused=state.paused)


def _predicted(state: DayState, data: Mapping[str, Any]) -> DayState:
    answered = f"{data.get('by')}/{data.get('asked')}"
    return replace(state, predicted=tuple(dict.fromkeys([*state.predicted, answered])))


def _ended(state: DayState, after: DayStage) -> DayState:
    """A run is over; with it the day, if that was asked for meanwhile."""
    if state.ending is not None:
        return replace(state, stage=DayStage.WRAPPING_UP, paused=False)
    return replace(state, stage=after)


def _lost(state: DayState, _: Mapping[str, Any]) -> DayState:
    return _ended(replace(state, attempt=state.attempt + 1), DayStage.DECIDING)


def _repeated(state: DayState, data: Mapping[str, Any]) -> DayState:
    changed = {**state.changed, **(data.get("parameters") or {})}
    return replace(
        state, stage=DayStage.PREDICTING, attempt=state.attempt + 1, changed=changed, predicted=()
    )


def _aborted(state: DayState, data: Mapping[str, Any]) -> DayState:
    ending = str(data.get("reason") or "no reason was given")
    if state.stage is DayStage.RUNNING:
        return replace(state, ending=ending)
    return replace(state, stage=DayStage.WRAPPING_UP, paused=False, ending=ending)


_Change = Callable[[DayState, Mapping[str, Any]], DayState]
_CHANGES: Mapping[Kind, _Change] = {
    Kind.CHECKED: lambda state, _: replace(
        state, stage=DayStage.ANNOUNCING if state.steps else DayStage.WRAPPING_UP
    ),
    Kind.ANNOUNCED: lambda state, _: replace(state, stage=DayStage.DECIDING),
    Kind.GO: lambda state, _: replace(state, stage=DayStage.PREDICTING),
    Kind.NO_GO: lambda state, _: _next_step(state),
    Kind.PREDICTED: _predicted,
    Kind.RUN_BEGUN: lambda state, _: replace(state, stage=DayStage.RUNNING),
    Kind.RUN_ENDED: lambda state, _: _ended(state, DayStage.REVIEWING),
    Kind.RUN_LOST: _lost,
    Kind.REPEATED: _repeated,
    Kind.SKIPPED: lambda state, _: _next_step(state),
    Kind.FINISHED: lambda state, _: _next_step(state),
    Kind.PAUSED: lambda state, _: replace(state, paused=True),
    Kind.CONTINUED: lambda state, _: replace(state, paused=False),
    Kind.ABORTED: _aborted,
    Kind.CLOSED: lambda state, _: replace(state, stage=DayStage.CLOSED),
}
