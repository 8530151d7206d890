"""Which connections of a startup were attempts at a session. Pure."""

from chaosnetra.evidence.wire.giving_up import BY_CLIENT
from chaosnetra.wire.observation import SAME_MOMENT_SECONDS, Connection, Observation, Reached


def attempts(seen: Observation) -> int:
    """Connections that were to become sessions; of very many also those that need none."""
    if not seen.connections:
        return seen.connection_count
    others = sum(not _is_attempt(one) for one in seen.connections)
    return seen.connection_count - others


def _is_attempt(one: Connection) -> bool:
    """Whether it was to become a session: who is to cancel may end before it says so."""
    if one.was_declined:
        return False
    if one.reached is Reached.TCP and one.end in BY_CLIENT and one.ended_seconds is not None:
        return one.ended_seconds - one.opened_seconds > SAME_MOMENT_SECONDS
    return one.reached is not Reached.CANCEL


def without_need(seen: Observation) -> int:
    """Connections that have no session, and need none: those that were only to cancel a statement,
    and those that were closed when the server declined encryption."""
    return sum(not needs_session(one) for one in seen.connections)


def needs_session(one: Connection) -> bool:
    """Whether it is none of those."""
    return one.reached is not Reached.CANCEL and not one.was_declined
