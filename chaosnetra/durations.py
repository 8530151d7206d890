"""Deadlines on the monotonic clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chaosnetra.quantities import duration

Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    """A point in time that a wait may not pass.

    `at` is a reading of `clock`, in seconds; the default clock is `time.monotonic`.
    """

    at: float
    clock: Clock = field(default=time.monotonic, repr=False)

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """The deadline that lies `seconds` (finite, not negative) from now."""
        return cls(clock() + duration("seconds", seconds), clock)

    @property
    def remaining_seconds(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock())

    @property
    def passed(self) -> bool:
        return self.clock() >= self.at
