"""Round trips one after the other, of real clients with several connections.

Nothing stands between them and the observer: a recorder in this process would compete with them.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import count

import asyncpg
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.wire.client import ObserverClient
from chaosnetra.wire.observation import Observation
from tests.support.helpers import wait_until
from tests.support.observed import WAIT_SECONDS, with_tls


class Seen:
    """An observer in front of a database, used by one startup after the other."""

    def __init__(self, observer: ObserverClient, database: DatabaseAddress) -> None:
        self.observer = observer
        self.database = database
        self.names = (f"startup {number}" for number in count(1))
        self.name, self.began = "", 0.0

    def begin(self) -> DatabaseAddress:
        """Where the next startup finds the database."""
        self.name, self.began = next(self.names), time.monotonic()
        return self.observer.database_for(self.name, self.database)

    def observation(self) -> Observation:
        """Of the startup begun last, once its connections have ended."""

        def seen() -> Observation:
            return self.observer.observation(self.name, self.began, time.monotonic())

        def over() -> bool:
            return all(one.ended_seconds is not None for one in seen().connections)

        wait_until(over, WAIT_SECONDS, "all connections have ended")
        return seen()


@pytest.fixture(scope="module")
def observed(postgres: PostgresServer) -> Iterator[Seen]:
    database = with_tls(postgres.database, "disable")
    server = start_observer(f"{database.host}:{database.port}")
    try:
        yield Seen(ObserverClient(server.url), database)
    finally:
        server.stop()


def test_an_asyncpg_pool(observed: Seen) -> None:
    """It opens one connection, then all others at once; each that is given back is reset."""

    async def work(address: DatabaseAddress) -> None:
        pool = await asyncpg.create_pool(address.driver_url, min_size=10, max_size=10, timeout=20)
        async with pool:
            await asyncio.gather(*(pool.fetch("SELECT 1") for _ in range(10)))
            for _ in range(5):
                await pool.execute("SELECT 2")

    asyncio.run(work(observed.begin()))
    seen = observed.observation()
    assert (seen.connection_count, seen.sessions) == (10, 10)
    login = seen.connections[0].setup_round_trips
    assert seen.serial_setup_round_trips == 2 * login
    # Prepare, fetch and reset of each at the same time; then five statements, each with a reset.
    assert seen.serial_round_trips == 2 * login + 3 + 5 * 2


def test_tasks_with_a_transaction_each(observed: Seen) -> None:
    """Each task but one opens a connection of its own, as none is free."""

    async def work(address: DatabaseAddress) -> None:
        plain = DatabaseAddress(
            address.host, address.port, address.user, address.password, address.database
        )
        url = plain.url.replace("postgresql", "postgresql+asyncpg", 1)
        engine = create_async_engine(url, connect_args={"ssl": "disable"})

        async def task() -> None:
            async with engine.begin() as opened:
                for _ in range(20):  # so long that those at once do overlap, on a busy machine too
                    await opened.execute(text("SELECT pg_sleep(0.01)"))

        await task()
        await asyncio.gather(*(task() for _ in range(4)))
        await engine.dispose()

    asyncio.run(work(observed.begin()))
    seen = observed.observation()
    first, *others = seen.connections
    # The first connection has both its own task and one of those side by side.
    [other] = {one.round_trips for one in others}
    again = other - others[0].setup_round_trips - 1  # its statement was prepared before
    assert seen.serial_round_trips == first.round_trips - again + other


def test_connections_in_turn(observed: Seen) -> None:
    url = observed.begin().url
    opened = [psycopg.connect(url, autocommit=True, connect_timeout=20) for _ in range(3)]
    for number in range(30):
        opened[number % 3].execute("SELECT 1")
    for one in opened:
        one.close()
    seen = observed.observation()
    assert seen.serial_round_trips == seen.round_trips
