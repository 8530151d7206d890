"""The protocol of everything that can be injected, and of undoing it.

A fault is used in this order, by `chaosnetra.safety.injector`:

1. `prepare()` inspects the live system and returns the `Undo`, which is written to disk;
2. `inject()` changes the system;
3. `measure()` shows that it is in effect, now and once more before its undo;
4. `play(undo)` undoes it. It needs the undo's data and nothing else, so that another
   process can do it after a crash.

In between, a fault that is `Watched` is inspected: what somebody else removed proves nothing.

To add a fault: a class with these members in the area that it hurts, a player for its undo,
and a row in `UNDO_PLAYERS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from chaosnetra.errors import FaultError, InvalidInput
from chaosnetra.quantities import number, truth
from chaosnetra.text import cut, how_many, one_line

# Of an effect that was measured somewhere else.
LONGEST_TEXT = 1000

# Where the player of each kind of undo lives: imported only when one is played.
UNDO_PLAYERS = {
    "toxiproxy.remove_toxic": "chaosnetra.toxiproxy.undo:remove_toxic",
    "toxiproxy.restore_toxic": "chaosnetra.toxiproxy.undo:restore_toxic",
    "toxiproxy.delete_proxy": "chaosnetra.toxiproxy.undo:delete_proxy",
    "toxiproxy.restore_proxy": "chaosnetra.toxiproxy.undo:restore_proxy",
    "connector.restore_model": "chaosnetra.connector.undo:restore_model",
    "cloudrun.restore_service": "chaosnetra.cloudrun.undo:restore_service",
    "cloudrun.cancel_execution": "chaosnetra.cloudrun.launches:cancel_execution",
    "stand.remove_folders": "chaosnetra.stand.folders:remove_folders",
    "postgres.drop_schema": "chaosnetra.postgres.objects:drop_schema",
    "postgres.drop_database": "chaosnetra.postgres.objects:drop_database",
    "postgres.end_sessions": "chaosnetra.postgres.sessions:end_sessions",
}


@dataclass(frozen=True)
class Undo:
    """How to undo a fault, as plain data.

    Attributes:
        kind: a key of `UNDO_PLAYERS`.
        description: what playing it does, for people.
        arguments: JSON data for the player; never a secret.
    """

    kind: str
    description: str
    arguments: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Undo":
        return cls(data["kind"], data["description"], data["arguments"])


class UndoResult(StrEnum):
    """What playing an undo came to; anything else is an `UndoFailed`."""

    DONE = "done"
    ALREADY_DONE = "already done"
    NOT_OURS = "not ours any more"


@dataclass(frozen=True)
class UndoReport:
    """Result of one undo, and what there is to say about it."""

    result: UndoResult
    detail: str


@dataclass(frozen=True)
class Effect:
    """What a measurement showed of a fault.

    Attributes:
        quantity: what was measured, with its unit, for example `added_latency_ms`.
        expected: what the fault should do to it.
        observed: what was seen.
        in_effect: whether the fault is in effect.
        added_round_trip_seconds: what each round trip to the database costs more, 0 for faults
            that add no delay; timeouts around the target grow with it.
        detail: how it was measured, or why it could not be.
    """

    quantity: str
    expected: Any
    observed: Any
    in_effect: bool
    added_round_trip_seconds: float = 0.0
    detail: str = ""

    def with_detail(self, more: str) -> "Effect":
        """The effect with one more thing to say of it."""
        return replace(self, detail=f"{self.detail}; {more}" if self.detail else more)

    @property
    def stops_path(self) -> bool:
        """Whether nothing comes through while it is in effect, so nothing is measured there."""
        if self.quantity == "first_answer":
            return bool(self.expected != "answered")
        return bool(self.quantity == "connection" and self.expected == "lost")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Effect":
        """What `to_json` gave, from somebody else: its texts are cut.

        Raises:
            InvalidInput: it is not that.
        """
        if not isinstance(data, dict) or data.keys() != cls.__dataclass_fields__.keys():
            raise InvalidInput(f"no effect of this version: {data!r:.100}")
        added = number("added_round_trip_seconds", data["added_round_trip_seconds"], minimum=0)
        return cls(
            quantity=_text("quantity", data["quantity"]),
            expected=_value("expected", data["expected"]),
            observed=_value("observed", data["observed"]),
            in_effect=truth("in_effect", data["in_effect"]),
            added_round_trip_seconds=added,
            detail=_text("detail", data["detail"]),
        )


@dataclass(frozen=True)
class Look:
    """What a fault is to change, as it was before it did: what else is in place shows in it.

    Attributes:
        what: was looked at; only looks at the same can be compared.
        value: a number, several, or how a connection was answered.
        spread: by how much a number varies from one look to the next: a standard deviation.
        seconds: that the answer took.
    """

    what: str
    value: Any
    spread: float = 0.0
    seconds: float = 0.0

    @property
    def number(self) -> float:
        return float(self.value)


class Fault(Protocol):
    """Something that can be injected."""

    @property
    def name(self) -> str:
        """Names it within the run; injecting the same name twice is one fault."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its validated parameters as JSON data."""

    def prepare(self) -> Undo:
        """Check against the live system and say how to undo it. Changes nothing."""

    def inject(self) -> None:
        """Put it in place. May be called again for the same fault."""

    def measure(self) -> Effect | None:
        """Show its effect; None for a change without one, as a new proxy."""


@runtime_checkable
class Watched(Fault, Protocol):
    """A fault that can be inspected at next to no cost: is it still as it was put in place?"""

    @property
    def subject(self) -> str:
        """What it changes; of several faults with one subject the last one is in effect."""

    @property
    def within(self) -> tuple[str, ...]:
        """Names of the faults whose undo ends this one too, as a proxy's its toxics."""

    @property
    def place(self) -> str:
        """Proxy whose path it is measured on; empty where no proxy can hinder that."""

    def inspect(self) -> str | None:
        """What is not as it was put in place any more; None: everything is.

        Raises:
            ChaosnetraError: it cannot be seen.
        """


@runtime_checkable
class MeasuredOnPath(Watched, Protocol):
    """A fault whose effect is measured on a path that others may be on too.

    Beside such others it is held against a look at the path without it.
    """

    @property
    def is_partial(self) -> bool:
        """Whether it is on a share of the connections, so that no look at the path is certain."""

    def look(self) -> Look:
        """What it would change, before it is put in place.

        Raises:
            ChaosnetraError: nothing can be seen there.
        """

    def measure_beside(self, without: Look) -> Effect:
        """Its effect, in place, held against a look without it."""


@dataclass
class MeasuredInTasks:
    """What tasks that ran elsewhere measured of a fault that each of them had to itself.

    Attributes:
        before: its effect in each task that counts, before its startup.
        after: likewise, once the startup was decided.
        unmeasured: tasks that do not count.
    """

    before: list[Effect] = field(default_factory=list)
    after: list[Effect] = field(default_factory=list)
    unmeasured: int = 0

    @property
    def effect(self) -> Effect | None:
        """Of them all, before their startups; None where none counts."""
        return in_all(self.before, "before")

    @property
    def effect_after(self) -> Effect | None:
        """Likewise, after them."""
        return in_all(self.after, "after")

    def to_json(self) -> dict[str, Any]:
        numbers = [one.observed for one in self.before if _is_number(one.observed)]
        return {
            "counted": len(self.before),
            "unmeasured": self.unmeasured,
            "least": min(numbers, default=None),
            "most": max(numbers, default=None),
        }


@dataclass
class Tried:
    """What met a fault while it was in place.

    Attributes:
        startups: that were started, or under way.
        connections: that these opened.
    """

    startups: int = 0
    connections: int = 0


@dataclass
class Injected:
    """A fault that was put in place, with what the ledger and the measurements say of it.

    Times are UTC, ISO 8601; beside them is `time.monotonic()`, which no clock that is set can
    reorder.

    Attributes:
        effect: as measured when it was injected; None for a change that has none.
        effect_after: as measured before its undo; not in effect where it was found gone
            meanwhile; None where it was not measured again.
        last_in_effect_at: when it was last measured, or seen to be in place.
        ended_with: name of the fault whose undo ended this one too.
        is_settled: whether nothing is tried under it any more, so that it may end by now.
        undo_was_tried: whether an undo of it failed, which may have done a part of it.
        in_tasks: what tasks measured of it; None where there were none.
        tried: the startups that met it.
        beside: names of the faults on its path that were in effect before it; see `MeasuredOnPath`.
        without: what was seen there; None: there were none of them, or nothing can be seen.
    """

    name: str
    parameters: Mapping[str, Any]
    undo: Undo
    entry: int
    effect: Effect | None = None
    report: UndoReport | None = None
    injected_at: str | None = None
    undone_at: str | None = None
    injected_monotonic: float | None = None
    undone_monotonic: float | None = None
    fault: Fault | None = field(default=None, repr=False, compare=False)
    effect_after: Effect | None = None
    last_in_effect_at: str | None = None
    ended_with: str | None = None
    undo_was_tried: bool = False
    is_settled: bool = False
    in_tasks: MeasuredInTasks | None = None
    tried: Tried = field(default_factory=Tried)
    beside: tuple[str, ...] = ()
    without: Look | None = field(default=None, repr=False, compare=False)

    @property
    def active(self) -> bool:
        return self.report is None

    @property
    def is_gone(self) -> bool:
        """Whether it was found gone before its undo."""
        return self.effect_after is not None and not self.effect_after.in_effect

    def to_result(self) -> dict[str, Any]:
        """What the action that injected it returns."""
        return {
            "name": self.name,
            "parameters": dict(self.parameters),
            "effect": self.effect.to_json() if self.effect else None,
        }


def undone_result(report: UndoReport | None, nothing: str) -> dict[str, Any]:
    """What an action that undoes a fault returns; `nothing`: the detail where there was none."""
    if report is None:
        report = UndoReport(UndoResult.ALREADY_DONE, nothing)
    return {"result": report.result.value, "detail": report.detail}


def in_all(effects: Sequence[Effect], when: str) -> Effect | None:
    """One effect for those of a fault in many tasks; None where there are none.

    Args:
        effects: each as one task measured it.
        when: whether that was before or after its startup.

    Returns:
        The median of what was observed; where it is no number, what was observed most often.
    """
    if not effects:
        return None
    from statistics import median, mode  # it loads fractions, which few runs need

    observed = [one.observed for one in effects]
    numbers = all(map(_is_number, observed))
    return replace(
        effects[0],
        observed=round(median(observed), 3) if numbers else mode(observed),
        in_effect=all(one.in_effect for one in effects),
        added_round_trip_seconds=median(one.added_round_trip_seconds for one in effects),
        detail=f"{'median of ' if numbers else ''}{how_many(len(effects), 'task')}, "
        f"each {when} its startup",
    )


def play(undo: Undo) -> UndoReport:
    """Undo a fault, from its undo's data alone.

    Returns:
        What was done. Playing it again answers `ALREADY_DONE`; what no longer holds our value
        is left alone and answers `NOT_OURS`.

    Raises:
        UndoFailed: something may be left.
        FaultError: the kind is not known to this version.
    """
    try:
        place = UNDO_PLAYERS[undo.kind]
    except KeyError:
        raise FaultError(f"this version cannot undo {undo.kind!r} ({undo.description})") from None
    module, _, name = place.partition(":")
    player: Callable[[Mapping[str, Any]], UndoReport] = getattr(import_module(module), name)
    return player(undo.arguments)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text, got {value!r:.100}")
    return cut(one_line(value), LONGEST_TEXT)


def _value(name: str, value: Any) -> str | float | bool:
    """What was measured: a text, a number, or a statement that holds or does not."""
    if isinstance(value, bool | int):
        return value
    return number(name, value) if isinstance(value, float) else _text(name, value)
