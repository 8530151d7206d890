"""Which round trips of a connection belong together: its login, and each use of it by one task.

A task that has begun a transaction keeps its connection until that ends. A pool such as asyncpg's
resets a connection when a task gives it back, so that everything between two resets is one task's.
Without either, nothing says how long a task keeps a connection, and each round trip stands alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.log import NO_STATEMENT

UNREAD_LOGIN_TURNS = 4  # TLS handshake, startup message, two messages of SCRAM

_BEGINS = re.compile(r"\s*(BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE)
_ENDS = re.compile(
    r"\s*(COMMIT|END|ABORT|PREPARE\s+TRANSACTION|ROLLBACK(?!\s+((WORK|TRANSACTION)\s+)?TO\b))\b",
    re.IGNORECASE,
)
_RESETS = re.compile(r"\b(RESET|DISCARD)\s+ALL\b", re.IGNORECASE)


class Mark(Enum):
    """What a statement says about the use of its connection."""

    NONE = 0
    BEGINS = 1  # a transaction
    ENDS = 2
    RESETS = 3  # the connection, as it is given back to its pool


@dataclass(frozen=True, slots=True)
class Hold:
    """Round trips of one connection that are one piece of work.

    Attributes:
        trips: as indices of the connection's, in order; of pipelined ones the first.
        login: whether it is the login, which begins when the connection is opened.
        marked: whether something says that they belong together; False: each stands alone.
    """

    trips: list[int]
    login: bool = False
    marked: bool = True


def marks_of(texts: Sequence[str]) -> list[Mark]:
    return [_mark(text) for text in texts]


def holds_of(connection: ConnectionAsOf, marks: Sequence[Mark]) -> Iterator[Hold]:
    """All answered round trips of a connection that do not overlap, in order.

    Params:
        marks: of the statements, as `marks_of` gives them.
    """
    trips = connection.round_trips
    login = _login_trips(connection)
    if login:
        yield Hold(trips[:login], login=True)
    if login == len(trips):
        return
    if not any(marks[number] is not Mark.NONE for number in _used(connection)):
        yield Hold(trips[login:], marked=False)
        return
    waited = iter([*trips[login:], len(connection.sent_at)])
    marked = [
        marks[number] if number != NO_STATEMENT else Mark.NONE for number in connection.statements
    ]
    resets = Mark.RESETS in marked
    held: list[int] = []
    together = resets
    trip = next(waited)
    for index in range(trip, len(marked)):
        mark = marked[index]
        if mark is Mark.BEGINS:
            together = True
        if index == trip:
            trip = next(waited)
            if together:
                held.append(index)
            else:
                yield Hold([index], marked=False)
        if mark is Mark.RESETS or (mark is Mark.ENDS and not resets):
            together = resets
            if held:
                yield Hold(held)
                held = []
    if held:
        yield Hold(held)


def _used(connection: ConnectionAsOf) -> set[int]:
    """Its statements."""
    return set(connection.statements) - {NO_STATEMENT}


def _login_trips(connection: ConnectionAsOf) -> int:
    """How many of its round trips are its login."""
    trips = connection.round_trips
    if connection.session_at is None and connection.unread_at is not None:
        turns = max(0, UNREAD_LOGIN_TURNS - connection.left_out)
        return min(connection.asked_before(connection.unread_at) + turns, len(trips))
    if connection.session_at is None:
        return len(trips)
    return connection.asked_before(connection.session_at)


def _mark(text: str) -> Mark:
    if _RESETS.search(text):
        return Mark.RESETS
    if _BEGINS.match(text):
        return Mark.BEGINS
    return Mark.ENDS if _ENDS.match(text) else Mark.NONE
