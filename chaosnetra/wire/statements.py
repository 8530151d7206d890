"""What was executed, and what was executed many times in a row."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.log import NO_STATEMENT
from chaosnetra.wire.observation import LONGEST_TEXT, Statement
from chaosnetra.wire.repeats import repeats


@dataclass(slots=True)
class _Tally:
    times: int = 0
    round_trips: int = 0
    waited_seconds: float = 0.0
    most_in_a_row: int = 0


@dataclass(frozen=True)
class StatementTable:
    """All statements, most executed first.

    Attributes:
        statements: each with what it cost.
        executions: of all.
        repeated: what was executed five times or more in a row, each time with a wait of its own,
            most often first: a text, or the texts of a repeated block joined by "; ".
    """

    statements: list[Statement]
    executions: int
    repeated: list[tuple[str, int]]


def statement_table(
    connections: Sequence[ConnectionAsOf], texts: Sequence[str], at: float
) -> StatementTable:
    """What connections executed up to a moment.

    A statement's waits include the one that was not answered; its round trips do not.
    """
    tallies: dict[int, _Tally] = {}
    repeated: dict[str, int] = {}
    for connection in connections:
        executed = connection.log.executed[: bisect_right(connection.log.executed_at, at)]
        for number, run in groupby(executed):
            count = sum(1 for _ in run)
            tally = tallies.setdefault(number, _Tally())
            tally.times += count
            tally.most_in_a_row = max(tally.most_in_a_row, count)
        _add_waits(connection, tallies)
        for block, times in repeats(_waited_for(connection, executed)):
            text = "; ".join(_from_its_beginning([_text(texts, number) for number in block]))
            repeated[text] = max(repeated.get(text, 0), times)
    executions = sum(tally.times for tally in tallies.values())
    tallies.pop(NO_STATEMENT, None)
    statements = [
        Statement(
            text=_text(texts, number),
            times=tally.times,
            round_trips=tally.round_trips,
            waited_seconds=tally.waited_seconds,
            most_in_a_row=tally.most_in_a_row,
        )
        for number, tally in tallies.items()
    ]
    statements.sort(key=lambda one: (-one.times, -one.waited_seconds, one.text))
    return StatementTable(
        statements=statements,
        executions=executions,
        repeated=sorted(
            ((text[:LONGEST_TEXT], times) for text, times in repeated.items()),
            key=lambda one: (-one[1], one[0]),
        ),
    )


def _add_waits(connection: ConnectionAsOf, tallies: dict[int, _Tally]) -> None:
    for number, sent, answered in zip(
        connection.statements, connection.sent_at, connection.answered_at, strict=True
    ):
        tally = tallies.get(number)
        if tally is None:
            tally = tallies[number] = _Tally()
        tally.round_trips += 1
        tally.waited_seconds += answered - sent
    if connection.waiting_since is not None:
        waited = connection.waiting_until - connection.waiting_since
        tallies.setdefault(connection.waiting_for, _Tally()).waited_seconds += waited


def _waited_for(connection: ConnectionAsOf, executed: Sequence[int]) -> list[int]:
    """The statements that were executed, in order; of executions of the same statement in a row
    that one wait served, such as a pipelined batch, only one."""
    ends = [connection.answered_at[index] for index in connection.round_trips]
    waited_for: list[int] = []
    wait = last_wait = last = -1
    for at, number in zip(connection.log.executed_at, executed, strict=False):
        wait = bisect_left(ends, at, max(wait, 0))
        if wait != last_wait or number != last:
            waited_for.append(number)
            last_wait, last = wait, number
    return waited_for


def _from_its_beginning(block: list[str]) -> list[str]:
    """A repeated block, turned so that it starts with its transaction, where it has one."""
    for index, text in enumerate(block):
        if text.upper().startswith(("BEGIN", "START TRANSACTION")):
            return block[index:] + block[:index]
    return block


def _text(texts: Sequence[str], number: int) -> str:
    return texts[number] if 0 <= number < len(texts) else "(unknown)"
