"""A task of a job as a process of its own, with an order made by hand."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.running.task_reports import read_reports
from chaosnetra.startup.orders import ORDER_VARIABLE, FaultKind, OrderedFault, PathOrder, TaskOrder
from chaosnetra.startup.report_table import report_statements
from chaosnetra.startup.reports import TaskReport
from chaosnetra.toxiproxy.toxics import make_toxic

SCHEMA = "reports_of_tasks"
EXECUTION = "startups-x"
# Opens one session by the variables that it finds, asks twice, listens, and stays.
SERVICE = """
import asyncio, os, asyncpg

async def main():
    url = os.environ.get("DATABASE_URL", "").replace("+asyncpg", "")
    connection = await asyncpg.connect(url or None, timeout=20)
    for _ in range(2):
        await connection.fetchval("SELECT 7")
    port = int(os.environ["PORT"])
    await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def toxic(type_: str, direction: str = "downstream", **attributes: Any) -> OrderedFault:
    """A toxic as a task is ordered to have it."""
    name = f"a_{type_}" if direction == "downstream" else f"a_{type_}_{direction}"
    made = make_toxic(name, type_, direction, 1.0, attributes)
    return OrderedFault(f"toxic database/{made.name}", FaultKind.TOXIC, made.to_server())


def order(path: PathOrder | None, seconds_to_barrier: float = 0.5, **changes: Any) -> TaskOrder:
    """An order for one startup, with a barrier that it can be ready for."""
    now = time.time()
    fields: dict[str, Any] = {
        "barrier_at": now + seconds_to_barrier,
        "startup_seconds": 10.0,
        "kill_margin_seconds": 1.0,
        "readiness": "tcp://127.0.0.1:{port}",
        "readiness_seconds": 2.0,
        "hold_seconds": 0.0,
        "report_seconds": 5.0,
        "schema": SCHEMA,
        "ordered_at": now,
        "path": path,
    }
    return TaskOrder(**{**fields, **changes})


@dataclass(frozen=True)
class EndedTask:
    """A task that has ended: its exit code, and what it printed."""

    code: int
    printed: str


def start_task(
    order: TaskOrder | str,
    environ: Mapping[str, str],
    command: Sequence[str] = (sys.executable, "-c", SERVICE),
    index: int = 0,
    output: int = subprocess.PIPE,
) -> "subprocess.Popen[str]":
    """Begin a task; only `environ` says where the database is."""
    bare = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(
        [sys.executable, "-m", "chaosnetra.startup.task", "--", *command],
        env={
            **bare,
            ORDER_VARIABLE: order if isinstance(order, str) else order.text,
            "CLOUD_RUN_EXECUTION": EXECUTION,
            "CLOUD_RUN_TASK_INDEX": str(index),
            **environ,
        },
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(task: "subprocess.Popen[str]", seconds: float = 60.0) -> EndedTask:
    printed, _ = task.communicate(timeout=seconds)
    return EndedTask(task.returncode, printed)


def make_schema(admin: DatabaseAddress) -> None:
    """A new table for reports."""

    async def make() -> None:
        opened = await asyncpg.connect(admin.driver_url)
        try:
            await opened.execute(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE')
            for statement in report_statements(SCHEMA):
                await opened.execute(statement)
        finally:
            await opened.close()

    asyncio.run(make())


def reports(admin: DatabaseAddress) -> list[TaskReport]:
    """What has arrived, in the order of the tasks."""
    found = asyncio.run(read_reports(admin, SCHEMA, EXECUTION))
    return [found[index] for index in sorted(found)]
