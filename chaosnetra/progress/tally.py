"""How many attempts of one probe have ended, and how."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

Clock = Callable[[], float]


class Tally:
    """Counted by a probe, in its thread; read by what shows it, in another.

    Args:
        what: the attempts, in the plural.
        total: how many there will be; 0 for a probe that only takes time.
        limit_seconds: how long they may take, as the probe judges or ends them; real seconds.
        success: the outcome that is always shown, also while nothing has ended so.
        faults: names of the faults in place, asked whenever it is shown.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        what: str,
        total: int,
        limit_seconds: float,
        *,
        success: str = "ok",
        faults: Callable[[], Iterable[str]] = tuple,
        clock: Clock = time.monotonic,
    ) -> None:
        self.what = what
        self.total = total
        self.limit_seconds = limit_seconds
        self._success = success
        self._faults = faults
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._ended: Counter[str] = Counter()

    def count(self, outcome: str) -> None:
        """One more attempt has ended, like this."""
        with self._lock:
            self._ended[outcome] += 1

    @property
    def decided(self) -> int:
        """Attempts that have ended."""
        with self._lock:
            return self._ended.total()

    @property
    def elapsed_seconds(self) -> float:
        return self._clock() - self._began

    @property
    def counts(self) -> str:
        """How many ended how, and how many are left; empty for a probe that only takes time."""
        if not self.total:
            return ""
        with self._lock:
            ended = dict(self._ended)
        shown = {self._success: ended.pop(self._success, 0), **ended}
        left = max(0, self.total - sum(shown.values()))
        parts = [f"{count} {outcome.replace('_', ' ')}" for outcome, count in shown.items()]
        return ", ".join([*parts, f"{left} left"])

    @property
    def time(self) -> str:
        """What has passed, against the limit; attempts past it are watched a while longer."""
        passed, limit = self.elapsed_seconds, f"{self.limit_seconds:.3g} s"
        if passed > self.limit_seconds:
            return f"{passed:.1f} s, past the limit of {limit} and watched on"
        return f"{passed:.1f} of {limit}"

    @property
    def faults(self) -> str:
        """The faults in place."""
        return ", ".join(self._faults()) or "no fault"

    @property
    def details(self) -> str:
        """All of it, without what is counted."""
        return "; ".join(part for part in (self.counts, self.time, self.faults) if part)

    @property
    def line(self) -> str:
        """All of it, for people."""
        return f"{self.what}: {self.details}"
