"""What all connections of a connector share: so many bytes a second."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from chaosnetra.relay.stage import StreamStage

# Shorter waits are not worth a timer: the next chunk makes up for them.
SHORTEST_WAIT_SECONDS = 0.001


@dataclass(eq=False)
class Chunk:
    """Bytes that wait for the pipe, where they came from, and when."""

    stage: "Paced"
    data: bytes
    came_at: float


class Pipe:
    """Carries chunks one after the other on a line of limited rate, first come, first served.

    What waits is known by its bytes, not by when it is due: another rate is in effect at once.

    Args:
        bytes_per_second: asked at each `look_again`; None is no limit.
    """

    def __init__(self, bytes_per_second: Callable[[], float | None]) -> None:
        self._bytes_per_second = bytes_per_second
        self._rate = bytes_per_second()
        self._waiting: OrderedDict[Chunk, None] = OrderedDict()
        self._free_at = 0.0  # when the line is free for the first chunk, or what is left of it
        self._carried = 0.0  # bytes of that chunk that it had carried before
        self._timer: asyncio.TimerHandle | None = None

    @property
    def unlimited(self) -> bool:
        """Nothing waits, and nothing has to."""
        return self._rate is None

    def take(self, chunk: Chunk) -> None:
        """Carry a chunk: its stage is called when its last byte has passed, maybe at once."""
        self._waiting[chunk] = None
        if len(self._waiting) == 1:
            self._let_go(chunk.came_at)

    def give_back(self, chunks: deque[Chunk]) -> None:
        """Forget chunks that nobody waits for any more: those behind them move up."""
        if not chunks:
            return
        now = time.monotonic()
        if chunks[0] is next(iter(self._waiting)):
            self._free_at, self._carried = now, 0.0
        for chunk in chunks:
            del self._waiting[chunk]
        self._let_go(now)

    def look_again(self) -> None:
        """The rate may be another one."""
        rate = self._bytes_per_second()
        if rate == self._rate:
            return
        now = time.monotonic()
        self._let_go(now)
        if self._waiting and self._rate is not None:
            begun = self._begun()
            self._carried += max(0.0, now - begun) * self._rate
            self._free_at = max(begun, now)
        self._rate = rate
        self._let_go(now)

    def _begun(self) -> float:
        """When the line began with the first chunk, or will."""
        return max(self._free_at, next(iter(self._waiting)).came_at)

    def _let_go(self, now: float) -> None:
        """Tell the stages of those that have passed, and set the timer for the next one."""
        while self._waiting:
            chunk = next(iter(self._waiting))
            due = now
            if self._rate is not None:
                due = self._begun() + (len(chunk.data) - self._carried) / self._rate
            if due - now >= SHORTEST_WAIT_SECONDS:
                self._arm(due - now)
                return
            del self._waiting[chunk]
            self._free_at, self._carried = due, 0.0
            chunk.stage.passed()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._let_go(time.monotonic())


class Paced(StreamStage):
    """Holds chunks until they have passed the pipe."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self._held: deque[Chunk] = deque()
        self._eof = False

    def feed(self, data: bytes) -> None:
        if self._pipe.unlimited:
            self.outlet.feed(data)
            return
        chunk = Chunk(self, data, time.monotonic())
        self._held.append(chunk)
        self.held_bytes += len(data)
        self._pipe.take(chunk)

    def feed_eof(self) -> None:
        if self._held:
            self._eof = True
        else:
            self.outlet.feed_eof()

    def passed(self) -> None:
        """The first chunk that is held has passed the pipe."""
        data = self._held.popleft().data
        self.held_bytes -= len(data)
        self.outlet.feed(data)
        if self._eof and not self._held:
            self._eof = False
            self.outlet.feed_eof()
        self.flow.balance()

    def drop(self) -> None:
        held, self._held = self._held, deque()
        self._pipe.give_back(held)
