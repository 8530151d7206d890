"""Where the next trials of a search are placed."""

import math
from collections import Counter

from chaosnetra.search.conclusion import levels_of, response_of, took_alike
from chaosnetra.search.endings import AT_AN_END
from chaosnetra.search.record import Search
from chaosnetra.search.span import Span

# Trials around a prediction lie so far from it, in parts of the precision that is asked for: if
# both confirm it, the interval between them is narrow enough.
AROUND = 0.4
# Without a prediction the first values are so many steps apart over the span, at most.
STEPS = 7
# A prediction that is refuted is left by steps that grow so much.
FARTHER = 3
MOST_STEPS = 8
DIGITS = 4


def next_value(search: Search) -> float:
    """The value of the next trial of a search that goes on.

    One that proved nothing is tried again first. The easy end comes first; where it is violated,
    the other one may be the easy one. The hard end is tried where the answer may lie beyond; two
    trials around the prediction confirm or refute it; without one the values double, or halve,
    until the first is violated. After that each is where it is expected to tell most.
    """
    span = search.oriented
    if search.trials and not search.trials[-1].counts:
        return search.trials[-1].value
    tried = Counter(trial.value for trial in search.counted)
    if not tried:
        return span.easy
    violated = [trial.applied for trial in search.counted if trial.violated]
    held = [trial.applied for trial in search.counted if not trial.violated]
    if not held and not tried[span.hard]:
        return span.hard
    if not held and tried[span.easy] < AT_AN_END:
        return span.easy
    if not violated and tried[span.hard]:
        return span.hard
    forecast = search.standing_forecast
    if forecast is not None:
        value = _near(search, forecast.value, held, violated)
        if value is not None:
            return value
    if not violated:
        return _doubled(search, max(held, key=span.hardness))
    value = response_of(search).next_value(levels_of(search)[0])
    return _new(search, rounded(span, search.resolution, value), tried)


def _near(
    search: Search, predicted: float, held: list[float], violated: list[float]
) -> float | None:
    """A value near the predicted one, as long as it lies on one side of all; else None.

    The first two are around it. Where the prediction is refuted, what follows goes away from it by
    three times as far each time, until the answer lies between.
    """
    span, half = search.oriented, AROUND * search.precision
    if span.falling:
        return None  # nothing predicts those
    if predicted >= span.upper and not violated:
        return span.upper
    below, above = max(held, default=-math.inf), min(violated, default=math.inf)
    shares = [-half, half]
    if above <= rounded(span, search.resolution, predicted * (1 - half)):
        shares = [-half * FARTHER**times for times in range(1, MOST_STEPS)]
    elif below >= rounded(span, search.resolution, predicted * (1 + half)):
        shares = [half * FARTHER**times for times in range(1, MOST_STEPS)]
    for share in shares:
        value = rounded(span, search.resolution, predicted * (1 + share))
        if below < value < above and value > span.lower:
            return value
    return None


def rounded(span: Span, step: float, value: float) -> float:
    """A value of a span as it is tried: with few digits, and one that can be told apart.

    Args:
        span: that it lies on.
        step: values that lie nearer to each other cannot be told apart; 0: any can.
        value: of it.
    """
    value = round(value / step) * step if step else float(f"{value:.{DIGITS}g}")
    return min(max(float(f"{value:.12g}"), span.lower), span.upper)


def _doubled(search: Search, hardest: float) -> float:
    """Twice as hard as the hardest value that held, or a step of the span where that is more.

    Where startups have taken as long at every value so far, the key may do nothing: the end tells.
    """
    span, held = search.oriented, search.counted
    if len(held) > 1 and took_alike(held[:1], held[-1:]):
        return span.hard
    step = span.value(min(1.0, span.position(hardest) + 1 / STEPS))
    twice = hardest / 2 if span.falling else 2 * hardest
    return rounded(span, search.resolution, max(twice, step, key=span.hardness))


def _new(search: Search, value: float, tried: "Counter[float]") -> float:
    """A value that is not settled: an end of the span settles nothing more than its two trials."""
    span = search.oriented
    if value in (span.lower, span.upper) and tried[value] >= AT_AN_END:
        return rounded(span, search.resolution, span.value(0.5))
    return value
