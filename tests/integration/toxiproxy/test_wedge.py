"""A client that does not read wedges Toxiproxy's API; the undo of a toxic comes through it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import ToxiproxyWedged
from chaosnetra.faults import UndoResult, play
from chaosnetra.postgres import objects
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.effects import OnPath, effect_of
from chaosnetra.toxiproxy.faults import ProxyCreated
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded
from chaosnetra.toxiproxy.toxics import make_toxic
from tests.support.helpers import ProxiedDatabase, query

PROXY = "database"
OF_A_RUN = "chaosnetra_20260101t000000_abcdef"
LATENCY = make_toxic("ours", "latency", "downstream", 1, {"latency_ms": 50})
THEIRS = make_toxic("theirs", "slow_close", "downstream", 1, {"delay_ms": 1})
LARGE = "SELECT repeat('x', 150000000)"


@pytest.fixture
def proxied(postgres: PostgresServer, tmp_path: Path) -> Iterator[ProxiedDatabase]:
    """On a server of its own: a wedge is felt by everybody on it."""
    server = start_toxiproxy()
    client = ToxiproxyClient(server.url)
    made = client.create_proxy(PROXY, "127.0.0.1:0", postgres.database.network_address)
    address = postgres.database.at(*parse_network_address("listen", made.listen))
    yield ProxiedDatabase(client, PROXY, PostgresPath(postgres.database, address), tmp_path)
    server.stop()


Unread = tuple[asyncpg.Connection, asyncio.Task[str]]


async def unread(proxied: ProxiedDatabase, address: DatabaseAddress | None = None) -> Unread:
    """A connection with a large result in flight that its client does not read."""
    connection = await asyncpg.connect((address or proxied.path.proxied).url, timeout=10)
    connection._transport.pause_reading()
    # The simple protocol: the whole request is sent at once.
    large = asyncio.create_task(connection.execute(LARGE))
    async with asyncio.timeout(20):
        watcher = await asyncpg.connect(proxied.path.direct.url, timeout=10)
        try:
            # The backend waits until its client takes more.
            while not await watcher.fetchval(  # noqa: ASYNC110 - the server has no event for it
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE pid = $1 AND wait_event = 'ClientWrite'",
                connection.get_server_pid(),
            ):
                await asyncio.sleep(0.05)
        finally:
            await watcher.close()
    await asyncio.sleep(0.5)
    return connection, large


async def released(connection: asyncpg.Connection, large: asyncio.Task[str]) -> None:
    connection.terminate()
    await asyncio.gather(large, return_exceptions=True)


def test_undo_of_a_toxic_on_a_wedged_server(proxied: ProxiedDatabase) -> None:
    proxied.client.add_toxic(PROXY, THEIRS)
    held = proxied.injector.inject(ToxicAdded(proxied.client, PROXY, LATENCY, OnPath(proxied.path)))
    before = proxied.client.proxies()[PROXY]

    async def run() -> None:
        client = await unread(proxied)
        try:
            started = time.monotonic()
            report = await asyncio.to_thread(proxied.injector.undo, held.name)
            assert time.monotonic() - started < 20
            assert report is not None
            assert report.result is UndoResult.DONE
            assert "made again" in report.detail
            # All while the client still does not read.
            after = await asyncio.to_thread(proxied.client.proxies)
            assert list(after) == [PROXY]
            again = after[PROXY]
            assert (again.listen, again.upstream) == (before.listen, before.upstream)
            assert (again.enabled, again.toxics) == (True, (THEIRS,))
            effect = await asyncio.to_thread(effect_of, LATENCY, proxied.path)
            assert effect.quantity == "added_latency_ms"
            assert isinstance(effect.observed, float), effect
            assert not effect.in_effect
        finally:
            await released(*client)

    asyncio.run(run())
    assert play(held.undo).result is UndoResult.ALREADY_DONE


def test_undo_of_a_proxy_on_a_wedged_server(proxied: ProxiedDatabase) -> None:
    proxied.client.delete_proxy(PROXY)
    held = proxied.injector.inject(
        ProxyCreated(
            proxied.client,
            OF_A_RUN,
            proxied.path.proxied.network_address,
            proxied.path.direct.network_address,
        )
    )
    proxied.client.add_toxic(OF_A_RUN, LATENCY)

    async def run() -> None:
        client = await unread(proxied)
        try:
            impatient = ToxiproxyClient(proxied.client.url, 1)
            with pytest.raises(ToxiproxyWedged):
                await asyncio.to_thread(impatient.delete_toxic, OF_A_RUN, LATENCY.name)
            started = time.monotonic()
            report = await asyncio.to_thread(proxied.injector.undo, held.name)
            assert time.monotonic() - started < 20
            assert report is not None
            assert report.result is UndoResult.DONE
            assert await asyncio.to_thread(proxied.client.proxies) == {}
        finally:
            await released(*client)

    asyncio.run(run())


def test_a_database_is_dropped_although_a_session_elsewhere_is_stuck(
    proxied: ProxiedDatabase, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database of a server can be dropped while any of its sessions waits for its client."""
    monkeypatch.setattr(objects, "DROP_SECONDS", 5.0)
    name = "chaosnetra_test_of_a_wedge"
    proxied.injector.inject(
        ProxyCreated(
            proxied.client,
            "chaosnetra_test",
            listen="127.0.0.1:0",
            upstream=postgres.database.network_address,
        )
    )
    proxied.injector.inject(objects.DatabaseCopied(postgres.database, name, template=None))
    listen = proxied.client.proxies()["chaosnetra_test"].listen

    async def run() -> None:
        address = postgres.database.at(*parse_network_address("listen", listen))
        client = await unread(proxied, address)
        try:
            assert await asyncio.to_thread(proxied.injector.undo_all) == []
        finally:
            await released(*client)

    asyncio.run(run())
    assert [event for event, _ in proxied.records].count("fault.undo_failed") == 1
    assert "chaosnetra_test" not in proxied.client.proxies()
    found = query(postgres.database, "SELECT count(*) FROM pg_database WHERE datname = $1", name)
    assert found == 0
