"""Probes of the connector emulator."""

from chaoslib.types import Configuration, Secrets

from chaosnetra.quantities import whole_number
from chaosnetra.running.activity import Result, activity, edge
from chaosnetra.settings import setting_hint

__all__ = ["connector_has_room", "connector_state"]


@edge
def connector_state(configuration: Configuration = None, secrets: Secrets = None) -> Result:
    """Read the connector's model, gauges and counters.

    Args:
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `model`, `instances`, `slots`, `in_use`, `queued`, `under_pressure`,
        `scale_up_in_seconds` (None when none is on its way), `connections` (counters of its
        relay), `upstream`, `listen`, `seed`.
    """
    with activity(configuration) as session:
        return session.connector.state()


@edge
def connector_has_room(
    min_free_slots: int = 1, configuration: Configuration = None, secrets: Secrets = None
) -> Result:
    """Tell whether a new connection would get a slot at once.

    Args:
        min_free_slots: free slots that there must be, at least 0.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`, `free_slots`, `slots`, `queued`.
    """
    with activity(configuration) as session:
        wanted = whole_number(
            "min_free_slots", min_free_slots, minimum=0, setting=setting_hint("min_free_slots")
        )
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
