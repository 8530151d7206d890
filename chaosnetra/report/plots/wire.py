"""One startup on the wire: phases, waits, errors and connections, on one axis with the fault."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chaosnetra.report.markup import element
from chaosnetra.report.observed import Seen
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.phases import (
    FARTHEST_SHORTEST,
    LETTER_PX,
    NARROW_PX,
    Segment,
    colours_of,
    end_kind,
    end_mark,
    limit_signs,
    name_on_bar,
    segments,
    swatches,
)
from chaosnetra.report.plots.scales import Scale, scale_of, seconds_text
from chaosnetra.text import how_many
from chaosnetra.wire.observation import Connection, End, Reached

LANE, GAP, TOP = 14, 5, 6
MOST_CONNECTIONS = 12
# Much shorter than the longest, a startup is drawn on an axis of its own.
ENLARGED_BELOW = 0.15
ENDS = {
    End.OPEN: "open at the end",
    End.CLIENT: "closed by the startup",
    End.SERVER: "closed by the server",
    End.CLIENT_RESET: "reset by the startup",
    End.SERVER_RESET: "reset by the server",
    End.REFUSED: "refused",
    End.UNANSWERED: "never answered",
}
REACHED = {
    Reached.TCP: "before it was accepted",
    Reached.TLS: "while TLS was agreed",
    Reached.STARTUP: "before anything was answered",
    Reached.AUTHENTICATION: "during authentication",
}


@dataclass(frozen=True)
class Bar:
    """A stretch of a lane, seconds; `name` is written on it where there is room."""

    start: float
    end: float
    class_: str
    told: str
    name: str = ""


@dataclass(frozen=True)
class Point:
    """A mark in a lane; `name` is written beside it where there is room."""

    kind: str
    at: float
    told: str
    name: str = ""


@dataclass(frozen=True)
class Lane:
    """A row of a plot."""

    label: str
    bars: Sequence[Bar] = ()
    points: Sequence[Point] = ()


def lanes(seen: Seen, colours: Mapping[str, int], most: int = MOST_CONNECTIONS) -> Iterator[Lane]:
    """The rows of a startup, from the top.

    Args:
        seen: the startup.
        colours: of its phases; without any they have no row.
        most: connections that are drawn.
    """
    startup, wire = seen.startup, seen.wire
    if phases := _phases(seen):
        bars = [
            Bar(one.start, one.end, f"segment p{colours.get(one.name, 0)}",
                f"{one.name}: {seconds_text(one.end - one.start)}", one.name)
            for one in phases
        ]  # fmt: skip
        yield Lane("phases", bars)
    own = Bar(0.0, startup.seconds, "own", f"own time: {seconds_text(wire.own_seconds)}")
    waits = [
        Bar(start, end, "wait", f"waited {seconds_text(end - start)} from {seconds_text(start)}")
        for start, end in wire.waits
        if end >= start
    ]
    yield Lane("waits", [own, *waits])
    if wire.errors:
        yield Lane(
            "errors",
            points=[
                Point("failed", one.first_seconds, f"{one.severity} {one.sqlstate}", one.sqlstate)
                for one in sorted(wire.errors, key=lambda one: one.first_seconds)
            ],
        )
    for connection in wire.connections[:most]:
        yield _connection(connection, wire.seconds)


def _phases(seen: Seen) -> list[Segment]:
    """When its phases were; without it where they are known by their lengths alone."""
    startup = seen.startup
    if seen.phases:
        ends = ((name, start, startup.seconds if end is None else end)
                for name, (start, end) in seen.phases.items())  # fmt: skip
        return [Segment(name, start, max(start, end)) for name, start, end in ends]
    if startup.phase_seconds or startup.boot_seconds is not None:
        return segments(startup)
    return []


def _connection(one: Connection, until: float) -> Lane:
    end = until if one.ended_seconds is None else one.ended_seconds
    told = f"connection {one.number}: {trips(one.round_trips)}, {end_text(one)}"
    bars = []
    if one.reached in (Reached.UNREAD, Reached.CANCEL):
        name = trips(one.round_trips) if one.reached is Reached.UNREAD else ""
        bars.append(Bar(one.opened_seconds, end, "unread", told, name))
    else:
        session = end if one.session_seconds is None else min(end, one.session_seconds)
        bars.append(Bar(one.opened_seconds, session, "set-up", told))
        if one.session_seconds is not None:
            bars.append(Bar(session, end, "session", told, trips(one.round_trips)))
    name = "" if one.end is End.OPEN else end_text(one)
    return Lane(f"{one.number}", bars, [Point(_end_kind(one), end, told, name)])


def _end_kind(one: Connection) -> str:
    if one.end is End.OPEN:
        return "cut"
    done = one.session_seconds is not None or one.reached in (Reached.CANCEL, Reached.UNREAD)
    as_meant = one.end is End.CLIENT or one.reached is Reached.CANCEL
    return "closed" if done and as_meant else "failed"


def end_text(one: Connection) -> str:
    """How a connection ended, and how far it had come where that was not to a session."""
    if one.reached is Reached.CANCEL:
        return "request to cancel a query"
    how = ENDS[one.end]
    if one.end is End.CLIENT and one.reached in REACHED:
        how = "given up by the startup"
    if one.end in (End.REFUSED, End.UNANSWERED) or one.reached not in REACHED:
        return f"{how}, {one.sqlstate}" if one.sqlstate else how
    return f"{how} {REACHED[one.reached]}{f', {one.sqlstate}' if one.sqlstate else ''}"


def trips(count: int) -> str:
    return f"{count:,} round trip{'' if count == 1 else 's'}"


def axis(found: Sequence[Seen], limits: Sequence[float]) -> Scale:
    """An axis for all of these startups, and the limits that they come near to."""
    longest = max((max(one.startup.seconds, one.wire.seconds) for one in found), default=0.0)
    return scale_of([longest, *(limit for limit in limits if limit <= FARTHEST_SHORTEST * longest)])


def axis_of(seen: Seen, common: Scale, limits: Sequence[float]) -> Scale:
    """The axis that a startup is drawn on: the common one, unless it would be a mere dot there."""
    if seen.startup.seconds < ENLARGED_BELOW * common.high:
        return axis([seen], limits)
    return common


def wire_waterfall(
    seen: Seen, phases: Sequence[str], limits: Sequence[float], across: Scale,
    most: int = MOST_CONNECTIONS,
) -> Markup:  # fmt: skip
    """The plot of one startup.

    Args:
        seen: the startup.
        phases: of the run, in order.
        limits: how long it was waited for; those beyond the axis are not drawn.
        across: the axis.
        most: connections that are drawn.
    """
    startup, wire = seen.startup, seen.wire
    rows = list(lanes(seen, colours_of(phases), most))
    y, parts = float(TOP), list[Markup | None]()
    for number, lane in enumerate(rows):
        parts.append(frame.text("-6", y + 11, lane.label, anchor="end", class_="quiet small"))
        for bar in lane.bars:
            parts.append(frame.box(across, bar.start, bar.end, y, LANE, bar.class_, bar.told))
            on = bar.class_.replace("segment ", "")
            parts.append(name_on_bar(across, bar.start, bar.end, y + 11, bar.name, on))
        parts += _points(across, lane.points, y, across.share(startup.seconds))
        if number == 0:
            parts.append(end_mark(startup, across, y + LANE / 2))
        y += LANE + GAP
    left_out = wire.connection_count - min(most, len(wire.connections))
    if left_out > 0:
        told = how_many(left_out, "more connection")
        parts.append(frame.text("0%", y + 11, told, class_="quiet small"))
        y += LANE + GAP
    back = [
        frame.box(across, fault.start, fault.end, 0, y, "fault", f"fault in place: {fault.name}")
        for fault in seen.faults
    ]
    ends = [(startup.seconds, "end"), *((limit, "budget") for limit in limits)]
    for seconds, class_ in ends:
        if across.holds(seconds):
            parts.append(frame.upright(across, seconds, 0, y, class_))
    description = (
        f"{trips(wire.round_trips)} on {how_many(wire.connection_count, 'connection')}; waited "
        f"{seconds_text(wire.waited_seconds)} of {seconds_text(startup.seconds)}"
    )
    return frame.plot(
        f"Startup {startup.number} {seen.when} on the wire",
        description,
        y + frame.AXIS_HEIGHT,
        *back,
        frame.x_axis(across, 0, y),
        *parts,
    )


def wire_legend(found: Sequence[Seen], phases: Sequence[str], limits: Sequence[float]) -> Markup:
    """What the colours and signs of these plots mean; only those that occur."""
    across = axis(found, limits)
    spent = [part for one in found for part in _phases(one)]
    entries = swatches(spent, phases, across)
    drawn = {bar.class_ for one in found for lane in lanes(one, {}) for bar in lane.bars}
    points = {point.kind for one in found for lane in lanes(one, {}) for point in lane.points}
    names = {"own": "own time", "wait": "waiting for the database", "set-up": "set-up of a session",
             "session": "session", "unread": "not read, or a request to cancel"}  # fmt: skip
    entries += [
        (frame.box_swatch(class_), name) for class_, name in names.items() if class_ in drawn
    ]
    ends = {end_kind(one.startup) for one in found}
    cut = ["timed out"] * ("cut" in ends) + ["still open"] * ("cut" in points)
    marks = {"closed": "closed as meant", "failed": "failed, or an error",
             "cut": ", or ".join(cut), "ready": "ready"}  # fmt: skip
    points |= ends
    entries += [(frame.mark_swatch(kind), name) for kind, name in marks.items() if kind in points]
    if any(one.faults for one in found):
        entries.append((frame.box_swatch("fault"), "fault in place"))
    entries.append((frame.line_swatch("end"), "end of the startup"))
    return frame.legend([*entries, *limit_signs([one for one in limits if across.holds(one)])])


def _points(across: Scale, points: Sequence[Point], y: float, line: float) -> Iterator[Markup]:
    """Marks, each with its name at its right where a narrow screen has room for it.

    `line` is where the end of the startup is drawn, which no name is to cross.
    """
    taken = [across.share(point.at) for point in points]
    for number, (point, share) in enumerate(zip(points, taken, strict=True)):
        at = f"{100 * share:.3f}%"
        yield element("g", element("title", point.told), frame.mark(point.kind, at, y + LANE / 2))
        end = share + (LETTER_PX * len(point.name) + 14) / NARROW_PX
        others = [*taken[number + 1 :], *([line] if share < line else [])]
        if point.name and end <= min([1.0, *others]):
            yield element("text", point.name, x=at, dx="8", y=f"{y + 11:g}", class_="small halo")
