"""What a server's sessions cost: CPU and memory of their backend processes, sampled.

Where the server runs on this machine its processes are measured; else only what
`pg_stat_activity` shows is known: how many sessions there are and how many are at work.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import connection

if TYPE_CHECKING:
    import asyncpg

LIMIT_SECONDS = 30.0
PROCESSES = "processes"
PG_STAT_ACTIVITY = "pg_stat_activity"
# State is None for a session of a role whose sessions we may not see.
_SESSIONS = (
    "SELECT pid, state FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL"
    " AND pid <> pg_backend_pid() AND ($1::text IS NULL OR application_name = $1)"
)


@dataclass(frozen=True)
class LoadSample:
    """One sample of the sessions.

    Attributes:
        at_seconds: since the first sample.
        sessions: how many there are.
        active: of these, how many run a query.
        hidden: of these, how many we may not see into.
        cpu_cores: processor time that they used since the sample before, by wall time;
            None in the first one and where their processes cannot be seen.
        memory_mb: memory of their own, in MiB (without what they share); None likewise.
    """

    at_seconds: float
    sessions: int
    active: int
    hidden: int
    cpu_cores: float | None
    memory_mb: float | None


@dataclass(frozen=True)
class Load:
    """Samples over time; `source` says what they were taken from."""

    source: str
    samples: Sequence[LoadSample]

    def to_json(self) -> dict[str, Any]:
        figures = {
            "source": self.source,
            "cpu_cores": self.cpu_cores,
            "memory_mb_max": self.memory_mb_max,
            "active_max": self.active_max,
        }
        samples = [_rounded(vars(sample)) for sample in self.samples]
        return {**_rounded(figures), "samples": samples}

    @property
    def cpu_cores(self) -> float | None:
        """Mean of the samples."""
        found = [sample.cpu_cores for sample in self.samples if sample.cpu_cores is not None]
        return sum(found) / len(found) if found else None

    @property
    def memory_mb_max(self) -> float | None:
        found = [sample.memory_mb for sample in self.samples if sample.memory_mb is not None]
        return max(found, default=None)

    @property
    def active_max(self) -> int:
        return max((sample.active for sample in self.samples), default=0)

    @property
    def text(self) -> str:
        """The load for people."""
        sessions = max((sample.sessions for sample in self.samples), default=0)
        text = f"{self.active_max} of {sessions} sessions at work"
        if self.cpu_cores is None or self.memory_mb_max is None:
            return f"{text} (pg_stat_activity; the server is not on this machine)"
        return f"{text}, {self.cpu_cores:.2f} cores, {self.memory_mb_max:.0f} MiB"


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 3) if isinstance(value, float) else value
        for key, value in figures.items()
    }


class LoadWatch:
    """Samples the sessions of a server, by a connection that is not counted.

    Args:
        opened: a connection to the server itself.
        local: whether its processes are on this machine; see `is_local`.
        application_name: only sessions of that name; None: all.
    """

    def __init__(
        self,
        opened: "asyncpg.Connection[Any]",
        local: bool,
        application_name: str | None = None,
    ) -> None:
        self._opened = opened
        self._local = local
        self._name = application_name
        self._began = time.monotonic()
        self._sampled_at = self._began
        self._used: dict[int, float] | None = None
        self._samples: list[LoadSample] = []

    @property
    def load(self) -> Load:
        return Load(PROCESSES if self._local else PG_STAT_ACTIVITY, tuple(self._samples))

    async def sample(self) -> None:
        """Take a sample."""
        rows = await self._opened.fetch(_SESSIONS, self._name)
        pids = [row["pid"] for row in rows]
        cores, memory = self._processes(pids) if self._local else (None, None)
        self._samples.append(
            LoadSample(
                time.monotonic() - self._began,
                len(rows),
                sum(row["state"] == "active" for row in rows),
                sum(row["state"] is None for row in rows),
                cores,
                memory,
            )
        )

    def _processes(self, pids: Sequence[int]) -> tuple[float | None, float]:
        now, before, used = time.monotonic(), self._used, {}
        memory = 0.0
        for pid in pids:
            with contextlib.suppress(psutil.Error):  # it has just ended
                process = psutil.Process(pid)
                times = process.cpu_times()
                used[pid] = times.user + times.system
                info = process.memory_info()
                memory += (info.rss - getattr(info, "shared", 0)) / (1 << 20)
        seconds, self._sampled_at, self._used = now - self._sampled_at, now, used
        if before is None or seconds <= 0:
            return None, memory
        # One that is new since the last sample has used all of its time since then.
        return sum(time_ - before.get(pid, 0.0) for pid, time_ in used.items()) / seconds, memory


async def is_local(opened: "asyncpg.Connection[Any]") -> bool:
    """Whether the server's processes can be measured: it runs here, where they are numbered so.

    A backend's title holds the port of its client, which tells it from another process that
    has the same number here and not in a container.
    """
    [(pid, port)] = await opened.fetch("SELECT pg_backend_pid(), inet_client_port()")
    try:
        process = psutil.Process(pid)
        title = " ".join(process.cmdline())
        process.memory_info()
    except psutil.Error:
        return False
    return title.startswith("postgres") and f"({port})" in title


async def sample_load(address: DatabaseAddress, seconds: float, interval_seconds: float) -> Load:
    """Sample all sessions of a server for a while.

    Args:
        address: the database, on the direct path.
        seconds: for how long.
        interval_seconds: from one sample to the next.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, LIMIT_SECONDS) as opened:
        watch = LoadWatch(opened, await is_local(opened))
        until = time.monotonic() + seconds
        await watch.sample()
        while time.monotonic() < until:
            await asyncio.sleep(min(interval_seconds, max(0.0, until - time.monotonic())))
            await watch.sample()
        return watch.load
