"""What several integration tests need: bounded waits, children that escape, proxied databases."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psutil
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import connection
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.toxiproxy.client import ToxiproxyClient

POLL_SECONDS = 0.02
Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """What must not be None."""
    assert value is not None
    return value


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for `condition`; fails when it does not come true in time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)


def lacking(what: str) -> NoReturn:
    """Skip the test for want of a tool; in a pipeline, where it has to be, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def target_of(round_trips: int) -> str:
    """The command of a service that starts with so many round trips to its database, and no more.

    It is no reference orchestrator: the time scale of its run is 1.
    """
    return f"""{sys.executable} -c "
import asyncio, asyncpg, os
async def main():
    opened = await asyncpg.connect(os.environ['DATABASE_URL'], timeout=20)
    for _ in range({round_trips}): await opened.fetchval('SELECT 1')
    await opened.close()
asyncio.run(main())
" """


def alive(pids: Iterable[int]) -> list[int]:
    """Those of the processes that still run."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def written_pids(path: Path, count: int, seconds: float = 10) -> list[int]:
    """Process ids that a script writes to `path`, one a line, once there are `count`."""

    def lines() -> list[str]:
        text = path.read_text() if path.exists() else ""
        return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]

    wait_until(lambda: len(lines()) >= count, seconds, f"{count} process ids in {path}")
    return [int(line) for line in lines()]


def query(address: DatabaseAddress, sql: str, *arguments: Any) -> Any:
    """The one value that a query answers, by a connection of its own."""

    async def run() -> Any:
        async with connection(address, 10) as opened:
            return await opened.fetchval(sql, *arguments)

    return asyncio.run(run())


def sessions_called(address: DatabaseAddress, name: str) -> int:
    """How many sessions of an application_name the server has."""
    count: int = query(
        address, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE $1", name
    )
    return count


# A process of one's own session whose parent has ended: nobody's child, in nobody's group.
ESCAPE = """
import os, signal, time

def write_pid(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"%d\\n" % os.getpid())
    os.close(descriptor)

def escape(path):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            write_pid(path)
            time.sleep(200)
        os._exit(0)
    os.wait()

def stubborn_child(path):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write_pid(path)
        time.sleep(200)
        os._exit(0)

def await_pids(path, count):
    while not os.path.exists(path) or open(path).read().count("\\n") < count:
        time.sleep(0.01)
"""


@dataclass
class ProxiedDatabase:
    """A proxy in front of the test database, with an injector of its own."""

    client: ToxiproxyClient
    proxy: str
    path: PostgresPath
    folder: Path
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger("test", self.folder)
        self.injector = Injector(self.ledger, lambda name, data: self.records.append((name, data)))
