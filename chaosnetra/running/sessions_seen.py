"""What became of the sessions of a startup, from what was seen of it on the wire. Pure."""

from collections.abc import Iterable

from chaosnetra.wire.observation import Connection, Encryption, End, Observation, Reached

# A question that cannot be read, and that nobody waits for, is the last one: it ends the session.
GOODBYE_SECONDS = 0.05
# Ends of a connection that its startup has not chosen.
_LOST = (End.SERVER, End.SERVER_RESET, End.REFUSED, End.UNANSWERED)


def is_session(one: Connection) -> bool:
    is_unknown = one.reached is Reached.UNREAD and one.encryption is not Encryption.TLS
    return one.session_seconds is not None or one.reached is Reached.SESSION or is_unknown


def has_failed(one: Connection) -> bool:
    """Whether a connection ended otherwise than its startup wanted, as far as can be read."""
    if one.end is End.OPEN or one.reached is Reached.CANCEL:  # the server always closes these
        return False
    return has_broken_off(one) or one.reached is Reached.UNREAD


def has_broken_off(one: Connection) -> bool:
    """Whether a session did not end as its startup wanted, as far as can be read."""
    waited = one.unanswered_seconds
    if one.reached is Reached.UNREAD and waited is not None and waited <= GOODBYE_SECONDS:
        waited = None
    return one.sqlstate is not None or waited is not None or one.end in _LOST


def asked_to_the_end(wire: Observation) -> int:
    """Round trips in sessions that did not break off."""
    return sum(
        one.round_trips for one in wire.connections if is_session(one) and not has_broken_off(one)
    )


def open_sessions(wire: Observation) -> int:
    return sum(one.end is End.OPEN and is_session(one) for one in wire.connections)


def fewest_open(ready: Iterable[Observation]) -> int | None:
    found = list(ready)
    if not found or any(len(wire.connections) < wire.connection_count for wire in found):
        return None
    return min(map(open_sessions, found))


def was_lost(one: Connection) -> bool:
    """Whether a connection ended, or never became a session, otherwise than its startup wanted."""
    if one.reached is Reached.CANCEL or one.was_declined:
        return False
    return has_failed(one) or (not is_session(one) and one.end is End.OPEN)


def has_open_session(wire: Observation) -> bool:
    """Whether it has one, as far as is known: of many, their list is cut or left out."""
    if len(wire.connections) < wire.connection_count:
        return wire.sessions > 0
    return open_sessions(wire) > 0


def is_welcome(wire: Observation) -> bool:
    """Whether the server dealt with it: more than an error, or that it has no encryption."""
    return wire.sessions > 0 or any(
        one.reached is Reached.AUTHENTICATION and one.sqlstate is None for one in wire.connections
    )


def refused_with(wire: Observation) -> str | None:
    """The SQLSTATE that a login of it was refused with, where it reached no session."""
    if wire.sessions:
        return None
    return next((one.sqlstate for one in wire.connections if one.sqlstate is not None), None)
