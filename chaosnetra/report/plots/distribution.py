"""How times are distributed, stage by stage, on one axis; those cut short are marked."""

from array import array
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    box_swatch,
    edge_label,
    legend,
    line,
    line_swatch,
    mark,
    mark_swatch,
    plot,
    text,
    x_axis,
)
from chaosnetra.report.plots.scales import Scale, seconds_text, time_scale_of
from chaosnetra.report.series import Times

# More times than this in a stage are drawn as bars, and not one by one.
MOST_POINTS = 60
POINT_BINS, BAR_BINS = 45, 60
HEIGHT, HEAD, LINE, FOOT, POINT = 54, 20, 14, 16, 9
# Letters of a line on a narrow screen.
NARROW = 50
KINDS = ("ready", "failed", "cut")


def distribution(
    title: str,
    stages: Mapping[Stage, Times],
    medians: Mapping[Stage, Quantile | None],
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
        for values in (times.seen, times.failed, times.given_up)
        if values
        for extreme in (min(values), max(values))
    ]
    within = [(name, limit) for name, limit in limits if ends and limit <= 1.5 * max(ends)]
    across = time_scale_of([*ends, *(limit for _, limit in within)])
    parts, y, as_bars = [], 2.0, False
    for _ in within:
        y += 14
    top = y
    described = []
    for stage, times in stages.items():
        bars = times.listed > MOST_POINTS
        as_bars = as_bars or bars
        counts = _count(times, words)
        described.append(f"{stage.when}: {', '.join(counts)}")
        parts.append(text("0%", y + 14, stage.when, class_="head"))
        y += HEAD
        for told in _lines(counts):
            parts.append(text("0%", y + 8, told, class_="quiet small"))
            y += LINE
        parts.append(_bars(times, across, y) if bars else _points(times, across, y))
        y += HEIGHT
        parts.append(line("0%", y, "100%", y, "grid"))
        median = medians.get(stage)
        if median is not None and median.value is not None:
            parts.append(_median(median, across, y + FOOT / 2))
        y += FOOT
    for index, (name, limit) in enumerate(within):
        x = across.percent(limit)
        parts.append(line(x, 2 + 14 * index, x, y, "budget"))
        parts.append(
            edge_label(across, limit, 12 + 14 * index, f"{name} {seconds_text(limit)}", "small")
        )
    swatch = box_swatch if as_bars else mark_swatch
    entries = [
        (swatch(kind), word)
        for kind, word, values in zip(KINDS, words, _all(stages), strict=True)
        if values
    ]
    entries.append((line_swatch("median"), "median with its 95% interval"))
    if across.logarithmic:
        entries.append((Markup(""), "logarithmic axis"))
    drawn = plot(title, "; ".join(described), y + AXIS_HEIGHT, x_axis(across, top, y), *parts)
    return Markup("").join([legend(entries), drawn])


def _all(stages: Mapping[Stage, Times]) -> tuple[bool, bool, bool]:
    found = list(stages.values())
    return (
        any(times.seen for times in found),
        any(times.failed for times in found),
        any(times.given_up for times in found),
    )


def _count(times: Times, words: tuple[str, str, str]) -> list[str]:
    counts = (len(times.seen), len(times.failed), len(times.given_up))
    parts = [f"{count:,} {word}" for count, word in zip(counts, words, strict=True) if count]
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


def _binned(times: Times, across: Scale, bins: int) -> list[tuple[int, int, int]]:
    counted = [[0, 0, 0] for _ in range(bins)]
    for kind, values in enumerate((times.seen, times.failed, times.given_up)):
        for index in _bins(values, across, bins):
            counted[index][kind] += 1
    return [(a, b, c) for a, b, c in counted]


def _bins(values: "array[float]", across: Scale, bins: int) -> Iterator[int]:
    return (min(bins - 1, int(across.share(value) * bins)) for value in values)


def _points(times: Times, across: Scale, y: float) -> Markup:
    counted = _binned(times, across, POINT_BINS)
    highest = max(map(sum, counted), default=0)
    apart = min(POINT, (HEIGHT - POINT) / max(1, highest - 1))
    parts = []
    for index, counts in enumerate(counted):
        x = f"{100 * (index + 0.5) / POINT_BINS:.3f}%"
        kinds = [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
        parts += [mark(kind, x, y + HEIGHT - 6 - apart * level) for level, kind in enumerate(kinds)]
    return Markup("").join(parts)


def _bars(times: Times, across: Scale, y: float) -> Markup:
    counted = _binned(times, across, BAR_BINS)
    highest = max(map(sum, counted), default=1) or 1
    parts = []
    for index, counts in enumerate(counted):
        base = y + HEIGHT
        for kind, count in zip(KINDS, counts, strict=True):
            if count:
                height = max(1.0, HEIGHT * count / highest)
                base -= height
                parts.append(
                    Markup(
                        '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}">'
                        "<title>{}</title></rect>"
                    ).format(
                        kind,
                        f"{100 * index / BAR_BINS:.3f}",
                        f"{max(y, base):.2f}",
                        f"{94 / BAR_BINS:.3f}",
                        f"{height:.2f}",
                        f"{count:,}",
                    )
                )
    return Markup("").join(parts)


def _median(median: Quantile, across: Scale, y: float) -> Markup:
    parts = []
    if median.value is None:
        return Markup("")
    low = median.value if median.low is None else median.low
    open_above = median.high is None
    high = across.high if median.high is None else median.high
    if median.low is not None or median.high is not None or median.is_lower_bound:
        parts.append(line(across.percent(low), y, across.percent(high), y, "interval"))
        for end, is_open in ((low, False), (high, open_above)):
            if not is_open:
                x = across.percent(end)
                parts.append(line(x, y - 3, x, y + 3, "interval"))
    if not median.is_lower_bound:
        x = across.percent(median.value)
        parts.append(line(x, y - 6, x, y + 6, "median"))
    return Markup("").join(parts)
