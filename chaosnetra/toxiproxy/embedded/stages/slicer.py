"""Slicer: data goes on in small pieces, with a pause after each."""

import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import HoldingStage

# What the real server reads at once, and so the most that it halves.
CHUNK_BYTES = 32 * 1024
# What a timer that rings late may be made up for; more would join pieces that are to be apart.
MOST_LATE_SECONDS = 0.002
# The loop serves others between so many pieces.
MOST_PIECES_AT_ONCE = 64


class Uncut(NamedTuple):
    """A chunk, and when it came."""

    came_at: float
    data: bytes


class Slicer(HoldingStage[Uncut]):
    """Cuts chunks into pieces of about `average_size` bytes, `delay` µs apart.

    As the real server does, it cuts a chunk in the middle, give or take `size_variation` bytes,
    and each half again, until a piece has at most `average_size` + `size_variation` bytes.
    """

    _random: Random | None = None
    _gone = 0  # bytes of the first chunk that went on already
    _ends: Sequence[int] = ()  # of its pieces: those that are known, the next one last
    _last_at = float("-inf")  # when the last piece was due

    def take(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = data[start : start + CHUNK_BYTES]
            self.hold(Uncut(time.monotonic(), chunk), len(chunk))

    def let_go(self, now: float) -> float | None:
        for _ in range(MOST_PIECES_AT_ONCE):
            if not self._held:
                return None
            came_at, data = self._held[0]
            due = max(came_at, self._last_at + self.attributes["delay"] / 1_000_000)
            if due > now:
                return due
            end = self._next_end(len(data))
            piece = data[self._gone : end]
            self._last_at = max(due, now - MOST_LATE_SECONDS)
            self._gone = end
            self.held_bytes -= len(piece)
            if end == len(data):
                self._forget_cuts()
                self.shift(0)
            self.outlet.feed(piece)
        return now

    def rest_of(self, chunk: Uncut) -> bytes:
        gone = self._gone
        self._forget_cuts()
        return chunk.data[gone:]

    def before_change(self) -> None:
        self._ends = ()  # what is left is cut by the new sizes

    def _forget_cuts(self) -> None:
        self._gone, self._ends = 0, ()

    def _next_end(self, size: int) -> int:
        """Where the next piece of the first chunk, of `size` bytes, ends."""
        most = self.attributes["average_size"] + self.attributes["size_variation"]
        ends = list(self._ends) or [size]
        while ends[-1] - self._gone > most:
            ends.append(self._cut(self._gone, ends[-1]))
        end = ends.pop()
        self._ends = ends
        return end

    def _cut(self, start: int, end: int) -> int:
        """About the middle; both parts have a byte at least."""
        middle, variation = start + (end - start) // 2, self.attributes["size_variation"]
        if not variation:
            return middle
        if self._random is None:
            self._random = self._generator()
        return min(max(middle + self._random.randrange(-variation, variation), start + 1), end - 1)
