"""What is done to a run, or to its servers, while it is in progress."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import psutil

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import ChaosnetraError
from tests.long.crash.bed import Bed
from tests.long.crash.run import MARK, Run, listening_ports

WEDGE_SECONDS = 20.0
LEAST_FROZEN_SECONDS = 1.0
LOOK_SECONDS = 0.05
# In a row: a backend also waits for its client for an instant when all is well.
LOOKS = 6
LARGE = "SELECT repeat('x', 150000000)"
WAITS_FOR = "SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $1"


class Kind(StrEnum):
    """What is done."""

    KILL = "kill -9"
    SIGTERM = "SIGTERM"
    SIGINT = "SIGINT"
    SIGHUP = "SIGHUP"
    WEDGED = "Toxiproxy wedged"
    TOXIPROXY_KILLED = "Toxiproxy killed"
    TOXIPROXY_RESTARTED = "Toxiproxy restarted"
    POSTGRES_RESTARTED = "PostgreSQL restarted"
    POSTGRES_CRASHED = "PostgreSQL crashed"
    TOXIPROXY_FROZEN = "Toxiproxy frozen"
    RESET = "Toxiproxy reset"
    TOXIC_REMOVED = "toxic removed"
    SESSIONS_ENDED = "sessions ended"
    OWN_TOXIPROXY_KILLED = "own Toxiproxy killed"
    OWN_POSTGRES_KILLED = "own PostgreSQL killed"

    @property
    def is_signal(self) -> bool:
        return self is Kind.KILL or self in SIGNALS

    def possible_in(self, variant: str) -> bool:
        """Whether runs of that variant use a server that this can be done to."""
        match self:
            case (
                Kind.WEDGED | Kind.POSTGRES_RESTARTED | Kind.POSTGRES_CRASHED | Kind.SESSIONS_ENDED
            ):
                return variant.startswith("configured")
            case (
                Kind.TOXIPROXY_KILLED
                | Kind.TOXIPROXY_RESTARTED
                | Kind.TOXIPROXY_FROZEN
                | Kind.RESET
                | Kind.TOXIC_REMOVED
            ):
                return variant != "own stand"
            case Kind.OWN_TOXIPROXY_KILLED:
                return variant == "own stand"
            case Kind.OWN_POSTGRES_KILLED:
                return variant.startswith("own")
        return True


SIGNALS = (Kind.SIGTERM, Kind.SIGINT, Kind.SIGHUP)
OF_SERVERS = tuple(kind for kind in Kind if not kind.is_signal)
# After these nothing comes through the proxy that the run made.
PATH_LOST = (Kind.TOXIPROXY_KILLED, Kind.TOXIPROXY_RESTARTED)
# These take a fault away while its trials may still run.
TAKES_FAULT = (Kind.RESET, Kind.TOXIC_REMOVED, Kind.SESSIONS_ENDED)
# After these a part of the test bed is another one, or was away for a while.
PART_LOST = {
    Kind.TOXIPROXY_KILLED: "Toxiproxy",
    Kind.TOXIPROXY_RESTARTED: "Toxiproxy",
    Kind.TOXIPROXY_FROZEN: "Toxiproxy",
    Kind.POSTGRES_RESTARTED: "PostgreSQL",
    Kind.POSTGRES_CRASHED: "PostgreSQL",
    Kind.OWN_TOXIPROXY_KILLED: "Toxiproxy",
    Kind.OWN_POSTGRES_KILLED: "PostgreSQL",
}
OWN_LOST = (Kind.OWN_TOXIPROXY_KILLED, Kind.OWN_POSTGRES_KILLED)


@dataclass(frozen=True)
class Disturbance:
    """One run that is disturbed: at its n-th boundary, or after a part of its usual time.

    Attributes:
        delay_seconds: after the boundary.
        away_seconds: how long a server that is restarted is away.
        kill_after_seconds: when, after its server, the run is killed too; None: it is not.
    """

    kind: Kind
    experiment: Path
    variant: str
    boundary: int | None = None
    fraction: float = 0.0
    delay_seconds: float = 0.0
    away_seconds: float = 0.0
    kill_after_seconds: float | None = None

    @property
    def name(self) -> str:
        return self.kind if self.kill_after_seconds is None else f"{self.kind}, then kill -9"


@dataclass
class Done:
    """What was really done, and when."""

    done: bool
    at: datetime


def disturb(disturbance: Disturbance, run: Run, bed: Bed, stack: ExitStack) -> Done:
    """Do it, unless the run has ended. `stack` takes what must be ended when all is looked at."""
    kind = disturbance.kind
    if kind.is_signal:
        at = datetime.now(UTC)
        number = signal.SIGKILL if kind is Kind.KILL else signal.Signals[kind.name]
        alive = run.process.poll() is None
        run.process.send_signal(number)
        return Done(alive, at)
    if kind is Kind.WEDGED:
        done = wedge(run, bed, stack)
        kill_later(disturbance, run, stack)
        return Done(done, datetime.now(UTC))
    if kind in OWN_LOST:
        part = "Toxiproxy" if kind is Kind.OWN_TOXIPROXY_KILLED else "PostgreSQL"
        run.wait_for(lambda: part in run.own_parts())
        kill_later(disturbance, run, stack)
        at = datetime.now(UTC)
        return Done(kill_own(part, run), at)
    if run.process.poll() is not None:
        return Done(False, datetime.now(UTC))
    if kind in TAKES_FAULT:
        taken = Done(take_fault_away(kind, run, bed), datetime.now(UTC))
        kill_later(disturbance, run, stack)
        return taken
    kill_later(disturbance, run, stack)
    if kind is Kind.TOXIPROXY_FROZEN:
        at = datetime.now(UTC)
        bed.toxiproxy.freeze(max(LEAST_FROZEN_SECONDS, disturbance.away_seconds))
        return Done(True, at)
    at = datetime.now(UTC)
    take_away: Callable[[], None] = {
        Kind.TOXIPROXY_KILLED: bed.toxiproxy.kill,
        Kind.TOXIPROXY_RESTARTED: bed.toxiproxy.kill,
        Kind.POSTGRES_RESTARTED: bed.postgres.stop,
        Kind.POSTGRES_CRASHED: bed.postgres.kill,
    }[kind]
    take_away()
    if kind is not Kind.TOXIPROXY_KILLED:
        time.sleep(disturbance.away_seconds)
        bed.bring_back()
    return Done(True, at)


def take_fault_away(kind: Kind, run: Run, bed: Bed) -> bool:
    """Take a fault of the run's away while the run stands still; False when it has none."""
    with held_still(run):
        if run.process.poll() is not None:
            return False
        if kind is Kind.SESSIONS_ENDED:
            return bed.end_sessions(MARK) > 0
        ours = [
            (proxy.name, toxic.name)
            for proxy in bed.client.proxies().values()
            for toxic in proxy.toxics
            if toxic.name.startswith(MARK)
        ]
        if ours and kind is Kind.RESET:
            bed.reset()
        elif ours:
            bed.client.delete_toxic(*ours[-1])
        return bool(ours)


def kill_later(disturbance: Disturbance, run: Run, stack: ExitStack) -> None:
    """Kill the run too when the plan says so, also while its server is away."""
    if disturbance.kill_after_seconds is not None:
        timer = threading.Timer(disturbance.kill_after_seconds, run.process.kill)
        stack.callback(timer.cancel)
        timer.start()


def kill_own(part: str, run: Run) -> bool:
    """Kill a server that the run started for itself; False when there is none."""
    address = run.own_parts().get(part)
    if address is None or run.process.poll() is not None:
        return False
    for process in run.processes():
        with contextlib.suppress(psutil.Error):
            if address[1] in listening_ports(process):
                os.kill(process.pid, signal.SIGKILL)
                return True
    return False


@contextmanager
def held_still(run: Run) -> Iterator[None]:
    """Stop the run meanwhile, so that the change of a toxic that is to meet us is still to come."""
    run.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        run.process.send_signal(signal.SIGCONT)


def wedge(run: Run, bed: Bed, stack: ExitStack) -> bool:
    """Connect through the run's proxy as a client that does not read.

    The next change of a toxic on that proxy then hangs, and with it the server's API.
    """

    def proxies() -> list[str]:
        return [proxy.listen for name, proxy in bed.client.proxies().items() if MARK in name]

    try:
        run.wait_for(proxies)
        with held_still(run):
            listen = next(iter(proxies()), None)
            if listen is None or run.process.poll() is not None:
                return False
            # In a database of nobody's: one that has a client cannot be copied.
            database = bed.servers.database.named("postgres")
            client = UnreadingClient(database.at(*parse_network_address("listen", listen)))
            stack.callback(client.release)
            return client.wedge(bed.servers.admin)
    except (OSError, ChaosnetraError):
        return False  # the proxy has gone with its run


class UnreadingClient:
    """A client that asks for much and reads nothing.

    Its event loop does not run while it is not asked to do anything.

    Args:
        address: the database, through a proxy.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._runner = asyncio.Runner()

    def wedge(self, admin: DatabaseAddress) -> bool:
        """Connect and ask; False when the connection was lost before the server waited for us."""
        return self._runner.run(self._wedge(admin))

    def release(self) -> None:
        self._runner.run(self._release())
        self._runner.close()

    async def _wedge(self, admin: DatabaseAddress) -> bool:
        import asyncpg

        self._connection = self._task = None
        try:
            self._connection = await asyncpg.connect(self._address.url, timeout=WEDGE_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        self._connection._transport.pause_reading()  # type: ignore[attr-defined]  # no public way
        # The simple protocol: the whole request is sent at once.
        self._task = asyncio.create_task(self._connection.execute(LARGE))
        watcher = await asyncpg.connect(admin.url, timeout=WEDGE_SECONDS)
        pid = self._connection.get_server_pid()
        until = time.monotonic() + WEDGE_SECONDS
        looks = 0
        try:
            while looks < LOOKS and time.monotonic() < until:
                waits_for = await watcher.fetchval(WAITS_FOR, pid)
                if waits_for is None:
                    break  # the backend has gone, with the proxy
                looks = looks + 1 if waits_for == "ClientWrite" else 0
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await watcher.close()
        return looks >= LOOKS

    async def _release(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
