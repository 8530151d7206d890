"""A real PostgreSQL server that listens on a Unix socket alone, as Cloud SQL's mount is met."""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator

import asyncpg

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.processes.supervisor import THEN
from chaosnetra.stand.folders import temporary_folder
from chaosnetra.stand.postgres import SERVER_OPTIONS, _unprivileged_user
from chaosnetra.stand.postgres_programs import AUTO, find_programs

PORT = 5432
# Of the system's user; it is let in by its name on the socket, without a password.
PEER = pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def socket_postgres(
    instance: str = "p:r:i", port: int = PORT, *options: str
) -> Iterator[DatabaseAddress]:
    """Its superuser's address; the folder of the socket is called as Cloud Run calls it."""
    user = _unprivileged_user()
    folder = temporary_folder("socket")
    home, mount = folder / "postgres", folder / "cloudsql" / instance
    mount.mkdir(parents=True)
    home.mkdir(mode=0o700)
    password = secrets.token_urlsafe(24) + "@/"
    (home / "password").write_text(password)
    (home / "hba.conf").write_text(
        f'local all "{PEER}" peer\nlocal all all scram-sha-256\n', encoding="utf-8"
    )
    if user is not None:
        for path in (home, *home.iterdir(), mount):
            os.chown(path, user.uid, user.gid)
    programs, data = find_programs(AUTO, as_another=user is not None), home / "data"
    with tempfile.TemporaryFile() as log:
        process = SupervisedProcess(
            [
                *(str(programs / "initdb"), "--no-sync", "--locale=C", "--encoding=UTF8"),
                *("--username=postgres", f"--pwfile={home / 'password'}", f"--pgdata={data}"),
                *(THEN, str(programs / "postgres"), "-D", str(data), "-k", str(mount)),
                *("-p", str(port), "-c", "listen_addresses="),
                *("-c", f"hba_file={home / 'hba.conf'}", *SERVER_OPTIONS, *options),
            ],
            output=log,
            directory=home,
            stop_signal=signal.SIGINT,
            user=user,
            remove=[folder],
            start_seconds=30,
        )
        try:
            address = DatabaseAddress(str(mount), port, "postgres", password, "postgres")
            asyncio.run(_ready(address))
            yield address
        finally:
            process.stop()
            shutil.rmtree(folder, ignore_errors=True)


async def _ready(address: DatabaseAddress) -> None:
    deadline = Deadline.after(30)
    while True:
        try:
            opened = await asyncpg.connect(address.driver_url, timeout=5)
            break
        except (OSError, asyncpg.CannotConnectNowError):
            if deadline.passed:
                raise
            await asyncio.sleep(0.02)
    try:
        if PEER != "postgres":
            await opened.execute(f'CREATE ROLE "{PEER}" SUPERUSER LOGIN')
    finally:
        await opened.close()
