"""What stands before the emulator of the connector in tests, and behind it."""

import asyncio
import socket
import time
from typing import Any

from chaosnetra.connector.client import ConnectorClient
from tests.support.helpers import wait_until
from tests.support.serving import Serving


class Upstream(Serving):
    """Says hello to every client and then echoes; counts who is there."""

    clients = 0
    most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients += 1
        self.most = max(self.most, self.clients)
        try:
            writer.write(b"hello")
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.clients -= 1
            writer.close()


class Clients:
    """Sockets of this process at a connector."""

    def __init__(self, connector: ConnectorClient) -> None:
        host, port = connector.state()["listen"].split(":")
        self._address = (host, int(port))
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *error: object) -> None:
        for client in self.sockets:
            client.close()

    def connect(self, count: int = 1) -> list[socket.socket]:
        """So many more, all at once; what the far end says to them is not awaited."""
        made = []
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(self._address)
            made.append(client)
        self.sockets += made
        return made


def answers(clients: list[socket.socket], within_seconds: float) -> list[str]:
    """What each client gets from the far end within the time, all counted together."""
    until = time.monotonic() + within_seconds
    found = []
    for client in clients:
        client.settimeout(max(0.001, until - time.monotonic()))
        try:
            found.append("hello" if client.recv(5) == b"hello" else "closed")
        except TimeoutError:
            found.append("silent")
        except ConnectionError:
            found.append("reset")
    return found


def gauges(connector: ConnectorClient) -> tuple[int, int, int]:
    """Slots, slots taken, clients waiting."""
    state = connector.state()
    return state["slots"], state["in_use"], state["queued"]


def settled(connector: ConnectorClient, accepted: int) -> dict[str, Any]:
    """The state once the emulator has dealt with so many clients."""

    state: dict[str, Any] = {}

    def dealt_with() -> bool:
        state.update(connector.state())
        counters = state["connections"]
        return bool(
            counters["accepted"] >= accepted
            and counters["dialing"] == 0
            and counters["queued"] == state["queued"]  # each has been at the gate
        )

    wait_until(dealt_with, 10, f"{accepted} clients accepted")
    return state
