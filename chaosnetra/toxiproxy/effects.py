"""What each toxic does to the path, measured: the proof that a fault is in place."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect
from chaosnetra.paths import DatabasePath, FirstAnswer
from chaosnetra.toxiproxy.toxics import BYTES_PER_KB, Toxic

ROUND_TRIPS = 5
ROUND_TRIPS_WITH_JITTER = 15
APPLIES_TO_NONE = "the toxicity is 0: it applies to no connection"
# A measured value within this share of the expected one counts.
SHARE = 0.8
LIMIT_SECONDS = 10.0
SILENCE_SECONDS = 1.0
SHORTEST_SECONDS = 0.02
MOST_CONNECTIONS = 60
CHECKED_BYTES = 1 << 20
MOST_LIMITED_BYTES = 16 << 20


class Effects(Protocol):
    """What measures the effect of a fault on one proxy: all that such a fault knows of its path."""

    def effect_of(self, toxic: Toxic) -> Effect:
        """What a toxic in place on it does."""

    def effect_of_switch(self, enabled: bool) -> Effect:
        """Whether it answers where it was put up, and refuses where it was taken down."""


@dataclass(frozen=True)
class OnPath:
    """Measures what faults on a proxy do to the path through it."""

    path: DatabasePath

    def effect_of(self, toxic: Toxic) -> Effect:
        return effect_of(toxic, self.path)

    def effect_of_switch(self, enabled: bool) -> Effect:
        return effect_of_switch(enabled, self.path)


def effect_of(toxic: Toxic, path: DatabasePath) -> Effect:
    """Measure what `toxic` does to `path`.

    Args:
        toxic: the toxic, in place.
        path: the path it is on.

    Returns:
        The effect; `in_effect` is False where it was not seen or cannot be measured, and
        `detail` says which.
    """
    measure = _MEASUREMENTS[toxic.type]
    try:
        if toxic.toxicity < 1 and toxic.type != "latency":
            return _some_of_the_connections(toxic, path, measure)
        return measure(toxic, path)
    except DatabaseUnavailable as error:
        return _unmeasured("effect", str(error))


def effect_of_switch(enabled: bool, path: DatabasePath) -> Effect:
    """Measure whether a proxy that was taken down refuses, or one put up answers."""
    expected = FirstAnswer.ANSWERED if enabled else FirstAnswer.REFUSED
    observed = path.first_answers(1, LIMIT_SECONDS)[0].answer
    return Effect("first_answer", expected.value, observed.value, observed is expected)


def effect_seconds(toxic: Toxic) -> float:
    """How long it should take to measure what a toxic does, on a path that is fast without it."""
    values = {name: value / 1000 for name, value in toxic.attributes.items()}
    match toxic.type:
        case "latency":
            samples = ROUND_TRIPS_WITH_JITTER if toxic.attributes["jitter"] else ROUND_TRIPS
            return samples * (values["latency"] + values["jitter"])
        case "bandwidth":
            rate = toxic.attributes["rate"]
            once = 2 * _measured_bytes(rate) / (rate * BYTES_PER_KB) if rate else SILENCE_SECONDS
        case "timeout":
            once = values["timeout"] or SILENCE_SECONDS
        case "reset_peer":
            once = values["timeout"]
        case "slow_close":
            once = 2 * values["delay"]
        case _:
            once = SILENCE_SECONDS
    return once * (_enough_connections(toxic.toxicity) if toxic.toxicity < 1 else 1)


def added_latency(path: DatabasePath, samples: int = ROUND_TRIPS) -> float:
    """Median milliseconds that the path adds to one round trip to the database."""
    return 1000 * path.added_round_trip_seconds(samples, LIMIT_SECONDS)


def _latency(toxic: Toxic, path: DatabasePath) -> Effect:
    expected_ms, jitter_ms = toxic.attributes["latency"], toxic.attributes["jitter"]
    # With jitter as large as the latency a single delay may be none; the median of enough is
    # within three of its standard deviations of the latency.
    lowest_ms = max(SHARE * (expected_ms - jitter_ms), expected_ms / 4)
    samples = ROUND_TRIPS_WITH_JITTER if jitter_ms else ROUND_TRIPS
    if toxic.toxicity < 1:
        return _share_of_connections(toxic, path, lowest_ms / 1000)
    limit = LIMIT_SECONDS + 10 * (expected_ms + jitter_ms) / 1000
    observed_ms = 1000 * path.added_round_trip_seconds(samples, limit)
    return Effect(
        "added_latency_ms",
        expected_ms,
        round(observed_ms, 2),
        in_effect=expected_ms > 0 and observed_ms >= lowest_ms,
        added_round_trip_seconds=max(0.0, observed_ms / 1000),
        detail=f"median of {samples} queries, less the direct path's",
    )


def _some_of_the_connections(
    toxic: Toxic, path: DatabasePath, measure: Callable[[Toxic, DatabasePath], Effect]
) -> Effect:
    """A toxic on a share of the connections: measured on new ones until one shows it."""
    effect = _unmeasured("effect", APPLIES_TO_NONE)
    for number in range(1, _enough_connections(toxic.toxicity) + 1):
        effect = measure(toxic, path)
        if effect.in_effect:
            return effect.with_detail(f"seen on connection {number}")
    return effect


def _enough_connections(toxicity: float) -> int:
    """So many that seeing none of them affected has a chance under 1 in 1,000; bounded."""
    if toxicity == 0:
        return 0
    enough = math.ceil(math.log(0.001) / math.log(1 - toxicity))
    return min(MOST_CONNECTIONS, max(10, enough))


def _share_of_connections(toxic: Toxic, path: DatabasePath, slow_seconds: float) -> Effect:
    """A toxic on a share of the connections: how many of enough new ones are slow."""
    connections = _enough_connections(toxic.toxicity)
    if not connections:  # one that is slow by itself would show nothing
        return _unmeasured("slow_connections", APPLIES_TO_NONE)
    timings = path.first_answers(connections, LIMIT_SECONDS + 2 * slow_seconds)
    slow = [timing.seconds for timing in timings if timing.seconds >= slow_seconds]
    return Effect(
        "slow_connections",
        f"about {toxic.toxicity:.0%} of {connections}",
        f"{len(slow)} of {connections}",
        in_effect=bool(slow) and slow_seconds > 0,
        added_round_trip_seconds=statistics.median(slow) if slow else 0.0,
        detail=f"new connections whose first answer took over {1000 * slow_seconds:.0f} ms",
    )


def _bandwidth(toxic: Toxic, path: DatabasePath) -> Effect:
    rate = toxic.attributes["rate"]
    if rate == 0:
        return _first_answer(path, FirstAnswer.SILENT)
    size = _measured_bytes(rate)
    limit = LIMIT_SECONDS + 3 * size / (rate * BYTES_PER_KB)
    seconds = path.transfer_seconds(size, toxic.direction, limit)
    direct = path.transfer_seconds(size, toxic.direction, LIMIT_SECONDS, direct=True)
    observed = size / BYTES_PER_KB / seconds
    return Effect(
        "rate_kb_per_second",
        rate,
        round(observed, 1),
        # A limit that the path does not reach without it is not in effect, however slow it is.
        in_effect=(
            observed <= rate / SHARE
            and seconds > 2 * direct
            and size / (rate * BYTES_PER_KB) > direct
        ),
        detail=f"{size} bytes {toxic.direction}; "
        f"without the limit {size / BYTES_PER_KB / direct:.0f}",
    )


def _measured_bytes(rate: int) -> int:
    """About one second's worth, so that the limit and not the hop is measured."""
    return min(CHECKED_BYTES, max(rate * BYTES_PER_KB, 16 * 1024))


def _slow_close(toxic: Toxic, path: DatabasePath) -> Effect:
    expected = toxic.attributes["delay"] / 1000
    observed = path.close_seconds(toxic.direction, LIMIT_SECONDS + 2 * expected)
    return Effect(
        "close_seconds",
        expected,
        round(observed, 3),
        in_effect=expected > 0 and observed >= SHARE * expected,
    )


def _timeout(toxic: Toxic, path: DatabasePath) -> Effect:
    seconds = toxic.attributes["timeout"] / 1000
    if seconds == 0:
        return _first_answer(path, FirstAnswer.SILENT)
    timing = path.first_answers(1, LIMIT_SECONDS + seconds)[0]
    return Effect(
        "first_answer",
        f"closed after {seconds:g} s without data",
        f"{timing.answer.value} after {timing.seconds:.3f} s",
        in_effect=timing.answer in (FirstAnswer.CLOSED, FirstAnswer.RESET)
        and timing.seconds >= SHARE * seconds,
    )


def _reset_peer(toxic: Toxic, path: DatabasePath) -> Effect:
    limit = LIMIT_SECONDS + toxic.attributes["timeout"] / 1000
    return _first_answer(path, FirstAnswer.RESET, limit)


def _slicer(toxic: Toxic, path: DatabasePath) -> Effect:
    delay_seconds = toxic.attributes["delay"] / 1_000_000
    if delay_seconds == 0:
        return _unmeasured(
            "transfer_seconds", "slices without a delay cannot be told apart from outside"
        )
    # Half a second's worth of slices.
    slices = max(1, round(0.5 / delay_seconds))
    size = min(CHECKED_BYTES, slices * toxic.attributes["average_size"])
    expected = size / toxic.attributes["average_size"] * delay_seconds
    if expected < SHORTEST_SECONDS:
        return _unmeasured(
            "added_transfer_seconds",
            f"{expected:.6f} s in {size} bytes cannot be told from the path's own time",
        )
    seconds = path.transfer_seconds(size, toxic.direction, LIMIT_SECONDS + 3 * expected)
    direct = path.transfer_seconds(size, toxic.direction, LIMIT_SECONDS, direct=True)
    return Effect(
        "added_transfer_seconds",
        round(expected, 3),
        round(seconds - direct, 3),
        in_effect=seconds - direct >= SHARE * expected,
        detail=f"{size} bytes {toxic.direction}",
    )


def _limit_data(toxic: Toxic, path: DatabasePath) -> Effect:
    limit = toxic.attributes["bytes"]
    if limit > MOST_LIMITED_BYTES:
        return _unmeasured(
            "connection", f"a limit over {MOST_LIMITED_BYTES} bytes is not worth the transfer"
        )
    first = path.first_answers(1, LIMIT_SECONDS)[0].answer
    if first not in (FirstAnswer.ANSWERED, FirstAnswer.CLOSED):
        # Lost for another reason, as behind a proxy that is down.
        return _unmeasured("connection", f"new connections are {first.value} before any data")
    try:
        path.transfer_seconds(limit + CHECKED_BYTES, toxic.direction, LIMIT_SECONDS)
        observed = "kept"
    except DatabaseUnavailable:
        observed = "lost"
    return Effect(
        "connection",
        "lost",
        observed,
        in_effect=observed == "lost",
        detail=f"{limit + CHECKED_BYTES} bytes {toxic.direction}",
    )


def _first_answer(
    path: DatabasePath, expected: FirstAnswer, limit_seconds: float = SILENCE_SECONDS
) -> Effect:
    timing = path.first_answers(1, limit_seconds)[0]
    return Effect(
        "first_answer",
        expected.value,
        timing.answer.value,
        in_effect=timing.answer is expected,
        detail=f"within {limit_seconds:g} s of a new connection",
    )


def _unmeasured(quantity: str, why: str) -> Effect:
    return Effect(quantity, "measured", "not measured", in_effect=False, detail=why)


_MEASUREMENTS: dict[str, Callable[[Toxic, DatabasePath], Effect]] = {
    "latency": _latency,
    "bandwidth": _bandwidth,
    "slow_close": _slow_close,
    "timeout": _timeout,
    "reset_peer": _reset_peer,
    "slicer": _slicer,
    "limit_data": _limit_data,
}
