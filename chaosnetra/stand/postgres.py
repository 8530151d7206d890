"""A real PostgreSQL server of our own."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chaosnetra.addresses import DEFAULT_PORT, DatabaseAddress
from chaosnetra.addresses.database_url import is_too_long, socket_path
from chaosnetra.errors import PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.processes.supervised import SupervisedProcess, User
from chaosnetra.processes.supervisor import THEN
from chaosnetra.stand.folders import temporary_folder
from chaosnetra.stand.part import Part, last_line, stopped_on_error, wait_for_answer
from chaosnetra.stand.postgres_programs import AUTO, find_programs

ROLE = "netra"
ADMIN = "postgres"
START_SECONDS = 30.0
PORT_TRIES = 5
MAX_CONNECTIONS = 100
AUTH = "scram-sha-256"
INITDB_OPTIONS = (
    *("--no-sync", "--locale=C", "--encoding=UTF8", f"--username={ADMIN}"),
    *(f"--auth-host={AUTH}", f"--auth-local={AUTH}"),
)
# It serves one run and is thrown away with it: losing it in a power cut costs nothing.
SERVER_OPTIONS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "log_min_messages=fatal")


@dataclass(frozen=True)
class PostgresServer(Part):
    """A running server: `database` is an ordinary role's, `admin` the superuser's."""

    database: DatabaseAddress
    admin: DatabaseAddress
    version: str


def start_postgres(
    label: str = "",
    max_connections: int = MAX_CONNECTIONS,
    programs: str = AUTO,
    cloud_sql_instance: str = "",
) -> PostgresServer:
    """Make a cluster with generated SCRAM passwords and serve it on 127.0.0.1, or a Unix socket.

    The data folder is removed when the server stops, or when this process dies.

    Args:
        label: becomes part of the folder's name.
        max_connections: connection slots, three of them reserved for the superuser.
        programs: which are started, as the setting `postgres_programs` has it.
        cloud_sql_instance: `project:region:instance` whose Unix socket it has alone, in a folder
            that is called as Cloud Run calls it; empty: it has none.

    Raises:
        PartUnavailable: there are none, or the server does not start; says why.
    """
    user = _unprivileged_user()
    folder = find_programs(programs, as_another=user is not None)
    for _ in range(PORT_TRIES):
        server = _try_to_start(folder, user, label, max_connections, cloud_sql_instance)
        if isinstance(server, PostgresServer):
            return server
    raise PartUnavailable(f"PostgreSQL did not start: {server}")


def _try_to_start(
    programs: Path, user: User | None, label: str, max_connections: int, instance: str
) -> PostgresServer | str:
    """A server on a port that was free just now, or why there is none: somebody took the port.

    The supervisor removes the folder with the server, so each try makes its own cluster.
    """
    folder = temporary_folder(label)
    with tempfile.TemporaryFile() as log:
        try:
            password = secrets.token_urlsafe(24)
            password_file = _write_password(folder, password, user)
            host, port = LOOPBACK, free_port()
            if instance:
                host, port = _mount(folder, instance, user), DEFAULT_PORT
            process = _serve(
                programs, password_file, (host, port), log, folder, user, max_connections
            )
            with stopped_on_error(process):
                password_file.unlink()
                admin = DatabaseAddress(host, port, ADMIN, password, "postgres")
                version = _ready(admin, process)
                if version is not None:
                    database = asyncio.run(_create_database(admin))
                    return PostgresServer(process, database, admin, version)
            process.stop()
            return _last_line(log)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, PartUnavailable):
                raise PartUnavailable(f"{error}: {_last_line(log)}") from error
            raise


def _unprivileged_user() -> User | None:
    """Whom to run the server as, when we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    raise PartUnavailable(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as; "
        "run as another user or set CHAOSNETRA_DATABASE_URL to a server of your own"
    )


def _mount(folder: Path, instance: str, user: User | None) -> str:
    """A folder for the server's Unix socket, called as Cloud Run mounts that of an instance.

    Raises:
        PartUnavailable: its path is too long for a socket.
    """
    mount = folder / "cloudsql" / instance
    if is_too_long(socket_path(str(mount), DEFAULT_PORT)):
        raise PartUnavailable(
            f"{mount} is too long a path for a Unix socket: set TMPDIR to a shorter one"
        )
    mount.mkdir(parents=True)
    if user is not None:
        os.chown(mount, user.uid, user.gid)
    return str(mount)


def _write_password(folder: Path, password: str, user: User | None) -> Path:
    """The superuser's password where initdb reads it: a file of the server's own user."""
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None:
        for path in (home, password_file):
            os.chown(path, user.uid, user.gid)
    return password_file


def _serve(
    programs: Path,
    password_file: Path,
    place: tuple[str, int],
    log: IO[bytes],
    folder: Path,
    user: User | None,
    max_connections: int,
) -> SupervisedProcess:
    """Make a cluster and serve it, under one supervisor: killed in between, nothing is left."""
    home = password_file.parent
    data = home / "data"
    initdb = [
        str(programs / "initdb"),
        *INITDB_OPTIONS,
        f"--pwfile={password_file}",
        f"--pgdata={data}",
    ]
    host, port = place
    is_socket = host.startswith("/")
    hosts, folders = ("", host) if is_socket else (host, "")
    address = ["-h", hosts, "-p", str(port), "-k", folders]
    options = ["-c", f"max_connections={max_connections}", *SERVER_OPTIONS]
    return SupervisedProcess(
        [*initdb, THEN, str(programs / "postgres"), "-D", str(data), *address, *options],
        output=log,
        directory=home,
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
        grace_seconds=10,
        user=user,
        remove=[folder],
        start_seconds=START_SECONDS,
    )


def _ready(admin: DatabaseAddress, process: SupervisedProcess) -> str | None:
    """The server's version once it answers; None when it ended, as with a port in use."""
    return wait_for_answer(
        lambda: asyncio.run(_version(admin)), lambda: process.exited, START_SECONDS
    )


async def _version(admin: DatabaseAddress) -> str | None:
    """The server's version; None while it does not answer."""
    import asyncpg

    try:
        # Short: behind a port that somebody else took nothing may ever answer.
        connection = await asyncpg.connect(admin.driver_url, timeout=1)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _create_database(admin: DatabaseAddress) -> DatabaseAddress:
    """An ordinary role with a database of its own: what a service has in real life."""
    import asyncpg

    password = secrets.token_urlsafe(24)
    connection = await asyncpg.connect(admin.driver_url, timeout=START_SECONDS)
    try:
        # The names are constants, and the password holds only URL-safe characters.
        await connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'")
        await connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
    finally:
        await connection.close()
    return DatabaseAddress(admin.host, admin.port, ROLE, password, ROLE)


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    return last_line(log.read().decode(errors="replace"))
