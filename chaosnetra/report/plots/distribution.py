"""How times are distributed, stage by stage, on one axis; those cut short are marked."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from markupsafe import Markup

from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.report.markup import element, join
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, seconds_text, time_scale_of
from chaosnetra.report.series import Asked, Times

When = TypeVar("When", bound=Stage | Asked)
# More times than this in a stage are drawn as bars, and not one by one.
MOST_POINTS = 60
BAR_BINS = 60
# Points that are nearer to each other than this share of the axis lie above each other.
APART = 1 / 45
HEIGHT, HEAD, LINE, FOOT, POINT = 54, 20, 14, 16, 9
# Letters of a line on a narrow screen.
NARROW = 50
KINDS = ("ready", "failed", "cut")


def distribution(
    title: str,
    stages: Mapping[When, Times],
    medians: Mapping[When, Quantile | None],
    words: tuple[str, str, str],
    limits: Sequence[tuple[str, float]] = (),
) -> Markup:
    """The plot, with what its signs mean above it.

    Args:
        title: what is shown.
        stages: times by stage.
        medians: of each stage; None where it cannot be told.
        words: what a time is of that was seen, failed, or was given up.
        limits: names and seconds to mark, where they lie within.
    """
    ends = [
        extreme
        for times in stages.values()
        for values in times.kinds
        if values
        for extreme in (min(values), max(values))
    ]
    within = [(name, limit) for name, limit in limits if ends and limit <= 1.5 * max(ends)]
    across = time_scale_of([*ends, *(limit for _, limit in within)])
    parts, behind, as_bars = [], list[Markup](), False
    y = top = 2.0 + 14 * len(within)
    described = []
    for stage, times in stages.items():
        bars = times.listed > MOST_POINTS
        as_bars = as_bars or bars
        counts = _count(times, words)
        described.append(f"{stage.when}: {', '.join(counts)}")
        parts.append(frame.head(stage.when, y + 14))
        y += HEAD
        for told in _lines(counts):
            parts.append(frame.text("0%", y + 8, told, class_="quiet small"))
            y += LINE
        parts.append(_bars(times, across, y) if bars else _points(times, across, y))
        y += HEIGHT
        parts.append(frame.line("0%", y, "100%", y, "grid"))
        median = medians.get(stage)
        if median is not None and median.value is not None:
            parts.append(_median(median, across, y + FOOT / 2))
        y += FOOT
    for index, (name, limit) in enumerate(within):
        behind.append(frame.upright(across, limit, 2 + 14 * index, y, "budget"))
        told = f"{name} {seconds_text(limit)}"
        parts.append(frame.edge_label(across, limit, 12 + 14 * index, told, "small"))
    swatch = frame.box_swatch if as_bars else frame.mark_swatch
    entries = [
        (swatch(kind), word)
        for index, (kind, word) in enumerate(zip(KINDS, words, strict=True))
        if any(times.kinds[index] for times in stages.values())
    ]
    entries.append((frame.line_swatch("median"), "median with its 95% interval"))
    if across.logarithmic:
        entries.append((Markup(""), "logarithmic axis"))
    x_axis = frame.x_axis(across, top, y)
    height = y + frame.AXIS_HEIGHT
    return frame.plot(title, "; ".join(described), height, x_axis, *behind, *parts, signs=entries)


def _count(times: Times, words: tuple[str, str, str]) -> list[str]:
    found = zip(map(len, times.kinds), words, strict=True)
    parts = [f"{count:,} {word}" for count, word in found if count]
    missing = times.attempts - times.listed
    return [*parts, *([f"{missing:,} not listed"] if missing > 0 else [])]


def _lines(parts: Sequence[str]) -> list[str]:
    """Parts of a list on lines that fit on a narrow screen."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) < NARROW:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def _points(times: Times, across: Scale, y: float) -> Markup:
    """Each time where it is, on the lowest level that has room for it there."""
    placed, ends = [], list[float]()
    every = [(value, kind) for kind, values in zip(KINDS, times.kinds, strict=True)
             for value in values]  # fmt: skip
    for value, kind in sorted(every):
        share = across.share(value)
        level = next((one for one, end in enumerate(ends) if share - end >= APART), len(ends))
        ends[level : level + 1] = [share]
        placed.append((level, kind, across.percent(value)))
    step = min(POINT, (HEIGHT - POINT) / max(1, len(ends) - 1))
    marks = (frame.mark(kind, x, y + HEIGHT - 6 - step * level) for level, kind, x in placed)
    return join(marks)


def _bars(times: Times, across: Scale, y: float) -> Markup:
    counted = [[0, 0, 0] for _ in range(BAR_BINS)]
    for index, values in enumerate(times.kinds):
        for value in values:
            counted[min(BAR_BINS - 1, int(across.share(value) * BAR_BINS))][index] += 1
    highest = max(map(sum, counted), default=1) or 1
    parts = []
    for index, counts in enumerate(counted):
        base = y + HEIGHT
        for kind, count in zip(KINDS, counts, strict=True):
            if count:
                height = max(1.0, HEIGHT * count / highest)
                base -= height
                bar = element(
                    "rect",
                    element("title", f"{count:,}"),
                    class_=kind,
                    x=f"{100 * index / BAR_BINS:.3f}%",
                    y=f"{max(y, base):.2f}",
                    width=f"{94 / BAR_BINS:.3f}%",
                    height=f"{height:.2f}",
                )
                parts.append(bar)
    return join(parts)


def _median(median: Quantile, across: Scale, y: float) -> Markup:
    parts = []
    if median.value is None:
        return Markup("")
    low = median.value if median.low is None else median.low
    high = across.high if median.high is None else median.high
    if median.low is not None or median.high is not None or median.is_lower_bound:
        parts.append(frame.line(across.percent(low), y, across.percent(high), y, "interval"))
        ends = (low,) if median.high is None else (low, high)
        parts += [frame.upright(across, end, y - 3, y + 3, "interval") for end in ends]
    if not median.is_lower_bound:
        parts.append(frame.upright(across, median.value, y - 6, y + 6, "median"))
    return join(parts)
