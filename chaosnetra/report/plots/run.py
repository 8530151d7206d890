"""A whole run on one axis: checks, faults, what each check tried, and what failed."""

import heapq
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.report.facts import PlacedFault, RunFacts
from chaosnetra.report.happened import Launch
from chaosnetra.report.markup import element, join
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, number_text
from chaosnetra.report.plots.timeline import STRIP, check_signs, checks_strip, fault_boxes
from chaosnetra.text import how_many

HEAD, FAULT, GAP = 16, 12, 8
# Of each launch so many startups are drawn, evenly by rank, each so high.
ROWS, ROW = 10, 4
MOST_FAULT_LANES = 8
# Of more launches than this, each is drawn as one box.
MOST_DRAWN_ONE_BY_ONE = 40
# Marks that are nearer to each other than this share of the axis are one.
NEAR = 0.006
KINDS = ("ready", "failed", "cut")


def run_plot(facts: RunFacts) -> Markup | None:
    """The plot, with what its signs mean above it; None where the journal has no times."""
    launches = [launch for launch in facts.launches if launch.start is not None]
    faults = [one for one in facts.faults if one.is_in_effect and one.start is not None]
    ends = [span.end for span in facts.spans]
    ends += [(launch.start or 0.0) + launch.seconds for launch in launches]
    ends += [end for fault in faults for end in (fault.start, fault.end) if end is not None]
    ends += [facts.seconds] if facts.seconds is not None else []
    if not facts.spans and not launches and not faults:
        return None
    across = Scale(0.0, max(*ends, 0.1))
    y, parts = float(STRIP + 4), [checks_strip(facts.spans, across)]
    top = y
    lanes, height = _fault_lanes(faults, across, y)
    parts.append(lanes)
    y += height
    signs = [*check_signs(facts.spans)]
    if faults:
        signs.append((frame.box_swatch("fault"), "fault in place"))
    shown: set[str] = set()
    for kind in dict.fromkeys(launch.kind for launch in launches):
        of_kind = [launch for launch in launches if launch.kind == kind]
        rows, bars = _bars(kind, of_kind)
        parts.append(_lane(kind, bars, across, y))
        shown |= {bar.kind for bar in bars}
        y += HEAD + rows * ROW + GAP
    failed = [launch for launch in launches if launch.bad or launch.late]
    marked = {"failed"} if facts.failed_activities else set()
    marked |= {"failed" for launch in failed if launch.bad}
    marked |= {"cut" for launch in failed if launch.late}
    if marked:
        parts.append(frame.text("0%", y + 12, "what failed", class_="quiet small"))
        y += HEAD
        parts += _errors(facts, failed, across, y + 6)
        y += 12 + GAP
    signs += _signs(launches, shown, marked)
    tried = sum(launch.count for launch in launches)
    bad = sum(len(launch.bad) + len(launch.late) for launch in launches)
    return frame.plot(
        "The whole run",
        f"{how_many(len(facts.spans), 'check')} of the steady state, "
        f"{how_many(len(faults), 'fault')}; of {how_many(tried, 'attempt')} {bad:,} failed, "
        "or took too long",
        y + frame.AXIS_HEIGHT,
        fault_boxes(faults, across, top, y),
        frame.x_axis(across, top, y, lambda value: f"{number_text(value)} s"),
        *parts,
        signs=signs,
    )


def _fault_lanes(faults: Sequence[PlacedFault], across: Scale, y: float) -> tuple[Markup, float]:
    """A lane for each name, with a line from where it was in place to its undo."""
    names = list(dict.fromkeys(one.name for one in faults))
    parts: list[Markup] = []
    height = 0.0
    for name in names[:MOST_FAULT_LANES]:
        for one in faults:
            if one.name == name:
                start, end = one.start or 0.0, across.high if one.end is None else one.end
                line_y = y + height + HEAD + FAULT / 2 - 2
                parts.append(
                    frame.line(
                        across.percent(start), line_y, across.percent(end), line_y, "fault-line"
                    )
                )
        first = min(one.start or 0.0 for one in faults if one.name == name)
        parts.append(frame.edge_label(across, first, y + height + 12, name, "small"))
        height += HEAD + FAULT
    if len(names) > MOST_FAULT_LANES:
        left_out = f"{how_many(len(names) - MOST_FAULT_LANES, 'more fault')}"
        parts.append(frame.text("0%", y + height + 12, left_out, class_="quiet small"))
        height += HEAD
    return join(parts), height


@dataclass(frozen=True)
class _Bar:
    """A bar of a launch: from its row on so many, until so many seconds after it began."""

    launch: Launch
    row: int
    rows: int
    seconds: float
    kind: str


def _bars(kind: str, launches: Sequence[Launch]) -> tuple[int, list[_Bar]]:
    """How many rows what was tried has, and its bars: a thin one for each where they are few."""
    if kind == "startups" and len(launches) <= MOST_DRAWN_ONE_BY_ONE:
        rows = max(min(ROWS, launch.count) for launch in launches)
        each = ((launch, *one) for launch in launches for one in enumerate(_rows(launch)))
        return rows, [_Bar(launch, row, 1, *bar) for launch, row, bar in each]
    return 3, [
        _Bar(launch, 0, 3, launch.seconds, KINDS[1 if launch.bad else 2 if launch.late else 0])
        for launch in launches
    ]


def _lane(name: str, bars: Sequence[_Bar], across: Scale, y: float) -> Markup:
    """What was tried, those of a launch under each other."""
    parts = [frame.text("0%", y + 12, name, class_="quiet small")]
    for bar in bars:
        launch, start = bar.launch, bar.launch.start or 0.0
        told = f"{launch.probe} {launch.stage.when}: {len(launch.good):,} of {launch.count:,}"
        top, height = y + HEAD + bar.row * ROW, bar.rows * ROW - 1
        parts.append(
            frame.box(across, start, start + bar.seconds, top, height, f"bar {bar.kind}", told)
        )
    return join(parts)


def _signs(launches: Sequence[Launch], bars: Set[str], marks: Set[str]) -> frame.Signs:
    """What the bars and the marks mean, of those that are drawn."""
    kinds = {launch.kind for launch in launches if launch.good}
    words = ["ready"] * ("startups" in kinds) + ["answered"] * bool(kinds - {"startups"})
    signs: list[tuple[Markup, str]] = []
    for kind, until, is_marked in (
        ("ready", " or ".join(words), None),
        ("failed", "it failed", "failed"),
        ("cut", "it was given up", "given up"),
    ):
        if kind in bars:
            signs.append((frame.box_swatch(f"bar {kind}"), f"until {until}"))
        if is_marked and kind in marks:
            signs.append((frame.mark_swatch(kind), is_marked))
    return signs


def _rows(launch: Launch) -> Iterator[tuple[float, str]]:
    """A few of a launch, evenly by rank: those that were ready first, then by time."""
    times = (launch.good, launch.bad, launch.late)
    every = [(kind, seconds) for kind, found in zip(KINDS, times, strict=True) for seconds in found]
    every.sort(key=lambda one: (one[0] != "ready", one[1]))
    last, steps = len(every) - 1, min(ROWS, len(every)) - 1
    for step in range(steps + 1):
        kind, seconds = every[round(step * last / max(1, steps))]
        yield seconds, kind


def _errors(
    facts: RunFacts, launches: Sequence[Launch], across: Scale, y: float
) -> Iterator[Markup]:
    """A mark where something failed; those at once are one."""
    found: list[tuple[float, str, str]] = [
        (moment.at, "failed", moment.text) for moment in facts.failed_activities
    ]
    for launch in launches:
        start = launch.start or 0.0
        said = launch.first_bad[1] if launch.first_bad is not None else ""
        for kind, times in (("failed", launch.bad), ("cut", launch.late)):
            # Of very many at once the first and the last mark tell as much.
            shown = times if len(times) <= 500 else (*heapq.nsmallest(250, times), max(times))
            found += [(start + seconds, kind, said) for seconds in shown]
    before = dict.fromkeys(KINDS, -1.0)
    for at, kind, told in sorted(found):
        share = across.share(at)
        if share - before[kind] >= NEAR:
            before[kind] = share
            yield element("g", element("title", told), frame.mark(kind, across.percent(at), y))
