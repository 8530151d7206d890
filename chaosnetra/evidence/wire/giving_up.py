"""Waits that a startup itself put an end to, from what was seen of it on the wire. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from chaosnetra.wire.observation import (
    MOST_WAITS,
    SAME_MOMENT_SECONDS,
    UNANSWERED,
    Connection,
    Doing,
    End,
    Observation,
    Reached,
)

# Where the next hop did not accept a connection, it was the client that closed it at last.
BY_CLIENT = (End.CLIENT, End.CLIENT_RESET, End.UNANSWERED)
# PostgreSQL's query_canceled.
CANCELED = "57014"
# Connections that are opened so long after each other were not meant to be used together.
IN_ITS_PLACE_SECONDS = 1.0
# What ends so shortly before somebody else ended the startup may have ended with it.
WITH_ITS_END_SECONDS = 0.5


@dataclass(frozen=True)
class GivenUp:
    """A wait that a startup put an end to.

    Attributes:
        seconds: how long it had waited.
        at_seconds: when it gave up.
        connection: that it waited on.
        statement: that it waited for; None: for none, or that is not known.
        canceled: it asked the server to cancel what it waited for.
        call_seconds: how long before it had begun to prepare the statement that it waited for;
            None: that took no round trip of its own.
    """

    seconds: float
    at_seconds: float
    connection: Connection
    statement: str | None = None
    canceled: bool = False
    call_seconds: float | None = None

    @property
    def connection_seconds(self) -> float:
        """How old the connection was."""
        return max(0.0, self.at_seconds - self.connection.opened_seconds)


def last_given_up(seen: Observation, *, ended_itself: bool) -> GivenUp | None:
    """The last wait that a startup gave up on; None: it gave up on none.

    What a server or a fault closed is no wait that was given up, nor is what still lasted when
    somebody else ended the startup.

    Args:
        seen: of the startup.
        ended_itself: whether its process ended by itself.
    """
    found = _given_up(seen)
    if ended_itself:
        found += _at_its_end(seen)
    else:
        until = seen.seconds - WITH_ITS_END_SECONDS
        found = [one for one in found if one.at_seconds < until]
    if not found:
        return None
    latest = max(one.at_seconds - one.seconds for one in found)
    # Who cancels a statement often closes the connection some time later: the same wait.
    same = [one for one in found if latest - (one.at_seconds - one.seconds) <= SAME_MOMENT_SECONDS]
    return min(same, key=lambda one: (one.seconds, one.connection.number))


def left_open_apart(seen: Observation) -> list[float]:
    """Of connections that never became sessions and nobody closed, how long after each other they
    were opened, where each was opened in place of the one before; empty: there are none such.

    psycopg 3 leaves a connection open that it gave up after `connect_timeout`, until what is left
    of it is collected.
    """
    opened = [one.opened_seconds for one in unfinished(seen)]
    apart = [later - earlier for earlier, later in pairwise(opened)]
    return apart if apart and min(apart) >= IN_ITS_PLACE_SECONDS else []


def unfinished(seen: Observation) -> list[Connection]:
    """Connections that never became sessions, and that nobody closed."""
    return [
        one
        for one in seen.connections
        if one.end is End.OPEN
        and one.session_seconds is None
        and one.reached not in (Reached.CANCEL, Reached.UNREAD)
    ]


def longest_answered(seen: Observation, given_up: GivenUp) -> float:
    """The longest wait of a startup that was answered, of the kind that it gave up on; 0: none.

    What it gave up on earlier was not answered in time, whatever came of it afterwards. A login
    and a session have limits of their own: of one that gave up in a session only waits in it
    count, else those of the login. Where there were too many to keep each, they are taken for
    equally long.
    """
    if len(seen.waits) >= MOST_WAITS:
        return max(0.0, seen.waited_seconds - given_up.seconds) / max(1, seen.serial_round_trips)
    on = given_up.connection
    begun = on.opened_seconds if on.session_seconds is None else on.session_seconds
    in_vain = [(one.at_seconds - one.seconds, one.at_seconds) for one in _given_up(seen)]
    return max(
        (
            end - start
            for start, end in seen.waits
            if start >= begun - SAME_MOMENT_SECONDS
            and given_up.at_seconds - end > SAME_MOMENT_SECONDS
            and not any(
                abs(since - start) <= SAME_MOMENT_SECONDS and until <= end + SAME_MOMENT_SECONDS
                for since, until in in_vain
            )
        ),
        default=0.0,
    )


def longest_call(seen: Observation) -> float:
    """The longest that a startup took to prepare and execute a statement; 0: none is known."""
    calls = (one.longest_call_seconds or 0.0 for one in seen.connections)
    return max(calls, default=0.0)


def _given_up(seen: Observation) -> list[GivenUp]:
    """All waits that it put an end to before its own."""
    return [*_closed(seen), *_canceled(seen)]


def _closed(seen: Observation) -> Iterator[GivenUp]:
    for one in seen.connections:
        if one.end not in BY_CLIENT or one.ended_seconds is None:
            continue
        waited = one.unanswered_seconds or 0.0
        if one.end is End.UNANSWERED:
            waited = one.ended_seconds - one.opened_seconds
        # What is closed as soon as it was opened, with the process, waited for nothing.
        if waited > SAME_MOMENT_SECONDS:
            what = one.unanswered_statement
            yield GivenUp(waited, one.ended_seconds, one, what, call_seconds=one.call_seconds)


def _canceled(seen: Observation) -> Iterator[GivenUp]:
    """Statements that it asked to cancel, on a connection of its own each."""
    statement = next((error.statement for error in seen.errors if error.sqlstate == CANCELED), None)
    for asked in seen.connections:
        if asked.reached is not Reached.CANCEL:
            continue
        at, told = asked.opened_seconds, asked.canceled
        if told is not None:
            what = told.statement or statement
            for on in seen.connections:
                if on.number == told.connection:
                    yield GivenUp(told.waited_seconds, at, on, what, True, told.call_seconds)
            continue
        waiting = [start for start, end in seen.waits if start < at <= end + SAME_MOMENT_SECONDS]
        others = [
            one
            for one in seen.connections
            if one.session_seconds is not None
            and one.opened_seconds < at
            and (one.ended_seconds is None or at <= one.ended_seconds + SAME_MOMENT_SECONDS)
        ]
        if waiting and others:
            # Of a pool, what was canceled was on one that had been asked something.
            asked_before = [one for one in others if one.round_trips > one.setup_round_trips]
            on = (asked_before or others)[-1]
            what = on.unanswered_statement or statement
            until = seen.seconds if on.ended_seconds is None else on.ended_seconds
            call = None if on.call_seconds is None else at - (until - on.call_seconds)
            yield GivenUp(at - waiting[-1], at, on, what, canceled=True, call_seconds=call)


def _at_its_end(seen: Observation) -> Iterator[GivenUp]:
    standing = seen.standing
    if standing.doing not in UNANSWERED:
        return
    numbered = [one for one in seen.connections if one.number == standing.connection]
    for one in numbered or seen.connections[-1:]:
        what = standing.statement if standing.doing is Doing.WAITING else None
        yield GivenUp(standing.seconds, seen.seconds, one, what, call_seconds=one.call_seconds)
