"""Slicer: data goes on in small pieces, with a pause after each."""

import time
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import HoldingStage

# The loop serves others between so many pieces.
MOST_PIECES_AT_ONCE = 64


class Uncut(NamedTuple):
    """A chunk, and when it came."""

    came_at: float
    data: bytes


class Slicer(HoldingStage[Uncut]):
    """Cuts chunks into pieces of `average_size` ± `size_variation` bytes, `delay` µs apart."""

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__(attributes, generator)
        self._random: Random | None = None
        self._gone = 0  # bytes of the first chunk that went on already
        self._last_at = float("-inf")  # when the last piece was due

    def take(self, data: bytes) -> None:
        self.hold(Uncut(time.monotonic(), data), len(data))

    def let_go(self, now: float) -> float | None:
        for _ in range(MOST_PIECES_AT_ONCE):
            if not self._held:
                return None
            came_at, data = self._held[0]
            due = max(came_at, self._last_at + self.attributes["delay"] / 1_000_000)
            if due > now:
                return due
            piece = data[self._gone : self._gone + self._size()]
            self._last_at = due
            self._gone += len(piece)
            self.held_bytes -= len(piece)
            if self._gone == len(data):
                self._gone = 0
                self.shift(0)
            self.outlet.feed(piece)
        return now

    def rest_of(self, chunk: Uncut) -> bytes:
        gone, self._gone = self._gone, 0
        return chunk.data[gone:]

    def _size(self) -> int:
        average, variation = self.attributes["average_size"], self.attributes["size_variation"]
        if not variation:
            return average
        if self._random is None:
            self._random = self._generator()
        return self._random.randint(average - variation, average + variation)
