"""Writes the reports of a day into its folder."""

from collections.abc import Iterator
from pathlib import Path

from chaosnetra.gameday.report.happened import Happened, read_day
from chaosnetra.gameday.report.html import html_report
from chaosnetra.gameday.report.sections import facts, sections
from chaosnetra.report.structure_markdown import section
from chaosnetra.text import markdown
from chaosnetra.whole_file import write_whole


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
