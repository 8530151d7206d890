"""What a toxic that applies to every connection does to the path, by its type.

Each measurement takes the path as it is with the toxic, and a `Look` at it without the toxic where
others are on it too; else the direct path is the one without it.
"""

import math
from collections.abc import Callable

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect, Look
from chaosnetra.paths import DatabasePath, FirstAnswer
from chaosnetra.text import NOT_MEASURED
from chaosnetra.toxiproxy.toxics import BYTES_PER_KB, Toxic

ROUND_TRIPS = 5
ROUND_TRIPS_WITH_JITTER = 15
# A measured value within this share of the expected one counts.
SHARE = 0.8
LIMIT_SECONDS = 10.0
SILENCE_SECONDS = 1.0
SHORTEST_SECONDS = 0.02
CHECKED_BYTES = 1 << 20
MOST_LIMITED_BYTES = 16 << 20
# Medians differ by so many standard deviations by chance once in a thousand times.
DEVIATIONS = 3.3
# Of a normal distribution: the median's standard deviation by the mean's, and the distance of the
# quartiles by the standard deviation.
OF_A_MEDIAN, OF_QUARTILES = 1.25, 1.35
LOST = (FirstAnswer.CLOSED, FirstAnswer.RESET)


def unmeasured(quantity: str, why: str) -> Effect:
    """The effect of a fault that was not measured, and so does not count."""
    return Effect(quantity, "measured", NOT_MEASURED, in_effect=False, detail=why)


# Round trips


def _latency_look(_: Toxic, path: DatabasePath) -> Look:
    """Beside others, whose jitter it has to be told from."""
    return latencies(path, ROUND_TRIPS_WITH_JITTER, LIMIT_SECONDS)


def latencies(path: DatabasePath, samples: int, limit_seconds: float) -> Look:
    """Their quartiles, and the standard deviation of the second one."""
    added = path.added_round_trips(samples, limit_seconds)
    quartiles = [1000 * added[len(added) * quarter // 4] for quarter in (1, 2, 3)]
    deviation = abs(quartiles[2] - quartiles[0]) / OF_QUARTILES
    return Look("added_latency_ms", quartiles, OF_A_MEDIAN * deviation / math.sqrt(samples))


def lowest_ms_of(toxic: Toxic) -> float:
    """The least that counts.

    With jitter as large as the latency a single delay may be none; the median of enough is within
    three of its standard deviations of the latency.
    """
    latency_ms, jitter_ms = toxic.attributes["latency"], toxic.attributes["jitter"]
    return max(SHARE * (latency_ms - jitter_ms), latency_ms / 4)


def _latency(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    expected_ms, jitter_ms = toxic.attributes["latency"], toxic.attributes["jitter"]
    lowest_ms = lowest_ms_of(toxic)
    samples = ROUND_TRIPS_WITH_JITTER if jitter_ms or without else ROUND_TRIPS
    if (gap := not_comparable("added_latency_ms", without, "added_latency_ms")) is not None:
        return gap
    # What else the machine does makes some round trips longer, and not always as many, so that the
    # first quartile tells; with jitter the median does.
    quartile = 1 if jitter_ms else 0
    others_ms = without.value[quartile] if without else 0.0
    unsure_ms = DEVIATIONS * math.sqrt(2) * without.spread if without else 0.0
    limit = LIMIT_SECONDS + 10 * (expected_ms + jitter_ms + others_ms) / 1000
    observed_ms = latencies(path, samples, limit).value[quartile] - others_ms
    what = f"{('first quartile', 'median')[quartile]} of {samples} queries"
    effect = Effect(
        "added_latency_ms",
        expected_ms,
        round(observed_ms, 2),
        in_effect=expected_ms > 0 and observed_ms >= lowest_ms,
        added_round_trip_seconds=max(0.0, observed_ms / 1000),
        detail=f"{what}, less {_whose(others_ms if without else None)}",
    )
    if effect.in_effect and unsure_ms > lowest_ms:
        return unmeasured(
            effect.quantity,
            f"without it the {what} varies by {unsure_ms:.1f} ms, which {expected_ms} ms cannot be "
            "told from",
        )
    return effect


def _whose(usual: float | None) -> str:
    """What something was held against; None: the direct path."""
    return "the direct path's" if usual is None else f"the {usual:.2f} without it"


# Transfers and closes


def _transfer_look(toxic: Toxic, path: DatabasePath, size: int) -> Look:
    return _transfer(toxic, path, size, LIMIT_SECONDS)


def _transfer(
    toxic: Toxic, path: DatabasePath, size: int, limit_seconds: float, *, direct: bool = False
) -> Look:
    seconds = path.transfer_seconds(size, toxic.direction, limit_seconds, direct=direct)
    return Look(f"{size} bytes {toxic.direction}", seconds)


def _bandwidth_look(toxic: Toxic, path: DatabasePath) -> Look:
    rate = toxic.attributes["rate"]
    if rate == 0:
        return answer_look(path, LIMIT_SECONDS)
    return _transfer_look(toxic, path, measured_bytes(rate))


def _bandwidth(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    rate = toxic.attributes["rate"]
    if rate == 0:
        return _silence(path, without)
    size = measured_bytes(rate)
    usual = without or _transfer(toxic, path, size, LIMIT_SECONDS, direct=True)
    limit = LIMIT_SECONDS + 3 * (size / (rate * BYTES_PER_KB) + usual.number)
    now = _transfer(toxic, path, size, limit)
    if (gap := not_comparable(now.what, usual, "rate_kb_per_second")) is not None:
        return gap
    observed = size / BYTES_PER_KB / now.number
    own_seconds = size / (rate * BYTES_PER_KB)
    # A limit that the path does not reach without it is not in effect, however slow it is.
    if without:
        is_felt = now.number - usual.number > (1 - SHARE) * own_seconds
    else:
        is_felt = now.number > 2 * usual.number and own_seconds > usual.number
    return Effect(
        "rate_kb_per_second",
        rate,
        round(observed, 1),
        in_effect=observed <= rate / SHARE and is_felt,
        detail=f"{now.what}; without the limit {size / BYTES_PER_KB / usual.number:.0f}",
    )


def measured_bytes(rate: int) -> int:
    """About one second's worth, so that the limit and not the hop is measured."""
    return min(CHECKED_BYTES, max(rate * BYTES_PER_KB, 16 * 1024))


def _slow_close_look(toxic: Toxic, path: DatabasePath) -> Look:
    return _close(toxic, path, LIMIT_SECONDS)


def _close(toxic: Toxic, path: DatabasePath, limit_seconds: float) -> Look:
    return Look("close_seconds", path.close_seconds(toxic.direction, limit_seconds))


def _slow_close(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    expected = toxic.attributes["delay"] / 1000
    usual = without.number if without else 0.0
    observed = _close(toxic, path, LIMIT_SECONDS + 2 * (expected + usual)).number - usual
    return Effect(
        "close_seconds",
        expected,
        round(observed, 3),
        in_effect=expected > 0 and observed >= SHARE * expected,
        detail=f"less {_whose(usual)}" if without else "",
    )


def _sliced(toxic: Toxic) -> tuple[int, float]:
    """Bytes that half a second's worth of slices has, and the seconds that they take."""
    delay_seconds = toxic.attributes["delay"] / 1_000_000
    slices = max(1, round(0.5 / delay_seconds))
    size = min(CHECKED_BYTES, slices * toxic.attributes["average_size"])
    return size, size / toxic.attributes["average_size"] * delay_seconds


def _slicer_look(toxic: Toxic, path: DatabasePath) -> Look:
    if toxic.attributes["delay"] == 0:  # which cannot be measured
        return Look("nothing", 0.0)
    return _transfer_look(toxic, path, _sliced(toxic)[0])


def _slicer(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    if toxic.attributes["delay"] == 0:
        return unmeasured(
            "transfer_seconds", "slices without a delay cannot be told apart from outside"
        )
    size, expected = _sliced(toxic)
    if expected < SHORTEST_SECONDS:
        return unmeasured(
            "added_transfer_seconds",
            f"{expected:.6f} s in {size} bytes cannot be told from the path's own time",
        )
    usual = without or _transfer(toxic, path, size, LIMIT_SECONDS, direct=True)
    now = _transfer(toxic, path, size, LIMIT_SECONDS + 3 * (expected + usual.number))
    if (gap := not_comparable(now.what, usual, "added_transfer_seconds")) is not None:
        return gap
    added = now.number - usual.number
    return Effect(
        "added_transfer_seconds",
        round(expected, 3),
        round(added, 3),
        in_effect=added >= SHARE * expected,
        detail=f"{now.what}, less {_whose(usual.number)}" if without else now.what,
    )


def not_comparable(what: str, usual: Look | None, quantity: str) -> Effect | None:
    """That what was looked at without a toxic was something else; None: it was the same."""
    if usual is None or what == usual.what:
        return None
    return unmeasured(quantity, f"without it the path is known for {usual.what}, not for {what}")


# First answers


def answer_look(path: DatabasePath, limit_seconds: float) -> Look:
    timing = path.first_answers(1, limit_seconds)[0]
    return Look("first_answer", timing.answer.value, seconds=timing.seconds)


def _first_answer_look(_: Toxic, path: DatabasePath) -> Look:
    return answer_look(path, LIMIT_SECONDS)


def judged_answer(
    expected: FirstAnswer, path: DatabasePath, limit_seconds: float, without: Look | None
) -> Effect:
    """Whether a new connection is answered as expected, and was not without the fault."""
    if (gap := not_comparable("first_answer", without, "first_answer")) is not None:
        return gap
    if without is not None and without.value == expected.value:
        return unmeasured("first_answer", f"a new connection is {expected.value} without it too")
    observed = answer_look(path, limit_seconds).value
    return Effect("first_answer", expected.value, observed, observed == expected.value)


def _silence(path: DatabasePath, without: Look | None) -> Effect:
    """Whether nothing answers: for much longer than it took without the toxic."""
    limit = SILENCE_SECONDS + (2 * without.seconds if without else 0.0)
    return _first_answer(path, FirstAnswer.SILENT, limit, without)


def _timeout(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    seconds = toxic.attributes["timeout"] / 1000
    if seconds == 0:
        return _silence(path, without)
    now = answer_look(path, LIMIT_SECONDS + seconds + (without.seconds if without else 0.0))
    others_seconds = without.seconds if without and without.value in LOST else math.inf
    is_sooner = now.seconds < SHARE * others_seconds
    effect = Effect(
        "first_answer",
        f"closed after {seconds:g} s without data",
        f"{now.value} after {now.seconds:.3f} s",
        in_effect=now.value in LOST and now.seconds >= SHARE * seconds and is_sooner,
    )
    if not is_sooner:
        return effect.with_detail(f"closed after {others_seconds:.3f} s without it")
    return effect


def _reset_peer(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    limit = LIMIT_SECONDS + toxic.attributes["timeout"] / 1000
    return _first_answer(path, FirstAnswer.RESET, limit, without)


def _limit_data_look(toxic: Toxic, path: DatabasePath) -> Look:
    limit = toxic.attributes["bytes"]
    if limit > MOST_LIMITED_BYTES:  # which is not measured
        return Look("nothing", 0.0)
    return Look("connection", _after_data(toxic, path))


def _after_data(toxic: Toxic, path: DatabasePath) -> str:
    """Whether a connection is kept or lost that carries more than the limit."""
    size = toxic.attributes["bytes"] + CHECKED_BYTES
    try:
        path.transfer_seconds(size, toxic.direction, LIMIT_SECONDS)
    except DatabaseUnavailable:
        return "lost"
    return "kept"


def _limit_data(toxic: Toxic, path: DatabasePath, without: Look | None) -> Effect:
    limit = toxic.attributes["bytes"]
    if limit > MOST_LIMITED_BYTES:
        return unmeasured(
            "connection", f"a limit over {MOST_LIMITED_BYTES} bytes is not worth the transfer"
        )
    if without is not None and without.value == "lost":
        return unmeasured("connection", "it is lost without the limit too")
    first = path.first_answers(1, LIMIT_SECONDS)[0].answer
    if first not in (FirstAnswer.ANSWERED, FirstAnswer.CLOSED):
        # Lost for another reason, as behind a proxy that is down.
        return unmeasured("connection", f"new connections are {first.value} before any data")
    observed = _after_data(toxic, path)
    return Effect(
        "connection",
        "lost",
        observed,
        in_effect=observed == "lost",
        detail=f"{limit + CHECKED_BYTES} bytes {toxic.direction}",
    )


def _first_answer(
    path: DatabasePath, expected: FirstAnswer, limit_seconds: float, without: Look | None
) -> Effect:
    effect = judged_answer(expected, path, limit_seconds, without)
    return effect.with_detail(f"within {limit_seconds:g} s of a new connection")


Measure = Callable[[Toxic, DatabasePath, Look | None], Effect]
MEASUREMENTS: dict[str, Measure] = {
    "latency": _latency,
    "bandwidth": _bandwidth,
    "slow_close": _slow_close,
    "timeout": _timeout,
    "reset_peer": _reset_peer,
    "slicer": _slicer,
    "limit_data": _limit_data,
}
LOOKS: dict[str, Callable[[Toxic, DatabasePath], Look]] = {
    "latency": _latency_look,
    "bandwidth": _bandwidth_look,
    "slow_close": _slow_close_look,
    "timeout": _first_answer_look,
    "reset_peer": _first_answer_look,
    "slicer": _slicer_look,
    "limit_data": _limit_data_look,
}
