"""Faults that only write down what is done to them, and the player of their undos."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chaosnetra.errors import ChaosnetraError, UndoFailed
from chaosnetra.faults import Effect, Look, Undo, UndoReport, UndoResult

FAKE_UNDO = "test.take_back"

# What the fakes did, in order, and how undos of some names end.
happened: list[str] = []
undo_ends: dict[str, "Exception | UndoResult | WaitsFor"] = {}
# What each `OnThePath` that is in place adds to the one path, in milliseconds.
path_ms: dict[str, float] = {}


class WaitsFor(str):
    """The name of a fault whose undo another undo waits for."""


def take_back(arguments: Mapping[str, Any]) -> UndoReport:
    """The player of the fake faults' undos."""
    name = arguments["name"]
    happened.append(f"undo {name}")
    end = undo_ends.get(name, UndoResult.DONE)
    if isinstance(end, Exception):
        raise end
    if isinstance(end, WaitsFor):
        if f"undo {end}" not in happened:
            raise UndoFailed(f"{name} waits for {end}")
        end = UndoResult.DONE
    path_ms.pop(name, None)
    return UndoReport(end, f"{name} is gone")


def undone() -> list[str]:
    """Names of what undos were played of, in order."""
    return [what.removeprefix("undo ") for what in happened if what.startswith("undo ")]


FELT = Effect("latency_ms", 100, 101, in_effect=True, added_round_trip_seconds=0.1)


class FakeFault:
    """Writes down what is done to it."""

    def __init__(
        self,
        name: str,
        effect: Effect | Exception | None = FELT,
        parameters: Mapping[str, Any] | None = None,
        *,
        prepare: Exception | None = None,
        inject: Exception | Callable[[], None] | None = None,
        kind: str = FAKE_UNDO,
    ) -> None:
        self.name = name
        self.parameters = parameters or {"size": 1}
        self._effect = effect
        self._prepare = prepare
        self._inject = inject
        self._kind = kind

    def prepare(self) -> Undo:
        happened.append(f"prepare {self.name}")
        if self._prepare:
            raise self._prepare
        return Undo(self._kind, f"remove {self.name}", {"name": self.name})

    def inject(self) -> None:
        happened.append(f"inject {self.name}")
        if isinstance(self._inject, Exception):
            raise self._inject
        if self._inject:
            self._inject()

    def measure(self) -> Effect | None:
        happened.append(f"measure {self.name}")
        if isinstance(self._effect, Exception):
            raise self._effect
        return self._effect


class Events:
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: str, data: dict[str, Any]) -> None:
        json.dumps(data)
        self.seen.append((event, data))

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.seen]


class LookedAt(FakeFault):
    """A fault that tells whether it is still in place."""

    def __init__(self, name: str, *effects: Effect | None, **more: Any) -> None:
        super().__init__(name, effects[0] if effects else FELT)
        self._effects = list(effects) or [FELT]
        self.gone: str | ChaosnetraError | None = None
        self.subject = more.get("subject", name)
        self.within = more.get("within", ())
        self.place = more.get("place", "")

    def measure(self) -> Effect | None:
        happened.append(f"measure {self.name}")
        return self._effects.pop(0) if len(self._effects) > 1 else self._effects[0]

    def inspect(self) -> str | None:
        if isinstance(self.gone, ChaosnetraError):
            raise self.gone
        return self.gone


class OnThePath(LookedAt):
    """One of several faults on one path; `adds_ms` is what it does, of the 100 that it should."""

    def __init__(self, name: str, adds_ms: float = 100, **more: Any) -> None:
        super().__init__(name, **{"place": "database", **more})
        self.is_partial = more.get("is_partial", False)
        self._adds_ms = adds_ms

    def inject(self) -> None:
        super().inject()
        path_ms[self.subject] = self._adds_ms

    def look(self) -> Look:
        happened.append(f"look {self.name}")
        return Look("added_latency_ms", sum(path_ms.values()))

    def measure(self) -> Effect:
        return self.measure_beside(Look("added_latency_ms", 0.0))

    def measure_beside(self, without: Look) -> Effect:
        happened.append(f"measure {self.name}")
        observed = sum(path_ms.values()) - without.number
        return Effect("latency_ms", 100, observed, observed >= 80)
