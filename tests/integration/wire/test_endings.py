"""Connections that come to nothing: refused, unanswered, full, ended by the server."""

import asyncio
import contextlib
import socket
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
import psycopg
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.wire.client import ObserverClient
from chaosnetra.wire.observation import End, Observation, Reached
from tests.support.helpers import query, wait_until
from tests.support.observed import Stretch, assert_bytes_are_the_same, with_tls
from tests.support.relaying import black_hole
from tests.support.restartable import RestartablePostgres


def observed(observer: ObserverClient, name: str, began: float, count: int) -> Observation:
    """What was seen, once so many connections have ended."""

    def over() -> bool:
        seen = observer.observation(name, began, time.monotonic())
        return sum(one.ended_seconds is not None for one in seen.connections) == count

    wait_until(over, 20, f"{count} connections have ended")
    return observer.observation(name, began, time.monotonic())


def test_no_slot_is_free(stretch: Stretch, small: DatabaseAddress) -> None:
    with stretch.startup(with_tls(small, "disable")) as startup:

        async def run() -> int:
            opened: list[asyncpg.Connection] = []

            async def fill() -> None:
                while True:
                    one = await asyncpg.connect(startup.database.driver_url, timeout=20)
                    opened.append(one)

            try:
                with pytest.raises(asyncpg.TooManyConnectionsError):
                    await fill()
            finally:
                for one in opened:
                    await one.close()
            return len(opened)

        sessions = asyncio.run(run())
    assert_bytes_are_the_same(startup)
    seen = startup.seen
    assert (seen.sessions, seen.most_at_once) == (sessions, sessions + 1)
    (error,) = seen.errors
    assert (error.sqlstate, error.severity, error.times) == ("53300", "FATAL", 1)
    assert seen.connections[-1].sqlstate == "53300"
    assert seen.connections[-1].session_seconds is None


def test_a_server_that_restarts() -> None:
    restarted = RestartablePostgres()
    server = start_observer(restarted.database.network_address)
    try:
        observer = ObserverClient(server.url)
        began = time.monotonic()
        database = observer.database_for("s", with_tls(restarted.database, "disable"))
        with psycopg.connect(database.url, connect_timeout=20) as opened:
            opened.execute("SELECT 1")
            restarted.stop()
            with pytest.raises(psycopg.OperationalError):
                opened.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match=r"closed the connection|reset"):
            psycopg.connect(database.url, connect_timeout=20)
        restarted.start()
        assert query(database, "SELECT 1") == 1
        seen = observed(observer, "s", began, 3)
    finally:
        server.stop()
        restarted.remove()
    ends = [one.end for one in seen.connections]
    assert ends[0] in (End.SERVER, End.SERVER_RESET)
    assert ends[1:] == [End.REFUSED, End.CLIENT]
    assert (seen.refused, seen.sessions) == (1, 2)
    (error,) = seen.errors
    assert (error.sqlstate, error.times) == ("57P01", 1)
    assert seen.connections[0].sqlstate == "57P01"
    assert seen.connections[1].reached is Reached.TCP


def test_a_black_hole() -> None:
    with black_hole() as ((host, port), _):
        server = start_observer(f"{host}:{port}")
        try:
            observer = ObserverClient(server.url)
            began = time.monotonic()
            address = DatabaseAddress(host, port, "u", "p", "d")
            database = observer.database_for("s", address)

            async def run() -> None:
                with pytest.raises(TimeoutError):
                    await asyncpg.connect(database.driver_url, timeout=0.5)

            asyncio.run(run())
            seen = observed(observer, "s", began, 1)
        finally:
            server.stop()
    (connection,) = seen.connections
    assert (connection.end, connection.reached) == (End.UNANSWERED, Reached.TCP)
    assert (seen.round_trips, seen.sessions) == (0, 0)
    assert seen.given_up == {"tcp": 1}
    assert seen.waited_seconds > 0.4


def test_by_a_unix_socket(stretch: Stretch, postgres: PostgresServer, tmp_path: Path) -> None:
    stretch.behind.upstream = (postgres.database.host, postgres.database.port)
    given = replace(postgres.database, host="/cloudsql/p:r:i", port=5432)
    folder = tmp_path / "s"
    folder.mkdir()
    began = time.monotonic()
    database = stretch.observer.database_for("by socket", given, folder)
    assert (database.host, database.port) == (str(folder), 5432)
    with psycopg.connect(database.url, connect_timeout=20) as opened:
        opened.execute("SELECT 1")
    assert query(database, "SELECT 2") == 2
    seen = observed(stretch.observer, "by socket", began, 2)
    assert [one.end for one in seen.connections] == [End.CLIENT, End.CLIENT]
    assert seen.sessions == 2
    assert [recording.turns for recording in stretch.behind.taken()] == [
        one.round_trips for one in seen.connections
    ]
    stretch.observer.forget(["by socket"])
    assert list(folder.iterdir()) == []


def test_to_forget_a_startup_drops_what_it_has_open(
    stretch: Stretch, postgres: PostgresServer
) -> None:
    stretch.behind.upstream = (postgres.database.host, postgres.database.port)
    database = stretch.observer.database_for("forgotten", postgres.database)
    with socket.create_connection((database.host, database.port), timeout=20) as client:
        wait_until(lambda: stretch.behind.recordings, 20, "the connection was passed on")
        stretch.observer.forget(["forgotten", "never known"])
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((database.host, database.port), timeout=20)
    wait_until(lambda: stretch.observer.state()["connections"] == 0, 20, "nothing is open")
    stretch.behind.taken()
