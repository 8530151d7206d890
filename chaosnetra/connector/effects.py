"""What a connector's limits do to the path, measured."""

import time
from collections.abc import Mapping
from typing import Any

from chaosnetra.connector.emulator import BYTES_PER_MEGABIT
from chaosnetra.connector.model import ConnectorModel
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect, Look
from chaosnetra.paths import DatabasePath, FirstAnswer

LIMIT_SECONDS = 10.0
SILENCE_SECONDS = 0.5
# Faster lines than this cannot be told from none within a reasonable transfer.
MOST_MEASURED_MBPS = 400.0
# Slower ones are not worth the transfer: that it takes so long is the effect.
LEAST_MEASURED_MBPS = 0.1
MEASURED_BYTES = 1 << 20
STALLED_SECONDS = 3.0
SHARE = 0.8


def look(model: ConnectorModel, path: DatabasePath) -> Look:
    """The rate of the path before it has the model's, as far as that one can be measured.

    Raises:
        DatabaseUnavailable: nothing can be measured there.
    """
    expected = model.throughput_mbps(model.instances)
    if expected is None or expected > MOST_MEASURED_MBPS:
        return Look("nothing", 0.0)
    return Look("throughput_mbps", _rate(path, _measured_bytes(expected), LIMIT_SECONDS))


def effect_of(
    state: Mapping[str, Any],
    model: ConnectorModel,
    path: DatabasePath,
    without: Look | None = None,
) -> Effect:
    """Compare the connector's gauges with the model, and a new connection with both.

    Filling it to see it overflow would itself make it scale up; so the gauges are read, and one
    connection shows that they tell the truth: it is answered when there is a slot, late under
    pressure, and not at all when the connector is full. Where that one would make it scale up,
    the gauges alone are read.

    Args:
        state: the emulator's state, after the change.
        model: what it was changed to.
        path: the path that leads through it.
        without: what `look` gave before, where other faults are on the path; a rate that it did
            not reach then is not the connector's.
    """
    gauges = f"{state['in_use']} of {state['slots']} slots taken"
    if state["model"] != model.to_json():
        return Effect("slots", model.slots, state["slots"], False, detail="it has another model")
    # It may have scaled up already, where it was changed in its life or is under pressure.
    as_many = (
        state["slots"] == state["instances"] * model.connections_per_instance
        and model.instances <= state["instances"] <= model.maximum_instances
    )
    if _would_scale_up(state, model):
        detail = f"{gauges}; not tried with a connection, which would begin a scale-up"
        return Effect("slots", model.slots, state["slots"], as_many, detail=detail)
    free = state["slots"] - state["in_use"]
    pressed = state["in_use"] >= model.pressure_threshold * state["slots"]
    wait = model.pressure_delay_seconds.longest if pressed and free > 0 else 0.0
    try:
        timing = path.first_answers(1, SILENCE_SECONDS if free <= 0 else LIMIT_SECONDS + wait)[0]
        answered = timing.answer is FirstAnswer.ANSWERED
        as_expected = answered == (free > 0) and timing.seconds >= SHARE * (
            model.pressure_delay_seconds.shortest if wait else 0.0
        )
        slow = _throughput(model, state["instances"], path, without) if answered else None
    except DatabaseUnavailable as error:
        return Effect("slots", model.slots, state["slots"], False, detail=str(error))
    if slow is not None:
        return slow
    return Effect(
        "slots",
        model.slots,
        state["slots"],
        in_effect=as_expected and as_many,
        detail=f"{gauges}; a new connection was {timing.answer.value} "
        f"after {1000 * timing.seconds:.0f} ms",
    )


def _would_scale_up(state: Mapping[str, Any], model: ConnectorModel) -> bool:
    """Whether one more connection is the one that makes a scale-up begin."""
    in_use: int = state["in_use"]
    instances: int = state["instances"]
    pressure = model.pressure_threshold * state["slots"]
    return in_use < pressure <= in_use + 1 and instances < model.maximum_instances


def _throughput(
    model: ConnectorModel, instances: int, path: DatabasePath, without: Look | None
) -> Effect | None:
    """The line's rate, where it is slow enough to be measured."""
    expected = model.throughput_mbps(instances)
    if expected is None or expected > MOST_MEASURED_MBPS:
        return None
    size = _measured_bytes(expected)
    if without is not None and without.what == "throughput_mbps":
        usual = without.number
    else:
        usual = _rate(path, size, LIMIT_SECONDS, direct=True)
    if expected < LEAST_MEASURED_MBPS:
        return _stalled(expected, usual, path)
    limit = LIMIT_SECONDS + 3 * size / BYTES_PER_MEGABIT * (1 / expected + 1 / usual)
    observed = _rate(path, size, limit)
    # In seconds a megabit: what else is on the path takes its own.
    is_felt = 1 / observed - 1 / usual > (1 - SHARE) / expected
    return Effect(
        "throughput_mbps",
        round(expected, 3),
        round(observed, 3),
        in_effect=observed <= expected / SHARE and is_felt,
        detail=f"{size} bytes downstream; without the limit {usual:.1f}",
    )


def _measured_bytes(expected_mbps: float) -> int:
    """About one second's worth, so that the limit and not the hop is measured."""
    return int(min(MEASURED_BYTES, max(expected_mbps, LEAST_MEASURED_MBPS) * BYTES_PER_MEGABIT))


def _rate(
    path: DatabasePath, size_bytes: int, limit_seconds: float, *, direct: bool = False
) -> float:
    seconds = path.transfer_seconds(size_bytes, "downstream", limit_seconds, direct=direct)
    return size_bytes / BYTES_PER_MEGABIT / seconds


def _stalled(expected: float, usual: float, path: DatabasePath) -> Effect:
    """A line that is too slow for what any faster one would have carried in the time."""
    size = int(STALLED_SECONDS / SHARE * LEAST_MEASURED_MBPS * BYTES_PER_MEGABIT)
    is_fast = size / BYTES_PER_MEGABIT / usual < SHARE * STALLED_SECONDS
    began = time.monotonic()
    observed: str | float
    try:
        seconds = path.transfer_seconds(size, "downstream", STALLED_SECONDS)
        observed = round(size / BYTES_PER_MEGABIT / seconds, 3)
    except DatabaseUnavailable:
        if time.monotonic() - began < SHARE * STALLED_SECONDS:
            raise  # lost for another reason
        observed = "stalled"
    return Effect(
        "throughput_mbps",
        round(expected, 3),
        observed,
        in_effect=observed == "stalled" and is_fast,
        detail=f"{size} bytes downstream within {STALLED_SECONDS:g} s; "
        f"without the limit {usual:.1f}",
    )
