"""CPU and memory pressure inside PostgreSQL, by real queries in sessions of our own."""

import asyncio
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Effect, Undo
from chaosnetra.postgres.connect import connection, read_slots
from chaosnetra.postgres.load import Load, LoadWatch, is_local
from chaosnetra.postgres.session_faults import SessionFault, query_seconds
from chaosnetra.postgres.sessions import LIMIT_SECONDS, open_sessions, staying

MOST_BACKENDS = 100
# Where the server is not on this machine, how many cores it has is not known.
BACKENDS_ELSEWHERE = 8
BACKENDS_A_CORE = 4
# So many of the free slots are left to those who are to be under the pressure.
SHARE_OF_FREE_SLOTS = 0.5
MOST_WORK_MEM_MB = 1024
MOST_MEMORY_MB = 4096
# On the machine that we run on ourselves, at most so much of what is free.
SHARE_OF_FREE_MEMORY = 0.5
# What one row of the sort takes of work_mem, measured (PostgreSQL 16 to 18), and how much of it
# is used: a sort that does not fit goes to disk, which is another fault.
BYTES_A_ROW = 330
SHARE_OF_WORK_MEM = 0.8
# Rows sorted by one statement: about 0.3 s alone, so that the client is idle beside it.
ROWS_A_STATEMENT = 300_000
FIXED_QUERY = "SELECT max(md5(i::text)) FROM (SELECT generate_series(1, 50000) AS i OFFSET 0) s"
SAMPLES = 11
# A backend that computes sees only with this (from version 14 on) that its client is gone.
NOTICE_GONE_CLIENT = (
    "SELECT set_config(name, '200ms', false) FROM pg_settings"
    " WHERE name = 'client_connection_check_interval'"
)
# The pressure is in effect where a query takes so many times its time, or more.
LEAST_SLOWDOWN = 1.25


@dataclass
class DatabasePressed(SessionFault):
    """Sessions that sort what fits into their work_mem, over and over.

    Attributes:
        backends: sessions, each as much CPU as it can get.
        work_mem_mb: memory of each.
    """

    kind: ClassVar[str] = "database pressed"
    noun: ClassVar[str] = "pressure"
    address: DatabaseAddress
    application_name: str
    backends: int
    work_mem_mb: int
    _before_seconds: float = field(default=0.0, init=False)

    @property
    def parameters(self) -> Mapping[str, Any]:
        own = {"backends": self.backends, "work_mem_mb": self.work_mem_mb}
        return {**super().parameters, **own}

    def prepare(self) -> Undo:
        undo = super().prepare()
        self._before_seconds = asyncio.run(self._baseline())
        return undo

    def inject(self) -> None:
        open_sessions(
            self.address,
            self.application_name,
            self.backends,
            setup=[
                f"SET work_mem = '{self.work_mem_mb}MB'",
                "SET max_parallel_workers_per_gather = 0",
                NOTICE_GONE_CLIENT,
            ],
            work=work(self.work_mem_mb),
            facts={"query_seconds_before": self._before_seconds},
        )

    def measure(self) -> Effect:
        before = staying(self.application_name).facts["query_seconds_before"]
        seconds, load = asyncio.run(self._under_pressure())
        slowdown = seconds / before
        return Effect(
            "query_slowdown",
            f"at least {LEAST_SLOWDOWN} times",
            round(slowdown, 2),
            in_effect=slowdown >= LEAST_SLOWDOWN and load.active_max == self.backends,
            detail=f"a fixed query took {1000 * before:.1f} ms before and {1000 * seconds:.1f} ms "
            f"under it (medians of {SAMPLES}); {load.text}",
        )

    async def _baseline(self) -> float:
        """Check that there is room for the pressure, and time the fixed query without it."""
        async with connection(self.address, LIMIT_SECONDS) as opened:
            found = await read_slots(opened)
            if found.free < self.backends:
                raise InjectionFailed(
                    f"the server has only {found.free} of {found.max_connections} connection "
                    f"slots free, {self.backends} backends do not fit"
                )
            if await is_local(opened):
                self._check_memory()
            times = [await query_seconds(opened, FIXED_QUERY) for _ in range(SAMPLES)]
            return statistics.median(times)

    def _check_memory(self) -> None:
        """On this machine the pressure must not take what we, or others, need to live."""
        free_mb = _free_mb()
        if self.backends * self.work_mem_mb > SHARE_OF_FREE_MEMORY * free_mb:
            raise InjectionFailed(
                f"{self.backends} backends with {self.work_mem_mb} MB each are more than half "
                f"of the {free_mb:.0f} MB that are free on this machine"
            )

    async def _under_pressure(self) -> tuple[float, Load]:
        async with connection(self.address, LIMIT_SECONDS) as opened:
            watch = LoadWatch(opened, await is_local(opened), self.application_name)
            await watch.sample()
            times = []
            for _ in range(SAMPLES):
                times.append(await query_seconds(opened, FIXED_QUERY))
                await watch.sample()
            return statistics.median(times), watch.load


def fitting_backends(address: DatabaseAddress, work_mem_mb: int) -> int:
    """How many backends press a server, as far as it has slots and this machine memory.

    Args:
        address: the database itself.
        work_mem_mb: memory of each.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """

    async def free() -> tuple[int, bool]:
        async with connection(address, LIMIT_SECONDS) as opened:
            return (await read_slots(opened)).free, await is_local(opened)

    free_slots, local = asyncio.run(free())
    wanted, memory_mb = BACKENDS_ELSEWHERE, float(MOST_MEMORY_MB)
    if local:
        wanted = BACKENDS_A_CORE * (os.cpu_count() or 1)
        memory_mb = min(memory_mb, SHARE_OF_FREE_MEMORY * _free_mb())
    fitting = (MOST_BACKENDS, int(memory_mb / work_mem_mb), int(SHARE_OF_FREE_SLOTS * free_slots))
    return max(1, min(wanted, *fitting))


def _free_mb() -> float:
    """Memory that is free on this machine."""
    return float(psutil.virtual_memory().available) / (1 << 20)


def work(work_mem_mb: int) -> str:
    """SQL that sorts as much as fits into a work_mem, often enough to take about 0.3 s alone."""
    rows = int(work_mem_mb * (1 << 20) * SHARE_OF_WORK_MEM / BYTES_A_ROW)
    times = max(1, round(ROWS_A_STATEMENT / rows))
    return (
        f"SELECT count(s.v) FROM generate_series(1, {times}) r, LATERAL ("  # noqa: S608 - numbers
        "SELECT md5((i + r)::text) || repeat('x', 224) AS v"
        # A set in the select list is made row by row; in FROM it would be put on disk first.
        f" FROM (SELECT generate_series(1, {rows}) AS i OFFSET 0) g ORDER BY v OFFSET 0) s"
    )
