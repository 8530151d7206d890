"""What every toxic does alike on one direction of one connection."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Generic, TypeVar

from chaosnetra.relay.stage import StreamStage
from chaosnetra.toxiproxy.embedded.stages.alarm import Alarm

Chunk = TypeVar("Chunk")

# What a chunk costs besides its bytes, so that many small ones are not held without bound.
CHUNK_COST_BYTES = 128


class ToxicStage(StreamStage):
    """A stage that a toxic can turn on, change and turn off in mid-stream.

    Args:
        attributes: the toxic's, by the server's names.
        generator: makes the random numbers of this connection; called at most once.
    """

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__()
        self.attributes = attributes
        self._generator = generator
        self._applies = False
        self._alarm = Alarm(self.ring)

    def feed(self, data: bytes) -> None:
        if self._applies:
            self.take(data)
        else:
            self.outlet.feed(data)

    def feed_eof(self) -> None:
        if self._applies:
            self.take_eof()
        else:
            self.outlet.feed_eof()

    def follow(self, attributes: Mapping[str, int], *, applies: bool) -> None:
        """Behave by these attributes from now on, or let everything pass."""
        changed = attributes != self.attributes
        if changed and self._applies:
            self.before_change()
        self.attributes = attributes
        if applies != self._applies:
            self._applies = applies
            if applies:
                self.begin()
            else:
                self.take_out()
        elif changed and applies:
            self.changed()

    # What a toxic fills in

    def begin(self) -> None:
        """It applies from now on."""

    def take(self, data: bytes) -> None:
        self.outlet.feed(data)

    def take_eof(self) -> None:
        self.outlet.feed_eof()

    def before_change(self) -> None:
        """The attributes are about to change."""

    def changed(self) -> None:
        """They have changed."""

    def ring(self) -> None:
        """What the alarm was set for is due."""

    def drop(self) -> None:
        self._alarm.close()


class HoldingStage(ToxicStage, Generic[Chunk]):
    """A toxic that holds chunks back and lets them go in order, the end of the stream last."""

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__(attributes, generator)
        self._held: deque[Chunk] = deque()
        self._eof = False

    def hold(self, chunk: Chunk, size: int) -> None:
        """Keep a chunk of `size` bytes behind those that are held already."""
        self._held.append(chunk)
        self.held_bytes += size + CHUNK_COST_BYTES
        if len(self._held) == 1:
            self.release()

    def take_eof(self) -> None:
        if self._held:
            self._eof = True
        else:
            self.outlet.feed_eof()

    def take_out(self) -> None:
        self._alarm.cancel()
        while self._held:
            self.outlet.feed(self.rest_of(self._held.popleft()))
        self.held_bytes = 0
        self._end()

    def drop(self) -> None:
        super().drop()
        self._held.clear()
        self._eof = False
        self.held_bytes = 0

    def changed(self) -> None:
        if self._held:
            self.release()

    def ring(self) -> None:
        self.release()

    def release(self) -> None:
        """Let go what is due, and set the alarm for what is next."""
        before = self.held_bytes
        due = self.let_go(time.monotonic())
        if due is not None and self._held:
            self._alarm.at(due)
        else:
            self._alarm.cancel()
        if not self._held:
            self._end()
        if self.held_bytes != before:
            self.flow.balance()

    def shift(self, size: int) -> None:
        """The first chunk, of which `size` bytes were still held, has gone."""
        self._held.popleft()
        self.held_bytes -= size + CHUNK_COST_BYTES

    def _end(self) -> None:
        if self._eof:
            self._eof = False
            self.outlet.feed_eof()

    # What a toxic fills in

    def let_go(self, now: float) -> float | None:
        """Feed the outlet what is due at `now`; when to look again, or None for never."""
        raise NotImplementedError

    def rest_of(self, chunk: Chunk) -> bytes:
        """What has not been fed yet of a chunk."""
        raise NotImplementedError
