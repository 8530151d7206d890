"""What a relay counts. All figures change on the event loop's thread, so they always agree."""

import statistics
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_TIMES = 10_000


class State(StrEnum):
    """Where a connection is. The first three are gauges, the others totals since the start."""

    QUEUED = "queued"  # the gate has not answered yet
    DIALING = "dialing"  # admitted; the upstream has not answered yet
    OPEN = "open"  # relayed
    REFUSED = "refused"  # turned away by the gate at once
    EXPIRED = "expired"  # turned away by the gate after waiting
    ABANDONED = "abandoned"  # the client went before there was an upstream
    DIAL_FAILED = "dials_failed"  # the upstream refused, or did not answer in time
    CLOSED = "closed"  # was relayed, and has ended


LIVING = (State.QUEUED, State.DIALING, State.OPEN)


@dataclass
class Counters:
    """Every accepted connection is counted in exactly one state.

    Attributes:
        states: how many connections are, or ended, in each state.
        accepted: taken out of the kernel's queue, in all.
        accept_errors: attempts to accept that failed, for example for want of descriptors.
        dial_errors: those of DIAL_FAILED that never left this machine, for the same reasons.
        upstream_bytes: sent on to the upstream server.
        downstream_bytes: sent on to clients.
        received_upstream_bytes: taken from clients whose connection has ended.
        received_downstream_bytes: taken from the upstream server for such clients.
    """

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    accepted: int = 0
    accept_errors: int = 0
    dial_errors: int = 0
    upstream_bytes: int = 0
    downstream_bytes: int = 0
    received_upstream_bytes: int = 0
    received_downstream_bytes: int = 0
    # Seconds from accept to admission, and from there to the upstream's answer; the newest.
    _gate_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))
    _dial_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))

    @property
    def living(self) -> int:
        """Accepted connections that have not ended."""
        return sum(self.states[state] for state in LIVING)

    def add_upstream(self, count: int) -> None:
        self.upstream_bytes += count

    def add_downstream(self, count: int) -> None:
        self.downstream_bytes += count

    def note_gate(self, seconds: float) -> None:
        self._gate_seconds.append(seconds)

    def note_dial(self, seconds: float) -> None:
        self._dial_seconds.append(seconds)

    def to_json(self) -> dict[str, Any]:
        """All figures: each state by its name; times as median and largest of the newest 10,000
        in `accept_to_dial_seconds` and `dial_seconds` (None before the first)."""
        return {
            **{state.value: count for state, count in self.states.items()},
            "accepted": self.accepted,
            "accept_errors": self.accept_errors,
            "dial_errors": self.dial_errors,
            "upstream_bytes": self.upstream_bytes,
            "downstream_bytes": self.downstream_bytes,
            "accept_to_dial_seconds": _summary(self._gate_seconds),
            "dial_seconds": _summary(self._dial_seconds),
        }


def _summary(seconds: deque[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {"median": round(statistics.median(seconds), 6), "largest": round(max(seconds), 6)}
