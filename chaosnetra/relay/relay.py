"""A relay: listens on one address and passes every client on to one upstream."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace

from chaosnetra.addresses import Place
from chaosnetra.relay.connection import Connection, Route
from chaosnetra.relay.counters import Counters
from chaosnetra.relay.listener import Listener


class Relay:
    """Relays clients of one address to one upstream; lives on the event loop's thread.

    Args:
        route: of its connections.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self.counters = Counters()
        self._connections: dict[Connection, None] = {}
        self._listener = Listener(self._accepted, self._room, self._accept_failed)
        self._empty: asyncio.Event | None = None

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Begin to accept; returns the address, with the port that the system chose for 0.

        Raises:
            OSError: the address cannot be used.
        """
        return self._listener.listen(host, port)

    def listen_on_socket(self, path: str) -> None:
        """Begin to accept on a Unix socket of that path, which must not be there yet.

        Raises:
            OSError: it cannot be used.
        """
        self._listener.listen_on_socket(path)

    @property
    def listening(self) -> bool:
        return self._listener.listening

    @property
    def accepting_since(self) -> float | None:
        """Since when clients are taken out of the kernel's queue, by the monotonic clock, without
        it having been empty; None: it was when it was looked at last."""
        return self._listener.accepting_since

    @property
    def connections(self) -> Iterator[Connection]:
        """Those that have not ended, oldest first."""
        return iter(list(self._connections))

    def lead_to(self, upstream: Place) -> None:
        """Another upstream, for clients that come from now on."""
        self._route = replace(self._route, upstream=upstream)

    def look_again(self) -> None:
        """The gate has more room, or less."""
        self._listener.look_again()

    def close(self) -> None:
        """Accept no more, and end every connection at once."""
        self._listener.close()
        for connection in self.connections:
            connection.drop()

    async def closed(self) -> None:
        """Return when every connection has ended."""
        if self._connections:
            self._empty = self._empty or asyncio.Event()
            self._empty.clear()
            await self._empty.wait()

    def _accepted(self, client: socket.socket) -> None:
        connection = Connection(self._route, self.counters, self._connection_ended)
        self._connections[connection] = None
        connection.start(client)

    def _room(self) -> int | None:
        return self._route.gate.room(self.counters.living)

    def _accept_failed(self) -> None:
        self.counters.accept_errors += 1

    def _connection_ended(self, connection: Connection) -> None:
        del self._connections[connection]
        if self._room() is not None:
            self._listener.look_again()
        if not self._connections and self._empty is not None:
            self._empty.set()
