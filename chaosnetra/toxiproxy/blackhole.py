"""What stops all data must hold back the server's end of a connection too.

A server ends a connection by itself after a while (PostgreSQL after `authentication_timeout`,
60 s), and a toxic that drops or holds data lets that end through: Toxiproxy closes the client's
side at once. A `slow_close` toxic before it, of one hour, holds it back.
"""

from chaosnetra.faults import Effect
from chaosnetra.toxiproxy.toxics import HOUR_MS, Toxic


def stops_data(toxic: Toxic) -> bool:
    """Whether it lets nothing pass, without end: a timeout of 0, or a rate of 0."""
    return (toxic.type == "timeout" and toxic.attributes["timeout"] == 0) or (
        toxic.type == "bandwidth" and toxic.attributes["rate"] == 0
    )


def close_holder(toxic: Toxic) -> Toxic | None:
    """The toxic that is to hold back the server's end; None where none is wanted.

    On a share of the connections none can: each toxic draws its own share.
    """
    if not stops_data(toxic) or toxic.toxicity < 1:
        return None
    attributes = {"delay": HOUR_MS}
    return Toxic(close_holder_name(toxic), "slow_close", "downstream", 1.0, attributes)


def close_holder_name(toxic: Toxic) -> str:
    return f"{toxic.name}_holds_close"


def with_server_ends(toxic: Toxic, effect: Effect, is_held: bool) -> Effect:
    """The effect of a toxic that stops all data, with what becomes of the server's end."""
    if not stops_data(toxic):
        return effect
    return effect.with_detail(
        "the server's end of a connection is held back too"
        if is_held
        else "a connection that the server ends by itself meanwhile is closed for its client"
    )
