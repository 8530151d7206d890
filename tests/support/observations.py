"""What was seen of startups on the wire, as journals have it."""

import json
from collections.abc import Sequence
from typing import Any

from chaosnetra.wire.observation import (
    Connection,
    Doing,
    Encryption,
    End,
    Observation,
    Reached,
    Standing,
    Statement,
)
from tests.support import seen_on_the_wire as wire
from tests.support.journals import journal, probe, state

SAME = "SELECT name, value FROM settings WHERE tenant = $1"
ORDERS = "SELECT id, total FROM orders WHERE created_at > $1"


def connection(
    number: int, opened: float, ended: float | None, *, end: End = End.OPEN,
    reached: Reached = Reached.SESSION, session: float | None = None, trips: int = 7, **told: Any,
) -> Connection:  # fmt: skip
    """One connection; `session` is when it was ready for a query."""
    made = {"encryption": Encryption.DECLINED, "waited_seconds": 0.1, "database": "orders"}
    return wire.connection(
        number, opened_seconds=opened, ended_seconds=ended, end=end, reached=reached,
        session_seconds=session, round_trips=trips, setup_round_trips=min(4, trips),
        received_bytes=20_000, **(made | told),
    )  # fmt: skip


def observation(
    seconds: float,
    connections: Sequence[Connection] = (),
    waits: Sequence[tuple[float, float]] = (),
    standing: Standing | None = None,
    **told: Any,
) -> Observation:
    """An observation of a startup that asked the same thing 33 times."""
    waited = sum(end - start for start, end in waits)
    made: dict[str, Any] = {
        "seconds": seconds, "waits": tuple(waits), "own_seconds": max(0.0, seconds - waited),
        "most_at_once": min(2, len(connections)),
        "sessions": sum(one.reached is Reached.SESSION for one in connections),
        "statements": (Statement(SAME, 33, 33, waited / 2, 33),), "statement_count": 1,
        "executions": 33, "repeated": ((SAME, 33),),
    }  # fmt: skip
    at_work = Standing(Doing.BY_ITSELF, 0.1, "at work by itself for 0.1 s")
    return wire.observation(*connections, standing=standing or at_work, **(made | told))


def ready_in(seconds: float, latency: float = 0.0005) -> Observation:
    """A startup that made 40 round trips on two connections and was ready."""
    begin = seconds * 0.15
    each = (seconds - begin) / 45
    waits = [(begin + each * n, begin + each * n + min(latency, each * 0.9)) for n in range(40)]
    return observation(
        seconds,
        [
            connection(1, begin, seconds * 0.4, end=End.CLIENT, session=begin + 4 * each, trips=9),
            connection(2, seconds * 0.3, None, session=seconds * 0.3 + 4 * each, trips=31),
        ],
        waits,
    )


def timed_out(seconds: float, waiting: float = 10.2) -> Observation:
    """A startup that the answer to its 29th round trip did not reach."""
    waits = [(0.4 + 0.45 * n, 0.4 + 0.45 * n + 0.4) for n in range(28)]
    waits.append((seconds - waiting, seconds))
    standing = Standing(
        Doing.WAITING, waiting,
        f"waiting {waiting:.1f} s for the answer to the 29th round trip, {ORDERS}",
        connection=2, round_trip=29, statement=ORDERS,
    )  # fmt: skip
    return observation(
        seconds,
        [
            connection(1, 0.35, 4.0, end=End.SERVER, session=2.2, trips=8, sqlstate="57P01"),
            connection(2, 4.2, None, session=6.1, trips=21),
        ],
        waits,
        standing,
        errors=(
            wire.error("42P01", severity="ERROR", message='relation "plans" does not exist',
                       first_seconds=3.2, statement="SELECT … FROM plans", reached=Reached.SESSION),
            wire.error("57P01", message="terminating connection due to administrator command",
                       first_seconds=4.0, reached=Reached.SESSION),
        ),
        error_count=2,
        statements=(Statement(ORDERS, 1, 1, waiting, 1), Statement(SAME, 12, 12, 4.8, 12)),
        repeated=((SAME, 12),),
    )  # fmt: skip


def refused(seconds: float, count: int = 14) -> Observation:
    """A startup whose connections were refused, one after the other, until it gave up."""
    each = seconds / (count + 1)
    made = [
        connection(n, each * n, each * n + 0.01, end=End.REFUSED, reached=Reached.TCP, trips=0)
        for n in range(1, count + 1)
    ]
    standing = Standing(
        Doing.BY_ITSELF, each, f"its {count}th connection was refused {each:.1f} s ago; it was "
        "waiting by itself", connection=count, ended=End.REFUSED, ended_ago_seconds=each,
    )  # fmt: skip
    waits = [(each * n, each * n + 0.01) for n in range(1, count + 1)]
    nothing: dict[str, Any] = {
        "statements": (), "repeated": (), "statement_count": 0, "executions": 0,
    }  # fmt: skip
    return observation(seconds, made, waits, standing, **nothing)


def startup(
    number: int, seconds: float, wire: Observation | None, *, status: str = "ready",
    output: Sequence[str] | None = None, **told: Any,
) -> dict[str, Any]:  # fmt: skip
    """An entry of a result's `startups`."""
    found: dict[str, Any] = {
        "number": number,
        "status": status,
        "seconds": seconds,
        "wire": None if wire is None else wire.to_json(),
        "output": None if output is None else list(output),
        **told,
    }
    copied: dict[str, Any] = json.loads(json.dumps(found))
    return copied


def launched(*found: dict[str, Any], name: str = "starts", limit: float = 24.0) -> dict[str, Any]:
    """The probe that launched startups."""
    ready = sum(one["status"] == "ready" for one in found)
    output = {
        "held": ready == len(found),
        "expected": f"at most 0% of {len(found)} startups fail or time out",
        "observed": f"{ready} of {len(found)} ready",
        "attempts": len(found),
        "failures": len(found) - ready,
        "max_failure_rate": 0.0,
        "startup_timeout_seconds": limit,
        "error": None,
        "startups": list(found),
    }
    return probe(name, met=ready == len(found), output=output)


def wired() -> dict[str, Any]:
    """A run of a service that prints no phases: under the fault some of its startups time out."""
    lines = [f"2026-01-01 00:00:0{n} INFO step {n} of the migration" for n in range(9)]
    failing = [
        startup(n, 24.0, timed_out(24.0, 10.2 + n / 10), status="timed_out",
                output=[*lines, f"TimeoutError: no answer after {20 + n} s"])
        for n in range(1, 4)
    ]  # fmt: skip
    gave_up = startup(4, 9.0, refused(9.0), status="failed", exit_code=1,
                      output=["cannot reach the database"])  # fmt: skip
    slow = [startup(n, 17.0 + n, ready_in(17.0 + n, 0.4)) for n in (5, 6)]
    good = [startup(n, 1.1 + n / 10, ready_in(1.1 + n / 10)) for n in range(1, 6)]
    fault = {
        "name": "toxic latency", "parameters": {"latency": 500},
        "effect": {"quantity": "added_latency_ms", "expected": 500, "observed": 501.5,
                   "in_effect": True},
        "undo": "done", "injected_seconds": 5.0, "undone_seconds": 40.0,
    }  # fmt: skip
    found = journal(
        before=state(asked(launched(*good), 1.0, 4.0)),
        after=state(asked(launched(*failing, gave_up, *slow), 6.0, 31.0)),
        recovery=state(asked(launched(*good[:2]), 41.0, 43.0)),
        faults=[fault],
    )
    found["start"], found["end"] = "2025-12-31T23:59:00+00:00", "2026-01-01T00:02:00+00:00"
    found["experiment"]["title"] = "A service that prints nothing, under latency"
    return found


def asked(run: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    """A probe with the seconds of the run in which it was asked."""
    return run | {"start": None, "end": None, "started_seconds": start, "ended_seconds": end}
