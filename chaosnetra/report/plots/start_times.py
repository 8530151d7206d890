"""How long startups took at each latency, and what round trips predict."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    legend,
    line,
    line_swatch,
    mark,
    mark_swatch,
    plot,
    x_axis,
    y_axis,
)
from chaosnetra.report.plots.scales import Scale, number_text, seconds_text

HEIGHT = 180.0
TOP = 12.0
# The axes go on beyond the last mark by this share.
ROOM = 0.06


@dataclass(frozen=True)
class StartTimes:
    """What the plot shows.

    Attributes:
        key: the latency that is varied.
        measured: latency and seconds of each startup that was ready, at least one.
        own_seconds: what the model says of a startup without latency.
        slope_seconds: and for each one of the key more.
    """

    key: str
    measured: Sequence[tuple[float, float]]
    own_seconds: float
    slope_seconds: float

    def predicted(self, value: float) -> float:
        """Seconds that the model says."""
        return self.own_seconds + self.slope_seconds * value


def start_times_plot(times: StartTimes) -> Markup:
    """The plot, with a legend."""
    end = (1 + ROOM) * max(value for value, _ in times.measured) or 1.0
    longest = max(*(seconds for _, seconds in times.measured), times.predicted(end))
    across, up = Scale(0.0, end), Scale(0.0, (1 + ROOM) * longest or 1.0)
    bottom = TOP + HEIGHT

    def at(seconds: float) -> float:
        return TOP + HEIGHT * (1 - up.share(seconds))

    drawn = plot(
        f"How long a startup takes by {times.key}",
        f"the model: {seconds_text(times.own_seconds)} at 0, "
        f"{seconds_text(times.predicted(end))} at {number_text(end)}",
        bottom + AXIS_HEIGHT,
        y_axis(up, TOP, HEIGHT, seconds_text),
        x_axis(across, TOP, bottom, number_text),
        line("0%", at(times.own_seconds), "100%", at(times.predicted(end)), "line a"),
        *(mark("ready", across.percent(value), at(seconds)) for value, seconds in times.measured),
    )
    entries = [
        (mark_swatch("ready"), "startup that was ready"),
        (line_swatch("line a"), "own time + round trips x latency"),
    ]
    return Markup("").join([legend(entries), drawn])
