"""Runs of one experiment, one after the other: times, failure rates and verdicts."""

from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.report.markup import element
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, scale_of, seconds_text, share_text
from chaosnetra.report.trend import TrendRun

HEAD, PANEL, GAP = 20, 96, 14
MOST_NAMES = 4
MOST_RUNS = 200
_MARKS = {Outcome.HELD: "ready", Outcome.VIOLATED: "failed", Outcome.INCONCLUSIVE: "cut"}


def trend_plot(runs: Sequence[TrendRun]) -> Markup:
    """The plot, with what its signs mean above it.

    Args:
        runs: at least one, in order; of very many the last are drawn.
    """
    shown = runs[-MOST_RUNS:]
    places = [f"{100 * (number + 0.5) / len(shown):.3f}%" for number in range(len(shown))]
    parts: list[Markup] = []
    y = 2.0
    timed = [run for run in shown if run.before is not None or run.under is not None]
    if timed:
        title, up = "median seconds until ready, or answered", _seconds(shown)
        parts += _panel(title, y, up, seconds_text)
        parts += _times(shown, places, up, y + HEAD)
        y += HEAD + PANEL + GAP
    if any(run.proof is not None for run in shown):
        title, up = "share of trials under the fault that failed", Scale(0.0, 1.0)
        parts += _panel(title, y, up, share_text)
        parts += _rates(shown, places, up, y + HEAD)
        y += HEAD + PANEL + GAP
    parts.append(frame.text("0%", y + 12, "verdict", class_="quiet small"))
    y += HEAD
    for run, x in zip(shown, places, strict=True):
        told = f"{run.day}, {run.commit or 'commit unknown'}: {run.outcome.value}"
        parts.append(
            element("g", element("title", told), frame.mark(_MARKS[run.outcome], x, y + 6))
        )
    y += HEAD
    parts.append(frame.line("0%", y, "100%", y, "axis"))
    parts += _days(shown, y)
    described = "; ".join(f"{run.day}: {run.outcome.value}" for run in shown[-20:])
    return frame.plot(
        "Runs one after the other", described, y + frame.AXIS_HEIGHT, *parts, signs=_signs(shown)
    )


def _seconds(shown: Sequence[TrendRun]) -> Scale:
    found = (one for run in shown for one in (run.before, run.under))
    return scale_of([one.value for one in found if one is not None and one.value is not None])


def _panel(title: str, y: float, up: Scale, shown: Callable[[float], str]) -> Iterator[Markup]:
    yield frame.text("0%", y + 12, title, class_="quiet small")
    yield frame.y_axis(up, y + HEAD, PANEL, shown)


def _times(
    shown: Sequence[TrendRun], places: Sequence[str], up: Scale, top: float
) -> Iterator[Markup]:
    for run, x in zip(shown, places, strict=True):
        for median, kind in ((run.before, "closed"), (run.under, "ready")):
            if median is not None and median.value is not None:
                # Where less than half were ready, the median lies above its mark.
                mark = "cut" if median.is_lower_bound else kind
                yield element(
                    "g",
                    element("title", f"{run.day}: {_said(median)}"),
                    frame.mark(mark, x, top + PANEL * (1 - up.share(median.value))),
                )


def _said(median: Quantile) -> str:
    least = "at least " if median.is_lower_bound else ""
    return f"{least}{seconds_text(median.value or 0.0)}"


def _rates(
    shown: Sequence[TrendRun], places: Sequence[str], up: Scale, top: float
) -> Iterator[Markup]:
    def at(share: float) -> float:
        return top + PANEL * (1 - up.share(share))

    half = 50 / len(shown)
    for number, (run, x) in enumerate(zip(shown, places, strict=True)):
        proof = run.proof
        if proof is None:
            continue
        low, high = proof.wilson_interval
        yield frame.line(x, at(low), x, at(high), "interval")
        rate = proof.failures / proof.trials
        kind = "failed" if run.outcome is Outcome.VIOLATED else "ready"
        told = f"{run.day}: {proof.failures:,} of {proof.trials:,} failed"
        yield element("g", element("title", told), frame.mark(kind, x, at(rate)))
        if proof.max_failure_rate is not None:
            middle = 100 * (number + 0.5) / len(shown)
            limit = at(proof.max_failure_rate)
            ends = (f"{middle - half:.3f}%", f"{middle + half:.3f}%")
            yield frame.line(ends[0], limit, ends[1], limit, "expired")


def _days(shown: Sequence[TrendRun], y: float) -> Iterator[Markup]:
    """Days under some of the runs, so that they do not overlap on a narrow screen; each once."""
    count = min(MOST_NAMES, len(shown))
    is_one_day = len({run.day[:10] for run in shown}) == 1
    numbers = {round(step * (len(shown) - 1) / max(1, count - 1)) for step in range(count)}
    before = None
    for number in sorted(numbers):
        x = f"{100 * (number + 0.5) / len(shown):.3f}%"
        day = shown[number].day
        if shown[number].started:
            day = day[11:] if is_one_day else day[5:10]
        if day != before:
            yield frame.text(x, y + 15, day, anchor="middle", class_="quiet small")
        before = day


def _signs(shown: Sequence[TrendRun]) -> frame.Signs:
    signs: list[tuple[Markup, str]] = []
    medians = [(run.before, run.under) for run in shown]
    if any(before is not None for before, _ in medians):
        signs.append((frame.mark_swatch("closed"), "before the fault"))
    if any(under is not None for _, under in medians):
        signs.append((frame.mark_swatch("ready"), "under the fault"))
    if any(one is not None and one.is_lower_bound for pair in medians for one in pair):
        signs.append((frame.mark_swatch("cut"), "at least so long: most were not ready"))
    outcomes = {run.outcome for run in shown}
    words = {
        Outcome.HELD: "held",
        Outcome.VIOLATED: "violated",
        Outcome.INCONCLUSIVE: "inconclusive",
    }
    signs += [
        (frame.mark_swatch(_MARKS[one]), word) for one, word in words.items() if one in outcomes
    ]
    if any(run.proof is not None for run in shown):
        signs.append((frame.line_swatch("interval"), "95% interval (Wilson)"))
        signs.append((frame.line_swatch("expired"), "allowed at most"))
    return signs
