"""One server of each implementation for a module's tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.contract.implementations import DIFFERENCES, IMPLEMENTATIONS


@dataclass(frozen=True)
class Served:
    """A running server of an implementation."""

    implementation: str
    server: ToxiproxyServer
    client: ToxiproxyClient

    def expected(self, difference: str) -> Any:
        """What this implementation does where they differ."""
        return DIFFERENCES[difference].of(self.implementation)


@pytest.fixture(scope="module", params=list(IMPLEMENTATIONS))
def shared_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    server = IMPLEMENTATIONS[request.param]()
    try:
        yield Served(request.param, server, ToxiproxyClient(server.url))
    finally:
        server.stop()


@pytest.fixture
def served(shared_server: Served) -> Iterator[Served]:
    """A server without proxies."""
    yield shared_server
    for name in shared_server.client.proxies():
        shared_server.client.delete_proxy(name)


@pytest.fixture(params=list(IMPLEMENTATIONS))
def own_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server that nobody else uses: the test may wedge it."""
    server = IMPLEMENTATIONS[request.param]()
    try:
        yield Served(request.param, server, ToxiproxyClient(server.url))
    finally:
        server.stop()
