"""What stops all data stops the news of the server's end too, on the real server and on ours."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

import chaosnetra.stand.postgres as stand
from chaosnetra.addresses import parse_network_address
from chaosnetra.running.session import current_session, end_session
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.actions import (
    add_bandwidth_limit,
    add_timeout,
    remove_toxic,
    update_toxic,
)
from chaosnetra.toxiproxy.client import ToxiproxyClient

# PostgreSQL's least; it is 60 s by default.
AUTHENTICATION_SECONDS = 1
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
STOPS = {
    "black hole": (add_timeout, {"timeout_ms": 0}),
    "black hole upstream": (add_timeout, {"timeout_ms": 0, "direction": "upstream"}),
    "stall": (add_bandwidth_limit, {"rate_kb_per_second": 0}),
    "stall upstream": (add_bandwidth_limit, {"rate_kb_per_second": 0, "direction": "upstream"}),
}


@pytest.fixture(scope="module")
def impatient() -> Iterator[PostgresServer]:
    """A server that ends whoever does not log in."""
    with pytest.MonkeyPatch.context() as patch:
        limit = ("-c", f"authentication_timeout={AUTHENTICATION_SECONDS}s")
        patch.setattr(stand, "SERVER_OPTIONS", (*stand.SERVER_OPTIONS, *limit))
        server = start_postgres()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["real", "embedded"])
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    server = start_toxiproxy(server=request.param)
    yield server.url
    server.stop()


@pytest.fixture
def configuration(impatient: PostgresServer, server_url: str) -> Iterator[dict[str, Any]]:
    yield {"database_url": impatient.database.url, "toxiproxy_url": server_url}
    end_session()
    assert ToxiproxyClient(server_url).proxies() == {}


def client_of(configuration: dict[str, Any]) -> socket.socket:
    """A client that has asked for something."""
    address = current_session(configuration).proxied_database.network_address
    client = socket.create_connection(parse_network_address("proxy", address), timeout=5)
    client.sendall(SSL_REQUEST)
    return client


def heard(client: socket.socket, seconds: float) -> bytes | None:
    """What a client hears within a time; None: nothing at all."""
    client.settimeout(seconds)
    try:
        return client.recv(1)
    except TimeoutError:
        return None


@pytest.mark.parametrize("stop", STOPS)
def test_a_client_does_not_learn_that_the_server_has_ended_the_connection(
    configuration: dict[str, Any], stop: str
) -> None:
    action, arguments = STOPS[stop]
    effect = action(**arguments, name="hole", configuration=configuration)["effect"]
    assert effect["in_effect"]
    assert "the server's end of a connection is held back too" in effect["detail"]
    with client_of(configuration) as client:
        assert heard(client, AUTHENTICATION_SECONDS + 0.7) is None
        removed = remove_toxic("hole", configuration=configuration)
        assert removed["result"] == "done"
        # Both are gone: a new connection is as it was.
        assert heard(client, 5) is not None
    with client_of(configuration) as client:
        assert heard(client, 5) in (b"N", b"S")


def test_where_it_applies_to_some_connections_only_the_effect_says_what_they_hear(
    configuration: dict[str, Any],
) -> None:
    effect = add_timeout(0, toxicity=0.9, configuration=configuration)["effect"]
    assert effect["in_effect"]
    assert "a connection that the server ends by itself meanwhile is closed" in effect["detail"]


def test_an_update_that_lets_data_pass_lets_the_end_pass_too(configuration: dict[str, Any]) -> None:
    add_bandwidth_limit(0, name="hole", configuration=configuration)
    update_toxic("hole", {"rate_kb_per_second": 100}, configuration=configuration)
    with client_of(configuration) as client:
        assert heard(client, 5) in (b"N", b"S")
        began = time.monotonic()
        assert heard(client, 5) == b""
        assert time.monotonic() - began < 3
    end_session()
