"""The observer: for each startup an address of its own, all in front of one upstream."""

import asyncio
import os
import pickle
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaosnetra.addresses import Place, shown_address
from chaosnetra.addresses.database_url import LONGEST_SOCKET_PATH_BYTES, is_too_long
from chaosnetra.errors import InvalidInput
from chaosnetra.ports import LOOPBACK
from chaosnetra.relay.connection import Route
from chaosnetra.relay.relay import Relay
from chaosnetra.relay.watcher import Ending, Watcher
from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import MOST_CONNECTIONS, ConnectionLog, StartupLog
from chaosnetra.wire.observation import End

# It is the client's own limit that a silent upstream must meet.
DIAL_TIMEOUT_SECONDS = 600.0
MOST_STARTUPS = 2_000
# So many connections at a time; what passes through comes in between.
PICKLED_AT_ONCE = 100


class Observer:
    """Listens for startups, passes them on, and keeps a log of each; lives on the event loop.

    Args:
        upstream: where all of them are passed on to.
        listen_host: address of this machine at which startups are listened for.
    """

    def __init__(self, upstream: Place, listen_host: str = LOOPBACK) -> None:
        self._upstream = upstream
        self._listen_host = listen_host
        self._startups: dict[str, _Startup] = {}
        self._faults = _Faults()

    def add(self, name: str, socket_path: str | None = None, port: int = 0) -> str:
        """Listen for one startup.

        Args:
            name: what it is called from now on.
            socket_path: where to listen; None is a port of `listen_host`.
            port: of it; 0 is a free one.

        Returns:
            `host:port`, or the path.

        Raises:
            InvalidInput: there is such a startup, there are too many, or the path cannot be used.
            OSError: no port or descriptor is free.
        """
        if name in self._startups:
            raise InvalidInput(f"a startup is called {name!r:.100} already")
        if len(self._startups) >= MOST_STARTUPS:
            raise InvalidInput(f"{MOST_STARTUPS} startups are observed already: forget some")
        startup = _Startup(self._upstream, self._faults)
        address = startup.listen(socket_path, self._listen_host, port)
        self._startups[name] = startup
        return address

    def log(self, name: str) -> StartupLog:
        """What was seen of one startup until now, which grows on.

        Raises:
            InvalidInput: there is no startup of that name.
        """
        startup = self._startups.get(name)
        if startup is None:
            raise InvalidInput(f"no startup is called {name!r:.100}")
        return startup.log

    async def pickled_log(self, name: str) -> list[bytes]:
        """What was seen of one startup until now: its log without connections, and then these.

        Raises:
            InvalidInput: there is no startup of that name.
        """
        log = self.log(name)
        await asyncio.sleep(0)  # watchers are a turn of the loop behind
        connections, pickled = log.connections, []
        for first in range(0, len(connections), PICKLED_AT_ONCE):
            pickled.append(pickle.dumps(connections[first : first + PICKLED_AT_ONCE]))
            await asyncio.sleep(0)
        return [pickle.dumps(replace(log, connections=[])), *pickled]

    def forget(self, names: Iterable[str]) -> int:
        """Listen for them no more, drop their connections, forget what was seen.

        Returns:
            How many of these startups there were.
        """
        found = [startup for name in names if (startup := self._startups.pop(name, None))]
        for startup in found:
            startup.close()
        return len(found)

    def state(self) -> dict[str, Any]:
        """Figures of what is observed now, and of what went wrong since the start.

        `healthy`: no watcher failed, and no client was turned away for want of descriptors or
        ports; `connections`: those that are open; `opened`: with those that have ended; `faults`:
        of watchers, whose connections went on unwatched, and the last one; `complete`: whether all
        that passed was kept.
        """
        startups = self._startups.values()
        counters = [startup.relay.counters for startup in startups]
        accept_errors = sum(one.accept_errors for one in counters)
        dial_errors = sum(one.dial_errors for one in counters)
        return {
            "healthy": self._faults.count + accept_errors + dial_errors == 0,
            "startups": len(startups),
            "connections": sum(one.living for one in counters),
            "opened": sum(one.accepted for one in counters),
            "accept_errors": accept_errors,
            "dial_errors": dial_errors,
            "faults": self._faults.count,
            "last_fault": self._faults.last,
            "complete": all(startup.log.complete for startup in startups),
        }


class _Faults:
    """What watchers raised: a count, and where the last one was raised, without its text."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None

    def note(self, error: Exception) -> None:
        self.count += 1
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        file = "" if step is None else Path(step.tb_frame.f_code.co_filename).name
        line = 0 if step is None else step.tb_lineno
        self.last = f"{type(error).__name__} at {file}:{line}"


class _Startup:
    """One startup: its relay, and its log. Watches the connections of the relay."""

    def __init__(self, upstream: Place, faults: _Faults) -> None:
        self.log = StartupLog()
        self.relay = Relay(
            Route(
                upstream,
                dial_timeout_seconds=DIAL_TIMEOUT_SECONDS,
                accepts_for_upstream=True,
                watchers=self,
            )
        )
        self._faults = faults
        self._socket_path: str | None = None

    def listen(self, socket_path: str | None, host: str, port: int) -> str:
        if socket_path is None:
            return shown_address(*self.relay.listen(host, port))
        if is_too_long(socket_path):
            raise InvalidInput(
                f"socket_path has {len(os.fsencode(socket_path))} bytes, and the system takes at "
                f"most {LONGEST_SOCKET_PATH_BYTES}"
            )
        try:
            self.relay.listen_on_socket(socket_path)
        except OSError as error:
            raise InvalidInput(
                f"socket_path {socket_path!r} cannot be used: {error.strerror}"
            ) from None
        self._socket_path = socket_path
        return socket_path

    def close(self) -> None:
        self.relay.close()
        self.log = StartupLog()  # what was seen is to go now, not with a collection of garbage
        if self._socket_path is not None:
            with suppress(OSError):
                Path(self._socket_path).unlink()

    def watcher(self, at: float) -> Watcher | None:
        log = self.log
        log.opened += 1
        if len(log.connections) >= MOST_CONNECTIONS:
            log.complete = False
            return None
        connection = ConnectionLog(at, queued_since=self.relay.accepting_since)
        log.connections.append(connection)
        return _Watcher(Conversation(log, connection))

    def failed(self, error: Exception) -> None:
        self.log.complete = False
        self._faults.note(error)


class _Watcher:
    """A conversation as a relay's watcher; what is told often is told without a step between."""

    __slots__ = ("_conversation", "client_sent", "dialed", "server_sent")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.dialed = conversation.dialed
        self.client_sent = conversation.client_sent
        self.server_sent = conversation.server_sent

    def ended(self, how: Ending, at: float) -> None:
        if how is not Ending.DROPPED:  # by us, with all that was seen of it
            self._conversation.ended(End(how.value), at)
