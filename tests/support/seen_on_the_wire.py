"""Observations of startups on the wire, small; and journals of services that print nothing."""

import json
from collections.abc import Sequence
from typing import Any

from chaosnetra.startup.outcome import EndedBy, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.summary import summarize
from chaosnetra.wire.observation import (
    Connection,
    Doing,
    Encryption,
    End,
    Observation,
    Reached,
    ServerError,
    Standing,
    Statement,
)
from tests.support.journals import probe, state
from tests.support.measured import fault, measured

ORDERS = "SELECT $1 FROM orders WHERE id = $2"


def connection(number: int = 1, **told: Any) -> Connection:
    """One that reached a session after two round trips, and was still open."""
    opened = told.get("opened_seconds", 0.3)
    made: dict[str, Any] = {
        "number": number, "opened_seconds": opened, "ended_seconds": None, "end": End.OPEN,
        "reached": Reached.SESSION, "session_seconds": opened + 0.01, "encryption": Encryption.NONE,
        "round_trips": 10, "setup_round_trips": 2, "waited_seconds": 0.01, "user": "app",
        "database": "app", "sqlstate": None, "sent_bytes": 1000, "received_bytes": 1000,
    }  # fmt: skip
    return Connection(**{**made, **told})


def broken(number: int, end: End, reached: Reached = Reached.TCP, **told: Any) -> Connection:
    """One that ended, mostly at once, and reached no session."""
    opened = told.get("opened_seconds", 0.3 * number)
    made = {
        "opened_seconds": opened, "ended_seconds": opened + 0.001, "session_seconds": None,
        "round_trips": 0,
    }  # fmt: skip
    return connection(
        number, **{"end": end, "reached": reached, "setup_round_trips": 0, **made, **told}
    )


def by_itself(ended: End | None = None, ago: float | None = None, **told: Any) -> Standing:
    text = "waiting or working by itself for 0.1 s, after the answer to the 3rd round trip"
    return Standing(
        Doing.BY_ITSELF, ago or 0.1, text, 1, ended=ended, ended_ago_seconds=ago, **told
    )


def waiting(seconds: float, trip: int, statement: str = ORDERS, number: int = 1) -> Standing:
    text = f"waiting {seconds:.1f} s for the answer to the {trip}th round trip, {statement}"
    return Standing(Doing.WAITING, seconds, text, number, trip, statement)


def logging_in(seconds: float, number: int = 1) -> Standing:
    text = f"waiting {seconds:.1f} s for the answer to its startup message"
    return Standing(Doing.LOGGING_IN, seconds, text, number, 1)


def observation(*connections: Connection, standing: Standing, **told: Any) -> Observation:
    """What was seen of one startup; its figures follow from the connections."""
    waits = told.get("waits", ())
    waited = sum(end - start for start, end in waits)
    seconds = told.get("seconds", 1.0)
    trips = sum(one.round_trips for one in connections)
    setup = sum(one.setup_round_trips for one in connections)
    made: dict[str, Any] = {
        "seconds": seconds, "connections": connections, "connection_count": len(connections),
        "most_at_once": min(1, len(connections)),
        "sessions": sum(one.session_seconds is not None for one in connections), "given_up": {},
        "refused": sum(one.end is End.REFUSED for one in connections), "round_trips": trips,
        "setup_round_trips": setup, "serial_round_trips": trips, "serial_setup_round_trips": setup,
        "waited_seconds": waited, "own_seconds": seconds - waited, "waits": waits, "statements": (),
        "statement_count": 0, "executions": 0, "repeated": (), "errors": (), "error_count": 0,
        "unread": 0, "complete": True, "standing": standing,
    }  # fmt: skip
    return Observation(**{**made, **told})


def error(sqlstate: str = "53300", **told: Any) -> ServerError:
    made: dict[str, Any] = {
        "sqlstate": sqlstate, "severity": "FATAL", "message": "sorry, too many clients already",
        "times": 1, "first_seconds": 0.4, "statement": None, "reached": Reached.STARTUP,
    }  # fmt: skip
    return ServerError(**{**made, **told})


def trips(count: int, each: float, begin: float = 0.3, own: float = 0.01) -> tuple[Any, ...]:
    """So many waits one after the other."""
    at = [begin + number * (each + own) for number in range(count)]
    return tuple((start, start + each) for start in at)


def ready(each: float = 0.0005, own: float = 0.5, rows: int = 33) -> Observation:
    """A startup with a SELECT for each of some rows; ready."""
    count = rows + 7
    between = own / (count + 1)
    waits = trips(count, each, begin=between, own=between)
    return observation(
        connection(
            encryption=Encryption.DECLINED,
            round_trips=count,
            setup_round_trips=3,
            opened_seconds=between,
            waited_seconds=count * each,
        ),
        standing=by_itself(),
        waits=waits,
        seconds=own + count * each,
        own_seconds=own,
        statements=(
            Statement(ORDERS, rows, rows, rows * each, rows),
            Statement("SELECT version()", 1, 1, each, 1),
        ),
        statement_count=2,
        executions=rows + 1,
        repeated=((ORDERS, rows),),
    )


def cut_short(limit: float = 5.0, each: float = 0.4, begin: float = 0.3) -> Observation:
    """One that ended itself so long after its first connection, under a latency."""
    count = int(limit / (each + 0.01))
    waits = trips(count, each, begin)
    at = begin + limit
    last = waits[-1][1] + 0.01
    return observation(
        connection(opened_seconds=begin, round_trips=count, setup_round_trips=3),
        standing=waiting(at - last, count + 1),
        waits=(*waits, (last, at)),
        seconds=at,
    )


def waited_for_a_lock(lock_seconds: float, statement: Statement | None) -> Observation:
    """As `cut_short`, with one answer in between that took as long as another's transaction."""
    before, after = trips(6, 0.15), trips(5, 0.15, begin=1.3 + lock_seconds)
    end = after[-1][1] + 0.05
    return observation(
        connection(opened_seconds=0.3, round_trips=12, setup_round_trips=3),
        standing=waiting(0.04, 13),
        waits=(*before, (1.28, 1.28 + lock_seconds), *after, (end - 0.04, end)),
        seconds=end,
        statements=(
            Statement(ORDERS, 8, 8, 1.2 + lock_seconds, 8),
            *([statement] if statement else []),
        ),
    )


def refused(times: int = 1, pause: float = 0.0) -> Observation:
    """One whose connections were all refused."""
    found = [
        broken(number, End.REFUSED, opened_seconds=0.3 + (number - 1) * pause)
        for number in range(1, times + 1)
    ]
    return observation(
        *found, standing=by_itself(End.REFUSED, 0.02), seconds=found[-1].opened_seconds + 0.02
    )


def reset() -> Observation:
    """One whose only connection was reset while it waited for its session."""
    return observation(
        broken(1, End.SERVER_RESET, Reached.STARTUP),
        standing=by_itself(End.SERVER_RESET, 0.02),
        seconds=0.4,
    )


def black_hole(limit: float = 5.0, begin: float = 0.3) -> Observation:
    """One that gave up its only connection, and ended 0.1 s later."""
    given_up = broken(
        1,
        End.CLIENT,
        Reached.STARTUP,
        opened_seconds=begin,
        ended_seconds=begin + limit,
        unanswered_seconds=limit,
    )
    return observation(
        given_up,
        standing=by_itself(End.CLIENT, 0.1),
        waits=((begin, begin + limit),),
        seconds=begin + limit + 0.1,
        given_up={"startup": 1},
    )


def no_slot(times: int = 1) -> Observation:
    """One to which the server gave no session."""
    found = [
        broken(number, End.SERVER, Reached.STARTUP, sqlstate="53300", round_trips=1)
        for number in range(1, times + 1)
    ]
    return observation(
        *found,
        standing=by_itself(End.SERVER, 0.02, sqlstate="53300"),
        errors=(error(times=times),),
        error_count=times,
        seconds=0.3 * times + 0.1,
    )


def incident(limit: float = 10.0) -> Observation:
    """One that tried tables one after the other, and gave up on an answer after 112 s."""
    waits = trips(28, 0.5, begin=1.0, own=3.1)
    last = waits[-1][1] + 0.1
    return observation(
        connection(opened_seconds=0.5, round_trips=28),
        standing=waiting(limit, 29),
        waits=(*waits, (last, last + limit)),
        seconds=last + limit,
    )


def json_of(seen: Observation) -> Any:
    """As a journal has it."""
    return json.loads(json.dumps(seen.to_json()))


def outcome(number: int, seen: Observation | None, **told: Any) -> StartupOutcome:
    """A startup that printed nothing; ready unless it is said otherwise."""
    status = told.get("status", Status.READY)
    made: dict[str, Any] = {
        "number": number,
        "status": status,
        "seconds": seen.seconds if seen else 1.0,
        "wire": seen,
    }
    if status is Status.FAILED:
        made["exit_code"] = 1
        made["error"] = StartupFailure("it ended with exit code 1 and printed nothing")
    if status is Status.READY:
        made["ended_by"] = EndedBy.LAUNCHER
    return StartupOutcome(**{**made, **told})


def failed(number: int, seen: Observation | None, **told: Any) -> StartupOutcome:
    return outcome(number, seen, **{"status": Status.FAILED, **told})


def checked(*outcomes: StartupOutcome, rate: float = 0.2, **told: Any) -> dict[str, Any]:
    """The answer of `startups_succeed`, as a journal has it."""
    output = json.loads(json.dumps({**summarize(outcomes, rate), **told}))
    return probe("startups-succeed", met=output["held"], output=output)


def latency(seconds: float) -> dict[str, Any]:
    return fault(
        "latency on database",
        {"kind": "toxic", "type": "latency"},
        quantity="added_latency_ms",
        expected=1000 * seconds,
        observed=1000 * seconds,
        added_round_trip_seconds=seconds,
    )


def black_holed() -> dict[str, Any]:
    return fault(
        "timeout on database",
        {"kind": "toxic", "type": "timeout"},
        quantity="first_answer",
        expected="silent",
        observed="silent",
    )


def run_of_a_silent_service(
    under: Sequence[StartupOutcome],
    fault_in_place: dict[str, Any],
    before: Sequence[StartupOutcome] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """A journal of a run of a service that prints nothing, at time scale 1."""
    baseline = before or [outcome(number, ready()) for number in range(1, 4)]
    data: dict[str, Any] = measured(
        before=state(checked(*baseline)),
        after=state(checked(*under)),
        faults=[fault_in_place],
        **{"time_scale": 1.0, "experiment_file": "latency.json", **facts},
    )
    return data
