"""Connecting with a limit, and errors that say what to change."""

import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import (
    DatabaseFull,
    DatabaseLoginRefused,
    DatabaseNotReady,
    DatabaseNotThere,
    DatabaseRightMissing,
    DatabaseTlsFailed,
    DatabaseUnavailable,
)
from chaosnetra.postgres.dialing import dialing

if TYPE_CHECKING:
    import asyncpg

APPLICATION_NAME = "chaosnetra"
SETTING = "CHAOSNETRA_DATABASE_URL"
_BY_SQLSTATE: dict[str, tuple[type[DatabaseUnavailable], str]] = {
    "28P01": (DatabaseLoginRefused, f"check user and password in {SETTING}"),
    "28000": (DatabaseLoginRefused, f"check the user in {SETTING}, and the server's pg_hba.conf"),
    "42501": (
        DatabaseRightMissing,
        "the role lacks a right: grant it pg_read_all_stats, or what the message names",
    ),
    "3D000": (DatabaseNotThere, f"check the database's name in {SETTING}"),
    "53300": (
        DatabaseFull,
        "the server has no free connection slots: end sessions or raise max_connections",
    ),
    "57P03": (DatabaseNotReady, "the server is starting up or shutting down: try again"),
}

# Tables that are not the server's own; our schemas are among them.
COUNT_TABLES = (
    "SELECT count(*) FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname <> 'information_schema'"
)


@asynccontextmanager
async def connection(
    address: DatabaseAddress, timeout_seconds: float, application_name: str = APPLICATION_NAME
) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """An open connection, closed at the end.

    Raises:
        DatabaseUnavailable: it could not be opened in time, or broke while it was used.
    """
    import asyncpg

    async with dialing(address) as dial:
        try:
            opened = await dial(
                timeout=timeout_seconds,
                command_timeout=timeout_seconds,
                server_settings={"application_name": application_name},
            )
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable(address, error) from error
        try:
            yield opened
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable(address, error) from error
        finally:
            # A polite close waits for the server; on a path with a fault it may not answer.
            opened.terminate()


def unavailable(address: DatabaseAddress, error: BaseException) -> DatabaseUnavailable:
    """The error as one line with advice: its class tells what it is, the SQLSTATE is kept."""
    sqlstate = getattr(error, "sqlstate", None)
    # On a socket there is no TLS; what is not found there is the socket.
    tls = "" if address.is_socket else _tls_advice(error)
    kind, advice = _BY_SQLSTATE.get(sqlstate or "", (DatabaseUnavailable, f"check {SETTING}"))
    kind = DatabaseTlsFailed if tls else kind
    advice = tls or _socket_advice(address, error) or _option_advice(error) or advice
    text = " ".join(str(error).split()) or type(error).__name__
    return kind(
        f"cannot use the database {address.shown}: {text}"
        f"{f' (SQLSTATE {sqlstate})' if sqlstate else ''}; {advice}",
        sqlstate,
    )


def _socket_advice(address: DatabaseAddress, error: BaseException) -> str:
    """What to change where a Unix socket cannot be connected to; empty where that is not it."""
    if not address.is_socket or not isinstance(error, OSError) or isinstance(error, TimeoutError):
        return ""
    folder, name = os.path.split(address.network_address)
    if isinstance(error, FileNotFoundError):
        others = _sockets(folder)
        if others is None:
            return f"there is no folder {folder}: check the host in {SETTING}"
        there = f" (but {', '.join(others)}: check the port)" if others else ""
        return f"the folder {folder} has no socket {name}{there}: check host and port in {SETTING}"
    if isinstance(error, NotADirectoryError):
        return f"{folder} is no folder: the host in {SETTING} names the folder of the socket"
    if isinstance(error, PermissionError):
        return f"this user may not use the socket {name} in {folder}: check their permissions"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens on the socket {name} in {folder}: start the server or the proxy"
    return ""


def _sockets(folder: str) -> list[str] | None:
    """What in a folder is called as a server's socket is; None: there is no such folder."""
    try:
        found = [path.name for path in Path(folder).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return []
    return sorted(one for one in found if one.startswith(".s.PGSQL.") and one[9:].isdigit())


def _option_advice(error: BaseException) -> str:
    """What to change where the URL sets something that the server does not know."""
    import asyncpg

    unknown = (
        asyncpg.UndefinedObjectError,
        asyncpg.CantChangeRuntimeParamError,
        asyncpg.InvalidParameterValueError,
    )
    if isinstance(error, unknown) and "parameter" in str(error):
        return (
            f"options of {SETTING} that libpq does not have are sent to the server as settings: "
            "correct or remove it; target_environment can add it to what the target gets"
        )
    return ""


def _tls_advice(error: BaseException) -> str:
    """What to change where TLS is what failed; empty where it is not."""
    import asyncpg

    text = str(error)
    if isinstance(error, ssl.SSLCertVerificationError) and "mismatch" in text:
        return (
            "the certificate is another host's: sslmode=verify-ca checks its issuer alone, as the "
            "certificates of a Cloud SQL instance's own CA and those behind a proxy need"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"sslrootcert in {SETTING} must name the file of the server's CA"
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in text:
        return f"the server has no TLS: check host and port in {SETTING}, or turn its TLS on"
    configured = isinstance(error, asyncpg.ClientConfigurationError)
    if configured and ("sslmode" in text or "root certificate" in text):
        return f"correct sslmode and sslrootcert in {SETTING}"
    unreadable = (ssl.SSLError, FileNotFoundError, PermissionError, IsADirectoryError)
    if isinstance(error, unreadable):
        return f"sslrootcert in {SETTING} must name a readable file of certificates"
    return ""


async def server_version(address: DatabaseAddress, timeout_seconds: float) -> str:
    """Connect and ask; raises `DatabaseUnavailable` when that does not work."""
    async with connection(address, timeout_seconds) as opened:
        return str(await opened.fetchval("SELECT current_setting('server_version')"))


@dataclass(frozen=True)
class Slots:
    """Connection slots of a server; `reserved` ones are kept for roles with more rights."""

    max_connections: int
    reserved: int
    sessions: int

    @property
    def free(self) -> int:
        """Slots that the role which asked can still take, never negative."""
        return max(0, self.max_connections - self.reserved - self.sessions)


async def slots(address: DatabaseAddress, timeout_seconds: float) -> Slots:
    """Read the slots live; the connection that asks is not counted."""
    async with connection(address, timeout_seconds) as opened:
        return await read_slots(opened)


async def read_slots(opened: "asyncpg.Connection[Any]") -> Slots:
    """Read the slots by a connection, which is not counted.

    Sessions are counted by columns that every role may read of every session. A superuser may take
    every slot; a member of pg_use_reserved_connections (PostgreSQL 16 and later) those of
    `reserved_connections`.
    """
    [row] = await opened.fetch(
        "SELECT current_setting('max_connections')::int AS max_connections,"
        " CASE WHEN current_setting('is_superuser') = 'on' THEN 0"
        " ELSE current_setting('superuser_reserved_connections')::int +"
        "  CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_use_reserved_connections'"
        "   AND pg_has_role(oid, 'USAGE')) THEN 0"
        "  ELSE coalesce(current_setting('reserved_connections', true), '0')::int END"
        " END AS reserved,"
        " (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL"
        "  AND datid IS NOT NULL AND pid <> pg_backend_pid())::int AS sessions"
    )
    return Slots(row["max_connections"], row["reserved"], row["sessions"])


async def sessions_by_name(
    address: DatabaseAddress, timeout_seconds: float, prefix: str = ""
) -> dict[str, int]:
    """How many sessions the server has, by application_name; the one that asks is not counted.

    What a session is called every role may read; one without a name is called "".

    Args:
        address: the database.
        timeout_seconds: how long opening a session, and the answer, may take.
        prefix: only sessions whose names begin so.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, timeout_seconds) as opened:
        rows = await opened.fetch(
            "SELECT coalesce(application_name, '') AS name, count(*)::int AS count"
            " FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL"
            " AND pid <> pg_backend_pid() AND starts_with(coalesce(application_name, ''), $1)"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            prefix,
        )
        return {row["name"]: row["count"] for row in rows}


async def connect_seconds(address: DatabaseAddress, timeout_seconds: float) -> float:
    """From the first packet until the server takes queries: TCP, TLS and login.

    With the Cloud SQL connector its calls of the Admin API too.
    """
    started = time.perf_counter()
    async with connection(address, timeout_seconds):
        return time.perf_counter() - started
