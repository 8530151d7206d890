# ruff: noqa: T201
"""Nine clients through the observer: the same bytes, the same round trips, and how they end.

    python -m tests.long.wire_clients [--megabytes 50] [--only asyncpg go …]

Each logs in by SCRAM, asks what is new to it and what it has prepared, pipelines where its driver
can, copies so much both ways, and has a query cancelled: without TLS, with TLS asked for and not
there, and with TLS. Its round trips are held against the turns that a recorder counts. Then it
starts while no slot is free, while nobody answers, and while the server restarts: what is told of
that must be so. Packages are fetched by the languages' own tools; a client without its tool is left
out. Exit code 1 where something differs.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.ports import LOOPBACK
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.wire.client import ObserverClient
from chaosnetra.wire.observation import Doing, End, Observation
from tests.support.helpers import wait_until
from tests.support.observed import Startup, Stretch, assert_bytes_are_the_same, with_tls
from tests.support.recorder import Recorder
from tests.support.restartable import RestartablePostgres
from tests.support.tls import Authority, TlsFront, server_context

HERE = Path(__file__).parent / "wire"
BUILD_SECONDS = 900
RUN_SECONDS = 300
MODES = ("disable", "prefer", "require")
# TLS sends by itself what is asked for at one place and not yet at another.
MOST_DIFFERENCE_IN_TLS = 3
SLOTS, RESERVED_SLOTS = 6, 3
SILENT_SECONDS = 2.0
# Enough to be in the midst of when the server goes.
MIDST_BYTES = 300_000_000


@dataclass(frozen=True)
class Client:
    """A client program: where it is, what that needs, what builds it, and what runs it there;
    `modes` are those that its driver knows, `undefined_turns` how many of its turns may fall
    together, as it does not wait for what it asks."""

    folder: str
    tool: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    modes: tuple[str, ...] = MODES
    undefined_turns: int = 0

    def environment(self, address: DatabaseAddress, size: int, mode: str) -> dict[str, str]:
        return {
            **os.environ,
            "PGHOST": address.host,
            "PGPORT": str(address.port),
            "PGUSER": address.user,
            "PGPASSWORD": address.password,
            "PGDATABASE": address.database,
            "PGSSLMODE": mode,
            "COPY_BYTES": str(size),
        }


def of_python(driver: str, undefined_turns: int = 0) -> Client:
    command = (sys.executable, "client.py", driver)
    return Client("python", sys.executable, (), command, undefined_turns=undefined_turns)


CLIENTS = {
    # asyncpg sends the data of a COPY before the server is ready for it.
    **{name: of_python(name, undefined_turns=1) for name in ("asyncpg", "sqlalchemy")},
    **{name: of_python(name) for name in ("psycopg", "psycopg2")},
    "psql": Client("psql", "psql", (), ("sh", "client.sh")),
    "node": Client(
        "node",
        "npm",
        ("npm", "install", "--no-audit", "--no-fund", "--silent"),
        ("node", "client.js"),
        ("disable", "require"),
    ),
    "java": Client(
        "java",
        "mvn",
        ("mvn", "-q", "-B", "package", "dependency:copy-dependencies"),
        ("java", "-cp", "target/classes:target/dependency/*", "Client"),
    ),
    "go": Client("go", "go", ("sh", "-c", "go mod tidy && go build -o client ."), ("./client",)),
    "rust": Client(
        "rust", "cargo", ("cargo", "build", "-q", "--release"), ("target/release/wire-client",)
    ),
}


def differs(name: str, mode: str, startup: Startup) -> bool:
    """Prints a line of the table; whether what was seen is not what was recorded."""
    try:
        assert_bytes_are_the_same(startup)
        same = "same"
    except AssertionError:
        same = "NOT the same"
    seen = sorted(one.round_trips for one in startup.seen.connections)
    turns = sorted(recording.turns for recording in startup.before)
    most = MOST_DIFFERENCE_IN_TLS if mode == "require" else CLIENTS[name].undefined_turns
    wrong = len(seen) != len(turns) or any(
        abs(one - other) > most for one, other in zip(seen, turns, strict=False)
    )
    megabytes = sum(one.sent_bytes + one.received_bytes for one in startup.seen.connections) / 1e6
    print(
        f"{name:10} {mode:8} bytes {same}, {megabytes:6.1f} MB; round trips by connection: "
        f"seen {seen}, recorded {turns}{'  DIFFERENT' if wrong else ''}",
        flush=True,
    )
    return wrong or same != "same"


@dataclass(frozen=True)
class Program:
    """A client that is built, and how it ends where it cannot do what it is to do."""

    name: str
    client: Client
    folder: Path
    size: int

    def run(self, address: DatabaseAddress, mode: str) -> None:
        environment = self.client.environment(address, self.size, mode)
        subprocess.run(
            self.client.run, cwd=self.folder, env=environment, check=True, timeout=RUN_SECONDS
        )

    @contextmanager
    def beside(
        self, address: DatabaseAddress, size: int | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        with subprocess.Popen(
            self.client.run,
            cwd=self.folder,
            env=self.client.environment(address, size or self.size, "disable"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def without_a_slot(self, database: DatabaseAddress) -> tuple[Observation, bool]:
        with watched(database) as (moved, seen), self.beside(moved) as process:
            failed = process.wait(RUN_SECONDS) != 0
            found = seen()
        (error,) = found.errors
        return found, failed and (error.sqlstate, found.sessions) == ("53300", 0)

    def without_an_answer(self, silent: DatabaseAddress) -> tuple[Observation, bool]:
        with watched(silent) as (moved, seen), self.beside(moved):

            def is_silent() -> bool:
                standing = seen().standing
                waits = standing.doing is Doing.LOGGING_IN
                return waits and standing.seconds >= SILENT_SECONDS

            wait_until(is_silent, RUN_SECONDS, "it waits for an answer to its first message")
            found = seen()
        standing = found.standing
        return found, standing.doing is Doing.LOGGING_IN and not found.sessions

    def while_it_restarts(self, server: RestartablePostgres) -> tuple[Observation, bool]:
        with watched(server.database) as (moved, seen):
            with self.beside(moved, MIDST_BYTES) as process:
                wait_until(lambda: seen().sessions, RUN_SECONDS, "it has a session")
                server.stop()
                server.start()
                failed = process.wait(RUN_SECONDS) != 0
            found = seen()
            self.run(moved, "disable")  # the same address leads to the server that is back
        lost = found.connections[0]
        ended_so = lost.end in (End.SERVER, End.SERVER_RESET) and lost.sqlstate == "57P01"
        return found, failed and ended_so


Seen = Callable[[], Observation]


@contextmanager
def watched(database: DatabaseAddress) -> Iterator[tuple[DatabaseAddress, Seen]]:
    """An address that leads there through an observer, and what was seen of it until now."""
    server = start_observer(database.network_address)
    try:
        observer = ObserverClient(server.url)
        began = time.monotonic()
        moved = observer.database_for("s", database)
        yield moved, lambda: observer.observation("s", began, time.monotonic())
    finally:
        server.stop()


@contextmanager
def full() -> Iterator[DatabaseAddress]:
    """A database whose slots are all taken."""
    server = start_postgres(max_connections=SLOTS)
    try:
        with ExitStack() as held:
            for _ in range(SLOTS - RESERVED_SLOTS):
                held.enter_context(psycopg.connect(server.database.url))
            yield server.database
    finally:
        server.stop()


@contextmanager
def silent(database: DatabaseAddress) -> Iterator[DatabaseAddress]:
    """Somebody who takes connections and answers nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield database.at(*listening.getsockname()[:2])


def ends_wrong(program: Program, database: DatabaseAddress) -> int:
    """Prints a line for each ending; how many are told wrong."""
    wrong = 0
    restarted = RestartablePostgres()
    try:
        with full() as taken, silent(database) as nobody:
            for ending, (seen, is_right) in (
                ("no slot", program.without_a_slot(taken)),
                ("silence", program.without_an_answer(nobody)),
                ("restart", program.while_it_restarts(restarted)),
            ):
                wrong += not is_right
                errors = [f"{one.sqlstate} x{one.times}" for one in seen.errors]
                print(
                    f"{program.name:10} {ending:8} {seen.standing.text}; errors {errors}"
                    f"{'' if is_right else '  WRONG'}",
                    flush=True,
                )
    finally:
        restarted.remove()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=CLIENTS, default=tuple(CLIENTS))
    parser.add_argument("--folder", type=Path, help="where programs are built; a temporary one")
    given = parser.parse_args()
    size = given.megabytes * 1_000_000
    wrong = 0
    postgres = start_postgres()
    database = postgres.database
    place = (database.host, database.port)
    with tempfile.TemporaryDirectory() as temporary, Recorder(place) as behind:
        folder = (given.folder or Path(temporary)).resolve()
        context = server_context(
            Authority(Path(temporary), "ca").server(Path(temporary), "127.0.0.1")
        )
        server = start_observer(behind.address)
        try:
            stretch = Stretch(ObserverClient(server.url), behind)
            with TlsFront(place, context) as front:
                for name in given.only:
                    client = CLIENTS[name]
                    if shutil.which(client.tool) is None:
                        print(f"{name:10} left out: {client.tool} is not here")
                        continue
                    its = folder / client.folder
                    shutil.copytree(HERE / client.folder, its, dirs_exist_ok=True)
                    if client.build:
                        subprocess.run(client.build, cwd=its, check=True, timeout=BUILD_SECONDS)
                    program = Program(name, client, its, size)
                    for mode in client.modes:
                        upstream = ("127.0.0.1", front.port) if mode == "require" else place
                        with stretch.startup(with_tls(database, mode), upstream) as startup:
                            program.run(startup.database, mode)
                        wrong += differs(name, mode, startup)
                    wrong += ends_wrong(program, database)
            print(f"faults of the observer: {stretch.observer.state()['faults']}")
        finally:
            server.stop()
            postgres.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
