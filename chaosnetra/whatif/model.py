"""Startups of many instances at the same moment, simulated event by event.

Each instance follows a course that was seen, and shares only the connector and the database with
the others. It has a machine of its own. One that fails gives back what it has, and is not started
again; one that is ready keeps the connections that its course keeps.
"""

import gc
import math
import random
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chaosnetra.evidence.statistics.quantiles import nearest_rank
from chaosnetra.evidence.wire.bounded import ROUND_TRIPS_OF_CALL
from chaosnetra.whatif.course import Course, Stretch
from chaosnetra.whatif.resources import Connector, Gauge, Sessions, Slot
from chaosnetra.whatif.system import System

if TYPE_CHECKING:
    import simpy


class Limit(StrEnum):
    """What ends a startup."""

    CONNECTOR_SLOTS = "connector_slots"
    MAX_CONNECTIONS = "max_connections"
    POOL = "pool"
    OWN_LIMIT = "own_limit"
    STARTUP_TIMEOUT = "startup_timeout"


@dataclass(frozen=True)
class Use:
    """How much of a resource was in use, until the last startup was decided.

    Attributes:
        most: at once.
        mean: over the time.
        available: at most; None: without a bound.
    """

    most: int
    mean: float
    available: int | None

    @property
    def is_full(self) -> bool:
        return self.available is not None and self.most >= self.available


@dataclass(frozen=True)
class Simulated:
    """What became of the startups.

    Attributes:
        instances: that were started.
        ready_seconds: of those that were ready, shortest first.
        failed: how many each limit ended.
        first_failure: the limit that ended the first one, and when; None where none failed.
        lasted_seconds: until the last one was decided.
        slots: of the connector; None without one.
        sessions: of the database.
        most_queued: at the connector.
        slot_wait_seconds: for slots and under the connector's pressure, over all startups.
        longest_slot_wait_seconds: of one startup.
    """

    instances: int
    ready_seconds: tuple[float, ...]
    failed: Mapping[Limit, int]
    first_failure: tuple[Limit, float] | None
    lasted_seconds: float
    slots: Use | None
    sessions: Use
    most_queued: int
    slot_wait_seconds: float
    longest_slot_wait_seconds: float

    @property
    def success_share(self) -> float:
        return len(self.ready_seconds) / self.instances

    def quantile(self, share: float) -> float | None:
        """The time within which this share of all instances is ready; None: so many never are."""
        rank = nearest_rank(share, self.instances)
        return self.ready_seconds[rank - 1] if rank <= len(self.ready_seconds) else None


class _Failed(Exception):
    """A startup has ended before it was ready."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit


def simulate(courses: Sequence[Course], system: System, instances: int, seed: int = 0) -> Simulated:
    """Start instances at once.

    Args:
        courses: each instance follows one of them, drawn anew.
        system: what they start through.
        instances: at least one.
        seed: of what is drawn; the first instances of a larger number follow the same courses.

    Returns:
        What became of them.
    """
    import simpy

    env = simpy.Environment()
    simulation = _Simulation(env, system, seed)
    if system.pool is not None:
        latency, pool = system.latency_seconds, system.pool
        courses = [course.with_pool(pool, latency) for course in courses]
    draw = random.Random(seed)
    enabled = gc.isenabled()
    gc.disable()  # all that there is is in use: to look for garbage takes ever longer, for nothing
    try:
        for _ in range(instances):
            env.process(simulation.startup(draw.choice(courses)))
        env.run()
    finally:
        if enabled:
            gc.enable()
    return simulation.result(instances)


class _Simulation:
    def __init__(self, env: "simpy.Environment", system: System, seed: int) -> None:
        self._env = env
        self._system = system
        self._connector = (
            None if system.connector is None else Connector(env, system.connector, seed)
        )
        self._sessions = Sessions(system.sessions)
        self._ready: list[float] = []
        self._failed: Counter[Limit] = Counter()
        self._first: tuple[Limit, float] | None = None
        self._slot_waits = 0.0
        self._longest_slot_wait = 0.0
        self._last = 0.0

    def startup(self, course: Course) -> Generator[Any, Any, None]:
        """One startup, from its start until it is decided."""
        one = _Startup(self._env, self._system, self._connector, self._sessions)
        try:
            yield from one.run(course)
            self._ready.append(self._env.now)
        except _Failed as error:
            one.close(len(one.slots))
            self._failed[error.limit] += 1
            self._first = self._first or (error.limit, self._env.now)
        self._last = self._env.now
        self._slot_waits += one.slot_wait_seconds
        self._longest_slot_wait = max(self._longest_slot_wait, one.slot_wait_seconds)

    def result(self, instances: int) -> Simulated:
        connector, sessions = self._connector, self._sessions
        return Simulated(
            instances,
            tuple(self._ready),
            dict(self._failed),
            self._first,
            self._last,
            None if connector is None else self._use(connector.in_use, connector.most_slots),
            self._use(sessions.in_use, self._system.sessions),
            0 if connector is None else connector.most_queued,
            self._slot_waits,
            self._longest_slot_wait,
        )

    def _use(self, gauge: Gauge, available: int | None) -> Use:
        return Use(gauge.peak, gauge.mean(self._last), available)


class _Startup:
    """One startup: what it has, and when it gives up."""

    def __init__(
        self,
        env: "simpy.Environment",
        system: System,
        connector: Connector | None,
        sessions: Sessions,
    ) -> None:
        self._env = env
        self._system = system
        self._limits = system.own_limits
        self._connector = connector
        self._sessions = sessions
        self._deadlines: list[tuple[float, Limit]] = []
        self._until(system.startup_timeout_seconds, Limit.STARTUP_TIMEOUT)
        self._until(self._limits.start_seconds, Limit.OWN_LIMIT)
        self.slots: list[Slot | None] = []
        self.slot_wait_seconds = 0.0

    def run(self, course: Course) -> Generator[Any, Any, None]:
        """Follow a course.

        Raises:
            _Failed: it came to a limit.
        """
        timeout = self._system.pool_timeout_seconds
        starved = timeout is not None and course.pool_wait_seconds > timeout
        opened = False
        for stretch in course.stretches:
            yield from self._pass(stretch)
            self.close(stretch.closes)
            if stretch.opens:
                if not opened:
                    opened = True
                    self._until(self._limits.first_connection_seconds, Limit.OWN_LIMIT)
                yield from self._open(stretch.opens)
                if starved and timeout is not None:
                    yield from self._wait(timeout)
                    raise _Failed(Limit.POOL)

    def close(self, count: int) -> None:
        """Close the connections opened last."""
        for _ in range(count):
            self._sessions.close(self._env.now)
            self._give_up(self.slots.pop())

    def _until(self, seconds: float | None, limit: Limit) -> None:
        if seconds is not None:
            self._deadlines.append((self._env.now + seconds, limit))

    def _give_up(self, slot: Slot | None) -> None:
        if slot is not None and self._connector is not None:
            self._connector.give_up(slot)

    def _pass(self, stretch: Stretch) -> Generator[Any, Any, None]:
        latency = self._system.latency_seconds
        if stretch.round_trips:
            each = stretch.waited_seconds / stretch.round_trips
            longest = max(stretch.longest_wait_seconds, each)
            calls = min(stretch.round_trips, ROUND_TRIPS_OF_CALL)
            bounded = (
                (longest + latency, self._limits.answer_seconds),
                (calls * (each + latency), self._limits.call_seconds),
            )
            over = [limit for taken, limit in bounded if limit is not None and taken > limit]
            if over:
                yield from self._wait(min([*over, stretch.seconds(latency)]))
                raise _Failed(Limit.OWN_LIMIT)
        yield from self._wait(stretch.seconds(latency))

    def _wait(self, seconds: float) -> Generator[Any, Any, None]:
        """Let time pass, up to a deadline."""
        now = self._env.now
        deadline, limit = min(self._deadlines, default=(now + seconds, None))
        if now + seconds > deadline and limit is not None:
            yield self._env.timeout(max(0.0, deadline - now))
            # Without its wait for slots it would have been within it.
            held_back = now + seconds - self.slot_wait_seconds <= deadline
            raise _Failed(Limit.CONNECTOR_SLOTS if held_back else limit)
        if seconds > 0:
            yield self._env.timeout(seconds)

    def _open(self, count: int) -> Generator[Any, Any, None]:
        """Open connections together, and wait until each has its slot and its session."""
        connector, begun = self._connector, self._env.now
        asked = [None if connector is None else connector.arrive() for _ in range(count)]
        had = 0
        try:
            for slot in asked:
                if slot is not None:
                    yield from self._get(slot, begun)
                if not self._sessions.open(self._env.now):
                    raise _Failed(Limit.MAX_CONNECTIONS)
                self.slots.append(slot)
                had += 1
        except _Failed:
            for slot in asked[had:]:
                self._give_up(slot)
            raise
        finally:
            self.slot_wait_seconds += self._env.now - begun

    def _get(self, slot: Slot, begun: float) -> Generator[Any, Any, None]:
        """Wait for a slot, and what the connector makes its connection wait under pressure.

        A login that waits for its slot waits for an answer.
        """
        limits = (self._limits.answer_seconds, self._limits.connection_seconds)
        ends = [begun + seconds for seconds in limits if seconds is not None]
        deadline = min([*ends, *(at for at, _ in self._deadlines)], default=math.inf)
        if slot.settled_at is None:
            settled = slot.settled()
            if math.isinf(deadline):
                yield settled
            else:
                yield settled | self._env.timeout(max(0.0, deadline - self._env.now))
        if not slot.is_had or slot.settled_at is None:
            raise _Failed(Limit.CONNECTOR_SLOTS)
        until = min(slot.settled_at + slot.ticket.delay_seconds, deadline)
        if until > self._env.now:
            yield self._env.timeout(until - self._env.now)
        if slot.settled_at + slot.ticket.delay_seconds > deadline:
            raise _Failed(Limit.CONNECTOR_SLOTS)
