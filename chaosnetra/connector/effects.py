"""What a connector's limits do to the path, measured."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.connector.emulator import BYTES_PER_MEGABIT
from chaosnetra.connector.model import ConnectorModel
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect
from chaosnetra.paths import DatabasePath, FirstAnswer

LIMIT_SECONDS = 10.0
SILENCE_SECONDS = 0.5
# Faster lines than this cannot be told from none within a reasonable transfer.
MOST_MEASURED_MBPS = 400.0
MEASURED_BYTES = 1 << 20
SHARE = 0.8


def effect_of(state: Mapping[str, Any], model: ConnectorModel, path: DatabasePath) -> Effect:
    """Compare the connector's gauges with the model, and a new connection with both.

    Filling it to see it overflow would itself make it scale up; so the gauges are read, and one
    connection shows that they tell the truth: it is answered when there is a slot, late under
    pressure, and not at all when the connector is full.

    Args:
        state: the emulator's state, after the change.
        model: what it was changed to.
        path: the path that leads through it.
    """
    gauges = f"{state['in_use']} of {state['slots']} slots taken"
    if state["model"] != model.to_json():
        return Effect("slots", model.slots, state["slots"], False, detail="it has another model")
    free = state["slots"] - state["in_use"]
    pressed = state["in_use"] >= model.pressure_threshold * state["slots"]
    wait = model.pressure_delay_seconds.longest if pressed and free > 0 else 0.0
    try:
        timing = path.first_answers(1, SILENCE_SECONDS if free <= 0 else LIMIT_SECONDS + wait)[0]
        answered = timing.answer is FirstAnswer.ANSWERED
        as_expected = answered == (free > 0) and timing.seconds >= SHARE * (
            model.pressure_delay_seconds.shortest if wait else 0.0
        )
        slow = _throughput(model, path) if answered else None
    except DatabaseUnavailable as error:
        return Effect("slots", model.slots, state["slots"], False, detail=str(error))
    if slow is not None:
        return slow
    return Effect(
        "slots",
        model.slots,
        state["slots"],
        in_effect=as_expected and state["slots"] >= model.slots,
        detail=f"{gauges}; a new connection was {timing.answer.value} "
        f"after {1000 * timing.seconds:.0f} ms",
    )


def _throughput(model: ConnectorModel, path: DatabasePath) -> Effect | None:
    """The line's rate, where it is slow enough to be measured."""
    expected = model.throughput_mbps(model.instances)
    if expected is None or expected > MOST_MEASURED_MBPS:
        return None
    size = int(max(64 * 1024, min(MEASURED_BYTES, expected * BYTES_PER_MEGABIT)))
    limit = LIMIT_SECONDS + 3 * size / (expected * BYTES_PER_MEGABIT)
    observed = size / BYTES_PER_MEGABIT / path.transfer_seconds(size, "downstream", limit)
    return Effect(
        "throughput_mbps",
        round(expected, 3),
        round(observed, 3),
        in_effect=observed <= expected / SHARE,
        detail=f"{size} bytes downstream",
    )
