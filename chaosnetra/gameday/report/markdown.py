"""The report of a day as Markdown: plain enough for an issue, a wiki or a terminal."""

from collections.abc import Iterator

from chaosnetra.gameday.report.happened import Happened
from chaosnetra.gameday.report.sections import facts, sections
from chaosnetra.report.structure_markdown import section
from chaosnetra.text import markdown


def markdown_report(day: Happened) -> str:
    """The whole report."""
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
