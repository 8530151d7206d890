"""What each fault looks like to asyncpg, from both servers, with a real PostgreSQL behind.

On established and on new connections, without TLS and with asyncpg's default (`prefer`, which
asks this server for TLS in vain); while the fault is active and after it was removed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from tests.support.toxiproxy_servers import Served

NAME = "database"
# For what is to run into it; everything else has the long one.
LIMIT_SECONDS = 1.0
LONG_SECONDS = 10.0
TRYING_SECONDS = 40.0
EITHER_TLS = pytest.mark.parametrize("ssl", [False, "prefer"], ids=["no TLS", "prefer"])


@dataclass(frozen=True)
class Path:
    """A proxy in front of the database."""

    client: ToxiproxyClient
    address: DatabaseAddress

    async def connect(
        self, ssl: bool | str = False, limit: float = LONG_SECONDS
    ) -> asyncpg.Connection:
        return await asyncpg.connect(self.address.url, ssl=ssl, timeout=limit)

    async def query_anew(self, ssl: bool | str = False, limit: float = LONG_SECONDS) -> Any:
        """Connect, ask, and go."""
        connection = await self.connect(ssl, limit)
        try:
            return await query(connection, limit)
        finally:
            connection.terminate()

    async def add(self, type_: str, **attributes: int) -> None:
        toxic = Toxic("toxic", type_, "downstream", 1.0, attributes)
        await asyncio.to_thread(self.client.add_toxic, NAME, toxic)

    async def remove(self) -> None:
        assert await asyncio.to_thread(self.client.delete_toxic, NAME, "toxic")

    async def change(self, **changes: Any) -> None:
        await asyncio.to_thread(lambda: self.client.update_proxy(NAME, **changes))


async def query(connection: asyncpg.Connection, limit: float = LONG_SECONDS) -> Any:
    return await connection.fetchval("SELECT 1", timeout=limit)


@pytest.fixture
def path(served: Served, postgres: PostgresServer) -> Path:
    made = served.client.create_proxy(NAME, "127.0.0.1:0", postgres.database.network_address)
    listen = parse_network_address("listen", made.listen)
    return Path(served.client, postgres.database.at(*listen))


def on_an_established_connection(
    path: Path, scenario: Callable[[asyncpg.Connection], Awaitable[None]]
) -> None:
    """Run a scenario with a connection that has asked before."""

    async def run() -> None:
        connection = await path.connect()
        try:
            assert await query(connection) == 1
            await scenario(connection)
        finally:
            connection.terminate()

    asyncio.run(run())


async def is_dead(connection: asyncpg.Connection) -> None:
    """The connection knows that it has ended."""
    async with asyncio.timeout(LONG_SECONDS):
        while not connection.is_closed():  # noqa: ASYNC110 - asyncpg has no event for it
            await asyncio.sleep(0.01)
    with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
        await query(connection)


async def loses(asked: Awaitable[Any], error: type[Exception]) -> float:
    """Seconds until a question fails with just this error."""
    started = time.monotonic()
    with pytest.raises(error) as caught:
        await asked
    assert type(caught.value) is error
    return time.monotonic() - started


# Proxy down


def test_proxy_down_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        waiting = asyncio.create_task(connection.execute("SELECT pg_sleep(30)", timeout=20))
        await asyncio.sleep(0.2)
        await path.change(enabled=False)
        assert await loses(waiting, asyncpg.ConnectionDoesNotExistError) < LONG_SECONDS
        await is_dead(connection)
        await path.change(enabled=True)
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_proxy_down_refuses_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.change(enabled=False)
        await loses(path.query_anew(ssl), ConnectionRefusedError)
        await path.change(enabled=True)
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Timeout


def test_timeout_0_is_a_black_hole_for_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=0)
        assert await loses(query(connection, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        assert not connection.is_closed()
        await path.remove()
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_timeout_0_is_a_black_hole_for_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("timeout", timeout=0)
        assert await loses(path.query_anew(ssl, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_removing_a_timeout_closes_connections_that_never_asked(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=0)
        await asyncio.sleep(0.1)
        assert not connection.is_closed()
        await path.remove()
        await is_dead(connection)

    on_an_established_connection(path, scenario)


def test_timeout_500_ends_established_connections_after_500_ms(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=500)
        seconds = await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        assert 0.4 <= seconds < 4
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "error"),
    [(False, asyncpg.ConnectionDoesNotExistError), ("prefer", ConnectionError)],
    ids=["no TLS", "prefer"],
)
def test_timeout_500_ends_new_connections_after_500_ms(
    path: Path, ssl: bool | str, error: type[Exception]
) -> None:
    async def run() -> None:
        await path.add("timeout", timeout=500)
        seconds = await loses(path.query_anew(ssl), error)
        assert 0.4 <= seconds < 4
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_a_timeout_starts_again_with_every_chunk(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=700)
        # Notices go on coming, each within the time.
        asked = connection.execute(
            "DO $$ BEGIN FOR i IN 1..5 LOOP"
            " RAISE NOTICE 'still here'; PERFORM pg_sleep(0.3);"
            " END LOOP; END $$",
            timeout=10,
        )
        seconds = await loses(asked, asyncpg.ConnectionDoesNotExistError)
        assert 1.5 + 0.6 <= seconds < 4

    on_an_established_connection(path, scenario)


# Reset peer


def test_reset_peer_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("reset_peer", timeout=0)
        await asyncio.sleep(0.2)
        assert not connection.is_closed()  # nothing has passed yet
        await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "error"),
    [(False, asyncpg.ConnectionDoesNotExistError), ("prefer", ConnectionResetError)],
    ids=["no TLS", "prefer"],
)
def test_reset_peer_resets_new_connections(
    path: Path, ssl: bool | str, error: type[Exception]
) -> None:
    async def run() -> None:
        await path.add("reset_peer", timeout=0)
        await loses(path.query_anew(ssl), error)
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Bandwidth


def test_bandwidth_0_freezes_established_connections_and_loses_nothing(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("bandwidth", rate=0)
        waiting = asyncio.create_task(connection.fetchval("SELECT 1", timeout=LONG_SECONDS))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await path.remove()
        assert await waiting == 1
        assert await query(connection) == 1

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_bandwidth_0_times_new_connections_out(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("bandwidth", rate=0)
        assert await loses(path.query_anew(ssl, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_bandwidth_is_in_units_of_1000_bytes_a_second(path: Path, served: Served) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        assert len(await connection.fetchval("SELECT repeat('x', 500000)")) == 500_000
        await path.add("bandwidth", rate=500)
        seconds = []
        deadline = time.monotonic() + TRYING_SECONDS
        # A machine that is busy is late for a moment; a line that is too fast is never slow.
        while time.monotonic() < deadline:
            started = time.monotonic()
            text = await connection.fetchval("SELECT repeat('x', 500000)", timeout=LONG_SECONDS)
            seconds.append(time.monotonic() - started)
            assert len(text) == 500_000
            assert seconds[-1] >= served.expected("the least time of a second's worth of bytes")
            if seconds[-1] < 1.5:
                return
        raise AssertionError(f"took {seconds} s")

    on_an_established_connection(path, scenario)


# Latency


def test_latency_delays_from_the_next_chunk_on_and_releases_what_waits(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("latency", latency=300, jitter=0)
        started = time.monotonic()
        assert await query(connection) == 1
        assert 0.29 <= time.monotonic() - started < 4
        await asyncio.to_thread(
            path.client.update_toxic, NAME, "toxic", {"latency": 60_000, "jitter": 0}, 1
        )
        waiting = asyncio.create_task(query(connection))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await path.remove()
        assert await waiting == 1
        assert await query(connection) == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(("ssl", "round_trips"), [(False, 3), ("prefer", 4)])
def test_latency_slows_new_connections_by_their_round_trips(
    path: Path, ssl: bool | str, round_trips: int
) -> None:
    async def run() -> None:
        await path.add("latency", latency=400, jitter=0)
        started = time.monotonic()
        connection = await path.connect(ssl)
        seconds = time.monotonic() - started
        connection.terminate()
        assert round_trips * 0.4 <= seconds < round_trips * 0.4 + 0.39

    asyncio.run(run())


# Limit data


def test_limit_data_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("limit_data", bytes=10)
        await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_limit_data_ends_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("limit_data", bytes=50)
        await loses(path.query_anew(ssl), asyncpg.ConnectionDoesNotExistError)
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Upstream


def test_another_upstream_drops_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        upstream = (await asyncio.to_thread(path.client.proxies))[NAME].upstream
        await path.change(upstream="127.0.0.1:1")
        await is_dead(connection)
        await path.change(upstream=upstream)
        assert await path.query_anew() == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "errors"),
    [
        (False, (asyncpg.ConnectionDoesNotExistError,)),
        # A reset, or where the server was quicker than the client's first word, a farewell.
        ("prefer", (ConnectionResetError, ConnectionError)),
    ],
    ids=["no TLS", "prefer"],
)
def test_a_closed_upstream_drops_new_connections_but_does_not_refuse_them(
    path: Path, ssl: bool | str, errors: tuple[type[Exception], ...]
) -> None:
    async def run() -> None:
        upstream = (await asyncio.to_thread(path.client.proxies))[NAME].upstream
        await path.change(upstream="127.0.0.1:1")
        with pytest.raises(errors) as caught:
            await path.query_anew(ssl)
        assert type(caught.value) in errors
        await path.change(upstream=upstream)
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())
