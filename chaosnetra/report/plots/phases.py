"""Startups by phase: when each phase began and ended, and where the budgets end."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.report.budgets import Budget, work_of
from chaosnetra.report.markup import element, join
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, scale_of, seconds_text
from chaosnetra.report.safe_text import one_visible_line, shortened, visible
from chaosnetra.report.series import TIMED_OUT, Asked
from chaosnetra.text import how_many

ROW, GAP, HEAD, LABEL = 16, 4, 24, 14
# Below its row each budget has a line, over the work that it bounds.
BRACKET, MOST_BRACKETS = 6, 4
# A budget is drawn where startups come near it: within so many times the longest work that it
# bounds. The shortest of a phase may lie further away than the others, because it is what bounds.
FARTHEST_SHORTEST, FARTHEST_OTHER = 2.0, 1.15
# Of the phases, which begin again with the first; what is no phase has its own.
COLOURS = 7
# What is shorter than this share of the axis cannot be seen.
LEAST_SHARE = 0.001
# A mark beside a bar is so many pixels from its end.
BESIDE = 8
BOOT, UNTIL_READY, UNTIL_ENDED, WHOLE = "boot", "until ready", "until it ended", "startup"
# A name is written on its bar where there is room on a narrow screen: a letter is about 7 px.
NARROW_PX, LETTER_PX = 300, 7
LONGEST_LABEL, LONGEST_NAME = 20, 60


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
        found.append(Segment(_last(startup), at, startup.seconds))
    return found


def segments_text(startup: Startup) -> str:
    """A startup's segments in words."""
    return ", ".join(
        f"{one_visible_line(segment.name, 60)} {seconds_text(segment.end - segment.start)}"
        for segment in segments(startup)[:40]
    )


def _last(startup: Startup) -> str:
    """What a startup did after the last phase that ended."""
    if startup.ready:
        return UNTIL_READY
    if startup.phase is None or startup.phase in startup.phase_seconds:
        return UNTIL_ENDED
    return startup.phase


def waterfall(
    rows: Mapping[Asked, Sequence[tuple[int, Startup]]],
    phases: Sequence[str],
    budgets: Sequence[Budget],
    limits: Sequence[float],
) -> Markup:
    """The plot, with what its colours mean above it.

    Args:
        rows: startups by when they were asked for, each with its rank.
        phases: in order.
        budgets: that may be drawn.
        limits: how long startups were waited for, seconds.
    """
    longest = max((startup.seconds for found in rows.values() for _, startup in found), default=0.0)
    drawn = near(budgets, rows)
    ends = [
        work.start + budget.seconds
        for found in rows.values()
        for _, startup in found
        for budget in drawn
        if (work := work_of(startup, budget)) is not None
    ]
    close = [limit for limit in limits if limit <= FARTHEST_SHORTEST * longest]
    across = scale_of([longest, *ends, *close])
    names = colours_of(phases)
    spent = [part for found in rows.values() for _, one in found for part in segments(one)]
    y, parts = 4.0, []
    for stage, found in rows.items():
        part, y = _stage(stage, found, names, drawn, across, y)
        parts.append(part)
    behind = [frame.upright(across, limit, 0, y, "budget") for limit in close]
    description = "; ".join(
        f"{stage.when}: {how_many(len(found), 'row')}, the slowest "
        f"{seconds_text(max(startup.seconds for _, startup in found))}"
        for stage, found in rows.items()
    )
    return frame.plot(
        "Startups by phase",
        description,
        y + frame.AXIS_HEIGHT,
        frame.x_axis(across, 0, y),
        *behind,
        *parts,
        signs=_signs(swatches(spent, phases, across), ends_of(rows), drawn, close),
    )


def near(
    budgets: Sequence[Budget], rows: Mapping[Asked, Sequence[tuple[int, Startup]]]
) -> list[Budget]:
    """The budgets that are drawn: those that ran out, and those that startups come near to."""
    shortest: dict[str, float] = {}
    for budget in budgets:
        shortest[budget.phase] = min(budget.seconds, shortest.get(budget.phase, budget.seconds))
    return [
        budget
        for budget in budgets
        if budget.expired
        or budget.seconds
        <= longest_work(budget, rows)
        * (FARTHEST_SHORTEST if budget.seconds == shortest[budget.phase] else FARTHEST_OTHER)
    ][:MOST_BRACKETS]


def longest_work(budget: Budget, rows: Mapping[Asked, Sequence[tuple[int, Startup]]]) -> float:
    """How long the work inside a budget took at the most, of the startups that are drawn."""
    works = (work_of(startup, budget) for found in rows.values() for _, startup in found)
    return max((work.seconds for work in works if work is not None), default=0.0)


def colours_of(phases: Sequence[str]) -> dict[str, int]:
    """What a startup's time can be spent with, in order, each with its colour."""
    colours = {WHOLE: 0, BOOT: 0} | {name: i % COLOURS + 1 for i, name in enumerate(phases)}
    return colours | {UNTIL_READY: 8, UNTIL_ENDED: 9}


def swatches(
    spent: Iterable[Segment], phases: Sequence[str], across: Scale
) -> list[tuple[Markup, str]]:
    """Entries of a legend for what startups spent their time with, as far as it can be seen."""
    least = LEAST_SHARE * across.high
    found = {part.name for part in spent if part.end - part.start > least}
    return [
        (frame.box_swatch(f"segment p{colour}"), shortened(name, LONGEST_NAME))
        for name, colour in colours_of(phases).items()
        if name in found
    ]


def _stage(
    stage: Asked,
    found: Sequence[tuple[int, Startup]],
    names: Mapping[str, int],
    budgets: Sequence[Budget],
    across: Scale,
    y: float,
) -> tuple[Markup, float]:
    parts: list[Markup | None] = [frame.head(stage.when, y + 14)]
    y += HEAD
    labels = _labels([startup for _, startup in found], budgets)
    labels_top = y
    y += LABEL * len(labels)
    top = y
    bounded = [one for one in budgets if any(work_of(startup, one) for _, startup in found)]
    for rank, startup in found:
        parts += _row(rank, startup, names, across, y)
        y += ROW
        for budget in bounded:
            y += BRACKET
            parts += _bracket(startup, budget, across, y - BRACKET / 2 + 1)
        y += GAP
    for index, (end, name, expired) in enumerate(labels):
        label_y = labels_top + LABEL * index
        parts.append(frame.upright(across, end, label_y + 2, top - 2, _class_of(expired)))
        class_ = "small expired" if expired else "small quiet"
        parts.append(frame.edge_label(across, end, label_y + 11, name, class_))
    return join(parts), y + 6


def _bracket(startup: Startup, budget: Budget, across: Scale, y: float) -> Iterator[Markup]:
    """A budget over the work that it bounds: as far as the work went, and where it ends."""
    work = work_of(startup, budget)
    if work is None:
        return
    expired = budget.ended(startup)
    end = work.start + budget.seconds
    done = min(end, work.end)
    start_x, done_x, end_x = map(across.percent, (work.start, done, end))
    told = f"{budget.name}: {seconds_text(work.seconds)} of {seconds_text(budget.seconds)}"
    yield element(
        "g",
        element("title", told),
        frame.line(start_x, y, done_x, y, "over" if expired else "within"),
        frame.line(done_x, y, end_x, y, "budget") if done < end else None,
    )
    yield frame.upright(across, end, y - BRACKET / 2, y + BRACKET / 2, _class_of(expired))


def _class_of(expired: bool) -> str:
    """Of the line at the end of a budget."""
    return "budget expired" if expired else "budget"


def _labels(
    startups: Sequence[Startup], budgets: Sequence[Budget]
) -> list[tuple[float, str, bool]]:
    """Where budgets end in the first row that they ended, else that they bounded; the last first.

    Those that end together have one label. Each has its place in seconds, its text, and whether
    it ran out in any of the rows.
    """
    together: dict[float, list[Budget]] = {}
    for budget in budgets:
        ended_first = sorted(startups, key=lambda startup: not budget.ended(startup))
        works = (work_of(startup, budget) for startup in ended_first)
        work = next((work for work in works if work is not None), None)
        if work is not None:
            together.setdefault(work.start + budget.seconds, []).append(budget)
    found = []
    for end, group in sorted(together.items(), reverse=True):
        expired = any(budget.ended(startup) for startup in startups for budget in group)
        name = shortened(", ".join(budget.name for budget in group), LONGEST_LABEL)
        length = seconds_text(group[0].seconds)
        found.append((end, f"{name} {length}{' ran out' if expired else ''}", expired))
    return found


def _row(
    rank: int, startup: Startup, names: Mapping[str, int], across: Scale, y: float
) -> Iterator[Markup | None]:
    label = f"{rank}" if rank < 10_000 else f"{rank / 1000:.0f}k"
    yield frame.text("-6", y + 12, label, anchor="end", class_="quiet small")
    for one in segments(startup):
        colour = f"p{names.get(one.name, 0)}"
        told = f"{one.name}: {seconds_text(one.end - one.start)}"
        yield frame.box(across, one.start, one.end, y, ROW, f"segment {colour}", told)
        yield name_on_bar(across, one.start, one.end, y + 12, one.name, colour)
    yield end_mark(startup, across, y + ROW / 2)


def name_on_bar(
    across: Scale, start: float, end: float, y: float, name: str, class_: str
) -> Markup | None:
    """A name at the beginning of its bar; None where a narrow screen has no room for it."""
    room = (across.share(end) - across.share(start)) * NARROW_PX
    if not name or room < LETTER_PX * len(name) + 8:
        return None
    x = f"{100 * across.share(start):.3f}%"
    return element("text", visible(name, 40), class_=f"on {class_}", x=x, dx="5", y=f"{y:g}")


def end_kind(startup: Startup) -> str:
    """The mark of how a startup ended."""
    return "ready" if startup.ready else "cut" if startup.status in TIMED_OUT else "failed"


def end_mark(startup: Startup, across: Scale, y: float) -> Markup:
    """How a startup ended, beside its end."""
    mark = frame.mark(end_kind(startup), across.percent(startup.seconds), y)
    return element("g", mark, transform=f"translate({BESIDE} 0)")


def ends_of(rows: Mapping[Asked, Sequence[tuple[int, Startup]]]) -> set[str]:
    """How the startups that are drawn ended; see `end_kind`."""
    return {end_kind(startup) for found in rows.values() for _, startup in found}


def _signs(
    names: Sequence[tuple[Markup, str]],
    ended: Container[str],
    drawn: Sequence[Budget],
    limits: Sequence[float],
) -> frame.Signs:
    ends = (("ready", "ready"), ("failed", "failed"), ("cut", "timed out"))
    marks = ((frame.mark_swatch(kind), name) for kind, name in ends if kind in ended)
    signs = [*names, *marks]
    if drawn:
        signs.append((frame.line_swatch("within"), "work inside a budget"))
        signs.append((frame.line_swatch("budget"), "what is left of the budget, and its end"))
    if any(budget.expired for budget in drawn):
        signs.append((frame.line_swatch("expired"), "budget that ran out"))
    return [*signs, *limit_signs(limits)]


def limit_signs(limits: Sequence[float]) -> frame.Signs:
    """How long startups were waited for, as entries of a legend."""
    return [(frame.line_swatch("budget"), f"limit {seconds_text(limit)}") for limit in limits]
