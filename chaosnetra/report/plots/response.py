"""The response curve of a search: how often attempts fail at each value, and what was tried."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, number_text, share_text

HEIGHT = 220.0
TOP = 34.0
BAND = 18
MOST_MARKS = 200
MOST_BANDS = 6


@dataclass(frozen=True)
class Tried:
    """One trial: where, the share of its attempts that failed, and whether it was violated."""

    value: float
    share: float
    violated: bool
    told: str


@dataclass(frozen=True)
class Band:
    """Values at which the same broke first, from the least; nothing is said of those beyond."""

    values: Sequence[float]
    name: str


@dataclass(frozen=True)
class Curve:
    """What the plot shows.

    Attributes:
        key: what is varied.
        lower: end of the axis; above 0 where it is logarithmic.
        upper: the other one.
        logarithmic: whether equal ratios have equal lengths.
        points: values and the expected share of attempts that fail there, in order.
        tried: the trials that say something.
        interval: of the breaking point: low, value, high; None: none is claimed.
        operating_point: where the system stands today, if it is known.
        predicted: where it was expected to break, if anything predicted it.
        bands: what breaks first where.
    """

    key: str
    lower: float
    upper: float
    logarithmic: bool
    points: Sequence[tuple[float, float]]
    tried: Sequence[Tried]
    interval: tuple[float, float, float] | None
    operating_point: float | None
    predicted: float | None
    bands: Sequence[Band]


def response_plot(curve: Curve) -> Markup:
    """The plot, with a legend."""
    across = Scale(curve.lower, curve.upper, curve.logarithmic)
    up = Scale(0.0, 1.0)
    bottom = TOP + HEIGHT
    bands = curve.bands[:MOST_BANDS]
    parts: list[Markup] = [frame.y_axis(up, TOP, HEIGHT, share_text)]
    if curve.interval is not None:
        low, value, high = curve.interval
        told = f"{number_text(value)}, {number_text(low)} to {number_text(high)}"
        parts.append(frame.box(across, low, high, TOP, HEIGHT, "area a", told))
    points = [(across.percent(value), _y(up, share)) for value, share in curve.points]
    parts += [frame.line(*one, *other, "line a") for one, other in pairwise(points)]
    for one in curve.tried[:MOST_MARKS]:
        kind = "failed" if one.violated else "ready"
        parts.append(frame.mark(kind, across.percent(one.value), _y(up, one.share)))
    for at, name, y in (
        (curve.operating_point, "today", 12.0),
        (curve.predicted, "predicted", 26.0),
    ):
        if at is not None and across.holds(at):
            parts.append(frame.upright(across, at, y - 8, bottom, "interval"))
            parts.append(frame.edge_label(across, at, y, f"{name} {number_text(at)}", "quiet"))
    for number, band in enumerate(bands):
        y = bottom + frame.AXIS_HEIGHT + 6 + number * BAND
        ends = band.values[0], band.values[-1]
        parts.append(frame.box(across, *ends, y, BAND - 6, "area b", band.name))
        places = map(across.percent, band.values)
        parts += [frame.mark("failed", x, y + BAND / 2 - 3) for x in places]
        parts.append(frame.text("0%", y + 10, band.name, class_="small halo"))
    description = "; ".join(one.told for one in curve.tried[:20]) or "nothing was tried"
    entries = trial_signs(one.violated for one in curve.tried)
    entries.append((frame.line_swatch("line a"), "expected share of attempts that fail"))
    if curve.interval is not None:
        entries.append((frame.box_swatch("area a"), "where it breaks, 95%"))
    if bands:
        entries.append((frame.box_swatch("area b"), "where the same broke first"))
    return frame.plot(
        f"How often attempts fail by {curve.key}",
        description,
        bottom + frame.AXIS_HEIGHT + 10 + len(bands) * BAND,
        frame.x_axis(across, TOP, bottom, number_text),
        *parts,
        signs=entries,
    )


def trial_signs(violated: Iterable[bool]) -> list[tuple[Markup, str]]:
    """What marks of trials mean, of those that occur."""
    found = set(violated)
    words = {False: ("ready", "trial that held"), True: ("failed", "trial that was violated")}
    return [(frame.mark_swatch(kind), word) for one, (kind, word) in words.items() if one in found]


def _y(up: Scale, share: float) -> float:
    return TOP + HEIGHT * (1 - up.share(share))
