"""What each toxic does to the path, measured: the proof that a fault is in place.

A toxic that is alone on its path is held against the direct one. One that others are with is held
against a look at the path without it, taken before it was put there: what the others do is not
its effect.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect, Look
from chaosnetra.paths import DatabasePath, FirstAnswer
from chaosnetra.toxiproxy.measurements import (
    LIMIT_SECONDS,
    LOOKS,
    LOST,
    MEASUREMENTS,
    ROUND_TRIPS,
    ROUND_TRIPS_WITH_JITTER,
    SILENCE_SECONDS,
    answer_look,
    judged_answer,
    measured_bytes,
    unmeasured,
)
from chaosnetra.toxiproxy.shares import (
    connections_look,
    enough_connections,
    share_of_connections,
    some_of_the_connections,
)
from chaosnetra.toxiproxy.toxics import BYTES_PER_KB, Toxic


class Effects(Protocol):
    """What measures the effect of a fault on one proxy: all that such a fault knows of its path."""

    def look(self, toxic: Toxic) -> Look:
        """What a toxic that is not on it yet would change."""

    def effect_of(self, toxic: Toxic, without: Look | None = None) -> Effect:
        """What a toxic in place on it does, beside others where there is a look without it."""

    def look_at_switch(self) -> Look:
        """How it answers before it is put up or taken down."""

    def effect_of_switch(self, enabled: bool, without: Look | None = None) -> Effect:
        """Whether it answers where it was put up, and refuses where it was taken down."""


@dataclass(frozen=True)
class OnPath:
    """Measures what faults on a proxy do to the path through it."""

    path: DatabasePath

    def look(self, toxic: Toxic) -> Look:
        return look(toxic, self.path)

    def effect_of(self, toxic: Toxic, without: Look | None = None) -> Effect:
        return effect_of(toxic, self.path, without)

    def look_at_switch(self) -> Look:
        return look_at_switch(self.path)

    def effect_of_switch(self, enabled: bool, without: Look | None = None) -> Effect:
        return effect_of_switch(enabled, self.path, without)


def look(toxic: Toxic, path: DatabasePath) -> Look:
    """What `toxic`, which is not on `path` yet, would change there.

    Raises:
        DatabaseUnavailable: the path cannot carry it.
    """
    if toxic.toxicity < 1 and toxic.type == "latency":
        return connections_look(toxic, path)
    return LOOKS[toxic.type](toxic, path)


def effect_of(toxic: Toxic, path: DatabasePath, without: Look | None = None) -> Effect:
    """Measure what `toxic` does to `path`.

    Args:
        toxic: the toxic, in place.
        path: the path it is on.
        without: what `look` gave before it was there; None: nothing else is on the path.

    Returns:
        The effect; `in_effect` is False where it was not seen or cannot be measured, and
        `detail` says which.
    """
    measure = MEASUREMENTS[toxic.type]
    try:
        if toxic.toxicity < 1:
            if toxic.type == "latency":
                return share_of_connections(toxic, path, without)
            return some_of_the_connections(toxic, path, measure, without)
        return measure(toxic, path, without)
    except DatabaseUnavailable as error:
        return unmeasured("effect", str(error))


def look_at_switch(path: DatabasePath) -> Look:
    """How a proxy answers before it is put up or taken down."""
    return answer_look(path, SILENCE_SECONDS)


def effect_of_switch(enabled: bool, path: DatabasePath, without: Look | None = None) -> Effect:
    """Measure whether a proxy that was taken down refuses, or one put up answers."""
    expected = FirstAnswer.ANSWERED if enabled else FirstAnswer.REFUSED
    effect = judged_answer(expected, path, LIMIT_SECONDS, without)
    was_lost = without is not None and without.value in LOST
    if enabled or effect.observed not in LOST or was_lost:
        return effect
    # The connector emulator accepts a connection before the proxy refuses it.
    return replace(effect, in_effect=True, detail="by a hop that the proxy refused")


def effect_seconds(toxic: Toxic) -> float:
    """How long it should take to measure what a toxic does, on a path that is fast without it."""
    values = {name: value / 1000 for name, value in toxic.attributes.items()}
    match toxic.type:
        case "latency":
            samples = ROUND_TRIPS_WITH_JITTER if toxic.attributes["jitter"] else ROUND_TRIPS
            return samples * (values["latency"] + values["jitter"])
        case "bandwidth":
            rate = toxic.attributes["rate"]
            once = 2 * measured_bytes(rate) / (rate * BYTES_PER_KB) if rate else SILENCE_SECONDS
        case "timeout":
            once = values["timeout"] or SILENCE_SECONDS
        case "reset_peer":
            once = values["timeout"]
        case "slow_close":
            once = 2 * values["delay"]
        case _:
            once = SILENCE_SECONDS
    return once * (enough_connections(toxic.toxicity) if toxic.toxicity < 1 else 1)


def added_latency(path: DatabasePath, samples: int = ROUND_TRIPS) -> float:
    """Median milliseconds that the path adds to one round trip to the database."""
    return 1000 * path.added_round_trips(samples, LIMIT_SECONDS)[samples // 2]
