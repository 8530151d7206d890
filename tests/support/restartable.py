"""Servers of a test's own that it takes away and brings back, on the same ports."""

import asyncio
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import ChaosnetraError
from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.processes.supervisor import THEN
from chaosnetra.stand.folders import temporary_folder
from chaosnetra.stand.postgres import (
    ADMIN,
    SERVER_OPTIONS,
    START_SECONDS,
    _create_database,
    _ready,
    _unprivileged_user,
    _write_password,
)
from chaosnetra.stand.postgres_programs import AUTO, find_programs
from chaosnetra.stand.toxiproxy_program import find_program
from chaosnetra.toxiproxy.client import ToxiproxyClient

PORT_TRIES = 50
POLL_SECONDS = 0.02


def steady_port() -> int:
    """A free port that the system hands out to nobody while its server is away."""
    for _ in range(PORT_TRIES):
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port was found")


class Restartable:
    """A server that can be stopped, killed and started again.

    Args:
        first: the command of the first start.
        again: the command of every later one; the first without what prepares it.
        options: for the process.
    """

    def __init__(self, first: list[str], again: list[str], **options: Any) -> None:
        self._again = again
        self._options = options
        self._process = self._serve(first)

    def stop(self) -> None:
        """As its administrator does it."""
        self._process.stop()

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop()

    def freeze(self, seconds: float) -> None:
        """Stop it by a signal for a while."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def start(self) -> None:
        """Start it again, unless it runs; returns when it answers."""
        if self._process.exited:
            self._process = self._serve(self._again)
            self.wait()

    def wait(self) -> None:
        raise NotImplementedError

    def _serve(self, command: list[str]) -> SupervisedProcess:
        return SupervisedProcess(command, output=subprocess.DEVNULL, **self._options)


class RestartableToxiproxy(Restartable):
    """Toxiproxy keeps nothing: what is started again has no proxies."""

    def __init__(self) -> None:
        port = steady_port()
        command = [str(find_program()), "-host", LOOPBACK, "-port", str(port)]
        self.url = f"http://{LOOPBACK}:{port}"
        super().__init__(command, command)
        self.wait()

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                ToxiproxyClient(self.url).proxies()
            except ChaosnetraError:
                if self._process.exited or time.monotonic() > until:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return


class RestartablePostgres(Restartable):
    """A cluster that outlives its server."""

    def __init__(self) -> None:
        user = _unprivileged_user()
        programs = find_programs(AUTO, as_another=user is not None)
        self._folder = temporary_folder("restartable")
        port = steady_port()
        self.admin = DatabaseAddress(LOOPBACK, port, ADMIN, secrets.token_urlsafe(24), "postgres")
        password_file = _write_password(self._folder, self.admin.password, user)
        home = password_file.parent
        data = str(home / "data")
        make = [str(programs / "initdb"), "--no-sync", "--locale=C", "--encoding=UTF8"]
        make += [f"--username={ADMIN}", "--auth=scram-sha-256", f"--pwfile={password_file}"]
        make += [f"--pgdata={data}"]
        serve = [str(programs / "postgres"), "-D", data, "-h", LOOPBACK, "-p", str(port), "-k", ""]
        serve += SERVER_OPTIONS
        super().__init__(
            [*make, THEN, *serve],
            serve,
            directory=home,
            user=user,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
            grace_seconds=10,
            start_seconds=START_SECONDS,
        )
        self.wait()
        password_file.unlink()
        self.database = asyncio.run(_create_database(self.admin))

    def wait(self) -> None:
        if _ready(self.admin, self._process) is None:
            raise RuntimeError("PostgreSQL does not answer")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
