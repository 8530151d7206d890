"""A day, or one run of it, on one axis: runs, faults, and what people said meanwhile."""

from collections.abc import Sequence

from markupsafe import Markup

from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.report.happened import Note, Span, StepAttempt
from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    box,
    box_swatch,
    edge_label,
    legend,
    line,
    mark,
    mark_swatch,
    plot,
    text,
    x_axis,
)
from chaosnetra.report.plots.scales import Scale
from chaosnetra.text import how_many

ROW, NAMES, LANE = 16, 6, 24
# Names of runs lie in so many rows, so that neighbours do not hide each other.
NAME_ROWS = 3
MOST_FAULT_LANES = 12
# Numbers of notes: height of a row, how much of the width one takes, how many rows there may be.
NUMBER, NUMBER_SHARE, NUMBER_ROWS = 11, 0.03, 6
_BOXES = {"held": "ready", "violated": "failed"}


def timeline_plot(
    title: str,
    attempts: Sequence[StepAttempt],
    notes: Sequence[Note],
    begin: float,
    end: float,
) -> Markup:
    """The plot, with what its signs mean above it.

    Args:
        title: of the plot.
        attempts: runs to be shown.
        notes: likewise.
        begin: of the axis, seconds of the day.
        end: likewise, after `begin`.
    """
    across = Scale(begin, max(end, begin + 1.0))
    faults = [fault for attempt in attempts for fault in attempt.faults]
    names = list(dict.fromkeys(fault.name for fault in faults))[:MOST_FAULT_LANES]
    rows = min(NAME_ROWS, len(attempts))
    top = float(rows * ROW + NAMES)
    parts = [*_runs(attempts, across, top, rows)]
    y = top + LANE
    for name in names:
        parts += _lane([fault for fault in faults if fault.name == name], name, across, y)
        y += LANE
    if notes:
        lines = _number_rows(notes, across)
        parts += _said(notes, lines, across, y)
        y += LANE + NUMBER * max(lines)
    bottom = y
    description = (
        f"{how_many(len(attempts), 'run')}, "
        f"{how_many(len(names), 'kind of fault', 'kinds of faults')} and "
        f"{how_many(len(notes), 'note')} from "
        f"{clock(begin)} to {clock(end)}"
    )
    drawn = plot(
        title,
        description,
        bottom + AXIS_HEIGHT,
        x_axis(across, top - NAMES, bottom, _shown),
        *parts,
    )
    ran = {_BOXES.get(attempt.verdict, "cut") for attempt in attempts}
    told = {"ready": "run that held", "failed": "violated", "cut": "proves nothing"}
    entries = [(box_swatch(kind), words) for kind, words in told.items() if kind in ran]
    entries += [(box_swatch("fault"), "fault in place")] if names else []
    entries += [(mark_swatch("ready"), "said, with its number")] if notes else []
    return Markup("").join([legend(entries), drawn])


def _shown(seconds: float) -> str:
    """A moment of the day; tenths of a second where they tell something."""
    tenths = round(seconds % 1, 1)
    return f"{clock(seconds)}{f'{tenths:.1f}'[1:] if 0 < tenths < 1 else ''}"


def _runs(attempts: Sequence[StepAttempt], across: Scale, top: float, rows: int) -> list[Markup]:
    parts = [text("-6", top + 15, "runs", anchor="end", class_="quiet small")]
    for index, attempt in enumerate(attempts):
        end = across.high if attempt.end is None else attempt.end
        told = f"{attempt.step}, run {attempt.number}: {attempt.verdict}"
        kind = _BOXES.get(attempt.verdict, "cut")
        parts.append(box(across, attempt.begin, end, top + 3, LANE - 8, kind, told))
        number = f" {attempt.number}" if attempt.number > 1 else ""
        y = ROW * (1 + index % rows) - 4.0
        parts.append(edge_label(across, attempt.begin, y, f"{attempt.step}{number}", "small"))
        x = across.percent(attempt.begin)
        parts.append(line(x, y + 2, x, top + 3, "grid"))
    return parts


def _lane(faults: Sequence[Span], name: str, across: Scale, y: float) -> list[Markup]:
    parts = [text("-6", y + 15, "fault", anchor="end", class_="quiet small")]
    for fault in faults:
        end = across.high if fault.end is None else fault.end
        parts.append(box(across, fault.begin, end, y + 3, LANE - 8, "fault", name))
        for edge in (fault.begin, end):
            x = across.percent(edge)
            parts.append(line(x, y + 3, x, y + LANE - 5, "fault-edge"))
    first = faults[0]
    parts.append(edge_label(across, first.begin, y + 15, name, "small"))
    return parts


def _number_rows(notes: Sequence[Note], across: Scale) -> list[int]:
    """For each note the row of its number, so that those of near notes do not overlap."""
    rows = [0] * len(notes)
    ends: list[float] = []
    for index in sorted(range(len(notes)), key=lambda index: notes[index].at):
        at = across.share(notes[index].at)
        free = [row for row, end in enumerate(ends) if at - end >= NUMBER_SHARE]
        row = free[0] if free else min(len(ends), NUMBER_ROWS - 1)
        ends[row : row + 1] = [at]
        rows[index] = row
    return rows


def _said(notes: Sequence[Note], rows: Sequence[int], across: Scale, y: float) -> list[Markup]:
    marks = y + NUMBER * max(rows) + 11
    parts = [text("-6", marks + 4, "said", anchor="end", class_="quiet small")]
    for note, row in zip(notes, rows, strict=True):
        x = across.percent(note.at)
        above = marks - 9 - NUMBER * row
        parts.append(mark("ready", x, marks))
        parts.append(text(x, above, str(note.number), anchor="middle", class_="small"))
    return parts
