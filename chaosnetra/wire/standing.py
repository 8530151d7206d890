"""How a startup stands at a moment: what it waits for, or since when it asks nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chaosnetra.text import cut, one_line, ordinal, tenths_text
from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.log import NO_STATEMENT
from chaosnetra.wire.observation import Doing, End, Reached, Standing

LONGEST_STATEMENT = 100
JUST_SECONDS = 0.05

_ANSWER_TO = {
    Reached.TCP: "to its first message",
    Reached.TLS: "to its request for encryption",
    Reached.STARTUP: "to its startup message",
    Reached.AUTHENTICATION: "of its authentication",
}


@dataclass(frozen=True)
class _Wait:
    since: float
    connection: ConnectionAsOf
    doing: Doing


def standing(
    connections: Sequence[ConnectionAsOf],
    texts: Sequence[str],
    round_trips: int,
    began_at: float,
    at: float,
) -> Standing:
    """How a startup stands, from its connections at that moment.

    Where it waits on several connections, the longest wait counts.

    Params:
        texts: of statements.
        round_trips: that were answered.
        began_at: when its process was started.
    """
    if not connections:
        return Standing(Doing.NOTHING_OPENED, at - began_at, "no connection was opened")
    waits = [wait for connection in connections if (wait := _wait(connection)) is not None]
    if waits:
        longest = min(waits, key=lambda wait: wait.since)
        return _waiting(longest, texts, round_trips, at, several=len(connections) > 1)
    return _by_itself(connections, texts, round_trips, at)


def _wait(connection: ConnectionAsOf) -> _Wait | None:
    if not connection.is_open or connection.reached is Reached.CANCEL:
        return None
    if connection.dialed_at is None:
        return _Wait(connection.log.opened_at, connection, Doing.CONNECTING)
    if connection.waiting_since is None:
        return None
    in_session = connection.reached in (Reached.SESSION, Reached.UNREAD)
    doing = Doing.WAITING if in_session else Doing.LOGGING_IN
    return _Wait(connection.waiting_since, connection, doing)


def _waiting(
    wait: _Wait, texts: Sequence[str], round_trips: int, at: float, *, several: bool
) -> Standing:
    connection = wait.connection
    seconds = at - wait.since
    statement = _statement(texts, connection.waiting_for)
    number = ordinal(connection.number)
    if wait.doing is Doing.CONNECTING:
        text = f"waiting {tenths_text(seconds)} for its {number} connection to be accepted"
        return Standing(wait.doing, seconds, text, connection=connection.number)
    if wait.doing is Doing.LOGGING_IN:
        text = f"waiting {tenths_text(seconds)} for the answer {_ANSWER_TO[connection.reached]}"
        text += f", on its {number} connection"
    else:
        trip = ordinal(round_trips + 1)
        text = f"waiting {tenths_text(seconds)} for the answer to the {trip} round trip"
        if statement is not None:
            text += f", {_shortened(statement)}"
        elif connection.reached is Reached.UNREAD:
            text += f", on its {number} connection, which cannot be read"
        elif several:
            text += f", on its {number} connection"
    return Standing(
        wait.doing,
        seconds,
        text,
        connection=connection.number,
        round_trip=round_trips + 1,
        statement=statement,
    )


def _by_itself(
    connections: Sequence[ConnectionAsOf], texts: Sequence[str], round_trips: int, at: float
) -> Standing:
    """Nothing is waited for: what was last, on the connection opened last if that has ended, else
    on the one on which something happened last. A request to cancel counts while nothing followed.
    """
    last = max(connections, key=_last_moment)
    if last.reached is not Reached.CANCEL:
        connections = [one for one in connections if one.reached is not Reached.CANCEL]
    seconds = at - _last_moment(last)
    if not connections[-1].is_open:
        last = connections[-1]
    answered = max(
        (connection for connection in connections if connection.answered_at),
        key=lambda connection: connection.answered_at[-1],
        default=None,
    )
    statement = None if answered is None else _statement(texts, answered.statements[-1])
    ended_ago = None if last.ended_at is None else at - last.ended_at
    if ended_ago is not None:
        text = f"{_ended(last, ended_ago)}, and it was waiting or working by itself"
    elif answered is None:
        text = (
            f"waiting or working by itself for {tenths_text(seconds)}, after it opened its "
            f"{ordinal(last.number)} connection and asked nothing"
        )
    else:
        text = (
            f"waiting or working by itself for {tenths_text(seconds)}, after the answer to the "
            f"{ordinal(round_trips)} round trip"
        )
        if statement is not None:
            text += f", {_shortened(statement)}"
    return Standing(
        Doing.BY_ITSELF,
        seconds,
        text,
        connection=last.number,
        statement=statement,
        ended=None if ended_ago is None else last.end,
        ended_ago_seconds=ended_ago,
        sqlstate=last.sqlstate_of_end(),
    )


def _last_moment(connection: ConnectionAsOf) -> float:
    """When something happened on it last."""
    moments = [connection.log.opened_at]
    if connection.answered_at:
        moments.append(connection.answered_at[-1])
    if connection.ended_at is not None:
        moments.append(connection.ended_at)
    return max(moments)


def _ended(connection: ConnectionAsOf, ago_seconds: float) -> str:
    which = f"{ordinal(connection.number)} connection"
    ago = "just before" if ago_seconds < JUST_SECONDS else f"{ago_seconds:.1f} s before"
    if connection.reached is Reached.CANCEL:  # the server closes it without a word
        return f"it had asked the server to cancel a statement, which was done {ago}"
    sqlstate = connection.sqlstate_of_end()
    told = "" if sqlstate is None else f" with SQLSTATE {sqlstate}"
    return {
        End.CLIENT: f"it had closed its {which}{told and f', which failed{told},'} {ago}",
        End.CLIENT_RESET: f"it had reset its {which} {ago}",
        End.SERVER: f"its {which} was closed by the server{told} {ago}",
        End.SERVER_RESET: f"its {which} was reset by the server{told} {ago}",
        End.REFUSED: f"its {which} was refused {ago}",
        End.UNANSWERED: f"its {which} was given up unanswered {ago}",
        End.OPEN: f"its {which} was open",
    }[connection.end]


def _statement(texts: Sequence[str], number: int) -> str | None:
    return texts[number] if number != NO_STATEMENT and number < len(texts) else None


def _shortened(statement: str) -> str:
    """On one line; of a long query the columns are left out first, as the table says more."""
    line = " ".join(one_line(statement).split())
    if len(line) > LONGEST_STATEMENT:
        line = re.sub(r"^(SELECT) .*? (FROM )", r"\1 … \2", line, count=1, flags=re.IGNORECASE)
    return cut(line, LONGEST_STATEMENT)
