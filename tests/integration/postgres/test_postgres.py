"""Connecting to a real PostgreSQL, and what a run makes in it."""

import asyncio
import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable, InjectionFailed, UndoFailed
from chaosnetra.faults import UndoResult, play
from chaosnetra.paths import FirstAnswer
from chaosnetra.postgres.connect import COUNT_TABLES, connection, server_version
from chaosnetra.postgres.objects import DatabaseCopied, SchemaMade
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.safety import credentials
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.postgres import PostgresServer
from tests.support.helpers import query
from tests.support.undoing import played_elsewhere, undone


def unusable(address: DatabaseAddress, seconds: float = 5) -> DatabaseUnavailable:
    """The error that `server_version` raises, checked for what every such error has."""
    with pytest.raises(DatabaseUnavailable) as caught:
        asyncio.run(server_version(address, seconds))
    text = str(caught.value)
    assert address.shown in text
    assert "\n" not in text
    if address.password:
        assert address.password not in text
    return caught.value


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[DatabaseAddress]:
    """A database of the test's own, on the shared server."""
    name = f"test_{secrets.token_hex(6)}"
    query(postgres.database.named("postgres"), f"CREATE DATABASE {name}")
    yield postgres.database.named(name)
    query(postgres.database.named("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def injector(tmp_path: Path) -> Injector:
    return Injector(Ledger("test", tmp_path), lambda name, data: None)


@pytest.fixture
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_remembered", {})


def databases(server: PostgresServer) -> list[str]:
    names: list[str] = query(server.admin, "SELECT array_agg(datname::text) FROM pg_database")
    return names


# Connecting


def test_the_version_of_a_server(postgres: PostgresServer, database: DatabaseAddress) -> None:
    assert asyncio.run(server_version(database, 5)) == postgres.version


def test_tables_are_counted_in_all_schemas_and_views_are_none(database: DatabaseAddress) -> None:
    assert query(database, COUNT_TABLES) == 0
    query(database, "CREATE TABLE one ()")
    query(database, "CREATE SCHEMA other CREATE TABLE two () CREATE VIEW no_table AS SELECT 1")
    assert query(database, COUNT_TABLES) == 2


def test_wrong_password(postgres: PostgresServer) -> None:
    error = unusable(replace(postgres.database, password="certainly-wrong"))
    assert error.sqlstate == "28P01"
    assert "SQLSTATE 28P01" in str(error)
    assert "check user and password in CHAOSNETRA_DATABASE_URL" in str(error)


def test_unknown_user(postgres: PostgresServer) -> None:
    # With SCRAM a server does not tell that there is no such user.
    assert unusable(replace(postgres.database, user="nobody_known")).sqlstate == "28P01"


def test_missing_database(postgres: PostgresServer) -> None:
    error = unusable(postgres.database.named("no_such_database"))
    assert error.sqlstate == "3D000"
    assert "check the database's name in CHAOSNETRA_DATABASE_URL" in str(error)


def test_refused_connection_has_no_sqlstate(postgres: PostgresServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = unusable(postgres.database.at("127.0.0.1", free.getsockname()[1]))
    assert error.sqlstate is None
    assert "CHAOSNETRA_DATABASE_URL" in str(error)


def test_server_that_never_answers_is_given_up_in_time(postgres: PostgresServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = postgres.database.at("127.0.0.1", listener.getsockname()[1])
        error = unusable(address, 0.3)
    assert error.sqlstate is None
    assert "TimeoutError" in str(error)


def test_no_slot_left_is_named_with_advice(
    postgres: PostgresServer, database: DatabaseAddress
) -> None:
    query(database.named("postgres"), f"ALTER DATABASE {database.database} CONNECTION LIMIT 1")

    async def run() -> None:
        async with connection(database, 5) as first:
            assert await first.fetchval("SELECT 1") == 1
            with pytest.raises(DatabaseUnavailable) as caught:
                async with connection(database, 5):
                    pass
        assert caught.value.sqlstate == "53300"
        assert "max_connections" in str(caught.value)

    asyncio.run(run())


def test_error_while_in_use_keeps_its_sqlstate(database: DatabaseAddress) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        query(database, "SELECT * FROM no_such_table")
    assert caught.value.sqlstate == "42P01"


def test_connection_names_its_application(database: DatabaseAddress) -> None:
    assert query(database, "SHOW application_name") == "chaosnetra"


def test_path_that_is_direct_adds_nothing(database: DatabaseAddress) -> None:
    path = PostgresPath(database, database)
    assert abs(path.added_round_trips(5, 5)[0]) < 0.02
    answers = path.first_answers(20, 5)
    assert [answer.answer for answer in answers] == [FirstAnswer.ANSWERED] * 20
    assert 0 < path.transfer_seconds(100_000, "downstream", 5) < 4
    assert 0 < path.transfer_seconds(100_000, "upstream", 5) < 4
    assert path.close_seconds("downstream", 5) < 4
    assert path.close_seconds("upstream", 5) < 4


# What a run makes


def schema(database: DatabaseAddress, *more: str) -> SchemaMade:
    return SchemaMade(
        database,
        "chaosnetra_test",
        ["CREATE SCHEMA chaosnetra_test", "CREATE TABLE chaosnetra_test.t (id int)", *more],
    )


def schemas(database: DatabaseAddress) -> list[str]:
    names: list[str] = query(
        database,
        "SELECT coalesce(array_agg(nspname::text), '{}') FROM pg_namespace"
        " WHERE nspname LIKE 'chaosnetra%'",
    )
    return names


def test_a_schema_is_made_and_dropped(database: DatabaseAddress, injector: Injector) -> None:
    held = injector.inject(schema(database))
    assert held.effect is None
    query(database, "INSERT INTO chaosnetra_test.t VALUES (1)")
    assert undone(injector, held.name).result is UndoResult.DONE
    assert schemas(database) == []
    assert play(held.undo).result is UndoResult.ALREADY_DONE


def test_a_schema_that_fails_leaves_nothing(database: DatabaseAddress, injector: Injector) -> None:
    with pytest.raises(InjectionFailed, match="42601"):
        injector.inject(schema(database, "NO SUCH STATEMENT"))
    assert schemas(database) == []
    assert injector.active == []


def test_a_database_is_copied_and_dropped(
    postgres: PostgresServer, database: DatabaseAddress, injector: Injector
) -> None:
    query(database, "CREATE TABLE t AS SELECT 7 AS value")
    name = f'{database.database}_"copy"'
    held = injector.inject(DatabaseCopied(database, name, database.database))
    assert query(database.named(name), "SELECT value FROM t") == 7
    query(database.named(name), "UPDATE t SET value = 8")
    assert query(database, "SELECT value FROM t") == 7

    async def undo_while_used() -> None:
        user = await asyncpg.connect(database.named(name).url, timeout=10)
        try:
            report = await asyncio.to_thread(injector.undo, held.name)
            assert report is not None
            assert report.result is UndoResult.DONE
        finally:
            user.terminate()

    asyncio.run(undo_while_used())
    assert name not in databases(postgres)
    assert database.database in databases(postgres)
    assert play(held.undo).result is UndoResult.ALREADY_DONE


def test_an_empty_database_is_made(
    postgres: PostgresServer, database: DatabaseAddress, injector: Injector
) -> None:
    name = f"{database.database}_empty"
    injector.inject(DatabaseCopied(database, name, None))
    assert query(database.named(name), COUNT_TABLES) == 0
    assert injector.undo_all() == []
    assert name not in databases(postgres)


# Passwords of undos


def test_an_undo_holds_no_password_and_finds_it_again(database: DatabaseAddress) -> None:
    undo = schema(database).prepare()
    assert database.password not in json.dumps(undo.to_json())
    assert credentials.with_password(undo.arguments["database"]) == database


@pytest.mark.usefixtures("nothing_remembered")
def test_password_comes_from_the_environment_in_a_new_process(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another database of the same server and user will do.
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", database.named("postgres").url)
    assert credentials.with_password(database.shown) == database


@pytest.mark.usefixtures("nothing_remembered")
@pytest.mark.parametrize("change", [{}, {"port": 1}, {"user": "other"}, {"host": "localhost"}])
def test_password_of_another_server_or_user_is_not_used(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    if change:
        monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", replace(database, **change).url)
    with pytest.raises(UndoFailed, match="CHAOSNETRA_DATABASE_URL") as caught:
        credentials.with_password(database.shown)
    assert database.password not in str(caught.value)


def test_another_process_drops_what_we_made(
    postgres: PostgresServer, database: DatabaseAddress, injector: Injector
) -> None:
    name = f"{database.database}_copy"
    undos = [
        injector.inject(schema(database)).undo,
        injector.inject(DatabaseCopied(database, name, None)).undo,
    ]
    for undo in undos:
        assert played_elsewhere(undo).startswith("UndoFailed: no password is known")
    assert schemas(database) == ["chaosnetra_test"]
    assert name in databases(postgres)
    for expected in ("done", "already done"):
        for undo in undos:
            assert played_elsewhere(undo, CHAOSNETRA_DATABASE_URL=database.url) == expected
    assert schemas(database) == []
    assert name not in databases(postgres)


@pytest.mark.parametrize("kind", ["schema", "database"])
def test_what_somebody_else_made_is_not_taken_over_and_not_dropped(
    postgres: PostgresServer, tmp_path: Path, kind: str
) -> None:
    name = f"somebody_elses_{secrets.token_hex(4)}"
    query(postgres.database, f"CREATE {kind.upper()} {name}")
    fault: SchemaMade | DatabaseCopied = (
        SchemaMade(postgres.database, name, [f"CREATE SCHEMA {name}"])
        if kind == "schema"
        else DatabaseCopied(postgres.database, name, None)
    )
    injector = Injector(Ledger("test", tmp_path), lambda event, data: None)
    with pytest.raises(InjectionFailed, match="already"):
        injector.inject(fault)
    assert injector.undo_all() == []
    counts = {
        "schema": "SELECT count(*) FROM pg_namespace WHERE nspname = $1",
        "database": "SELECT count(*) FROM pg_database WHERE datname = $1",
    }
    assert query(postgres.database, counts[kind], name) == 1
    query(postgres.database, f"DROP {kind.upper()} {name}")
