"""Startups by phase: when each phase began and ended, and where the budgets end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.evidence.samples import Startup
from chaosnetra.report.budgets import Budget
from chaosnetra.report.claims import STAGES
from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    box,
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
from chaosnetra.report.plots.scales import Scale, scale_of, seconds_text
from chaosnetra.report.series import TIMED_OUT

ROW, GAP, HEAD, LABEL = 16, 4, 24, 14
# Budgets that end further to the right are not drawn: the startups would become too small to see.
FARTHEST_BUDGET = 1.8
COLOURS = 9
BOOT, UNTIL_READY, WHOLE = "boot", "until ready", "startup"
# A name is written on its bar where there is room on a narrow screen: a letter is about 7 px.
NARROW_PX, LETTER_PX = 300, 7


@dataclass(frozen=True)
class Segment:
    """A stretch of a startup; times in seconds since its process began."""

    name: str
    start: float
    end: float


def segments(startup: Startup) -> list[Segment]:
    """What a startup spent its time with, from its beginning to its end."""
    if not startup.phase_seconds and startup.boot_seconds is None:
        return [Segment(WHOLE, 0.0, startup.seconds)]
    found, at = [], startup.boot_seconds or 0.0
    if at > 0:
        found.append(Segment(BOOT, 0.0, min(at, startup.seconds)))
    for name, seconds in startup.phase_seconds.items():
        end = min(at + seconds, startup.seconds)
        if end > at:
            found.append(Segment(name, at, end))
        at = max(at, end)
    if startup.seconds > at:
        is_last = startup.ready or startup.phase is None or startup.phase in startup.phase_seconds
        found.append(Segment(UNTIL_READY if is_last else startup.phase, at, startup.seconds))  # type: ignore[arg-type]
    return found


def phase_start(startup: Startup, phase: str) -> float | None:
    """When a phase began, as far as the startup's figures tell; None when it was not reached."""
    at = startup.boot_seconds or 0.0
    for name, seconds in startup.phase_seconds.items():
        if name == phase:
            return at
        at += seconds
    return at if startup.phase == phase else None


def waterfall(
    rows: Mapping[str, Sequence[tuple[int, Startup]]],
    phases: Sequence[str],
    budgets: Sequence[Budget],
    limits: Sequence[float],
) -> Markup:
    """The plot, with what its colours mean above it.

    Args:
        rows: startups by stage, each with its rank.
        phases: in order.
        budgets: that may be drawn.
        limits: how long startups were waited for, seconds.
    """
    longest = max((startup.seconds for found in rows.values() for _, startup in found), default=0.0)
    drawn = [budget for budget in budgets if budget.seconds <= FARTHEST_BUDGET * longest]
    ends = [
        start + budget.seconds
        for found in rows.values()
        for _, startup in found
        for budget in drawn
        if (start := phase_start(startup, budget.phase)) is not None
    ]
    close = [limit for limit in limits if limit <= FARTHEST_BUDGET * longest]
    across = scale_of([longest, *ends, *close])
    names = _names(rows, phases)
    y, parts = 4.0, []
    for stage, found in rows.items():
        part, y = _stage(stage, found, names, drawn, across, y)
        parts.append(part)
    for limit in close:
        x = across.percent(limit)
        parts.append(line(x, 0, x, y, "budget"))
    description = "; ".join(
        f"{STAGES.get(stage, stage)}: {len(found)} rows, the slowest "
        f"{seconds_text(max(startup.seconds for _, startup in found))}"
        for stage, found in rows.items()
    )
    return Markup("").join(
        [
            _legend(names, drawn, close),
            plot(
                "Startups by phase",
                description,
                y + AXIS_HEIGHT,
                x_axis(across, 0, y),
                *parts,
            ),
        ]
    )


def _names(
    rows: Mapping[str, Sequence[tuple[int, Startup]]], phases: Sequence[str]
) -> dict[str, int]:
    """The names that occur, in order, each with its colour."""
    found = {
        segment.name for listed in rows.values() for _, one in listed for segment in segments(one)
    }
    ordered = [name for name in (WHOLE, BOOT, *phases, UNTIL_READY) if name in found]
    return {name: index % COLOURS for index, name in enumerate(dict.fromkeys(ordered))}


def _stage(
    stage: str,
    found: Sequence[tuple[int, Startup]],
    names: Mapping[str, int],
    budgets: Sequence[Budget],
    across: Scale,
    y: float,
) -> tuple[Markup, float]:
    parts = [text("0%", y + 14, STAGES.get(stage, stage), class_="head")]
    y += HEAD
    labels = _labels(found[0][1], budgets)
    labels_top = y
    y += LABEL * len(labels)
    top = y
    for rank, startup in found:
        parts += _row(rank, startup, names, across, y)
        y += ROW + GAP
    for index, (end, name, expired) in enumerate(labels):
        label_y = labels_top + LABEL * index
        class_ = "budget expired" if expired else "budget"
        parts.append(line(across.percent(end), label_y + 2, across.percent(end), top, class_))
        parts.append(
            edge_label(
                across, end, label_y + 11, name, "small expired" if expired else "small quiet"
            )
        )
    y_row = top
    for _, startup in found:
        for budget in budgets:
            start = phase_start(startup, budget.phase)
            if start is not None:
                x = across.percent(start + budget.seconds)
                class_ = "budget expired" if _ended(startup, budget) else "budget"
                parts.append(line(x, y_row - GAP / 2, x, y_row + ROW + GAP / 2, class_))
        y_row += ROW + GAP
    return Markup("").join(parts), y + 6


def _labels(startup: Startup, budgets: Sequence[Budget]) -> list[tuple[float, str, bool]]:
    """Where the budgets of a startup end; those that end together have one label."""
    together: dict[float, list[Budget]] = {}
    for budget in budgets:
        start = phase_start(startup, budget.phase)
        if start is not None:
            together.setdefault(start + budget.seconds, []).append(budget)
    found = []
    for end, group in sorted(together.items()):
        expired = any(_ended(startup, budget) for budget in group)
        name = ", ".join(budget.name for budget in group)
        length = seconds_text(group[0].seconds)
        found.append((end, f"{name} {length}{' ran out' if expired else ''}", expired))
    return found


def _ended(startup: Startup, budget: Budget) -> bool:
    return startup.error.get("budget") == budget.name and startup.phase == budget.phase


def _row(
    rank: int, startup: Startup, names: Mapping[str, int], across: Scale, y: float
) -> list[Markup]:
    parts = [text("-6", y + 12, _short(rank), anchor="end", class_="quiet small")]
    for segment in segments(startup):
        colour = f"p{names.get(segment.name, 0)}"
        lasted = segment.end - segment.start
        told = f"{segment.name}: {seconds_text(lasted)}"
        parts.append(box(across, segment.start, segment.end, y, ROW, f"segment {colour}", told))
        room = (across.share(segment.end) - across.share(segment.start)) * NARROW_PX
        if room >= LETTER_PX * len(segment.name) + 8:
            left = f"{100 * across.share(segment.start):.3f}%"
            parts.append(
                Markup('<text class="on {}" x="{}" dx="5" y="{}">{}</text>').format(
                    colour, left, f"{y + 12:g}", segment.name[:40]
                )
            )
    kind = "ready" if startup.ready else "cut" if startup.status in TIMED_OUT else "failed"
    share = across.share(startup.seconds)
    parts.append(mark(kind, f"{100 * min(share + 0.012, 1):.3f}%", y + ROW / 2))
    return parts


def _legend(names: Mapping[str, int], drawn: Sequence[Budget], limits: Sequence[float]) -> Markup:
    entries = [(box_swatch(f"segment p{colour}"), name) for name, colour in names.items()]
    entries += [(mark_swatch("ready"), "ready"), (mark_swatch("failed"), "failed")]
    entries += [(mark_swatch("cut"), "timed out")]
    if drawn:
        entries.append((line_swatch("budget"), "end of a budget"))
    if any(budget.expired for budget in drawn):
        entries.append((line_swatch("expired"), "budget that ran out"))
    entries += [(line_swatch("budget"), f"limit {seconds_text(limit)}") for limit in limits]
    return legend(entries)


def _short(rank: int) -> str:
    return f"{rank}" if rank < 10_000 else f"{rank / 1000:.0f}k"
