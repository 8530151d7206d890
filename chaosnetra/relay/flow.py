"""One direction of a relayed connection: from the near socket through stages to the far one."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from chaosnetra.relay.stage import Outlet, StreamStage

# What may arrive before there is a far socket; more waits in the near socket's kernel buffer.
MOST_EARLY_BYTES = 64 * 1024


class FlowOwner(Protocol):
    """What a flow may ask of its connection."""

    def close(self) -> None:
        """End the connection, once everything delivered has gone out."""

    def reset(self) -> None:
        """End it with a reset to both sides."""

    def reset_far(self, flow: "Flow") -> None:
        """Reset the socket that the flow leads to."""

    def close_far(self, flow: "Flow") -> None:
        """Close the socket that the flow leads to, in both directions."""

    def flow_ended(self) -> None:
        """The end of one direction has gone out."""


class Flow:
    """Moves the bytes of one direction, in order, and holds the near side back when it must.

    Args:
        owner: the connection that it is one direction of.
        count: called with the number of bytes of each chunk that went out.
    """

    def __init__(self, owner: FlowOwner, count: Callable[[int], None]) -> None:
        self._owner = owner
        self._count = count
        self._stages: list[StreamStage] = []
        self._first: Outlet = _Sink(self)
        self._sink: Outlet = self._first
        self._near: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._early_eof = False
        self._eof_seen = False
        self._far_full = False
        self._near_paused = False
        self._dropped = False
        self._ends_with_close = False
        self._ends_with_reset = False
        self.received_bytes = 0
        self.delivered_bytes = 0
        self.ended = False

    # The near side

    def starts_at(self, near: asyncio.Transport) -> None:
        self._near = near

    def feed(self, data: bytes) -> None:
        """Bytes from the near socket."""
        if self._dropped or self._ends_with_close:
            return
        self.received_bytes += len(data)
        if self._far is None:
            self._early.append(data)
            self._early_bytes += len(data)
        else:
            self._first.feed(data)
        self.balance()

    def feed_eof(self) -> None:
        """The near socket's peer will send no more."""
        if self._dropped or self._eof_seen:
            return
        self._eof_seen = True
        if self._far is None:
            self._early_eof = True
        else:
            self._first.feed_eof()

    def feed_reset(self, *, passed_on: bool) -> None:
        """The near socket was reset: so is the far one, after all that was read before.

        Args:
            passed_on: False: the far one is closed instead.
        """
        if self._dropped:
            return
        self._ends_with_reset = passed_on
        self._ends_with_close = not passed_on
        if self.ended:
            self._end_far()
        else:
            self.feed_eof()

    def _end_far(self) -> None:
        if self._ends_with_reset:
            self._owner.reset_far(self)
        else:
            self._owner.close_far(self)

    # The far side

    def leads_to(self, far: asyncio.Transport | None, stages: Sequence[StreamStage]) -> None:
        """There is a far socket now: what came early goes on its way."""
        self._far = far
        self._chain(list(stages))
        early, self._early, self._early_bytes = self._early, [], 0
        for data in early:
            self._first.feed(data)
        if self._early_eof:
            self._first.feed_eof()
        self.balance()

    def far_is_full(self, full: bool) -> None:
        """The far socket's buffer is over its limit, or under it again."""
        self._far_full = full
        self.balance()

    # The stages

    @property
    def stages(self) -> tuple[StreamStage, ...]:
        return tuple(self._stages)

    def add_stage(self, stage: StreamStage) -> None:
        """Put a stage at the far end; what others hold passes it when they let it go."""
        self._chain([*self._stages, stage])

    def remove_stage(self, stage: StreamStage) -> None:
        """Take a stage out; what it holds goes on at once, in order."""
        if stage not in self._stages or self._dropped:
            return
        stage.take_out()
        self._chain([other for other in self._stages if other is not stage])
        self.balance()

    def _chain(self, stages: list[StreamStage]) -> None:
        self._stages = stages
        outlet: Outlet = self._sink
        for stage in reversed(stages):
            stage.put_into(self, outlet)
            outlet = stage
        self._first = outlet

    # What stages ask for

    def balance(self) -> None:
        """Stop reading the near side while somebody on the way holds too much; else read on."""
        if self._near is None or self._dropped or self._eof_seen:
            return
        full = (
            self._far_full
            or self._early_bytes > MOST_EARLY_BYTES
            or any(stage.held_bytes > stage.most_held_bytes for stage in self._stages)
        )
        if full == self._near_paused:
            return
        self._near_paused = full
        if full:
            self._near.pause_reading()
        else:
            self._near.resume_reading()

    def close_connection(self, stage: StreamStage) -> None:
        if self._dropped or stage not in self._stages:
            return
        passed = self._stages.index(stage) + 1
        rest = stage.outlet
        for done in self._stages[:passed]:
            done.drop()
            done.put_into(self, _NOWHERE)
        self._stages = self._stages[passed:]
        self._first = _NOWHERE
        self._eof_seen = self._ends_with_close = True
        if self._near is not None and self._near_paused:
            # What is never read would turn its close into a reset.
            self._near_paused = False
            self._near.resume_reading()
        rest.feed_eof()

    def reset_connection(self) -> None:
        if not self._dropped:
            self._owner.reset()

    def drop(self) -> None:
        """The connection is gone."""
        if self._dropped:
            return
        self._dropped = True
        self._early.clear()
        for stage in self._stages:
            stage.drop()

    def deliver(self, data: bytes) -> None:
        if self._dropped or self._far is None:
            return
        self.delivered_bytes += len(data)
        self._count(len(data))
        self._far.write(data)

    def deliver_eof(self) -> None:
        if self._dropped or self._far is None or self.ended:
            return
        self.ended = True
        if self._ends_with_reset:
            self._end_far()
            return
        if self._ends_with_close:
            self._end_far()
        elif not self._far.is_closing():
            _say_farewell(self._far)
        self._owner.flow_ended()


def _say_farewell(far: asyncio.Transport) -> None:
    """Half-close it.

    Not by the transport where nothing is left to be written: uvloop's would take a reset that is
    already there for an error of writing, and lose what its peer said before it.
    """
    with contextlib.suppress(OSError):  # a reset is already there, and will be told
        if far.get_write_buffer_size():
            far.write_eof()
        else:
            # Not a duplicate of it: there may be no descriptor left for one.
            borrowed = socket.socket(fileno=far.get_extra_info("socket").fileno())
            try:
                borrowed.shutdown(socket.SHUT_WR)
            finally:
                borrowed.detach()


class _Sink:
    """The far socket as the last outlet of the chain."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def feed(self, data: bytes) -> None:
        self._flow.deliver(data)

    def feed_eof(self) -> None:
        self._flow.deliver_eof()


class _Nowhere:
    """What comes after the end."""

    def feed(self, data: bytes) -> None:
        """It is lost."""

    def feed_eof(self) -> None:
        """There was one already."""


_NOWHERE = _Nowhere()
