"""What all connections of a connector share: so many bytes a second."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from chaosnetra.relay.stage import Stage

# Shorter waits are not worth a timer: the next chunk makes up for them.
SHORTEST_WAIT_SECONDS = 0.001


class Pipe:
    """Hands out time on a line of limited rate, first come, first served.

    Args:
        bytes_per_second: asked anew for each chunk; None is no limit.
    """

    def __init__(self, bytes_per_second: Callable[[], float | None]) -> None:
        self._bytes_per_second = bytes_per_second
        self._free_at = 0.0

    def reserve(self, size_bytes: int, now: float) -> float:
        """When the last byte of a chunk will have passed."""
        rate = self._bytes_per_second()
        if rate is None:
            return now
        self._free_at = max(self._free_at, now) + size_bytes / rate
        return self._free_at


class Paced(Stage):
    """Holds chunks until they have passed the pipe."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self._held: deque[tuple[float, bytes]] = deque()
        self._eof = False
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        now = time.monotonic()
        due = self._pipe.reserve(len(data), now)
        if not self._held and due - now < SHORTEST_WAIT_SECONDS:
            self.outlet.feed(data)
            return
        self._held.append((due, data))
        self.held_bytes += len(data)
        if self._timer is None:
            self._arm(now)

    def feed_eof(self) -> None:
        if self._held:
            self._eof = True
        else:
            self.outlet.feed_eof()

    def drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._held.clear()

    def _arm(self, now: float) -> None:
        wait = max(0.0, self._held[0][0] - now)
        self._timer = asyncio.get_running_loop().call_later(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._held and self._held[0][0] - now < SHORTEST_WAIT_SECONDS:
            data = self._held.popleft()[1]
            self.held_bytes -= len(data)
            self.outlet.feed(data)
        if self._held:
            self._arm(now)
        elif self._eof:
            self.outlet.feed_eof()
        self.flow.balance()
