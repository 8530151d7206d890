"""A comparison for people: plain text that is Markdown too."""

from collections.abc import Iterator

from chaosnetra.evidence.compare.changes import ExperimentChange, RateChange, TimeChange
from chaosnetra.evidence.compare.comparison import Comparison
from chaosnetra.evidence.compare.experiment_runs import Runs
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.evidence.statistics.rates import CONFIDENCE
from chaosnetra.text import cut, markdown

LONGEST_REASON = 400


def comparison_text(comparison: Comparison) -> str:
    """The comparison, what became worse first."""
    return "\n".join(_lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    regressions = [
        (experiment, text)
        for experiment in comparison.experiments
        for text in experiment.regressions
    ]
    if regressions:
        yield "**Regression**"
        yield from (f"- {markdown(one.title)}: {_short(text)}" for one, text in regressions)
    elif comparison.complete:
        better = any(one.improvements for one in comparison.experiments)
        yield f"**No regression{', and better' if better else ''}**"
    else:
        yield "**Not all could be compared**"
        yield from (
            f"- {markdown(one.title)}: {_short(text)}"
            for one in comparison.experiments
            for text in one.refused
        )
        differences = (one for each in comparison.experiments for one in each.differences)
        kinds = sorted({one.circumstance.kind or "" for one in differences if one.refused})
        if kinds:
            yield ""
            yield f"To compare all the same: `{' '.join(f'--allow {kind}' for kind in kinds)}`"
    yield from (
        f"- {markdown(one.title)}: {_short(text)}"
        for one in comparison.experiments
        for text in (*one.improvements, *one.asks_more)
    )
    for experiment in comparison.experiments:
        yield ""
        yield from _experiment(experiment)


def _experiment(experiment: ExperimentChange) -> Iterator[str]:
    yield f"## {markdown(experiment.title)}"
    yield f"{experiment.change.value}"
    yield ""
    for name, runs in (("before", experiment.before), ("after", experiment.after)):
        if runs is not None:
            yield f"- {name}: {_runs(runs)}"
    yield from (_rate(rate) for rate in experiment.rates)
    yield from (_time(time) for time in experiment.times)
    yield from (f"- {_short(line)}" for change in experiment.wire for line in change.lines)
    yield from (f"- {markdown(note)}" for note in experiment.notes)
    yield from (f"- {_short(difference.line)}" for difference in experiment.differences)


def _runs(runs: Runs) -> str:
    count = len(runs.outcomes)
    profiles = f", profile {markdown(', '.join(runs.profiles))}" if runs.profiles else ""
    how_many = f"{count} run{'s' if count > 1 else ''}{profiles}"
    return f"{runs.outcome.value} ({how_many}): {_short(runs.reason)}"


def _rate(rate: RateChange) -> str:
    text = (
        f"- {markdown(rate.probe)}, failed under the fault: {_share(*rate.before)} before, "
        f"{_share(*rate.after)} after"
    )
    if rate.difference.value is None:
        return text
    interval = rate.difference.interval
    is_proven = rate.rise_proven or rate.fall_proven
    chance = "more than chance explains" if is_proven else "which chance may explain"
    if not is_proven and (rate.difference.is_rise or rate.difference.is_fall):
        chance += " among so many comparisons"
    return (
        f"{text}; difference {100 * rate.difference.value:+.0f} points, {chance}: "
        f"{interval.confidence:.0%} confidence interval of the difference "
        f"{100 * interval.low:+.0f} to {100 * interval.high:+.0f} ({interval.method})"
    )


def _share(failures: int, trials: int) -> str:
    return f"{failures} of {trials} ({failures / trials:.0%})" if trials else "no trials"


def _time(time: TimeChange) -> str:
    text = (
        f"- startups {time.when}: median {_median(time.before)} before, {_median(time.after)} after"
    )
    test = time.test
    if test.p_value is None or test.cliffs_delta is None or time.p_adjusted is None:
        return text
    if not test.can_tell(CONFIDENCE):
        return (
            f"{text}; {test.before} and {test.after} are too few to tell a difference from chance "
            "(four and four are enough)"
        )
    way = "slower" if test.cliffs_delta > 0 else "faster" if test.cliffs_delta < 0 else "the same"
    if time.before.censored or time.after.censored:
        way += ", what was never ready being the slowest"
    return (
        f"{text}; {way}: Mann-Whitney p {_p(test.p_value)}, "
        f"{_p(time.p_adjusted)} corrected for all comparisons; Cliff's delta "
        f"{test.cliffs_delta:+.2f} ({test.effect})"
    )


def _median(median: Quantile) -> str:
    if median.value is None:
        return "unknown"
    least = "at least " if median.is_lower_bound else ""
    censored = f", {median.censored} not ready" if median.censored else ""
    return f"{least}{median.value:.3g} s (n = {median.observations}{censored})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _short(text: str) -> str:
    return markdown(cut(text, LONGEST_REASON))
