"""The report of a day as Markdown: plain enough for an issue, a wiki or a terminal."""

from collections.abc import Iterator

from chaosnetra.gameday.report.happened import Happened
from chaosnetra.gameday.report.sections import Cell, Items, Link, Table, Verdict, facts, sections
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
        yield from ("", f"## {part.heading}")
        for content in part.content:
            yield ""
            yield from _content(content)
        if not part.content:
            yield from ("", part.none)


def _content(content: Table | Items) -> Iterator[str]:
    if isinstance(content, Items):
        mark = "- [ ]" if content.to_do else "-"
        yield from (f"{mark} {markdown(text)}" for text in content.texts)
        return
    yield f"| {' | '.join(content.headers)} |"
    yield "|" + " --- |" * len(content.headers)
    for row in content.rows:
        yield "".join(f"| {text} " if (text := _cell(cell)) else "| " for cell in row) + "|"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Link):
        return f"[{markdown(cell.text)}]({cell.target})"
    if isinstance(cell, Verdict):
        return markdown(f"{cell.outcome}: {cell.why}")
    return markdown(cell)
