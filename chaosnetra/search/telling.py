"""A search for people: a line for each trial, and what was found."""

from collections.abc import Iterator

from chaosnetra.search.conclusion import Conclusion, End
from chaosnetra.search.record import Search, SearchTrial
from chaosnetra.search.response import Estimate

# Larger values are told without a power of ten.
WHOLE_FROM = 1000


def trial_line(search: Search, trial: SearchTrial, conclusion: Conclusion) -> str:
    """One trial, and where the search stands after it."""
    text = f"trial {trial.number}: {search.key} {shown(trial.value)}: {trial.outcome}"
    if trial.applied != trial.value:
        text += f" (in place: {shown(trial.applied)})"
    if trial.counts and trial.attempts > 1:
        text += f", {trial.failures} of {trial.attempts} failed"
    if trial.breaks_first:
        text += f", {trial.breaks_first}"
    if not trial.counts:
        text += f": {trial.line.removeprefix(f'{trial.outcome}: ')}"
    text += f"; {trial.seconds:.1f} s"
    if conclusion.point is not None:
        text += f"; it breaks {interval(conclusion.point)}"
    elif search.forecast is not None and len(search.counted) == 1:
        text += f"; predicted to break at {shown(search.forecast.value)}"
    return text


def summary(search: Search, conclusion: Conclusion) -> str:
    """What was found, some lines; the first is the answer."""
    return "\n".join(_lines(search, conclusion))


def answer(search: Search, conclusion: Conclusion) -> str:
    """The answer in one sentence."""
    key, span = search.key, search.span
    if conclusion.end is End.HOLDS:
        text = f"no limit up to {key} {shown(span.upper)}"
        return f"{text}; {model_text(search)}" if search.model is not None else text
    if conclusion.end is End.FAILS:
        return (
            f"the steady state does not hold at {key} {shown(span.lower)} already, the lower end: "
            f"{breaks_first(search) or 'it says nothing of why'}; begin lower, and vary what makes "
            "it harder as it grows"
        )
    if conclusion.end is End.INCONCLUSIVE:
        values = ", ".join(map(shown, conclusion.proves_nothing_at))
        return f"proves nothing at {key} {values}: {conclusion.why_nothing}"
    if conclusion.end is End.NOT_MONOTONIC:
        return (
            f"the response is not monotonic: the steady state held at values of {key} above some "
            "at which it was violated, so no breaking point is claimed"
        )
    if conclusion.point is None:
        tried = [trial.applied for trial in search.counted]
        if not tried:
            return "nothing is known: no trial says anything"
        if conclusion.first_violated is None:
            return f"no limit was met up to {key} {shown(max(tried))}, the highest that was tried"
        return f"it breaks below {key} {shown(conclusion.first_violated)}"
    reason = breaks_first(search)
    because = f"; what breaks first: {reason}" if reason else ""
    return f"it breaks at {key} {interval(conclusion.point)}{because}"


def _lines(search: Search, conclusion: Conclusion) -> Iterator[str]:
    yield answer(search, conclusion)
    if conclusion.level != conclusion.level_95:
        yield (
            f"  there a trial is violated with 50 %, when {100 * conclusion.level:.0f} % of its "
            "attempts fail"
        )
    if conclusion.point_95 is not None and conclusion.level != conclusion.level_95:
        yield f"  with 95 %: {interval(conclusion.point_95)}"
    if search.operating_point is not None:
        how = "measured here" if search.operating_point_measured else "given"
        today = f"  today: {shown(search.operating_point)} ({how})"
        if conclusion.margin is not None:
            today += f", so it bears {conclusion.margin:.3g} times as much"
        yield today
    if search.forecast is not None:
        text = f"  predicted: {shown(search.forecast.value)}, by {search.forecast.how}"
        said = {True: "; confirmed", False: "; refuted", None: ""}
        yield text + said[conclusion.forecast_confirmed]
    if search.model is not None and conclusion.end is not End.HOLDS:
        yield f"  {model_text(search)}"
    if search.habits.tries_again is not None:
        yield f"  {search.habits.tries_again}"
    if conclusion.model_fits is False and search.habits.polls is None:
        yield "  startups under latency took other times, so they do more than wait"
    for value, reason in reasons(search):
        yield f"  at {shown(value)}: {reason}"
    for trial in search.trials:
        if not trial.counts:
            yield f"  trial {trial.number} at {shown(trial.value)} proves nothing: {trial.line}"
    if conclusion.drift is not None:
        yield f"  {conclusion.drift}"
    yield f"  {len(search.trials)} trials, {search.seconds:.0f} s; {conclusion.end.value}"
    if conclusion.more_trials is not None:
        yield f"  about {conclusion.more_trials} more trials would halve the interval"
    if conclusion.holds_at_least is not None:
        assert search.at_least is not None  # noqa: S101 - it was asked
        word = "lies" if conclusion.holds_at_least else "does not lie"
        text = f"  the interval {word} above {shown(search.at_least)}, which was asked"
        if conclusion.chance_above is not None:
            text += f" (half of the attempts fail above it with {conclusion.chance_above:.0%})"
        yield text


def reasons(search: Search) -> list[tuple[float, str]]:
    """What breaks first at each value that was violated, from the lowest."""
    found = {
        trial.applied: trial.breaks_first
        for trial in search.counted
        if trial.violated and trial.breaks_first
    }
    return sorted(found.items())


def breaks_first(search: Search) -> str | None:
    """What breaks first at the lowest value that was violated."""
    found = reasons(search)
    return found[0][1] if found else None


def model_text(search: Search) -> str:
    """What a start takes, as a clause."""
    model = search.model
    if model is None:
        return "what a start takes is not known"
    if search.habits.polls is not None:
        return search.habits.polls
    scaled = "" if search.time_scale in (None, 1) else f" at time scale {search.time_scale:g}"
    trips = f"{model.round_trips} x latency" if model.round_trips else "and no latency"
    return f"a start takes {model.own_seconds:.2g} s + {trips}{scaled}"


def interval(point: Estimate) -> str:
    """An estimate with its interval: 430 (410 to 450)."""
    low = "less" if point.low is None else shown(point.low)
    high = "more" if point.high is None else shown(point.high)
    value = "an unknown value" if point.value is None else shown(point.value)
    return f"{value} ({low} to {high}, {point.confidence:.0%})"


def shown(value: float) -> str:
    """A value of the key with as many digits as it is worth."""
    return f"{value:.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4g}"
