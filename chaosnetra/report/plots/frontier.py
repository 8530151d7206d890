"""The map of a search over two keys: where it holds, where it is violated, what is not known."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    box,
    box_swatch,
    legend,
    line,
    mark,
    plot,
    text,
    x_axis,
    y_axis,
)
from chaosnetra.report.plots.response import trial_signs
from chaosnetra.report.plots.scales import Scale, number_text

HEIGHT = 260.0
TOP = 22.0
MOST_MARKS = 400


@dataclass(frozen=True)
class Strip:
    """What is known from one value of the first key to another; ranges of the second key.

    Attributes:
        start: value of the first key.
        end: likewise, above `start`.
        held: at which it is known to hold, lower end and upper one; None: nowhere.
        violated: likewise to be violated.
    """

    start: float
    end: float
    held: tuple[float, float] | None
    violated: tuple[float, float] | None


@dataclass(frozen=True)
class Spot:
    """One trial."""

    first: float
    second: float
    violated: bool
    told: str


def frontier_plot(
    keys: tuple[str, str], axes: tuple[Scale, Scale], strips: Sequence[Strip], spots: Sequence[Spot]
) -> Markup:
    """The plot, with a legend.

    Args:
        keys: names of what is varied, across and up.
        axes: their scales.
        strips: what is known, from the left to the right.
        spots: the trials that say something.
    """
    across, up = axes
    bottom = TOP + HEIGHT
    parts: list[Markup] = []
    for strip in strips:
        for found, kind, word in ((strip.held, "a", "holds"), (strip.violated, "b", "violated")):
            if found is not None:
                low, high = (_y(up, value) for value in found)
                told = f"{keys[0]} {number_text(strip.start)}: {word}"
                parts.append(
                    box(across, strip.start, strip.end, high, low - high, f"area {kind}", told)
                )
    for spot in spots[:MOST_MARKS]:
        kind = "failed" if spot.violated else "ready"
        parts.append(mark(kind, across.percent(spot.first), _y(up, spot.second)))
    parts += [
        text("0%", 12, f"{keys[1]}, by {keys[0]}", class_="quiet small"),
        line("0%", TOP, "0%", bottom, "axis"),
    ]
    description = "; ".join(spot.told for spot in spots[:20]) or "nothing was tried"
    drawn = plot(
        f"Where it holds, by {keys[0]} and {keys[1]}",
        description,
        bottom + AXIS_HEIGHT,
        x_axis(across, TOP, bottom, number_text),
        y_axis(up, TOP, HEIGHT, number_text),
        *parts,
    )
    entries = [
        (box_swatch("area a"), "holds"),
        (box_swatch("area b"), "is violated"),
        *trial_signs(spot.violated for spot in spots),
    ]
    return Markup("").join([legend(entries), drawn])


def _y(up: Scale, value: float) -> float:
    return TOP + HEIGHT * (1 - up.share(value))
