"""Latency: every chunk goes on so long after it came, one after the other."""

import time
from random import Random
from typing import NamedTuple

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import HoldingStage


class Delayed(NamedTuple):
    """A chunk; `share` is its part of the jitter, -1 to 1."""

    came_at: float
    share: float
    data: bytes


class Latency(HoldingStage[Delayed]):
    """Delays each chunk by `latency` ± `jitter` milliseconds, many at once.

    A change applies to chunks that wait, counted from when they came.
    """

    # As much as the real server lets wait: 1,024 chunks of 32 KiB.
    most_held_bytes = 32 * 1024 * 1024

    _random: Random | None = None

    def take(self, data: bytes) -> None:
        self.hold(Delayed(time.monotonic(), self._share(), data), len(data))

    def let_go(self, now: float) -> float | None:
        while self._held:
            chunk = self._held[0]
            due = chunk.came_at + self._delay_seconds(chunk.share)
            if due > now:
                return due
            self.shift(len(chunk.data))
            self.outlet.feed(chunk.data)
        return None

    def rest_of(self, chunk: Delayed) -> bytes:
        return chunk.data

    def _delay_seconds(self, share: float) -> float:
        return (self.attributes["latency"] + share * self.attributes["jitter"]) / 1000

    def _share(self) -> float:
        if not self.attributes["jitter"]:
            return 0.0
        if self._random is None:
            self._random = self._generator()
        return self._random.uniform(-1, 1)
