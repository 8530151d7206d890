"""A search for people: a line for each trial, and what was found."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from chaosnetra.search.conclusion import Conclusion
from chaosnetra.search.endings import End, how_it_ended
from chaosnetra.search.frontier import Column, Frontier, Map
from chaosnetra.search.record import BUDGET, Axis, Search, SearchTrial
from chaosnetra.search.response import Estimate
from chaosnetra.text import how_many

# Larger values are told without a power of ten.
WHOLE_FROM = 1000
# Rows of a map that are told.
MOST_COLUMNS = 7
NO_MAP = (End.INCONCLUSIVE, End.NOT_MONOTONIC, End.FAILS)


def trial_line(search: Search, trial: SearchTrial, conclusion: Conclusion | Frontier) -> str:
    """One trial, and where the search stands after it."""
    text = f"trial {trial.number}: {where(search, trial)}: {trial.outcome}"
    if trial.applied != trial.value:
        text += f" (in place: {shown(trial.applied)})"
    if trial.counts and trial.attempts > 1:
        text += f", {trial.failures} of {trial.attempts} failed"
    if trial.breaks_first:
        text += f", {trial.breaks_first}"
    if not trial.counts:
        text += f": {trial.line.removeprefix(f'{trial.outcome}: ')}"
    text += f"; {trial.seconds:.1f} s"
    if isinstance(conclusion, Frontier):
        text += f"; {percent(conclusion.undecided)} of the map is undecided"
    elif conclusion.point is not None:
        text += f"; it breaks {interval(conclusion.point)}"
    elif search.forecast is not None and len(search.counted) == 1:
        text += f"; predicted to break at {shown(search.forecast.value)}"
    return text


def where(search: Search, trial: SearchTrial) -> str:
    """The values of a trial."""
    text = f"{search.key} {shown(trial.value)}"
    if search.second is not None and trial.second is not None:
        text += f", {search.second.key} {shown(trial.second)}"
    return text


def summary(search: Search, conclusion: Conclusion | Frontier) -> str:
    """What was found, some lines; the first is the answer."""
    if isinstance(conclusion, Frontier):
        return "\n".join(_map_lines(search, conclusion))
    return "\n".join(_lines(search, conclusion))


def map_answer(search: Search, found: Frontier) -> str:
    """What a search over two keys has found, in one sentence."""
    (first, second), end = Map(search).axes, found.end
    ends = (first.span, second.span)
    hard, easy = (
        f"{first.key} {shown(one)}, {second.key} {shown(other)}"
        for one, other in ([span.hard for span in ends], [span.easy for span in ends])
    )
    if end is End.HOLDS:
        return f"no limit up to the hardest corner, {hard}"
    if end is End.FAILS:
        return f"the steady state holds at no corner, not even at {easy}; widen --from and --to"
    if end is End.INCONCLUSIVE:
        one, other = found.proves_nothing_at[-1]
        place = f"{first.key} {shown(one)}, {second.key} {shown(other)}"
        return f"proves nothing at {place}: {_to_mend(found.why_nothing)}"
    if end is End.NOT_MONOTONIC:
        return (
            "the response is not monotonic: it held where both keys are harder than where it was "
            "violated, so no map is claimed; give spans within which it breaks once"
        )
    if not search.counted:
        return "nothing is known: no trial says anything"
    said = [
        f"at {first.key} {shown(column.value)} it {_breaks(second, column)}"
        for column in (found.columns[0], found.columns[-1])
    ]
    return f"{'; '.join(said)}; {percent(found.undecided)} of the map is undecided"


def _breaks(axis: Axis, column: Column) -> str:
    """Where it breaks in a column, as a clause."""
    held, violated = column.holds_to, column.violated_from
    if violated is None:
        if held is None:
            return "is not known"
        return f"holds {axis.span.grows} to {axis.key} {shown(held)}"
    if held is None:
        return f"is violated from {axis.key} {shown(violated)}"
    return f"breaks between {axis.key} {shown(held)} and {shown(violated)}"


def _map_lines(search: Search, found: Frontier) -> Iterator[str]:
    first, *notes = map_notes(search, found)
    yield first
    rows = map_rows(search, found)
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}"
    yield from (f"  {note}" for note in notes)


def map_rows(search: Search, found: Frontier) -> list[tuple[str, ...]]:
    """Where it holds and is violated at some values of the first key, after a row of headings."""
    if not search.counted or found.end in NO_MAP:
        return []
    first, second = Map(search).axes
    return [
        (first.key, f"{second.key}: holds to", "violated from"),
        *(
            (shown(one.value), _or_unknown(one.holds_to), _or_unknown(one.violated_from))
            for one in _some(found.columns)
        ),
    ]


def map_notes(search: Search, found: Frontier) -> Iterator[str]:
    """What was found but for these rows; the first is the answer."""
    yield map_answer(search, found)
    if search.counted and found.end not in NO_MAP:
        yield (
            f"it holds in {percent(found.held)} of the map, and is violated in "
            f"{percent(found.violated)}"
        )
    for text, place in _map_reasons(search):
        yield f"breaks first: {text}, as at {place}"
    for trial in search.trials:
        if not trial.counts:
            yield f"trial {trial.number} at {where(search, trial)} proves nothing: {trial.line}"
    if found.drift is not None:
        yield found.drift
    yield how_it_ended(search, found.end)


def _some(columns: Sequence[Column]) -> list[Column]:
    """Both ends, and so many between them that all can be told."""
    last = len(columns) - 1
    steps = min(last, MOST_COLUMNS - 1)
    return [columns[round(last * step / max(1, steps))] for step in range(steps + 1)]


def _map_reasons(search: Search) -> list[tuple[str, str]]:
    """What broke first, and the first place where it did."""
    found: dict[str, str] = {}
    for trial in search.counted:
        if trial.violated and trial.breaks_first:
            found.setdefault(trial.breaks_first, where(search, trial))
    return list(found.items())[:MOST_COLUMNS]


def _or_unknown(value: float | None) -> str:
    return "-" if value is None else shown(value)


def percent(share: float) -> str:
    """A share of a map."""
    return f"{share:.0%}"


def _independent(search: Search) -> str:
    """That no value is the one at which it breaks."""
    key, counted = search.key, search.counted
    values = [trial.applied for trial in counted]
    failed, attempts = (
        sum(getattr(trial, name) for trial in counted) for name in ("failures", "attempts")
    )
    return (
        f"{key} does not decide it: {failed} of {how_many(attempts, 'attempt')} failed, as often "
        f"at one value as at another, between {shown(min(values))} and {shown(max(values))}: "
        f"{breaks_first(search) or 'it says nothing of why'}; find what else fails (a run without "
        f"the fault), or see whether {key} does anything: it is used for {search.feeds}"
    )


def answer(search: Search, conclusion: Conclusion) -> str:
    """The answer in one sentence."""
    key, span = search.key, search.oriented
    if conclusion.end is End.HOLDS:
        text = f"no limit {span.grows} to {key} {shown(span.hard)}"
        if conclusion.same_at_ends is not None:
            return (
                f"{text}: {conclusion.same_at_ends} there as well as at {shown(span.easy)}, so "
                f"{key} may do nothing here; it is used for: {search.feeds}"
            )
        return f"{text}; {model_text(search)}" if search.model is not None else text
    if conclusion.end is End.FAILS:
        lower, upper = shown(span.lower), shown(span.upper)
        if conclusion.same_at_ends is not None:
            return (
                f"the steady state holds neither at {key} {lower} nor at {upper}: both times it "
                f"{conclusion.same_at_ends}; widen --from and --to, or see whether {key} does "
                f"anything: it is used for {search.feeds}"
            )
        return (
            f"the steady state holds neither at {key} {lower} nor at {upper}: "
            f"{breaks_first(search) or 'it says nothing of why'}; widen --from and --to"
        )
    if conclusion.end is End.INCONCLUSIVE:
        values = ", ".join(map(shown, conclusion.proves_nothing_at))
        return f"proves nothing at {key} {values}: {_to_mend(conclusion.why_nothing)}"
    if conclusion.end is End.NOT_MONOTONIC:
        return (
            f"the response is not monotonic: the steady state held at values of {key} "
            f"{'below' if span.falling else 'above'} some at which it was violated, so no breaking "
            "point is claimed; give --from and --to within which it breaks once"
        )
    if conclusion.end is End.INDEPENDENT:
        return _independent(search)
    if conclusion.point is None:
        tried = [trial.applied for trial in search.counted]
        if not tried:
            return "nothing is known: no trial says anything"
        if conclusion.first_violated is None:
            hardest = max(tried, key=span.hardness)
            return f"no limit was met {span.grows} to {key} {shown(hardest)}, the hardest tried"
        before = "above" if span.falling else "below"
        return f"it breaks {before} {key} {shown(conclusion.first_violated)}"
    reason = _breaks_first_by(search, conclusion)
    because = f"; what breaks first: {reason}" if reason else ""
    return f"it breaks at {key} {interval(conclusion.point)}{because}"


def _to_mend(why: str | None) -> str:
    """Why trials prove nothing, and what to do."""
    said = (why or "it says nothing of why").removeprefix("inconclusive: ").removeprefix("broken: ")
    return f"{said}; mend that, and search again in a new folder"


def _lines(search: Search, conclusion: Conclusion) -> Iterator[str]:
    yield answer(search, conclusion)
    if conclusion.level != conclusion.level_95:
        yield (
            f"  there a trial is violated with 50%, when {conclusion.level:.0%} of its "
            "attempts fail"
        )
    if conclusion.point_95 is not None and conclusion.level != conclusion.level_95:
        yield f"  with 95%: {interval(conclusion.point_95)}"
    if search.operating_point is not None:
        how = "measured here" if search.operating_point_measured else "given"
        today = f"  today, without the fault: {shown(search.operating_point)} ({how})"
        margin = conclusion.margin
        if margin is not None and margin < 1:
            today += ", which is beyond where it breaks"
        elif margin is not None:
            bears = f"{f'{margin:,.0f}' if margin >= 100 else f'{margin:.3g}'} times as "
            falling = search.oriented.falling
            much = f"{bears}little is enough" if falling else f"it bears {bears}much"
            today += f", so {much} before it breaks"
        yield today
    if search.forecast is not None:
        text = f"  predicted: {shown(search.forecast.value)}, by {search.forecast.how}"
        said = {True: "; confirmed", False: "; refuted", None: ""}
        text += said[conclusion.forecast_confirmed]
        if search.standing_forecast is None:
            text += (
                f": it breaks before {shown(search.span.upper)}, so the search went on without "
                "the prediction"
            )
        yield text
    if search.model is not None and conclusion.end is not End.HOLDS:
        yield f"  {model_text(search)}"
    if search.habits.tries_again is not None:
        yield f"  {search.habits.tries_again}"
    if conclusion.model_fits is False and search.habits.polls is None:
        yield "  startups under latency took other times, so they do more than wait"
    for _, where, reason in broken_alike(search):
        yield f"  {where}: {reason}"
    for trial in search.trials:
        if not trial.counts:
            yield f"  trial {trial.number} at {shown(trial.value)} proves nothing: {trial.line}"
    if conclusion.drift is not None:
        yield f"  {conclusion.drift}"
    yield f"  {how_it_ended(search, conclusion.end)}"
    if conclusion.more_trials is not None:
        yield f"  about {how_many(conclusion.more_trials, 'more trial')} would halve the interval"
    if conclusion.bears_asked is not None:
        assert search.asked is not None  # noqa: S101 - it was asked
        word = "lies" if conclusion.bears_asked else "does not lie"
        beyond = "above" if search.at_most is None else "below"
        text = f"  the interval {word} {beyond} {shown(search.asked)}, which was asked"
        chance = conclusion.chance_bears_asked
        if chance is not None:
            text += f" (half of the attempts fail {beyond} it with {chance:.0%})"
        yield text


def reasons(search: Search) -> list[tuple[float, str]]:
    """What breaks first at each value that was violated, from the easiest."""
    found = {
        trial.applied: trial.breaks_first
        for trial in search.counted
        if trial.violated and trial.breaks_first
    }
    return sorted(found.items(), key=lambda one: search.oriented.hardness(one[0]))


def broken_alike(search: Search) -> Iterator[tuple[list[float], str, str]]:
    """Neighbouring values at which the same breaks first: the values, where that is, and what."""
    for reason, group in groupby(reasons(search), key=lambda one: one[1]):
        values = [value for value, _ in group]
        ends = [shown(value) for value in values]
        where = f"at {ends[0]}" if len(ends) == 1 else f"from {ends[0]} to {ends[-1]}"
        yield values, where, reason


def breaks_first(search: Search) -> str | None:
    """What breaks first at the easiest value that was violated."""
    found = reasons(search)
    return found[0][1] if found else None


def _breaks_first_by(search: Search, conclusion: Conclusion) -> str | None:
    """Likewise, by the service's own limit where that is known, and explains where it breaks."""
    reason, forecast = breaks_first(search), search.forecast
    if forecast is None or not forecast.limit.is_own or conclusion.forecast_confirmed is False:
        return reason
    if reason is not None and reason.startswith(BUDGET):
        return reason  # the startup itself says so
    own = f"{forecast.limit.name}, {forecast.limit.seconds:.3g} s"
    return own if reason is None else f"{own} ({reason})"


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
