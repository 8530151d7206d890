# ruff: noqa: T201
"""Reports of a thousand tasks of one execution: written at once, and read.

    python -m tests.long.thousand_tasks [--tasks 1000]

Against a PostgreSQL with 150 connections. A few processes hold the tasks, for so many interpreters
no machine of ours bears: each task waits for the barrier, and sends its report, of the size that
startups of a service have, by the task's own code. Exit code 1 where one of these does not hold:
every report arrives; never are more than 100 connections open for them; all are read within 5 s;
the reader's memory grows by less than 40 MiB, however large the reports are.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import asyncpg
import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.running.task_reports import read_reports
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.startup.orders import TaskOrder
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.reports import PathReport, TaskReport, output_bytes
from chaosnetra.startup.tasks import barrier_of
from chaosnetra.task_path.task import Task
from chaosnetra.wire.observation import Observation
from tests.support.observations import connection, observation
from tests.support.tasks import EXECUTION, SCHEMA, make_schema, order

PROCESSES = 4
BARRIER_SECONDS = 15.0
MOST_CONNECTIONS = 100
MOST_READ_SECONDS = 5.0
MOST_GROWTH_BYTES = 40 << 20
SAMPLE_SECONDS = 0.05
MEBIBYTE = 1 << 20


def of_a_service() -> Observation:
    """Ten connections, two hundred waits, and as many statements as are kept."""
    waits = [(0.01 * one, 0.01 * one + 0.005) for one in range(200)]
    seen = observation(4.0, [connection(one, 0.1, None) for one in range(1, 11)], waits)
    statement = seen.statements[0] if seen.statements else None
    told = () if statement is None else (statement,) * 50
    return replace(seen, statements=told, executions=50)


def report_of_a_service(count: int) -> dict[str, Any]:
    """As a task sends it, but for what tells it from others."""
    seen = of_a_service()
    outcome = StartupOutcome(1, Status.READY, 4.0, wire=seen, settled=seen)
    report = TaskReport(EXECUTION, 0, 0, 0.0, 0.0, outcome, PathReport())
    return report.fitting(output_bytes(count)).to_json()


async def one_task(task: Task, told: dict[str, Any]) -> None:
    """Arrive, begin at the barrier, report."""
    await asyncio.sleep(task.barrier_seconds)
    own = {"index": task.index, "arrived_at": task.arrived_at, "begun_at": time.time()}
    missing = await task.report(json.dumps({**told, **own}), lambda: False)
    if missing is not None:
        print(f"task {task.index}: {missing}", flush=True)


async def some_tasks(ordered: TaskOrder, url: str, count: int, first: int) -> None:
    """Every fourth task."""
    chance, told = random.Random(first), report_of_a_service(count)

    async def late(index: int) -> None:
        await asyncio.sleep(chance.uniform(0, 3))
        environ = {
            "CHAOSNETRA_TASK": ordered.text,
            "DATABASE_URL": url,
            "CLOUD_RUN_EXECUTION": EXECUTION,
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_COUNT": str(count),
        }
        await one_task(Task.of(["--", "true"], environ), told)

    await asyncio.gather(*(late(index) for index in range(first, count, PROCESSES)))


async def most_connections(admin: DatabaseAddress, fleet: "list[subprocess.Popen[bytes]]") -> int:
    """Most connections for reports that were open at once, while the fleet lives."""
    most = 0
    opened = await asyncpg.connect(admin.driver_url)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chaosnetra-report'"
    try:
        while any(one.poll() is None for one in fleet):
            most = max(most, await opened.fetchval(asked))
            await asyncio.sleep(SAMPLE_SECONDS)
    finally:
        await opened.close()
    return most


def read(admin: DatabaseAddress, ordered: TaskOrder, count: int) -> dict[str, Any]:
    """What reading costs this process, which has done nothing else."""
    asyncio.run(read_reports(admin, SCHEMA, "none"))  # whatever is imported once
    before = psutil.Process().memory_info().rss
    began = time.monotonic()
    found = asyncio.run(read_reports(admin, SCHEMA, EXECUTION))
    seconds = time.monotonic() - began
    barrier = barrier_of(found.values(), ordered.barrier_at, BARRIER_SECONDS)
    grown = psutil.Process().memory_info().rss - before
    return {
        "reports": len(found),
        "seconds": seconds,
        "grown": grown,
        "skew": barrier.skew_seconds,
        "clocks": barrier.clocks_seconds,
    }


def run(count: int) -> bool:
    """Whether all of it holds."""
    server = start_postgres(max_connections=150)
    program = [sys.executable, "-m", "tests.long.thousand_tasks", "--tasks", str(count)]
    try:
        make_schema(server.admin)
        ordered = order(None, BARRIER_SECONDS, report_seconds=130.0)
        # The table is in the administrator's database; the tasks are another role.
        url = server.database.named(server.admin.database).url
        told = [ordered.text, url, server.admin.url]
        fleet = [
            subprocess.Popen([*program, "--first", str(first), *told]) for first in range(PROCESSES)
        ]
        most = asyncio.run(most_connections(server.admin, fleet))
        failed = [one.returncode for one in fleet if one.returncode]
        reader = subprocess.run(
            [*program, "--read", *told], capture_output=True, check=True, text=True
        )
    finally:
        server.stop()
    seen = json.loads(reader.stdout)
    if not seen["reports"]:
        print("NO  no report arrived", flush=True)
        return False
    held = {
        f"{seen['reports']} of {count} reports arrived": seen["reports"] == count and not failed,
        f"at most {most} connections at once for reports": most <= MOST_CONNECTIONS,
        f"read in {seen['seconds']:.2f} s": seen["seconds"] <= MOST_READ_SECONDS,
        f"the reader grew by {seen['grown'] / MEBIBYTE:.1f} MiB": seen["grown"] < MOST_GROWTH_BYTES,
        f"all began within {seen['skew']:.2f} s; clocks off by {seen['clocks']:.2f} s": (
            seen["skew"] < 3
        ),
    }
    for line, holds in held.items():
        print(f"{'ok' if holds else 'NO'}  {line}", flush=True)
    return all(held.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("told", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.told:
        return 0 if run(given.tasks) else 1
    text, url, admin = given.told
    ordered = TaskOrder.parse(text)
    if given.read:
        print(json.dumps(read(DatabaseAddress.parse(admin), ordered, given.tasks)))
    else:
        asyncio.run(some_tasks(ordered, url, given.tasks, given.first))
    return 0


if __name__ == "__main__":
    sys.exit(main())
