"""Probes of the connector emulator."""

from chaosnetra.hints import argument
from chaosnetra.quantities import whole_number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.session import Session

__all__ = ["connector_has_room", "connector_state"]


@edge
def connector_state(session: Session) -> Result:
    """Read the connector's model, gauges and counters.

    Returns:
        `model`, `instances`, `slots`, `in_use`, `queued`, `under_pressure`,
        `scale_up_in_seconds` (None when none is on its way), `connections` (counters of its
        relay), `upstream`, `listen`, `seed`.
    """
    return session.connector.state()


@edge
def connector_has_room(session: Session, min_free_slots: int = 1) -> Result:
    """Tell whether a new connection would get a slot at once.

    Args:
        min_free_slots: free slots that there must be, at least 0.

    Returns:
        `held`, `expected`, `observed`, `free_slots`, `slots`, `queued`.
    """
    wanted = argument(whole_number, "min_free_slots", min_free_slots, minimum=0)
    state = session.connector.state()
    free = max(0, state["slots"] - state["in_use"])
    return {
        "held": free >= wanted and state["queued"] == 0,
        "expected": f"at least {wanted} free slots and nobody waiting",
        "observed": f"{free} of {state['slots']} slots free, {state['queued']} waiting",
        "free_slots": free,
        "slots": state["slots"],
        "queued": state["queued"],
    }
