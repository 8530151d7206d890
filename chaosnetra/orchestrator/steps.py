"""What each step asks of the database, and how far it came: the figures behind a budget."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class PhaseStep:
    """One step of a phase.

    Attributes:
        step: its name, as in the workload.
        phase: that it belongs to.
        budgets: those around all of it, outermost first.
        round_trips: to the database that it makes in all, opening its connection included.
        statements: that it asks, one after the other.
        answered: of these, how many were answered.
        connected_seconds: until it had its connection; None when it did not get one.
        seconds: until it ended, failed or was cut short.
    """

    step: str
    phase: str
    budgets: tuple[str, ...]
    round_trips: int
    statements: int
    answered: int = 0
    connected_seconds: float | None = None
    seconds: float | None = None


class StepLog:
    """Keeps the steps of a startup.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: list[PhaseStep] = []

    @contextmanager
    def step(
        self,
        name: str,
        phase: str,
        *,
        budgets: tuple[str, ...],
        round_trips: int,
        statements: int,
    ) -> Iterator["Progress"]:
        """Time what is inside, however it ends."""
        step = PhaseStep(name, phase, budgets, round_trips, statements)
        self._steps.append(step)
        started = self._clock()
        try:
            yield Progress(step, lambda: round(self._clock() - started, 4))
        finally:
            step.seconds = round(self._clock() - started, 4)

    def details(self, phase: str) -> dict[str, Any]:
        """What the line of that phase's end says of its steps; nothing when it had none."""
        steps = [asdict(step) for step in self._steps if step.phase == phase]
        return {"steps": steps} if steps else {}


@dataclass(frozen=True)
class Progress:
    """A step on its way."""

    _step: PhaseStep
    _elapsed: Callable[[], float]

    def connected(self) -> None:
        """It has its connection."""
        self._step.connected_seconds = self._elapsed()

    def answered(self) -> None:
        """One more statement was answered."""
        self._step.answered += 1
