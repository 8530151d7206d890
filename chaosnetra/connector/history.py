"""What happened to a connector over time: samples of its gauges, and events."""

from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Any

MOST_SAMPLES = 2000
MOST_EVENTS = 10_000
FINEST_SECONDS = 0.01


@dataclass
class Sample:
    """The gauges in one interval of time.

    Attributes:
        at_seconds: the end of the interval, since the connector's start.
        instances: at its end.
        slots: at its end.
        in_use: slots taken, at its end.
        queued: clients waiting, at its end.
        most_in_use: largest value within it.
        most_queued: largest value within it.
        refused: refused and expired so far, in all.
    """

    at_seconds: float
    instances: int
    slots: int
    in_use: int
    queued: int
    most_in_use: int
    most_queued: int
    refused: int

    def later(self, other: "Sample") -> "Sample":
        """Both intervals as one; `other` is the later."""
        return replace(
            other,
            most_in_use=max(self.most_in_use, other.most_in_use),
            most_queued=max(self.most_queued, other.most_queued),
        )


class History:
    """Keeps samples where something changed, ever coarser, and the newest events.

    Never more than 2,000 samples: when they become more, neighbours are joined and the interval
    doubles; peaks are kept.
    """

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._interval_seconds = FINEST_SECONDS
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)

    def add(self, sample: Sample) -> None:
        last = self._samples[-1] if self._samples else None
        if last is not None and self._interval(last) == self._interval(sample):
            self._samples[-1] = last.later(sample)
        else:
            self._samples.append(sample)
            if len(self._samples) > MOST_SAMPLES:
                self._join()

    def note(self, at_seconds: float, event: str, data: dict[str, Any]) -> None:
        self._events.append({"at_seconds": round(at_seconds, 6), "event": event, **data})

    def to_json(self) -> dict[str, Any]:
        """`interval_seconds`, `samples` and `events`; times in seconds since the start."""
        return {
            "interval_seconds": self._interval_seconds,
            "samples": [
                {**asdict(sample), "at_seconds": round(sample.at_seconds, 6)}
                for sample in self._samples
            ],
            "events": list(self._events),
        }

    def _interval(self, sample: Sample) -> int:
        return int(sample.at_seconds / self._interval_seconds)

    def _join(self) -> None:
        while len(self._samples) > MOST_SAMPLES // 2:
            self._interval_seconds *= 2
            joined: list[Sample] = []
            for sample in self._samples:
                if joined and self._interval(joined[-1]) == self._interval(sample):
                    joined[-1] = joined[-1].later(sample)
                else:
                    joined.append(sample)
            self._samples = joined
