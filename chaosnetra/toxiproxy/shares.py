"""Toxics on a share of the connections: their effect on enough new ones."""

import math
import statistics
from collections.abc import Sequence

from chaosnetra.faults import Effect, Look
from chaosnetra.paths import DatabasePath, FirstAnswer, FirstAnswerTiming
from chaosnetra.toxiproxy.measurements import (
    LIMIT_SECONDS,
    Measure,
    lowest_ms_of,
    not_comparable,
    unmeasured,
)
from chaosnetra.toxiproxy.toxics import Toxic

APPLIES_TO_NONE = "the toxicity is 0: it applies to no connection"
MOST_CONNECTIONS = 60
# What is less likely than this is not put down to chance.
CHANCE = 0.001


def connections_look(toxic: Toxic, path: DatabasePath, *, direct: bool = False) -> Look:
    """How long new connections wait for their first answers without the toxic."""
    connections = enough_connections(toxic.toxicity)
    timings = path.first_answers(connections, LIMIT_SECONDS, direct=direct)
    return Look("first answers", tuple(one.seconds for one in _answered(timings)))


def some_of_the_connections(
    toxic: Toxic, path: DatabasePath, measure: Measure, without: Look | None
) -> Effect:
    """A toxic on a share of the connections: measured on new ones until one shows it."""
    effect = unmeasured("effect", APPLIES_TO_NONE)
    for number in range(1, enough_connections(toxic.toxicity) + 1):
        effect = measure(toxic, path, without)
        if effect.in_effect:
            return effect.with_detail(f"seen on connection {number}")
    return effect


def enough_connections(toxicity: float) -> int:
    """So many that seeing none of them affected has a chance under 1 in 1,000; bounded."""
    if toxicity == 0:
        return 0
    enough = math.ceil(math.log(CHANCE) / math.log(1 - toxicity))
    return min(MOST_CONNECTIONS, max(10, enough))


def share_of_connections(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    """A toxic on a share of the connections: how many of enough new ones it makes slow.

    Beside as many connections without it: one that is slow by itself shows nothing.
    """
    connections = enough_connections(toxic.toxicity)
    if not connections:
        return unmeasured("slow_connections", APPLIES_TO_NONE)
    lowest = lowest_ms_of(toxic) / 1000
    usually = without or connections_look(toxic, path, direct=True)
    if (gap := not_comparable("first answers", usually, "slow_connections")) is not None:
        return gap
    others = usually.value
    if not others:
        return unmeasured("slow_connections", "no new connection is answered without it either")
    usual = statistics.median(others)
    slow_seconds = usual + lowest
    longest = (toxic.attributes["latency"] + toxic.attributes["jitter"]) / 1000
    timings = _answered(path.first_answers(connections, LIMIT_SECONDS + 2 * (usual + longest)))
    slow = [one.seconds for one in timings if one.seconds >= slow_seconds]
    by_themselves = sum(seconds >= slow_seconds for seconds in others)
    is_share = _may_be_share(len(slow) - by_themselves, connections, toxic)
    beside = "without it" if without else "directly"
    return Effect(
        "slow_connections",
        f"about {toxic.toxicity:.0%} of {connections}",
        f"{len(slow)} of {connections}",
        in_effect=lowest > 0 and len(slow) > by_themselves and is_share,
        added_round_trip_seconds=statistics.median(slow) - usual if slow else 0.0,
        detail=f"new connections whose first answer took {1000 * lowest:.0f} ms more than the "
        f"{1000 * usual:.0f} ms {beside}, where {by_themselves} of {len(others)} did",
    )


def _may_be_share(slow: int, connections: int, toxic: Toxic) -> bool:
    """Whether chance alone may make so many of the connections slow.

    By the binomial distribution, where its delay, drawn evenly from the latency less the jitter to
    both together, is long enough to be seen.
    """
    latency, jitter = toxic.attributes["latency"], toxic.attributes["jitter"]
    seen = min(1.0, (latency + jitter - lowest_ms_of(toxic)) / (2 * jitter)) if jitter else 1.0
    chance = toxic.toxicity * seen

    def at_most(number: int) -> float:
        return sum(
            math.comb(connections, one) * chance**one * (1 - chance) ** (connections - one)
            for one in range(number + 1)
        )

    return at_most(slow) >= CHANCE and 1 - at_most(slow - 1) >= CHANCE


def _answered(timings: Sequence[FirstAnswerTiming]) -> list[FirstAnswerTiming]:
    return [one for one in timings if one.answer is FirstAnswer.ANSWERED]
