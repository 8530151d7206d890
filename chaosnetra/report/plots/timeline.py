"""A connector over time: slots, queue and instances, with the faults and checks marked."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.journal.timeline import ConnectorTimeline
from chaosnetra.report.facts import PlacedFault, Span
from chaosnetra.report.markup import join
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, number_text, scale_of
from chaosnetra.text import how_many

# A line of more points than this is not finer to the eye; peaks are kept.
MOST_POINTS = 500
PANEL, HEAD, GAP, STRIP = 84, 20, 10, 34
MOST_SPANS = 40
# Slots far beyond what was used mean that nobody was held back; they would hide all else.
FAR_BEYOND = 3.0
Samples = Sequence[Mapping[str, float]]
_HELD = {True: ("ready", "held"), False: ("failed", "not held"), None: ("p0", "not judged")}


def connector_plot(
    timeline: ConnectorTimeline,
    offset: float,
    faults: Sequence[PlacedFault],
    spans: Sequence[Span],
    end: float | None,
) -> Markup:
    """The plot, with what its lines mean above it.

    Args:
        timeline: with at least one sample.
        offset: what its seconds count from, in seconds of the axis.
        faults: to be marked, where their times are known.
        spans: checks to be marked.
        end: of the run, where known.
    """
    samples = thinned(sorted(timeline.samples, key=lambda sample: sample["at_seconds"]))
    times = [offset + sample["at_seconds"] for sample in samples]
    ends = [*times, *(span.end for span in spans), *([end] if end is not None else [])]
    across = Scale(min(0.0, *ends), max(*ends, min(ends) + 0.1))
    parts = [checks_strip(spans, across)]
    top = y = STRIP + 4.0
    slots = _limited(samples)
    for title, series, area in (
        ("slots", ("most_in_use", "in_use"), slots),
        ("clients that wait", ("most_queued", "queued"), []),
        ("instances", (), [sample.get("instances") for sample in samples]),
    ):
        used = _values(samples, series)
        panel, y = _panel(title, times, used, area, across, y)
        parts.append(panel)
    back = fault_boxes(faults, across, top, y - GAP)
    peak = max(_values(samples, ("most_in_use", "in_use")), default=0.0)
    queue = max(_values(samples, ("most_queued", "queued")), default=0.0)
    description = (
        f"at most {how_many(round(peak), 'slot')} taken and "
        f"{how_many(round(queue), 'client')} waiting"
    )
    entries = [
        (frame.box_swatch("area a"), "taken or waiting (the most in each interval)"),
        (frame.line_swatch("line c"), "slots or instances there are"),
        (frame.box_swatch("fault"), "fault in place"),
        *check_signs(spans),
    ]
    return frame.plot(
        "The connector over time",
        description,
        y - GAP + frame.AXIS_HEIGHT,
        back,
        frame.x_axis(across, top, y - GAP, lambda value: f"{number_text(value)} s"),
        *parts,
        signs=entries,
    )


def thinned(samples: Samples, most: int = MOST_POINTS) -> list[dict[str, float]]:
    """At most so many samples: neighbours are joined, the largest of each gauge is kept."""
    each = -(-len(samples) // most)
    if each <= 1:
        return [dict(sample) for sample in samples]
    found = []
    for start in range(0, len(samples), each):
        group = samples[start : start + each]
        joined = {key: max(one[key] for one in group if key in one) for one in group for key in one}
        found.append({**joined, "at_seconds": group[0]["at_seconds"]})
    return found


def _values(samples: Samples, names: Sequence[str]) -> list[float]:
    """The first of these gauges that a sample has; not negative."""
    if not names:
        return []
    found = (next((sample[name] for name in names if name in sample), 0.0) for sample in samples)
    return [max(0.0, value) for value in found]


def _limited(samples: Samples) -> list[float | None]:
    """Slots over time; None where there are so many that nobody can be held back."""
    found = [sample["slots"] for sample in samples if sample.get("slots", -1) >= 0]
    if not found:
        return []
    used = max(_values(samples, ("most_in_use", "in_use")), default=0.0)
    most = FAR_BEYOND * max(used, min(found), 1.0)
    slots = [sample.get("slots") for sample in samples]
    return [None if value is None or value > most else max(0.0, value) for value in slots]


def _panel(
    title: str,
    times: Sequence[float],
    used: Sequence[float],
    there: Sequence[float | None],
    across: Scale,
    y: float,
) -> tuple[Markup, float]:
    most = max([*used, *(value for value in there if value is not None)], default=0.0)
    up = scale_of([most], whole=True)
    if any(value is None for value in there):
        title = f"{title} (where there is no dashed line, no limit)"
    y += HEAD
    parts = [frame.y_axis(up, y, PANEL, number_text)]
    if used:
        points = list(zip(times, used, strict=True))
        parts.append(frame.steps(points, across, up, y, PANEL, "a", filled=True))
        parts.append(frame.steps(points, across, up, y, PANEL, "a"))
    for start, stop in _runs(there):
        points = [(times[index], there[index] or 0.0) for index in range(start, stop)]
        ends_at = times[stop] if stop < len(times) else None
        parts.append(_limit(points, ends_at, across, up, y))
    parts.append(frame.text("0%", y - 6, title, class_="halo"))
    return join(parts), y + PANEL + GAP


def _runs(values: Sequence[float | None]) -> list[tuple[int, int]]:
    """Stretches of values that are there: beginning, and end (not included)."""
    found, start = [], None
    for index, value in enumerate([*values, None]):
        if value is not None and start is None:
            start = index
        elif value is None and start is not None:
            found.append((start, index))
            start = None
    return found


def _limit(
    points: Sequence[tuple[float, float]], until: float | None, across: Scale, up: Scale, y: float
) -> Markup:
    """A line of straight pieces: it ends where the limit ends."""
    parts = []
    end = across.high if until is None else until
    at, value = points[0]
    for next_at, next_value in [*points[1:], (end, None)]:
        if next_value == value:
            continue
        height = y + PANEL * (1 - up.share(value))
        parts.append(
            frame.line(across.percent(at), height, across.percent(next_at), height, "line c")
        )
        if next_value is not None:
            to = y + PANEL * (1 - up.share(next_value))
            x = across.percent(next_at)
            parts.append(frame.line(x, height, x, to, "line c"))
            at, value = next_at, next_value
    return join(parts)


def checks_strip(spans: Sequence[Span], across: Scale) -> Markup:
    """When the steady state was checked: a strip above the plot, with names in two rows."""
    parts = []
    for span in spans[:MOST_SPANS]:
        kind, word = _HELD[span.held]
        told = f"checked {span.stage}: {word}"
        parts.append(frame.box(across, span.start, span.end, STRIP - 5, 5, kind, told))
    for index, stage in enumerate(dict.fromkeys(span.stage for span in spans)):
        start = next(span.start for span in spans if span.stage == stage)
        name = {"recovery": "after the rollbacks"}.get(stage, stage)
        parts.append(frame.edge_label(across, start, 10 + 12 * (index % 2), name, "small quiet"))
    return join(parts)


def check_signs(spans: Sequence[Span]) -> frame.Signs:
    """What the strip's colours mean, of those that occur."""
    kinds = dict.fromkeys(_HELD[span.held] for span in spans[:MOST_SPANS])
    return [(frame.box_swatch(kind), f"check: {word}") for kind, word in kinds]


def fault_boxes(faults: Sequence[PlacedFault], across: Scale, top: float, bottom: float) -> Markup:
    parts = []
    for placed in faults:
        if placed.start is not None and placed.is_in_effect:
            told = f"fault: {placed.name}"
            parts.append(
                frame.box(across, placed.start, placed.end, top, bottom - top, "fault", told)
            )
            edges = [placed.start] if placed.end is None else [placed.start, placed.end]
            parts += [frame.upright(across, edge, top, bottom, "fault-edge") for edge in edges]
    return join(parts)
