# ruff: noqa: T201
"""Startups and toxics for a long time in one process: does anything of it grow?

    python -m tests.long.soak --minutes 30 [--reference] [--count 2]

Each iteration runs startups, puts toxics in and takes them out, by the same activities that an
experiment uses, and then samples this process and the PostgreSQL server. The run (session,
ledger, watchdog, proxy) is ended and begun anew now and then. Exit code 1 when memory grew by
more than 20 MB after the first tenth, or file descriptors, threads, children or sessions grew.
"""

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from chaosnetra.running.run import current_run
from chaosnetra.running.session import current_session, end_session
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.startup.probes import startups_succeed
from chaosnetra.toxiproxy.actions import (
    add_bandwidth_limit,
    add_latency,
    add_slow_close,
    disable_proxy,
    enable_proxy,
    remove_toxic,
    update_toxic,
)

MOST_GROWTH_BYTES = 20 * 1024 * 1024
ITERATIONS_A_RUN = 25
SETTLE_SECONDS = 5.0
LIMIT_SECONDS = 10.0
SESSIONS = """SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""

# A service whose startup is a few queries.
TARGET = f"""{sys.executable} -c "
import asyncio, asyncpg, os
async def main():
    opened = await asyncpg.connect(os.environ['DATABASE_URL'], timeout=10)
    for _ in range(3): await opened.fetchval('SELECT 1')
    await opened.close()
asyncio.run(main())
" """


@dataclass(frozen=True)
class Sample:
    """What is held at the end of an iteration."""

    rss: int
    descriptors: int
    threads: int
    children: int
    sessions: int


def sample(server: PostgresServer) -> Sample:
    """Take a sample, once what is on its way out has gone."""
    until = time.monotonic() + SETTLE_SECONDS
    while (sessions := asyncio.run(sessions_in(server))) and time.monotonic() < until:
        time.sleep(0.02)
    gc.collect()
    own = psutil.Process()
    return Sample(
        rss=own.memory_info().rss,
        descriptors=own.num_fds(),
        threads=own.num_threads(),
        # Direct ones: a server's own helpers come and go.
        children=len(own.children()),
        sessions=sessions,
    )


async def sessions_in(server: PostgresServer) -> int:
    import asyncpg

    opened = await asyncpg.connect(server.admin.url, timeout=LIMIT_SECONDS)
    try:
        return int(await opened.fetchval(SESSIONS, timeout=LIMIT_SECONDS))
    finally:
        await opened.close(timeout=LIMIT_SECONDS)


def iterate(configuration: dict[str, Any], count: int) -> int:
    """Startups without a fault, and with one; returns how many effects were not measured."""

    def startups() -> None:
        result = startups_succeed(count, 0.0, configuration=configuration)
        assert result["ready"] == count, result

    unmeasured = 0

    def toxic(add: Callable[..., Any], **values: Any) -> None:
        nonlocal unmeasured
        # On a busy machine an effect may go unmeasured; that is no growth.
        unmeasured += not add(**values, configuration=configuration)["effect"]["in_effect"]

    startups()
    toxic(add_latency, latency_ms=20, name="latency")
    startups()
    update_toxic("latency", {"latency_ms": 30}, configuration=configuration)
    remove_toxic("latency", configuration=configuration)
    toxic(add_bandwidth_limit, rate_kb_per_second=2000, name="bandwidth")
    toxic(add_slow_close, delay_ms=50, name="slow_close")
    remove_toxic("slow_close", configuration=configuration)
    remove_toxic("bandwidth", configuration=configuration)
    disable_proxy(configuration=configuration)
    enable_proxy(configuration=configuration)
    return unmeasured


def slope(values: list[int]) -> float:
    """Growth an iteration, by least squares."""
    if len(values) < 2:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


def grown(samples: list[Sample]) -> list[str]:
    """What grew between the second tenth and the last."""
    tenth = max(1, len(samples) // 10)
    # The first may still be loading modules.
    early = samples[tenth : 2 * tenth] or samples[:1]
    late = samples[-tenth:]
    found = []
    growth = max(one.rss for one in samples[tenth:]) - min(one.rss for one in early)
    if growth > MOST_GROWTH_BYTES:
        found.append(f"memory grew by {growth / 1e6:.1f} MB")
    for name in ("descriptors", "threads", "children", "sessions"):
        before = max(getattr(one, name) for one in early)
        after = min(getattr(one, name) for one in late)
        if after > before:
            found.append(f"{name} grew from {before} to {after}")
    return found


def soak(minutes: float, count: int, target: str | None) -> list[Sample]:
    """Iterate until the time is over, in a state folder of this soak's own."""
    samples: list[Sample] = []
    failures = unmeasured = 0
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        postgres = start_postgres()
        try:
            toxiproxy = start_toxiproxy()
            try:
                configuration: dict[str, Any] = {
                    "database_url": postgres.database.url,
                    "toxiproxy_url": toxiproxy.url,
                }
                if target:
                    configuration["target"] = target
                until = time.monotonic() + 60 * minutes
                while time.monotonic() < until:
                    if len(samples) % ITERATIONS_A_RUN == 0:
                        failures += len(new_run(folder, configuration))
                    unmeasured += iterate(configuration, count)
                    samples.append(sample(postgres))
                    if len(samples) % 10 == 1:
                        print(len(samples), samples[-1], flush=True)
                failures += len(finish_run())
            finally:
                end_session()
                toxiproxy.stop()
        finally:
            postgres.stop()
        ledgers = list((folder / "state").rglob("*.ledger.jsonl"))
    print(f"{unmeasured} effects were not measured")
    if failures or ledgers:
        raise SystemExit(f"{failures} undos failed, {len(ledgers)} ledgers are left")
    return samples


def new_run(folder: Path, configuration: dict[str, Any]) -> list[Any]:
    """End the run, if there is one, and begin the next."""
    failed = finish_run()
    current_run().events.open(folder / "journal.events.jsonl")
    current_session(configuration)
    return failed


def finish_run() -> list[Any]:
    """End the run as the control does."""
    events = current_run().events
    failed = end_session()
    events.close()
    return list(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--count", type=int, default=2, help="startups at once")
    parser.add_argument(
        "--reference", action="store_true", help="start the reference orchestrator, not a script"
    )
    chosen = parser.parse_args()
    begun = time.monotonic()
    samples = soak(chosen.minutes, chosen.count, None if chosen.reference else TARGET)
    print(f"{len(samples)} iterations in {time.monotonic() - begun:.0f} s")
    print(f"{'':12} {'first':>12} {'last':>12} {'max':>12} {'slope':>12} an iteration")
    for field in fields(Sample):
        values = [int(getattr(one, field.name)) for one in samples]
        late = values[len(values) // 10 :]
        print(
            f"{field.name:12} {values[0]:12} {values[-1]:12} {max(values):12} {slope(late):12.3f}"
        )
    found = grown(samples)
    for text in found:
        print(f"FAILED: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
