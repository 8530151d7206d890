"""One of the two sockets of a relayed connection, as the event loop's protocol."""

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from chaosnetra.relay.flow import Flow

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_UNSENT = 0x894B  # Linux's SIOCOUTQNSD
LOOK_AGAIN_SECONDS = 0.005
READ_BYTES = 1 << 16


class SideOwner(Protocol):
    """What is notified of what happens to a side."""

    def side_has_no_more(self, side: "Side") -> None:
        """Its peer will send no more; `outgoing` knows already."""

    def side_lost(self, side: "Side", error: Exception | None) -> None:
        """The socket is gone; with the error that ended it, or None when we closed it."""


class Side(asyncio.Protocol):
    """Feeds what it reads into `outgoing`; is the far end of `incoming`.

    `closing`: we have asked for its end; `gone`: it has ended.
    """

    def __init__(self, owner: SideOwner, outgoing: Flow, incoming: Flow) -> None:
        self._owner = owner
        self.outgoing = outgoing
        self.incoming = incoming
        self.transport: asyncio.Transport | None = None
        self.closing = False
        self.gone = False

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.outgoing.starts_at(self.transport)

    def data_received(self, data: bytes) -> None:
        self.outgoing.feed(data)

    def eof_received(self) -> bool:
        self.outgoing.feed_eof()
        self._owner.side_has_no_more(self)
        return True  # this side may still be written to

    def pause_writing(self) -> None:
        self.incoming.far_is_full(True)

    def resume_writing(self) -> None:
        self.incoming.far_is_full(False)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and not self.closing and self.transport is not None:
            # Writing to it failed: what its peer said before the reset has not been read.
            for data in _last_words(self.transport.get_extra_info("socket")):
                self.data_received(data)
        self.gone = True
        self._owner.side_lost(self, error)

    # Called by the owner

    def close(self) -> None:
        """Close, once everything written has gone out."""
        self.closing = True
        if self.transport is not None and not self.gone:
            self.transport.close()

    def reset(self) -> None:
        """Close at once, with a reset instead of a farewell; what was not sent yet is lost."""
        self.closing = True
        if self.transport is not None and not self.gone:
            raw = self.transport.get_extra_info("socket")
            with contextlib.suppress(OSError):  # macOS refuses when the peer was quicker
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()

    def reset_behind(self) -> None:
        """Close with a reset, once everything written has gone out."""
        self.closing = True
        if self.transport is None or self.gone:
            return
        raw = self.transport.get_extra_info("socket")
        if self.transport.get_write_buffer_size() or _unsent_bytes(raw):
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self.reset_behind)
        else:
            self.reset()

    def drop(self) -> None:
        """Close at once; what was written and is still here is lost."""
        self.closing = True
        if self.transport is not None and not self.gone:
            self.transport.abort()


class WatchedSide(Side):
    """Tells what it has read, and when, once that is on its way.

    A class of its own, so that a side that nobody watches costs what it did.
    """

    def __init__(
        self,
        owner: SideOwner,
        outgoing: Flow,
        incoming: Flow,
        seen: Callable[[bytes, float], None],
    ) -> None:
        super().__init__(owner, outgoing, incoming)
        self._seen = seen

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self.outgoing.feed(data)
        self._seen(data, at)


def _last_words(raw: socket.socket) -> Iterator[bytes]:
    """What the kernel has of a lost socket, which both loops close only after they told of it."""
    with contextlib.suppress(OSError):  # the reset; or all that there is
        while data := os.read(raw.fileno(), READ_BYTES):
            yield data


def _unsent_bytes(raw: socket.socket) -> int:
    """What the kernel still has to send; 0 where that is not known."""
    if raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return 0  # the peer is gone; the figure would stay as it was
    try:
        answer = fcntl.ioctl(raw.fileno(), _UNSENT, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])
