# ruff: noqa: T201
"""Clients of other languages through the observer: the same bytes, and the same round trips.

    python -m tests.long.wire_clients [--megabytes 50] [--only go java node python rust]

Each logs in by SCRAM, asks what is new to it and what it has prepared, pipelines where its driver
can, copies so much both ways, and has a query cancelled: without TLS, with TLS asked for and not
there, and with TLS. Its round trips are held against the turns that a recorder counts. Packages
are fetched by the languages' own tools; a client without its tool is left out. Exit code 1 where
something differs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.wire.client import ObserverClient
from tests.support.observed import Startup, Stretch, assert_bytes_are_the_same, with_tls
from tests.support.recorder import Recorder
from tests.support.tls import Authority, TlsFront, server_context

HERE = Path(__file__).parent / "wire"
BUILD_SECONDS = 900
RUN_SECONDS = 300
MODES = ("disable", "prefer", "require")
# TLS sends by itself what is asked for at one place and not yet at another.
MOST_DIFFERENCE_IN_TLS = 3


@dataclass(frozen=True)
class Client:
    """A client program: what builds it in a folder of its own, and what runs it there; `modes`
    are those that its driver knows."""

    tool: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    modes: tuple[str, ...] = MODES


CLIENTS = {
    "go": Client("go", ("sh", "-c", "go mod tidy && go build -o client ."), ("./client",)),
    "java": Client(
        "mvn",
        ("mvn", "-q", "-B", "package", "dependency:copy-dependencies"),
        ("java", "-cp", "target/classes:target/dependency/*", "Client"),
    ),
    "node": Client(
        "npm",
        ("npm", "install", "--no-audit", "--no-fund", "--silent"),
        ("node", "client.js"),
        ("disable", "require"),
    ),
    "rust": Client(
        "cargo",
        ("cargo", "build", "-q", "--release"),
        ("target/release/wire-client",),
        ("disable",),
    ),
}


def run_program(
    folder: Path, client: Client, size: int, mode: str
) -> Callable[[DatabaseAddress], None]:
    def run(address: DatabaseAddress) -> None:
        environment = {
            **os.environ, "PGHOST": address.host, "PGPORT": str(address.port),
            "PGUSER": address.user, "PGPASSWORD": address.password, "PGDATABASE": address.database,
            "PGSSLMODE": mode, "COPY_BYTES": str(size),
        }  # fmt: skip
        subprocess.run(client.run, cwd=folder, env=environment, check=True, timeout=RUN_SECONDS)

    return run


def run_python(size: int) -> Callable[[DatabaseAddress], None]:
    def run(address: DatabaseAddress) -> None:
        line = b"x" * 999 + b"\n"
        with psycopg.connect(address.url, connect_timeout=20) as opened:
            opened.execute("CREATE TEMP TABLE lines (line text)")
            with opened.cursor().copy("COPY lines FROM STDIN") as copy:
                for _ in range(size // len(line)):
                    copy.write(line)
            with opened.cursor().copy("COPY lines TO STDOUT") as copy:
                assert sum(len(data) for data in copy) == size

    return run


def differs(name: str, mode: str, startup: Startup) -> bool:
    """Prints a line of the table; whether what was seen is not what was recorded."""
    try:
        assert_bytes_are_the_same(startup)
        same = "same"
    except AssertionError:
        same = "NOT the same"
    seen = sorted(one.round_trips for one in startup.seen.connections)
    turns = sorted(recording.turns for recording in startup.before)
    most = MOST_DIFFERENCE_IN_TLS if mode == "require" else 0
    wrong = len(seen) != len(turns) or any(
        abs(one - other) > most for one, other in zip(seen, turns, strict=False)
    )
    megabytes = sum(one.sent_bytes + one.received_bytes for one in startup.seen.connections) / 1e6
    print(
        f"{name:8} {mode:8} bytes {same}, {megabytes:6.1f} MB; round trips by connection: "
        f"seen {seen}, recorded {turns}{'  DIFFERENT' if wrong else ''}",
        flush=True,
    )
    return wrong or same != "same"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    names = (*CLIENTS, "python")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    given = parser.parse_args()
    size = given.megabytes * 1_000_000
    wrong = 0
    postgres = start_postgres()
    database = postgres.database
    place = (database.host, database.port)
    with tempfile.TemporaryDirectory() as temporary, Recorder(place) as behind:
        folder = Path(temporary)
        server = start_observer(behind.address)
        context = server_context(Authority(folder, "ca").server(folder, "127.0.0.1"))
        try:
            stretch = Stretch(ObserverClient(server.url), behind)
            with TlsFront(place, context) as front:
                for name in given.only:
                    client = CLIENTS.get(name)
                    if client is not None and shutil.which(client.tool) is None:
                        print(f"{name:8} left out: {client.tool} is not here")
                        continue
                    if client is not None:
                        shutil.copytree(HERE / name, folder / name)
                        subprocess.run(
                            client.build, cwd=folder / name, check=True, timeout=BUILD_SECONDS
                        )
                    for mode in MODES if client is None else client.modes:
                        work = (
                            run_python(size)
                            if client is None
                            else run_program(folder / name, client, size, mode)
                        )
                        upstream = ("127.0.0.1", front.port) if mode == "require" else place
                        with stretch.startup(with_tls(database, mode), upstream) as startup:
                            work(startup.database)
                        wrong += differs(name, mode, startup)
            print(f"faults of the observer: {stretch.observer.state()['faults']}")
        finally:
            server.stop()
            postgres.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
