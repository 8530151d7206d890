"""Statements that a client first prepares and then executes, each with a round trip of its own.

asyncpg and pgx do so with a statement that they have not met: to their caller it is one call, and
a timeout of the caller's bounds both round trips together.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.log import NO_STATEMENT
from chaosnetra.wire.observation import SAME_MOMENT_SECONDS


def waiting_call_since(connection: ConnectionAsOf) -> float | None:
    """When the statement was prepared whose execution is waited for; None: for none such."""
    last = len(connection.answered_at) - 1
    if connection.waiting_since is None or last < 0 or not _only_prepared(connection, last):
        return None
    is_same = connection.statements[last] == connection.waiting_for
    return connection.sent_at[last] if is_same else None


def longest_call(connection: ConnectionAsOf, canceled_at: Sequence[float] = ()) -> float | None:
    """The longest that a statement took to be prepared and executed; None: none was.

    Params:
        canceled_at: when it was asked to cancel what it waited for: that is no answer to it.
    """
    return max(_calls(connection, canceled_at), default=None)


def _calls(connection: ConnectionAsOf, canceled_at: Sequence[float]) -> Iterator[float]:
    sent, answered, statements = connection.sent_at, connection.answered_at, connection.statements
    for trip in range(len(answered) - 1):
        if any(sent[trip] < at <= answered[trip + 1] + SAME_MOMENT_SECONDS for at in canceled_at):
            continue
        if statements[trip] == statements[trip + 1] and _only_prepared(connection, trip):
            yield answered[trip + 1] - sent[trip]


def _only_prepared(connection: ConnectionAsOf, trip: int) -> bool:
    """Whether a round trip was for a statement that was not executed in it."""
    if connection.statements[trip] == NO_STATEMENT:
        return False
    executed = connection.log.executed_at
    first = bisect_left(executed, connection.sent_at[trip])
    return first == len(executed) or executed[first] >= connection.answered_at[trip]
