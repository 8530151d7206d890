"""The observation of one startup, made from what was written down of its traffic."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chaosnetra.wire import observation
from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.calls import longest_call, waiting_call_since
from chaosnetra.wire.canceling import canceled
from chaosnetra.wire.errors import error_table
from chaosnetra.wire.intervals import bounded, clipped, length, union
from chaosnetra.wire.log import StartupLog
from chaosnetra.wire.observation import Connection, End, Observation, Reached
from chaosnetra.wire.serial import longest_chain
from chaosnetra.wire.standing import standing
from chaosnetra.wire.statements import statement_table

Spans = Mapping[str, tuple[float, float | None]]


def observe(
    log: StartupLog, began_at: float, until_at: float, phases: Spans | None = None
) -> Observation:
    """What a startup did from its beginning up to a moment; what happened later did not happen.

    A round trip that was answered later is still waited for, and counted nowhere yet. Bytes are
    those of the whole connection.

    Params:
        log: complete up to that moment, or further.
        began_at: when its process was started, by the monotonic clock.
        until_at: when it was ready, had ended, or was decided upon.
        phases: of each phase its beginning and its end, in seconds from `began_at`; None: it had
            not ended.
    """
    until_at = max(began_at, until_at)
    # An earlier process may have had the address: one whose port somebody took, and is tried again.
    its_own = [one for one in log.connections if one.opened_at >= began_at]
    connections = [
        ConnectionAsOf.of(number, one, until_at)
        for number, one in enumerate(its_own, start=1)
        if one.opened_at <= until_at
    ]
    # Those may have been opened by then that were still in the queue.
    queued = any(
        one.queued_since is not None and one.queued_since <= until_at < one.opened_at
        for one in its_own
    )
    unseen = log.opened - len(log.connections) if len(connections) == len(log.connections) else 0
    asked = canceled(connections, log.texts)
    canceled_at: dict[int, list[float]] = {}
    for number, what in asked.items():
        canceled_at.setdefault(what.connection, []).append(connections[number - 1].log.opened_at)
    described = [
        replace(
            _connection(one, canceled_at.get(one.number, ()), log.texts, began_at),
            canceled=asked.get(one.number),
        )
        for one in connections
    ]
    round_trips = sum(one.round_trips for one in described)
    chain = longest_chain(connections, log.texts)
    waits = union(
        clipped(
            (wait for one in connections for wait in (one.dialing(), *one.waited)),
            began_at,
            until_at,
        )
    )
    waited_seconds = length(waits)
    seconds = until_at - began_at
    table = statement_table(connections, log.texts, until_at)
    errors, error_count = error_table(connections, log.texts, began_at)
    return Observation(
        seconds=seconds,
        connections=tuple(described[: observation.MOST_CONNECTIONS]),
        connection_count=len(connections) + max(0, unseen),
        most_at_once=_most_at_once(connections),
        sessions=sum(1 for one in connections if one.has_session),
        given_up=_given_up(
            as_of for as_of, one in zip(connections, described, strict=True) if not one.was_declined
        ),
        refused=sum(1 for one in connections if one.end is End.REFUSED),
        round_trips=round_trips,
        setup_round_trips=sum(one.setup_round_trips for one in described),
        serial_round_trips=chain.round_trips,
        serial_setup_round_trips=chain.set_up,
        waited_seconds=waited_seconds,
        own_seconds=max(0.0, seconds - waited_seconds),
        waits=tuple(
            (start - began_at, end - began_at)
            for start, end in bounded(waits, observation.MOST_WAITS)
        ),
        statements=tuple(table.statements[: observation.MOST_STATEMENTS]),
        statement_count=len(table.statements),
        executions=table.executions,
        repeated=tuple(table.repeated[: observation.MOST_REPEATED]),
        errors=tuple(errors[: observation.MOST_ERRORS]),
        error_count=error_count,
        unread=sum(1 for one in connections if one.unread_at is not None),
        complete=log.complete and not queued,
        standing=standing(connections, log.texts, round_trips, began_at, until_at),
        serial_is_exact=chain.is_exact,
        phase_round_trips={
            phase: longest_chain(
                [
                    one.answered_in(began_at + start, until_at if end is None else began_at + end)
                    for one in connections
                ],
                log.texts,
            ).round_trips
            for phase, (start, end) in (phases or {}).items()
        },
    )


def _connection(
    connection: ConnectionAsOf,
    canceled_at: Sequence[float],
    texts: Sequence[str],
    began_at: float,
) -> Connection:
    log = connection.log
    unanswered = None
    if connection.ended_at is not None and connection.waiting_since is not None:
        unanswered = max(0.0, connection.ended_at - connection.waiting_since)
    waiting_for, call_since = connection.waiting_for, waiting_call_since(connection)
    return Connection(
        number=connection.number,
        opened_seconds=max(0.0, log.opened_at - began_at),
        ended_seconds=_seconds(connection.ended_at, began_at),
        end=connection.end,
        reached=connection.reached,
        session_seconds=_seconds(connection.session_at, began_at),
        encryption=log.encryption,
        round_trips=len(connection.round_trips),
        setup_round_trips=connection.asked_before(connection.set_up_until),
        waited_seconds=length(connection.waited),
        user=log.user,
        database=log.database,
        sqlstate=connection.sqlstate_of_end(),
        sent_bytes=log.sent_bytes,
        received_bytes=log.received_bytes,
        unanswered_seconds=unanswered,
        unanswered_statement=texts[waiting_for]
        if unanswered is not None and 0 <= waiting_for < len(texts)
        else None,
        call_seconds=None if call_since is None else connection.waiting_until - call_since,
        answer_bytes=0 if connection.unread_at else log.received_bytes - log.received_before,
        silent_seconds=None
        if log.received_at is None
        else max(0.0, connection.waiting_until - log.received_at),
        longest_call_seconds=longest_call(connection, canceled_at),
    )


def _seconds(at: float | None, began_at: float) -> float | None:
    return None if at is None else max(0.0, at - began_at)


def _given_up(connections: Iterable[ConnectionAsOf]) -> dict[str, int]:
    """Connections that ended without a session, whoever ended them, by how far they had come. One
    that the next hop refused is counted there; one that cancels needs no session. One that is
    opened and closed, such as a check of the port, counts as `tcp`."""
    ended: Counter[Reached] = Counter(
        one.reached
        for one in connections
        if not one.is_open
        and not one.has_session
        and one.end is not End.REFUSED
        and one.reached is not Reached.CANCEL
    )
    return {reached.value: ended[reached] for reached in Reached if ended[reached]}


def _most_at_once(connections: Sequence[ConnectionAsOf]) -> int:
    """One that is opened at the very moment at which another ends takes its place."""
    changes = [(one.log.opened_at, 1) for one in connections]
    changes.extend((one.ended_at, -1) for one in connections if one.ended_at is not None)
    changes.sort()
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most
