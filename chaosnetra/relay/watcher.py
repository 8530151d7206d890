"""Somebody who looks on: told what passed on a connection, after it was handed on.

Nothing that a watcher does reaches the connection. It is told in a later turn of the event loop,
when the bytes are on their way already, and a watcher that raises is told no more.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Protocol


class Ending(StrEnum):
    """How a connection ended, by the side that was first."""

    CLIENT = "client"
    SERVER = "server"
    CLIENT_RESET = "client_reset"
    SERVER_RESET = "server_reset"
    REFUSED = "refused"  # the upstream did not accept it
    UNANSWERED = "unanswered"  # nor refused it, until the client or the relay gave up
    DROPPED = "dropped"  # by the relay itself


class Watcher(Protocol):
    """What one connection's watcher is told, in order; moments are of `time.monotonic()`.

    What a client sends before there is an upstream is told behind `dialed`, for it waited until
    then; of one that never is there, it is not told.
    """

    def dialed(self, at: float) -> None:
        """The upstream has accepted."""

    def client_sent(self, data: bytes, at: float) -> None:
        """These bytes came from the client."""

    def server_sent(self, data: bytes, at: float) -> None:
        """These bytes came from the upstream."""

    def ended(self, how: Ending, at: float) -> None:
        """The first farewell or reset; called once. What the other side still sends may follow."""


class Watchers(Protocol):
    """Who watches the connections of a relay."""

    def watcher(self, at: float) -> Watcher | None:
        """The watcher of a connection that was accepted at that moment; None: it has none."""

    def failed(self, error: Exception) -> None:
        """A watcher raised; its connection goes on unwatched."""


def watching(watchers: Watchers | None, at: float) -> "Watching | None":
    """What tells the watcher of a new connection; None: it has none."""
    if watchers is None:
        return None
    try:
        watcher = watchers.watcher(at)
    except Exception as error:  # noqa: BLE001 - whatever it is, the connection goes on
        watchers.failed(error)
        return None
    return None if watcher is None else Watching(watcher, watchers.failed)


class Watching:
    """Tells a watcher, in order and later, and keeps its faults from the connection.

    Args:
        watcher: is told.
        failed: takes the exception that it raised.
    """

    __slots__ = (
        "_early",
        "_ending",
        "_failed",
        "_is_dialed",
        "_is_planned",
        "_loop",
        "_untold",
        "_watcher",
    )

    def __init__(self, watcher: Watcher, failed: Callable[[Exception], None]) -> None:
        self._watcher: Watcher | None = watcher
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._untold: list[Callable[[], None]] = []
        self._early: list[bytes] = []
        self._is_dialed = False
        self._is_planned = False
        self._ending: tuple[Ending, float] | None = None

    def dialed(self, at: float) -> None:
        if self._watcher is None:
            return
        self._is_dialed = True
        self._tell(partial(self._watcher.dialed, at))
        for data in self._early:
            self._tell(partial(self._watcher.client_sent, data, at))
        self._early = []
        if self._ending is not None:  # the client had said farewell already
            self._tell(partial(self._watcher.ended, self._ending[0], at))

    def client_sent(self, data: bytes, at: float) -> None:
        if self._watcher is None:
            return
        if self._is_dialed:
            self._tell(partial(self._watcher.client_sent, data, at))
        else:
            self._early.append(data)  # the flow holds them too, and no more than it does

    def server_sent(self, data: bytes, at: float) -> None:
        if self._watcher is not None:
            self._tell(partial(self._watcher.server_sent, data, at))

    def left(self, ending: Ending, at: float) -> None:
        """One side said farewell, or was reset."""
        if self._watcher is None or self._ending is not None:
            return
        self._ending = (ending, at)
        if self._is_dialed:
            self._tell(partial(self._watcher.ended, ending, at))

    def gave_up(self, ending: Ending, at: float) -> None:
        """It is over, and neither side has ended it; or it never was dialed."""
        watcher, self._watcher = self._watcher, None  # what it keeps is not ours to hold any longer
        if watcher is None or (self._ending is not None and self._is_dialed):
            return
        if self._ending is not None and ending not in (Ending.REFUSED, Ending.SERVER_RESET):
            # The client left while the upstream was awaited.
            ending, at = Ending.UNANSWERED, self._ending[1]
        self._ending = (ending, at)
        self._early = []
        self._tell(partial(watcher.ended, ending, at))

    def _tell(self, what: Callable[[], None]) -> None:
        self._untold.append(what)
        if not self._is_planned:
            # The bytes are written at the end of this turn; what is told next is later.
            self._is_planned = True
            self._loop.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        self._is_planned = False
        untold, self._untold = self._untold, []
        try:
            for tell in untold:
                tell()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection goes on
            self._watcher = None
            self._untold, self._early = [], []
            self._failed(error)
