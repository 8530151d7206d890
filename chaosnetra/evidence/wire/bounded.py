"""What of a startup a limit of its own bounds, from one that was ready. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from chaosnetra.wire.observation import MOST_WAITS, Connection, Observation

# One to prepare a statement, and one to execute it.
ROUND_TRIPS_OF_CALL = 2


class Scope(StrEnum):
    """What a limit bounds."""

    LOGIN = "login"  # a connection until its session is there
    ANSWER = "answer"  # one answer in a session
    CALL = "call"  # to prepare a statement and to execute it
    CONNECTION = "connection"  # all that is asked on one connection
    FROM_FIRST_CONNECTION = "from_first_connection"  # until the last answer
    FROM_START = "from_start"  # likewise, from the start of the process


@dataclass(frozen=True)
class Work:
    """What a startup did inside a limit.

    Attributes:
        seconds: that it took, waits for answers included.
        round_trips: one after the other.
    """

    seconds: float
    round_trips: int


def work_inside(scope: Scope, seen: Observation) -> Work | None:
    """What a limit bounds of a startup that was ready; None: nothing, or it is not known.

    Of several connections or answers it is what takes longest under a latency.
    """
    if not seen.waits or not seen.connections:
        return None
    return _INSIDE[scope](seen)


def _login(seen: Observation) -> Work | None:
    found = [
        Work(one.session_seconds - one.opened_seconds, one.setup_round_trips)
        for one in seen.connections
        if one.session_seconds is not None
    ]
    return max(found, key=lambda work: (work.round_trips, work.seconds), default=None)


def _answer(seen: Observation) -> Work | None:
    sessions = [one.session_seconds for one in seen.connections if one.session_seconds is not None]
    if not sessions:
        return None
    if len(seen.waits) >= MOST_WAITS:  # they are merged
        return Work(seen.waited_seconds / max(1, seen.serial_round_trips), 1)
    found = [end - start for start, end in seen.waits if start >= min(sessions)]
    return Work(max(found), 1) if found else None


def _call(seen: Observation) -> Work | None:
    found = [one.longest_call_seconds for one in seen.connections]
    calls = [seconds for seconds in found if seconds is not None]
    return Work(max(calls), ROUND_TRIPS_OF_CALL) if calls else None


def _connection(seen: Observation) -> Work | None:
    # One that tries again may have to ask less than in an attempt that it gave up.
    whole = [one for one in seen.connections if one.unanswered_seconds is None]
    if not whole:
        return None
    one = max(whole, key=lambda one: one.round_trips)
    return Work(max(0.0, _last_answer(seen, one) - one.opened_seconds), one.round_trips)


def _last_answer(seen: Observation, on: Connection) -> float:
    """When the last answer on a connection had come, at the latest."""
    until = seen.seconds if on.ended_seconds is None else on.ended_seconds
    return max((end for _, end in seen.waits if end <= until), default=until)


def _from(seconds: float, seen: Observation) -> Work:
    return Work(max(0.0, seen.waits[-1][1] - seconds), seen.serial_round_trips)


_INSIDE: Mapping[Scope, Callable[[Observation], Work | None]] = {
    Scope.LOGIN: _login,
    Scope.ANSWER: _answer,
    Scope.CALL: _call,
    Scope.CONNECTION: _connection,
    Scope.FROM_FIRST_CONNECTION: lambda seen: _from(seen.connections[0].opened_seconds, seen),
    Scope.FROM_START: lambda seen: _from(0.0, seen),
}
