"""Programs that use a database, run in simulated time: what they do is known, so that what is told
from their traffic can be held against it."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from tests.unit.wire.logs import LOGIN_TRIPS, Logs, Traffic


@dataclass(frozen=True)
class Login:
    connection: int


@dataclass(frozen=True)
class Ask:
    connection: int
    text: str = "SELECT $1"


@dataclass(frozen=True)
class Gather:
    """Tasks side by side, until all are done."""

    tasks: "list[Program]"


Program = list[Login | Ask | Gather]


def transaction(connection: int, statements: int) -> Program:
    return [Ask(connection, "BEGIN"), *([Ask(connection)] * statements), Ask(connection, "COMMIT")]


def chain(program: Program) -> int:
    """Its longest chain of round trips, by what it is."""
    return sum(
        LOGIN_TRIPS
        if isinstance(step, Login)
        else 1
        if isinstance(step, Ask)
        else max(map(chain, step.tasks))
        for step in program
    )


@dataclass(frozen=True)
class Ran:
    """A program's traffic, and for how long it ran."""

    logs: Logs
    seconds: float
    busy_seconds: float  # client and server, all work summed up


@dataclass
class _Task:
    steps: Iterator[float | Gather | None]  # a wait, tasks to wait for, or a turn for others
    parent: "_Task | None" = None
    children: int = 0


def run(
    program: Program,
    client_seconds: Callable[[], float],
    server_seconds: Callable[[], float],
    latency_seconds: float = 0.0,
) -> Ran:
    """Run it in one thread that waits for many answers at once.

    Params:
        client_seconds: work before each question.
        server_seconds: work before each answer.
        latency_seconds: added to each round trip.
    """
    logs = Logs()
    traffic: dict[int, Traffic] = {}
    now = busy = 0.0

    def question(connection: int, text: str | None) -> float:
        nonlocal busy
        served = server_seconds()
        busy += served
        traffic[connection].asks(now, now + served + latency_seconds, text)
        return served + latency_seconds

    def steps_of(steps: Program) -> Iterator[float | Gather | None]:
        for step in steps:
            if isinstance(step, Gather):
                yield step
            elif isinstance(step, Ask):
                yield question(step.connection, step.text)
            else:
                traffic[step.connection] = logs.opened(now)
                yield None
                for _ in range(LOGIN_TRIPS):
                    yield question(step.connection, None)
                logged_in(traffic[step.connection])

    order = count()
    ready = [(0.0, next(order), _Task(steps_of(program)))]
    while ready:
        at, _, task = heapq.heappop(ready)
        worked = client_seconds()
        busy += worked
        now = max(now, at) + worked
        step = next(task.steps, "done")
        if step == "done":
            parent = task.parent
            if parent is not None:
                parent.children -= 1
                if not parent.children:
                    heapq.heappush(ready, (now, next(order), parent))
        elif isinstance(step, Gather):
            task.children = len(step.tasks)
            for one in step.tasks:
                heapq.heappush(ready, (now, next(order), _Task(steps_of(one), task)))
        else:
            assert not isinstance(step, str)
            heapq.heappush(ready, (now + (step or 0.0), next(order), task))
    return Ran(logs, now, busy)


def logged_in(traffic: Traffic) -> None:
    from chaosnetra.wire.observation import Reached

    traffic.stage(traffic.connection.answered_at[-1], Reached.SESSION)
