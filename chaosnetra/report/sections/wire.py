"""What startups did with their database, and what failed ones printed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from chaosnetra.evidence.journal.samples import DEGRADED, Startup
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.observed import (
    COUNTS,
    SECONDS,
    FaultOver,
    Figures,
    KeptOutput,
    ProbeSeen,
    Seen,
    Standing,
    Texts,
)
from chaosnetra.report.plots.phases import segments_text
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.plots.wire import (
    MOST_CONNECTIONS,
    axis,
    axis_of,
    end_text,
    trips,
    wire_legend,
    wire_waterfall,
)
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.structure import (
    Cell,
    Content,
    Folded,
    Legend,
    Long,
    Output,
    Plot,
    Section,
    Text,
    table,
)
from chaosnetra.text import are, how_many, were
from chaosnetra.wire.observation import Encryption

MOST_NUMBERS = 8
MOST_ROWS = 12
LONGEST_TEXT = 600
MOST_LISTED = 12
UNREAD = (
    "had connections that could not be read (encrypted, or another protocol): their round trips "
    "are turns of direction"
)
BRIEF = (
    "of a large launch have only their counts in the journal: they are not drawn, and not among "
    "those whose errors and statements are told"
)
ENLARGED = "Its axis is its own: it is much shorter than the others."
# Told also where they are 0 of all.
ALWAYS = ("serial_round_trips", "round_trips", "connection_count", "sessions", *SECONDS)
MOST_WAITS = 5
LEAST_WATCHED_SECONDS = 0.1
# Of startups that are folded up, so many connections are drawn.
MOST_FOLDED_CONNECTIONS = 4


def plots(facts: RunFacts) -> Iterator[Section]:
    """A section for each probe whose startups were observed: how they stood, and the plots."""
    for seen, of in _probes(facts):
        if seen.figures:
            yield Section(f"Startups on the wire{of}", tuple(_wire(seen, facts)))


def numbers(facts: RunFacts) -> Iterator[Section]:
    """The same in numbers, and what the startups have in common."""
    for seen, of in _probes(facts):
        if seen.figures:
            yield Section(f"What startups did on the wire{of}", tuple(_figures(seen)))


def outputs(facts: RunFacts) -> Iterator[Section]:
    """What failed startups printed."""
    for seen, of in _probes(facts):
        if seen.outputs:
            yield Section(f"Output of failed startups{of}", tuple(_outputs(seen)))


def _probes(facts: RunFacts) -> Iterator[tuple[ProbeSeen, str]]:
    """What was seen of each probe, and its name where there are several."""
    several = len(facts.seen) > 1
    for seen in facts.seen:
        yield seen, f": {one_visible_line(seen.probe, 100)}" if several else ""


def standing_line(one: Standing) -> str:
    """How startups that were not ready stood, those that are alike on one line."""
    return f"startup {_numbers(one.numbers)} {one.when}, {_ended(one)}: {one.text}"


def output_summary(one: KeptOutput, seen: ProbeSeen) -> str:
    """What an output is, on one line."""
    lines, of = how_many(len(one.lines), "line"), how_many(seen.outputs_of, "startup")
    if one.startups == 1:
        return f"Last output, {lines}, of 1 of {of}"
    but = "" if one.identical else ", but for numbers,"
    return f"Last output, the same {lines}{but} in {one.startups:,} of {of}"


def _wire(seen: ProbeSeen, facts: RunFacts) -> Iterator[Content]:
    yield from table(
        ("startup", "when", "ended", "how it stood then"),
        [
            (
                _numbers(one.numbers),
                one.when,
                _ended(one),
                Long(one.text),
            )
            for one in seen.standings
        ],
        caption="Startups that were not ready. Those that differ by numbers only are one row, with "
        "those of the first.",
    )
    if seen.standings_left_out > 0:
        yield Text(
            f"{how_many(seen.standings_left_out, 'more startup')} that "
            f"{were(seen.standings_left_out)} not ready {are(seen.standings_left_out)} left out."
        )
    yield from _plots(seen, facts.phases, facts.limits)


def _figures(seen: ProbeSeen) -> Iterator[Content]:
    of = ", ".join(
        f"{how_many(one.startups, 'startup')} {when} ({one.ready:,} ready)"
        for when, one in seen.figures.items()
    )
    yield from table(
        ("of a startup (median)", *seen.figures),
        list(_medians(seen.figures)),
        caption=f"Medians of {of}; from the start of a process until it was ready, or its end. "
        "Lowest to highest in brackets.",
    )
    yield from _remarks(seen)
    yield from table(
        ("error of the server", *seen.figures),
        _common(seen.figures, lambda figures: figures.errors, "times"),
        caption="SQLSTATE and message, whether or not the startups told them.",
    )
    yield from table(
        ("statement", *seen.figures),
        _common(seen.figures, lambda figures: figures.repeated, "in a row"),
        caption="Statements executed five times or more in a row on one connection, nothing else "
        "in between.",
    )


def _plots(seen: ProbeSeen, phases: Sequence[str], limits: Sequence[float]) -> Iterator[Content]:
    shown = [one for _, one in seen.shown]
    common = axis([*shown, *seen.folded], limits)

    def drawn(why: str, one: Seen, most: int) -> Plot:
        across = axis_of(one, common, limits)
        plot = wire_waterfall(one, phases, limits, across, most)
        title = f"{why} {one.startup.number} {one.when}, {_ended(one.startup)}"
        return Plot(title, _told(one), plot, "" if across is common else ENLARGED)

    if shown or seen.folded:
        yield Legend(wire_legend([*shown, *seen.folded], phases, limits))
    for why, one in seen.shown:
        yield drawn(f"{why}: startup", one, MOST_CONNECTIONS)
    if shown:
        yield Folded("Numbers: these startups", tuple(_numbers_of(shown)))
    if seen.folded:
        plots = [drawn("Startup", one, MOST_FOLDED_CONNECTIONS) for one in seen.folded]
        rest = (
            f"; {how_many(seen.left_out, 'other')} {are(seen.left_out)} not drawn"
            if seen.left_out > 0
            else ""
        )
        summary = f"{how_many(len(plots), 'more startup')}{rest}"
        yield Folded(summary, (*plots, *_numbers_of(seen.folded)))


def _told(one: Seen) -> str:
    """What is to be seen of a startup in its plot, and said instead of it."""
    wire = one.wire
    watched = _watched(one)
    found = []
    if not one.startup.ready:
        when = f"{watched} after it was ready" if watched else "At its end"
        found.append(f"{when}: {one_visible_line(wire.standing.text, LONGEST_TEXT)}.")
    serial = f", {wire.serial_text} of them one after the other"
    made = f"{trips(wire.round_trips)}{serial if wire.round_trips > 1 else ''}"
    found.append(f"{how_many(wire.connection_count, 'connection')}, {made}.")
    waited, own = seconds_text(wire.waited_seconds), seconds_text(wire.own_seconds)
    until = "Until then it waited" if watched else "Waited"
    found.append(f"{until} {waited}, own time {own}.")
    if one.faults:
        found.append(f"In place: {', '.join(_placed(fault, one) for fault in one.faults)}.")
    return " ".join(found)


def _watched(one: Seen) -> str:
    """For how long one that was ready without its database was watched; empty: it was not."""
    seconds = one.wire.seconds - one.startup.seconds
    is_watched = one.startup.status == DEGRADED and seconds >= LEAST_WATCHED_SECONDS
    return seconds_text(seconds) if is_watched else ""


def _placed(fault: FaultOver, one: Seen) -> str:
    start = f"from about {seconds_text(fault.start)}" if fault.start > 0 else ""
    ends = fault.end is not None and fault.end < one.startup.seconds
    end = f"to about {seconds_text(fault.end)}" if fault.end is not None and ends else ""
    return f"{fault.name} {' '.join(filter(None, (start, end))) or 'throughout'}"


def _numbers_of(found: Sequence[Seen]) -> Iterator[Content]:
    """What the plots show, as tables."""
    yield from table(
        ("startup", "ended", "round trips", "one after the other", "waited", "own time",
         "longest waits", "phases"),
        [
            (
                _name(one),
                _ended(one.startup),
                f"{one.wire.round_trips:,}",
                one.wire.serial_text,
                seconds_text(one.wire.waited_seconds),
                seconds_text(one.wire.own_seconds),
                Long(longest) if (longest := _longest_waits(one)) else None,
                Long(segments_text(one.startup)) if one.startup.phase_seconds else None,
            )
            for one in found
        ],
        numbers=True,
    )  # fmt: skip
    yield from table(
        ("connection", "of startup", "opened", "session after", "ended", "how", "round trips",
         "in the set-up", "waited", "TLS", "user", "database"),
        [
            (
                f"{each.number}",
                _name(one),
                seconds_text(each.opened_seconds),
                None
                if each.session_seconds is None
                else seconds_text(max(0.0, each.session_seconds - each.opened_seconds)),
                None if each.ended_seconds is None else seconds_text(each.ended_seconds),
                Long(end_text(each)),
                f"{each.round_trips:,}",
                f"{each.setup_round_trips:,}",
                seconds_text(each.waited_seconds),
                None if each.encryption is Encryption.NONE else each.encryption.value,
                each.user,
                each.database,
            )
            for one in found
            for each in one.wire.connections[:MOST_CONNECTIONS]
        ],
        caption="The first connections of each startup. Times from the start of its process.",
        numbers=True,
    )  # fmt: skip
    yield from table(
        ("statement", "of startup", "times", "most in a row", "round trips", "waited"),
        [
            (
                Long(each.text, code=True),
                _name(one),
                f"{each.times:,}",
                f"{each.most_in_a_row:,}",
                f"{each.round_trips:,}",
                seconds_text(each.waited_seconds),
            )
            for one in found
            for each in sorted(one.wire.statements, key=lambda each: -each.waited_seconds)[
                :MOST_NUMBERS
            ]
        ],
        caption="The statements of each startup that it waited longest for.",
        numbers=True,
    )
    yield from table(
        ("error", "of startup", "first at", "times", "message", "answered to"),
        [
            (
                f"{each.severity} {each.sqlstate}",
                _name(one),
                seconds_text(each.first_seconds),
                f"{each.times:,}",
                Long(each.message, code=True),
                None if each.statement is None else Long(each.statement, code=True),
            )
            for one in found
            for each in one.wire.errors[:MOST_NUMBERS]
        ],
        numbers=True,
    )


def _longest_waits(one: Seen) -> str:
    longest = sorted(one.wire.waits, key=lambda wait: wait[0] - wait[1])[:MOST_WAITS]
    return ", ".join(
        f"{seconds_text(end - start)} from {seconds_text(start)}"
        for start, end in longest
        if end >= start
    )


def _medians(figures: Mapping[str, Figures]) -> Iterator[Sequence[Cell]]:
    for names, shown in ((COUNTS, number_text), (SECONDS, seconds_text)):
        for name, words in names.items():
            every = [one.values[name] for one in figures.values()]
            if name in ALWAYS or any(map(any, every)):
                yield words, *(_median(values, shown) for values in every)


def _median(values: Sequence[float], shown: Callable[[float], str]) -> str | None:
    if not values:
        return None
    low, high = min(values), max(values)
    middle = shown(median(values))
    ends = shown(low), shown(high)
    return middle if len({middle, *ends}) == 1 else f"{middle} ({' to '.join(ends)})"


def _common(
    figures: Mapping[str, Figures], texts_of: Callable[[Figures], Texts], what: str
) -> list[Sequence[Cell]]:
    """What startups have in common, the most frequent first, and in how many of them it is."""
    every = sum((texts_of(one).startups for one in figures.values()), Counter[str]())

    def cell(text: str, one: Figures) -> str:
        count, most = texts_of(one).startups[text], texts_of(one).most.get(text, 0)
        if not count:
            return "none"
        often = f"up to {most:,} {what}" if most > 1 else "once"
        return f"{often} in {count:,} of {how_many(one.whole, 'startup')}"

    return [
        (Long(text, code=True), *(cell(text, one) for one in figures.values()))
        for text, _ in every.most_common(MOST_ROWS)
    ]


def _remarks(seen: ProbeSeen) -> Iterator[Content]:
    of = seen.figures.values()
    for count, what in (
        (sum(one.unread for one in of), UNREAD),
        (sum(one.incomplete for one in of), "did more than was kept: their figures are at least"),
        (sum(one.startups - one.whole for one in of), BRIEF),
        (seen.unread, "are not drawn: the journal does not hold them whole"),
    ):
        if count:
            yield Text(f"{how_many(count, 'startup')} {what}.")


def _outputs(seen: ProbeSeen) -> Iterator[Content]:
    for one in seen.outputs:
        yield Output(output_summary(one, seen), one.lines)
    left_out = seen.outputs_of - sum(one.startups for one in seen.outputs)
    if left_out:
        yield Text(f"What {how_many(left_out, 'more startup')} printed is left out.")


def _name(one: Seen) -> str:
    return f"{one.startup.number} {one.when}"


def _numbers(found: Sequence[int]) -> str:
    more = f" and {len(found) - MOST_LISTED:,} more" if len(found) > MOST_LISTED else ""
    return ", ".join(map(str, found[:MOST_LISTED])) + more


def _ended(one: Startup | Standing) -> str:
    status = one_visible_line(one.status, 40).replace("_", " ")
    if one.status == DEGRADED:
        status += " (ready without what it should have)"
    return f"{status} after {seconds_text(one.seconds)}"
