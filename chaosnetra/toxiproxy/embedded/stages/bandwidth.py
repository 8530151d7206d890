"""Bandwidth: bytes go on at a rate; at the rate 0 they wait."""

import time
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import HoldingStage
from chaosnetra.toxiproxy.toxics import BYTES_PER_KB

# A chunk that takes longer goes on in pieces of this time.
PIECE_SECONDS = 0.1
MOST_HELD_BYTES = 32 * 1024 * 1024


class Queued(NamedTuple):
    """A chunk, and when it came."""

    came_at: float
    data: bytes


class Bandwidth(HoldingStage[Queued]):
    """Lets `rate` units of 1,000 bytes a second pass; 0 freezes the stream and loses nothing.

    A piece goes on when a line of that rate would have carried its last byte. After a change the
    rest of it is carried at the new rate.
    """

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__(attributes, generator)
        self._gone = 0  # bytes of the first chunk that went on already
        self._since = 0.0  # when the line began with the first piece
        self._carried = 0.0  # bytes of that piece that it had carried before
        self._hold_enough()

    def take(self, data: bytes) -> None:
        now = time.monotonic()
        if not self._held:
            self._since, self._carried = max(self._since, now), 0.0
        self.hold(Queued(now, data), len(data))

    def let_go(self, now: float) -> float | None:
        per_second = self._bytes_per_second
        if not per_second:
            return None
        most = max(1, int(per_second * PIECE_SECONDS))
        while self._held:
            data = self._held[0].data
            size = min(most, len(data) - self._gone)
            due = self._since + (size - self._carried) / per_second
            if due > now:
                return due
            piece = data[self._gone : self._gone + size]
            self._since, self._carried = due, 0.0
            self._gone += size
            self.held_bytes -= size
            if self._gone == len(data):
                self._gone = 0
                self.shift(0)
                if self._held:
                    self._since = max(due, self._held[0].came_at)
            self.outlet.feed(piece)
        return None

    def rest_of(self, chunk: Queued) -> bytes:
        gone, self._gone = self._gone, 0
        return chunk.data[gone:]

    def before_change(self) -> None:
        now = time.monotonic()
        if self._held:
            self._carried += max(0.0, now - self._since) * self._bytes_per_second
            self._since = max(self._since, now)

    def changed(self) -> None:
        self._hold_enough()
        super().changed()

    @property
    def _bytes_per_second(self) -> int:
        return self.attributes["rate"] * BYTES_PER_KB

    def _hold_enough(self) -> None:
        """So that a fast line never runs empty between two turns of the event loop."""
        piece = int(self._bytes_per_second * PIECE_SECONDS)
        self.most_held_bytes = max(type(self).most_held_bytes, min(piece, MOST_HELD_BYTES))
