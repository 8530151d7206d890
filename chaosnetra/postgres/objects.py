"""Databases and schemas that a run makes for itself, as faults: written down, made, dropped.

Their names carry the run's id, so nothing that somebody else made can bear one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.postgres.connect import APPLICATION_NAME, connection
from chaosnetra.postgres.held import maintain
from chaosnetra.safety.credentials import remember, with_password

LIMIT_SECONDS = 30.0
# A session anywhere in the server that is stuck on a client that does not read makes a drop wait
# until it has gone; which may be after another undo only.
DROP_SECONDS = 15.0
POLL_SECONDS = 0.05
_SCHEMA_EXISTS = "SELECT count(*) FROM pg_namespace WHERE nspname = $1"
_DATABASE_EXISTS = "SELECT count(*) FROM pg_database WHERE datname = $1"


@dataclass(frozen=True)
class SchemaMade:
    """A PostgreSQL schema with tables in it.

    Attributes:
        address: the database it goes into.
        schema: its name, a plain identifier that carries the run's id.
        statements: SQL that makes it and what is in it.
    """

    address: DatabaseAddress
    schema: str
    statements: Sequence[str]

    @property
    def name(self) -> str:
        return f"schema {self.schema}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"kind": "schema", "database": self.address.shown, "schema": self.schema}

    def prepare(self) -> Undo:
        if asyncio.run(_schema_exists(self.address, self.schema)):
            raise InjectionFailed(f"there is a schema {self.schema} already, not made by this run")
        remember(self.address)
        return Undo(
            "postgres.drop_schema",
            f"drop schema {self.schema}",
            {"database": self.address.shown, "schema": self.schema},
        )

    def inject(self) -> None:
        asyncio.run(_execute(self.address, self.schema, self.statements))

    def measure(self) -> None:
        return None


@dataclass(frozen=True)
class DatabaseCopied:
    """A database of the run's own: a copy of another, or an empty one.

    PostgreSQL copies a database only while nobody else is connected to it.

    Attributes:
        address: the database to copy, or any of the server for an empty one.
        database: name of the new one.
        template: name of the one to copy; None for an empty one.
    """

    address: DatabaseAddress
    database: str
    template: str | None

    @property
    def name(self) -> str:
        return f"database {self.database}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "database",
            "server": self.address.shown,
            "database": self.database,
            "template": self.template,
        }

    def prepare(self) -> Undo:
        if maintain(self.address, APPLICATION_NAME, self._exists, LIMIT_SECONDS):
            raise InjectionFailed(
                f"there is a database {self.database} already, not made by this run"
            )
        remember(self.address)
        return Undo(
            "postgres.drop_database",
            f"drop database {self.database}",
            {"database": self.address.shown, "name": self.database},
        )

    def inject(self) -> None:
        template = f" TEMPLATE {_quoted(self.template)}" if self.template else ""
        statement = f"CREATE DATABASE {_quoted(self.database)}{template}"
        # Connected elsewhere: our own session would count as another user of the template.
        maintain(
            self.address, self.database, lambda opened: opened.execute(statement), LIMIT_SECONDS
        )

    def measure(self) -> None:
        return None

    async def _exists(self, opened: Any) -> bool:
        return bool(await opened.fetchval(_DATABASE_EXISTS, self.database))


def drop_schema(arguments: Mapping[str, Any]) -> UndoReport:
    """Drop a schema that we made. Args: `database` (shown address) and `schema`."""
    return asyncio.run(_drop_schema(with_password(arguments["database"]), arguments["schema"]))


def drop_database(arguments: Mapping[str, Any]) -> UndoReport:
    """Drop a database that we made, sessions in it included.

    Args: `database` (shown address of another one on the server) and `name`.
    """
    name = arguments["name"]
    return maintain(
        with_password(arguments["database"]),
        APPLICATION_NAME,
        lambda opened: _drop_database(opened, name),
        LIMIT_SECONDS,
    )


async def _drop_schema(address: DatabaseAddress, schema: str) -> UndoReport:
    async with connection(address, LIMIT_SECONDS) as opened:
        await _end_making(opened, schema)
        if not await opened.fetchval(_SCHEMA_EXISTS, schema):
            return UndoReport(UndoResult.ALREADY_DONE, f"no schema {schema}")
        await opened.execute(f"DROP SCHEMA {_quoted(schema)} CASCADE")
    return UndoReport(UndoResult.DONE, f"dropped schema {schema}")


async def _drop_database(opened: Any, name: str) -> UndoReport:
    await _end_making(opened, name)
    if not await opened.fetchval(_DATABASE_EXISTS, name):
        return UndoReport(UndoResult.ALREADY_DONE, f"no database {name}")
    # A drop that was given up before may still be carried out, and come first.
    statement = f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)"
    await opened.execute(statement, timeout=DROP_SECONDS)
    return UndoReport(UndoResult.DONE, f"dropped database {name}")


async def _end_making(opened: Any, name: str) -> None:
    """End sessions that still make the object: the server goes on for a client that was killed.

    Without this the object would appear after its undo had found nothing.
    """
    deadline = Deadline.after(LIMIT_SECONDS)
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = $1 AND usename = current_user"
    )
    while await opened.fetchval(query, name) and not deadline.passed:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


async def _schema_exists(address: DatabaseAddress, schema: str) -> bool:
    async with connection(address, LIMIT_SECONDS) as opened:
        return bool(await opened.fetchval(_SCHEMA_EXISTS, schema))


async def _execute(address: DatabaseAddress, name: str, statements: Sequence[str]) -> None:
    """Make the object of that name; the session bears the name too, so that it can be found."""
    async with (
        connection(address, LIMIT_SECONDS, application_name=name) as opened,
        opened.transaction(),
    ):
        for statement in statements:
            await opened.execute(statement)


def _quoted(identifier: str) -> str:
    if "\0" in identifier:
        raise InjectionFailed("an SQL identifier cannot hold a NUL")
    return '"' + identifier.replace('"', '""') + '"'
