"""Fixtures of several integration tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import PartUnavailable
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import ToxiproxyServer, start_toxiproxy
from chaosnetra.stand.toxiproxy_program import find_program
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.helpers import ProxiedDatabase, query, wait_until

SMALL = 30
RESERVED = 3


@pytest.fixture(scope="session", autouse=True)
def real_toxiproxy_is_built() -> None:
    """Where it can be: the first tests would take the embedded server, and a build beside them."""
    with contextlib.suppress(PartUnavailable):
        find_program()


@pytest.fixture(scope="session")
def small_server() -> Iterator[PostgresServer]:
    """A server with few connection slots: 27 for its ordinary role, 3 reserved."""
    server = start_postgres(max_connections=SMALL)
    yield server
    server.stop()


@pytest.fixture
def own_toxiproxy() -> Iterator[ToxiproxyServer]:
    """A server that the test may stop."""
    server = start_toxiproxy()
    yield server
    server.stop()


@pytest.fixture
def small(small_server: PostgresServer) -> DatabaseAddress:
    """The ordinary role's database of the small server, with nobody connected."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: query(small_server.admin, others) == 0, 20, "nobody is connected")
    return small_server.database


@pytest.fixture
def proxied_small(
    small: DatabaseAddress, toxiproxy: ToxiproxyClient, tmp_path: Path
) -> ProxiedDatabase:
    """A proxy in front of the small server."""
    made = toxiproxy.create_proxy("small", "127.0.0.1:0", small.network_address)
    address = small.at(*parse_network_address("listen", made.listen))
    return ProxiedDatabase(toxiproxy, "small", PostgresPath(small, address), tmp_path)
