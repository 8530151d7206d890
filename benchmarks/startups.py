"""What 50 startups at once cost when they are forked, beside as many new interpreters.

    python benchmarks/startups.py [--pairs 5] [--startups 50]

The target imports what the reference orchestrator does and starts nothing: what is left is the
price of a process that is ready. Both go through the launcher, with supervisors and readiness
checks, and are stopped again. CPU seconds are those of this process and of everything below it.
Each pair runs one after the other, in turn; the median of the ratios is what counts. The imports of
the process that is forked from happen once a run; they are shown apart, and in a ratio of their
own.
"""

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.processes.forking import ForkServer
from chaosnetra.settings import Settings
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import Status
from chaosnetra.startup.starting import Fork, Spawn, fork_server
from chaosnetra.startup.target_plan import make_plan

TARGET = """
from contextlib import asynccontextmanager

import asyncpg
import sqlalchemy.dialects.postgresql.asyncpg
import sqlalchemy.ext.asyncio
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    yield


app = FastAPI(lifespan=lifespan)
"""
NOBODY = DatabaseAddress("127.0.0.1", 1, "nobody", "", "nothing")
LIMITS = Limits(startup_seconds=300, kill_margin_seconds=1, readiness_seconds=30)


class Cost(NamedTuple):
    """CPU and wall-clock seconds of a launch, and the CPU seconds of the imports before it."""

    cpu: float
    wall: float
    imports: float


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def plan_for(folder: Path, method: str) -> LaunchPlan:
    settings = Settings.from_configuration(
        {"target": "trivial:app", "target_directory": str(folder), "startup_method": method}
    )
    return make_plan(settings, os.environ, None)


def imports_alone(plan: LaunchPlan) -> float:
    """What it costs to bring the process that is forked from, and to take it away."""
    before = cpu_seconds()
    fork_server(plan).stop()
    return cpu_seconds() - before


def run(plan: LaunchPlan, startups: int) -> Cost:
    """Start all and stop them. CPU seconds are known only of processes that have ended."""
    imports = imports_alone(plan) if plan.imports else 0.0
    before = cpu_seconds()
    server: ForkServer | None = fork_server(plan) if plan.imports else None
    try:
        started = time.perf_counter()
        outcomes = asyncio.run(
            launch(
                plan,
                [NOBODY] * startups,
                LIMITS,
                starter=Spawn() if server is None else Fork(server),
            )
        )
        wall = time.perf_counter() - started
    finally:
        if server is not None:
            server.stop()
    for outcome in outcomes:
        if outcome.status is not Status.READY:
            raise SystemExit(f"a startup of the benchmark was not ready: {outcome}")
    return Cost(cpu_seconds() - before - imports, wall, imports)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--startups", type=int, default=50)
    given = parser.parse_args()
    forked, spawned = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trivial.py").write_text(TARGET)
        fork, spawn = plan_for(folder, "fork"), plan_for(folder, "spawn")
        for number in range(given.pairs):
            for turn in (number % 2, 1 - number % 2):
                if turn:
                    forked.append(run(fork, given.startups))
                else:
                    spawned.append(run(spawn, given.startups))
    pairs = list(zip(forked, spawned, strict=True))
    cpu = statistics.median(one.cpu for one in forked)
    ratios = [one.cpu / other.cpu for one, other in pairs]
    with_imports = [(one.cpu + one.imports) / other.cpu for one, other in pairs]
    walls = [one.wall / other.wall for one, other in pairs]
    print(
        f"{given.startups} startups at once, medians of {given.pairs} pairs\n"
        f"CPU: forked {cpu:.2f} s, new interpreters "
        f"{statistics.median(one.cpu for one in spawned):.2f} s; "
        f"ratio 1/{1 / statistics.median(ratios):.1f}, "
        f"with the imports ({statistics.median(one.imports for one in forked):.2f} s, once a run) "
        f"1/{1 / statistics.median(with_imports):.1f}\n"
        f"wall: forked {statistics.median(one.wall for one in forked):.2f} s, new interpreters "
        f"{statistics.median(one.wall for one in spawned):.2f} s; "
        f"ratio 1/{1 / statistics.median(walls):.1f}"
    )


if __name__ == "__main__":
    main()
