"""What the trials of a search tell: from its journal alone."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from chaosnetra.search.endings import (
    ANSWERED,
    NOT_BEYOND,
    End,
    end_after,
    exit_code_of,
    nothing_at,
    value_of,
)
from chaosnetra.search.levels import failing_share
from chaosnetra.search.record import Search, SearchTrial
from chaosnetra.search.response import Estimate, Prediction, Response, Trial

# Baselines that differ by so much, and more than chance explains, have drifted.
DRIFT_SHARE = 0.25
DRIFT_P = 0.01
# Times that are no further from the model than this are explained by it.
MODEL_FITS = 0.25
# Startups whose medians differ by no more took alike.
ALIKE = 0.1
MOST_MORE = 12


@dataclass(frozen=True)
class Conclusion:
    """What a search has found.

    Attributes:
        end: why it ended.
        point: the value at which a trial is violated with 50 %; None: none is claimed.
        point_95: likewise with 95 %.
        level: share of the attempts that fail there.
        level_95: likewise.
        last_held: hardest value that held, easier than all that did not; None: none did.
        first_violated: easiest value that was violated, harder than all that held.
        proves_nothing_at: values at which trials prove nothing.
        why_nothing: the reason of the last of these.
        margin: how many times as hard as the operating point the breaking point is; None: either
            is not known.
        forecast_confirmed: whether the predicted value, give or take its spread, lies within the
            interval; None: there is no prediction, or no interval. False, too, where trials rule
            the prediction out.
        drift: how baselines differ beyond chance, as a sentence; None: they do not.
        model_fits: whether startups under latency took what the model says; None: not known.
        bears_asked: whether the interval lies beyond what was asked; None: nothing was.
        chance_bears_asked: how likely it is that the value at which half of the attempts fail lies
            beyond what was asked; None: nothing was, or no breaking point is claimed.
        same_at_ends: what was the same at both ends, where the key may do nothing; as a clause.
        more_trials: that are expected to be needed for half the width; None: not known.
    """

    end: End
    point: Estimate | None
    point_95: Estimate | None
    level: float
    level_95: float
    last_held: float | None
    first_violated: float | None
    proves_nothing_at: tuple[float, ...]
    why_nothing: str | None
    margin: float | None
    forecast_confirmed: bool | None
    drift: str | None
    model_fits: bool | None
    bears_asked: bool | None
    chance_bears_asked: float | None
    same_at_ends: str | None
    more_trials: int | None

    @property
    def exit_code(self) -> int:
        """Of the commands that end with what a search has found."""
        code = exit_code_of(self.end)
        return NOT_BEYOND if code == ANSWERED and self.bears_asked is False else code

    def to_json(self) -> dict[str, Any]:
        points = {
            name: None if point is None else point._asdict()
            for name, point in (("point", self.point), ("point_95", self.point_95))
        }
        return {**asdict(self), **points, "end": self.end.value}


def conclude(search: Search) -> Conclusion:
    """What the trials of a search tell so far."""
    response = response_of(search)
    level, level_95 = levels_of(search)
    held, violated = _values(search, violated=False), _values(search, violated=True)
    point = _point(search, response)
    end = end_after(search, point, response)
    if end in (End.NOT_MONOTONIC, End.INDEPENDENT, End.HOLDS, End.FAILS):
        point = None
    middle = point.value if point is not None else None
    return Conclusion(
        end,
        point,
        response.point(level_95) if point is not None else None,
        level,
        level_95,
        _hardest(search, held, violated),
        _easiest(search, violated, held),
        nothing_at(search, value_of),
        next((trial.line for trial in reversed(search.trials) if not trial.counts), None),
        _margin(search, middle),
        _confirmed(search, point),
        drift_of(search.trials),
        _model_fits(search),
        _bears_asked(search, point, end),
        response.chance_harder(search.asked) if point and search.asked is not None else None,
        _same_at_ends(search, end),
        _more_trials(search, point),
    )


def end_of(search: Search) -> End:
    """Why a search has ended, or that it goes on: all that has to be known between two trials."""
    response = response_of(search)
    return end_after(search, _point(search, response), response)


def _point(search: Search, response: Response) -> Estimate | None:
    """The breaking point; None: nothing lies on both sides of it yet."""
    sides = {trial.violated for trial in search.counted}
    return response.point(levels_of(search)[0]) if len(sides) == 2 else None


def _values(search: Search, *, violated: bool) -> list[float]:
    return [trial.applied for trial in search.counted if trial.violated is violated]


def response_of(search: Search) -> Response:
    """The response that the trials of a search show."""
    forecast = search.standing_forecast
    return Response(
        search.oriented,
        tuple(Trial(trial.applied, trial.failures, trial.attempts) for trial in search.counted),
        None if forecast is None else Prediction(forecast.value, forecast.spread),
    )


def levels_of(search: Search) -> tuple[float, float]:
    """Shares of failing attempts at which a trial is violated with 50 and with 95 per cent.

    Where every trial failed as a whole or not at all, the response is a step as far as is known,
    and all shares lie at the same place.
    """
    if all(trial.failures in (0, trial.attempts) for trial in search.counted):
        return 0.5, 0.5
    for trial in search.counted:
        if trial.max_failure_rate is not None:
            most, attempts = trial.max_failure_rate, trial.attempts
            return failing_share(most, attempts, 0.5), failing_share(most, attempts, 0.95)
    return 0.5, 0.95


def drift_of(trials: Sequence[SearchTrial]) -> str | None:
    """How the last baselines differ from the first beyond chance, as a sentence."""
    from chaosnetra.evidence.statistics.ranks import compare_times

    # What a trial leaves after its rollbacks is the baseline of the next one.
    measured = [
        one for trial in trials for one in (trial.baseline_seconds, trial.recovered_seconds)
    ]
    known = [one for number, one in enumerate(measured) if one and one not in measured[:number]]
    if len(known) < 2:
        return None
    first, rest = known[0], known[1:]
    last = tuple(seconds for one in rest[len(rest) // 2 :] for seconds in one)
    test = compare_times(first, last)
    before, after = median(first), median(last)
    differs = abs(after - before) > DRIFT_SHARE * before
    if not differs or test.p_value is None or test.p_value > DRIFT_P:
        return None
    word = "longer" if after > before else "less"
    return (
        f"baselines drift: startups without the fault took {before:.3g} s at first, and "
        f"{after:.3g} s, {word}, towards the end"
    )


def _confirmed(search: Search, point: Estimate | None) -> bool | None:
    forecast = search.forecast
    if search.standing_forecast is not forecast:
        return False
    if forecast is None or point is None or point.low is None or point.high is None:
        return None
    off = abs(forecast.value) * forecast.spread
    return point.low <= forecast.value + off and forecast.value - off <= point.high


def _hardest(search: Search, held: list[float], violated: list[float]) -> float | None:
    hardness = search.oriented.hardness
    first = min(map(hardness, violated), default=math.inf)
    return max((value for value in held if hardness(value) < first), key=hardness, default=None)


def _easiest(search: Search, violated: list[float], held: list[float]) -> float | None:
    hardness = search.oriented.hardness
    last = max(map(hardness, held), default=-math.inf)
    return min((value for value in violated if hardness(value) > last), key=hardness, default=None)


def _margin(search: Search, value: float | None) -> float | None:
    today = search.operating_point
    if not value or not today:
        return None
    return today / value if search.oriented.falling else value / today


def _bears_asked(search: Search, point: Estimate | None, end: End) -> bool | None:
    wanted, span = search.asked, search.oriented
    if wanted is None:
        return None
    if end is End.HOLDS:
        return span.hardness(span.hard) >= span.hardness(wanted)
    if end in (End.FAILS, End.NOT_MONOTONIC, End.INDEPENDENT, End.INCONCLUSIVE) or point is None:
        return False
    easiest = point.high if span.falling else point.low
    return easiest is not None and span.hardness(easiest) > span.hardness(wanted)


def _same_at_ends(search: Search, end: End) -> str | None:
    """What was the same at both ends of a span between which nothing changed."""
    if end not in (End.HOLDS, End.FAILS):
        return None
    lower, upper = (
        [trial for trial in search.counted if trial.value == value]
        for value in (search.span.lower, search.span.upper)
    )
    if end is End.FAILS:
        reasons = {trial.breaks_first for trial in lower + upper}
        return f"fails by {reasons.pop()}" if len(reasons) == 1 and None not in reasons else None
    if not took_alike(lower, upper):
        return None
    return f"startups under the fault take {median(_under_fault(lower + upper)):.2g} s"


def took_alike(some: Sequence[SearchTrial], others: Sequence[SearchTrial]) -> bool:
    """Whether startups under the fault took as long in some trials as in others, as is known."""
    first, second = _under_fault(some), _under_fault(others)
    if not first or not second:
        return False
    return abs(median(first) - median(second)) <= ALIKE * max(median(first), median(second))


def _under_fault(trials: Sequence[SearchTrial]) -> list[float]:
    return [seconds for trial in trials for seconds in trial.under_fault_seconds]


def _model_fits(search: Search) -> bool | None:
    """Whether startups under the highest latency that held took what the model says."""
    if search.habits.polls is not None:
        return False
    model, scale = search.model, search.time_scale
    held = [one for one in search.counted if not one.violated and one.under_fault_seconds]
    if model is None or scale is None or not held:
        return None
    highest = max(held, key=lambda trial: trial.applied)
    expected = model.own_seconds + model.round_trips * highest.applied * scale / 1000
    return abs(median(highest.under_fault_seconds) - expected) <= MODEL_FITS * expected


def _more_trials(search: Search, point: Estimate | None) -> int | None:
    """How many more trials half the width is expected to take; None: more than can be told.

    Each is assumed to lie at an end of what is likely, and to end as is expected there.
    """
    response, (level, _) = response_of(search), levels_of(search)
    if point is None or point.low is None or point.high is None or not response.trials:
        return None
    attempts = response.trials[-1].attempts
    wanted = (point.high - point.low) / 2
    for more in range(1, MOST_MORE + 1):
        value = point.low if more % 2 else point.high
        failures = round(attempts * response.failing_at([value])[0])
        response = replace(response, trials=(*response.trials, Trial(value, failures, attempts)))
        point = response.point(level)
        if point.low is None or point.high is None:
            return None
        if point.high - point.low <= wanted:
            return more
    return None
