"""How long processes had a processor, and how long they were ready to run and waited for one.

Linux alone tells, in the file `schedstat` of each thread. What a thread that has ended had is not
kept anywhere, so it is read from time to time; what it had since the last time is missing.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1e9
GROUPS = "/sys/fs/cgroup"
DIGITS = 4
SHORTEST_PERIOD_SECONDS = 0.1
# Reading costs processor time too: all meters together may take this share of one processor.
MOST_OF_A_PROCESSOR = 0.02


@dataclass(frozen=True)
class CpuUse:
    """What the processes of one startup had of the processors, as far as it was seen.

    Attributes:
        cpu_seconds: on a processor, all threads together.
        delayed_seconds: in which at least one thread was ready to run, and waited for a
            processor; never more than the time that passed.
    """

    cpu_seconds: float
    delayed_seconds: float


class CpuMeter:
    """Reads a supervisor and all that descends from it.

    Between two readings the thread that waited longest counts: those of others may have been at
    the same time. A supervisor's own waits are added: it starts the others, and then sleeps.

    Args:
        root_pid: the supervisor.
        at_once: how many such meters there are, so that together they cost little.
    """

    def __init__(self, root_pid: int, at_once: int = 1) -> None:
        self._root_pid = root_pid
        self._at_once = at_once
        self._threads: dict[tuple[int, int], tuple[int, int]] = {}
        self._delayed_seconds = 0.0
        self._began_at = time.monotonic()
        self._next_at = self._began_at + SHORTEST_PERIOD_SECONDS

    def read_if_due(self) -> None:
        """Read, where the last time is long enough ago."""
        if time.monotonic() >= self._next_at:
            self.read()

    def read(self) -> None:
        """Read now; nothing happens where the system does not tell."""
        began, now = time.thread_time(), time.monotonic()
        first = longest = 0
        for thread, (used, delayed) in _threads_of(self._root_pid):
            grown = delayed - self._threads.get(thread, (0, 0))[1]
            self._threads[thread] = (used, delayed)
            if thread[0] == self._root_pid:
                first = max(first, grown)
            else:
                longest = max(longest, grown)
        # A wait is told when it is over, so it may be longer than since the last reading.
        delayed_seconds = self._delayed_seconds + (first + longest) / NANOSECONDS
        self._delayed_seconds = min(delayed_seconds, now - self._began_at)
        cost_seconds = (time.thread_time() - began) * self._at_once
        period_seconds = max(SHORTEST_PERIOD_SECONDS, cost_seconds / MOST_OF_A_PROCESSOR)
        self._next_at = now + period_seconds

    @property
    def use(self) -> CpuUse | None:
        """What was read; None where the system does not tell."""
        cpu_seconds = sum(used for used, _ in self._threads.values()) / NANOSECONDS
        if not cpu_seconds:
            return None
        return CpuUse(round(cpu_seconds, DIGITS), round(self._delayed_seconds, DIGITS))


def usable_cores(groups: str = GROUPS) -> int:
    """How many cores this process, and so what it starts, may use; of a part of one it is one.

    Args:
        groups: where the control groups are; a container's limit stands there.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota, period = (*_content(f"{groups}/cpu.max").split(), b"", b"")[:2]
    if not quota.isdigit():  # no limit, or the older kind of groups
        older = f"{groups}/cpu/cpu.cfs"
        quota, period = _content(f"{older}_quota_us"), _content(f"{older}_period_us")
    if quota.strip().isdigit() and period.strip().isdigit() and int(period):
        cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(1, cores)


def _threads_of(root: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Each thread of a process and its descendants: who it is, and its nanoseconds."""
    processes = [root]
    while processes:
        process = processes.pop()
        for thread in _names(f"/proc/{process}/task"):
            folder = f"/proc/{process}/task/{thread}"
            figures = _content(f"{folder}/schedstat").split()
            if len(figures) >= 2:
                yield (process, int(thread)), (int(figures[0]), int(figures[1]))
            processes += map(int, _content(f"{folder}/children").split())


def _names(folder: str) -> list[str]:
    with suppress(OSError):  # it has ended, or there is no such folder on this system
        return [entry.name for entry in os.scandir(folder)]
    return []


def _content(path: str) -> bytes:
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""
