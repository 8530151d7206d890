"""What a startup no longer waited for: it asked the server to cancel it.

A client that gives up on a statement mostly says so on a connection of its own, and whatever the
server still sends for the statement comes too late: the error that tells of the cancellation, and
on a busy machine the very answer, while the request is on its way.
"""

from collections.abc import Mapping, Sequence
from math import inf, nextafter

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.calls import waiting_call_since
from chaosnetra.wire.observation import SAME_MOMENT_SECONDS, Canceled, Reached


def canceled(connections: Sequence[ConnectionAsOf], texts: Sequence[str]) -> dict[int, Canceled]:
    """What each connection was to cancel that carried a request to, by its number.

    The wait is over when the connection for the request is opened: it may then take round trips
    of its own. What a request was for is not known in a session in TLS.

    Params:
        connections: in the order in which they were opened.
        texts: of statements.
    """
    asked = [one for one in connections if one.reached is Reached.CANCEL]
    if not asked:
        return {}
    # A process of the server may have the number of an earlier one.
    serving: dict[int, list[ConnectionAsOf]] = {}
    for one in connections:
        if one.log.backend is not None:
            serving.setdefault(one.log.backend, []).append(one)
    found = ((one, _canceled_by(one, serving, texts)) for one in asked)
    return {one.number: what for one, what in found if what is not None}


def _canceled_by(
    asked: ConnectionAsOf, serving: Mapping[int, Sequence[ConnectionAsOf]], texts: Sequence[str]
) -> Canceled | None:
    at = asked.log.opened_at
    served = [] if asked.log.cancels is None else serving.get(asked.log.cancels, [])
    of = next((one for one in reversed(served) if one.log.opened_at <= at), None)
    then = None if of is None else _waiting(of, at)
    if then is None or then.waiting_since is None:
        return None
    call = waiting_call_since(then)
    return Canceled(
        connection=then.number,
        waited_seconds=at - then.waiting_since,
        statement=texts[then.waiting_for] if 0 <= then.waiting_for < len(texts) else None,
        call_seconds=None if call is None else at - call,
    )


def _waiting(of: ConnectionAsOf, at: float) -> ConnectionAsOf | None:
    """A connection as it stood when it was given up; None: it had its answer, and some time ago."""
    then = ConnectionAsOf.of(of.number, of.log, at)
    if then.waiting_since is not None:
        return then
    if not then.answered_at or at - then.answered_at[-1] > SAME_MOMENT_SECONDS:
        return None
    return ConnectionAsOf.of(of.number, of.log, nextafter(then.answered_at[-1], -inf))
