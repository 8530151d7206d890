# ruff: noqa: T201
"""What the observer says of a startup without latency, against the same startup under 50 ms of it.

    python -m tests.long.wire_prediction [--only asyncpg go …] [--variants sequential …] [--times 5]

A small program of each client asks one thing after the other, new and prepared, in a transaction,
and on a second connection: as it is, and under a latency toxic of the real Toxiproxy. What it takes
then must be within 10 % of what its own time, its waits and its round trips one after the other
predict, and these round trips must be the turns that a recorder counts. Of each kind the quickest
startup counts: what a busy machine adds to the others is not the latency's.

The same for what clients do at once: the transactions of a pool, statements without transactions,
connections opened to be used later, statements sent together. There the truth is what latency made
of the startup; that some of them hide it is said in `chaosnetra.wire.serial`, so a miss is one
where the observation calls its figure exact, or predicts too little. Packages are fetched by the
languages' own tools; a client without its tool is left out. Exit code 1 where a prediction misses.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.evidence.statistics.round_trips import check, fit, recounted
from chaosnetra.ports import LOOPBACK
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from chaosnetra.wire.client import ObserverClient
from chaosnetra.wire.observation import Observation
from tests.long.wire_clients import BUILD_SECONDS, HERE
from tests.support.recorder import Recorder

LATENCY_MS = 50
RUN_SECONDS = 60
PROXY = "database"
SEQUENTIAL = "sequential"
PARALLEL = ("transactions", "autocommit", "warm")
VARIANTS = (SEQUENTIAL, *PARALLEL, "pipelined")


@dataclass(frozen=True)
class Client:
    """A client: where its program is, what that needs, what builds it, and what runs it there;
    the variant is added to the command where it knows more than one."""

    folder: str
    tool: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    variants: tuple[str, ...] = (SEQUENTIAL, *PARALLEL)

    def command(self, variant: str) -> tuple[str, ...]:
        return self.run if len(self.variants) == 1 else (*self.run, variant)


def of_python(driver: str) -> Client:
    return Client("python", sys.executable, (), (sys.executable, "startup.py", driver))


CLIENTS = {
    **{name: of_python(name) for name in ("asyncpg", "sqlalchemy", "psycopg", "psycopg2")},
    "psql": Client(
        "psql",
        "psql",
        (),
        ("psql", "-X", "-q", "-o", os.devnull, "-f", "startup.sql"),
        (SEQUENTIAL,),
    ),
    "node": Client(
        "node",
        "npm",
        ("npm", "install", "--no-audit", "--no-fund", "--silent"),
        ("node", "startup.js"),
    ),
    "java": Client(
        "java",
        "mvn",
        ("mvn", "-q", "-B", "package", "dependency:copy-dependencies"),
        ("java", "-cp", "target/classes:target/dependency/*", "Startup"),
    ),
    "go": Client(
        "go", "go", ("sh", "-c", "go mod tidy && go build -o start ./startup"), ("./start",)
    ),
    "rust": Client(
        "rust",
        "cargo",
        ("cargo", "build", "-q", "--release"),
        ("target/release/startup",),
        VARIANTS,
    ),
}


class Route:
    """Client → observer → Toxiproxy → PostgreSQL."""

    def __init__(self, database: DatabaseAddress, observer: ObserverClient, toxiproxy: str) -> None:
        self.database = database
        self.observer = observer
        self._toxiproxy = ToxiproxyClient(toxiproxy)
        self._count = 0

    def slow(self) -> None:
        attributes = {"latency": LATENCY_MS, "jitter": 0}
        self._toxiproxy.add_toxic(PROXY, Toxic("slow", "latency", "downstream", 1.0, attributes))

    def fast(self) -> None:
        self._toxiproxy.delete_toxic(PROXY, "slow")

    def startup(self, folder: Path, command: Sequence[str]) -> Observation:
        """Run it once, from the start of its process until that has ended."""
        self._count += 1
        name = f"startup {self._count}"
        began = time.monotonic()
        moved = self.observer.database_for(name, self.database)
        began = time.monotonic()
        run(folder, command, moved)
        seen = self.observer.observation(name, began, time.monotonic())
        self.observer.forget([name])
        return seen

    def recorded(self, folder: Path, command: Sequence[str]) -> tuple[Observation, int]:
        """Run it once behind a recorder: what was seen, and the turns of all connections."""
        name = "recorded"
        moved = self.observer.database_for(name, self.database)
        began = time.monotonic()
        with Recorder((moved.host, moved.port)) as before:
            run(folder, command, moved.at(before.host, before.port))
            turns = sum(one.turns for one in before.taken())
        seen = self.observer.observation(name, began, time.monotonic())
        self.observer.forget([name])
        return seen, turns

    def round_trip_seconds(self) -> float:
        moved = self.observer.database_for("probe", self.database)
        took = []
        with psycopg.connect(moved.url, autocommit=True, connect_timeout=20) as opened:
            for _ in range(9):
                began = time.monotonic()
                opened.execute("SELECT 1")
                took.append(time.monotonic() - began)
        self.observer.forget(["probe"])
        return median(took)


def run(folder: Path, command: Sequence[str], address: DatabaseAddress) -> None:
    environment = {
        **os.environ, "PGHOST": address.host, "PGPORT": str(address.port), "PGUSER": address.user,
        "PGPASSWORD": address.password, "PGDATABASE": address.database, "PGSSLMODE": "disable",
    }  # fmt: skip
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=RUN_SECONDS)


def misses(path: Route, name: str, variant: str, folder: Path, times: int) -> bool:
    """Prints a line of the table; whether the figures miss what they should be."""
    command = CLIENTS[name].command(variant)
    path.startup(folder, command)  # caches of the machine
    seen, turns = path.recorded(folder, command)
    clean, under, added = in_turn(path, folder, command, times)
    model = fit([quickest(clean)])
    recount = None if model is None else check(recounted(model, under), added, [quickest(under)])
    prediction = None if model is None else check(model, added, [quickest(under)])
    if model is None or prediction is None or recount is None:
        print(f"{name:10} {variant:12} nothing was counted whole  MISSED")
        return True
    truth = (prediction.measured_seconds - model.predicted_seconds(0)) / added
    told = sorted({one.serial_round_trips for one in clean})
    slow = sorted({one.serial_round_trips for one in under})
    exact = all(one.serial_is_exact for one in clean)
    wrong = not prediction.fits and (exact or prediction.off_by < 0)
    if variant == SEQUENTIAL:
        wrong |= not exact or {turns, seen.serial_round_trips} != {*told, *slow}
    print(
        f"{name:10} {variant:12} own {model.own_seconds * 1000:5.0f} ms, told "
        f"{'/'.join(map(str, told))} of {model_trips(clean)} ({'exact' if exact else 'about'}), "
        f"under latency {'/'.join(map(str, slow))}, truth {truth:5.1f}"
        + (f", recorded {turns}" if variant == SEQUENTIAL else "")
        + f"; predicted {prediction.predicted_seconds:.3f} s, measured "
        f"{prediction.measured_seconds:.3f} s: {prediction.off_by:+.1%}"
        + ("" if exact else f", recounted {recount.off_by:+.1%}")
        + ("  MISSED" if wrong else ""),
        flush=True,
    )
    return wrong


def in_turn(
    path: Route, folder: Path, command: Sequence[str], times: int
) -> tuple[list[Observation], list[Observation], float]:
    """Startups without and with latency, in turn, and what that added to a round trip."""
    clean, under, without, slowed = [], [], [], []
    for _ in range(times):
        clean.append(path.startup(folder, command))
        without.append(path.round_trip_seconds())
        path.slow()
        try:
            slowed.append(path.round_trip_seconds())
            under.append(path.startup(folder, command))
        finally:
            path.fast()
    return clean, under, min(slowed) - min(without)


def quickest(seen: Sequence[Observation]) -> Observation:
    return min(seen, key=lambda one: one.seconds)


def model_trips(seen: Sequence[Observation]) -> int:
    return round(median(one.round_trips for one in seen))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=CLIENTS, default=tuple(CLIENTS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--times", type=int, default=5, help="startups of each kind")
    parser.add_argument("--folder", type=Path, help="where programs are built; a temporary one")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        postgres = start_postgres()
        toxiproxy = start_toxiproxy()
        try:
            database = postgres.database
            listen = ToxiproxyClient(toxiproxy.url).create_proxy(
                PROXY, f"{LOOPBACK}:0", f"{database.host}:{database.port}"
            )
            observer = start_observer(listen.listen)
            try:
                path = Route(database, ObserverClient(observer.url), toxiproxy.url)
                for name in given.only:
                    client = CLIENTS[name]
                    if shutil.which(client.tool) is None:
                        print(f"{name:10} left out: {client.tool} is not here")
                        continue
                    its = folder / client.folder
                    shutil.copytree(HERE / client.folder, its, dirs_exist_ok=True)
                    if client.build:
                        subprocess.run(client.build, cwd=its, check=True, timeout=BUILD_SECONDS)
                    for variant in given.variants:
                        if variant in client.variants:
                            wrong += misses(path, name, variant, its, given.times)
            finally:
                observer.stop()
        finally:
            toxiproxy.stop()
            postgres.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
