"""Writes the reports of a day into its folder."""

from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.report.happened import Happened, read_day
from chaosnetra.gameday.report.plot import timeline_plot
from chaosnetra.gameday.report.sections import attempt_name, facts, sections
from chaosnetra.report.markup import element, join
from chaosnetra.report.page import details, document, facts_list, figure, table
from chaosnetra.report.structure import Items, Section
from chaosnetra.report.structure_html import section as html_section
from chaosnetra.report.structure_markdown import section
from chaosnetra.text import markdown
from chaosnetra.whole_file import write_whole

HINT = "report.md has them as a task list for an issue tracker."


def write_reports(folder: Path) -> Iterator[Path]:
    """Write `report.md` and `report.html`, in place of older ones, each whole or not at all.

    Yields:
        Each path, once it is written.

    Raises:
        Unreadable: the folder holds no day.
        OSError: a report cannot be written.
    """
    day = read_day(folder)
    for name, text in (("report.md", markdown_report(day)), ("report.html", html_report(day))):
        write_whole(folder / name, text)
        yield folder / name


def markdown_report(day: Happened) -> str:
    """The report as Markdown: plain enough for an issue, a wiki or a terminal."""
    return "\n".join(_lines(day)) + "\n"


def _lines(day: Happened) -> Iterator[str]:
    yield f"# {markdown(day.day.title)}"
    yield ""
    if day.day.purpose:
        yield markdown(day.day.purpose)
        yield ""
    yield from (f"- {name}: {markdown(text)}" for name, text in facts(day))
    for part in sections(day):
        yield from ("", *section(part, shown=_as_it_is))


def _as_it_is(text: str, longest: int) -> str:  # noqa: ARG001 - what people said is not cut
    """Text whole, with the references to people and issues that somebody wrote into it."""
    return markdown(text)


def html_report(day: Happened) -> str:
    """The report as one HTML file, in the frame that reports of runs have too."""
    footer = f"chaosnetra {__version__}; written from record.jsonl, which lies beside this file"
    return document(
        day.day.title,
        element("p", day.day.purpose) if day.day.purpose else None,
        facts_list(facts(day)),
        *(_section(part, day) for part in sections(day)),
        footer=footer,
    )


def _section(part: Section, day: Happened) -> Markup:
    made = html_section(part, 2, *(_plots(day) if part.heading == "Timeline" else ()))
    is_to_do = any(isinstance(one, Items) and one.to_do for one in part.content)
    return join([made, element("p", HINT, class_="note")]) if is_to_do else made


def _plots(day: Happened) -> Iterator[Markup]:
    """The day and each run on an axis, and what was said, by its numbers there."""
    whole = timeline_plot("The day", day.attempts, day.notes, 0.0, day.seconds)
    yield figure(whole, "The whole day; minutes and seconds since it began.")
    plots = []
    for attempt in day.attempts:
        end = attempt.end if attempt.end is not None else day.seconds
        inside = [note for note in day.notes if attempt.begin <= note.at <= end]
        if attempt.faults or inside:
            name = attempt_name(attempt)
            drawn = timeline_plot(name, [attempt], inside, attempt.begin, end)
            plots.append(figure(drawn, f"Run: {name}"))
    if plots:
        yield details("Each run by itself", *plots)
    said = [
        (str(note.number), clock(note.at), note.step, note.what, f"{note.by}: {note.text}")
        for note in day.notes
    ]
    if said:
        yield table(("number", "at", "step", "what", "said"), said)
