"""A proxy of the embedded server, between clients and an upstream that a test answers for."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaosnetra.toxiproxy.embedded.bodies import ProxySpec
from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy
from chaosnetra.toxiproxy.toxics import DIRECTIONS, Toxic
from tests.support.relaying import LOOPBACK, End, Stand, until

BOTH_WAYS = pytest.mark.parametrize("direction", DIRECTIONS)
LARGE = bytes(range(251)) * 8_000  # 2 MB
FOREVER_MS = 3_600_000
# How late a busy machine may be, where a test does not measure it.
SLACK_SECONDS = 0.5
TRYING_SECONDS = 25.0


class ProxyStand(Stand):
    """A proxy of the embedded server between clients and an upstream that the test answers for."""

    def __init__(self, seed: str = "seed") -> None:
        super().__init__()
        self.relay.close()
        spec = ProxySpec("p", (LOOPBACK, 0), "", self.listening.getsockname(), "the test", True)
        self.proxy = EmbeddedProxy(spec, seed)
        self.proxy.enable()
        self.relay = self.proxy.relay
        self.address = self.proxy.spec.listen

    def add(
        self,
        type_: str,
        direction: str = "downstream",
        name: str = "t",
        toxicity: float = 1.0,
        **attributes: int,
    ) -> None:
        self.proxy.add_toxic(Toxic(name, type_, direction, toxicity, attributes))

    def change(self, name: str = "t", toxicity: float = 1.0, **attributes: int) -> None:
        now = self.proxy.toxic(name)
        merged = {**now.attributes, **attributes}
        self.proxy.change_toxic(Toxic(name, now.type, now.direction, toxicity, merged))

    def remove(self, name: str = "t") -> None:
        self.proxy.remove_toxic(name)

    async def ends(self, direction: str) -> tuple[End, End]:
        """A connection's end that sends in that direction, and the one that receives."""
        client, server = await self.pair()
        return (server, client) if direction == "downstream" else (client, server)

    async def all_closed(self) -> None:
        await until(lambda: not list(self.relay.connections), lambda: "connections are left")


@asynccontextmanager
async def between(direction: str = "downstream") -> AsyncIterator[tuple[ProxyStand, End, End]]:
    """A proxy, the end of a connection that sends in that direction, and the one that receives."""
    async with ProxyStand() as stand:
        yield (stand, *await stand.ends(direction))


def since(started: float) -> float:
    return time.monotonic() - started
