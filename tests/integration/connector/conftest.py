"""A connector's emulator and what is behind it."""

from collections.abc import Iterator

import pytest

from chaosnetra.connector.client import ConnectorClient
from chaosnetra.stand.hops import Hop, start_connector
from tests.integration.connector.connecting import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def server(upstream: Upstream) -> Iterator[Hop]:
    server = start_connector(upstream.address, seed=7)
    yield server
    server.stop()


@pytest.fixture
def connector(server: Hop) -> ConnectorClient:
    return ConnectorClient(server.url)
