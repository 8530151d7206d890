"""Sections of `chaosnetra.report.structure`, as Markdown."""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from chaosnetra.report import structure
from chaosnetra.report.safe_text import one_visible_line, visible
from chaosnetra.text import how_many, markdown

LONGEST_CELL = 160
LONGEST_TEXT = 2_000
# A comment on a pull request holds 65,536 characters, with all else that is in it.
MOST_OUTPUT_LINES = 60
LONGEST_OUTPUT = 6_000
LONGEST_LINE = 300
# What GitHub and others turn into links by themselves: addresses, people, issues, commits.
_LINKS = re.compile(r"(?i):(?=//)|(?<=www)\.|(?<=mailto):|@(?=\w)|#(?=\d)|(?<=\bGH)-(?=\d)")
_WORD_JOINER = "&#8288;"
Shown = Callable[[str, int], str]


def safe(text: object, longest: int = LONGEST_CELL) -> str:
    """Text as one line of Markdown that shows it, and links to nothing."""
    return _unlinked(markdown(one_visible_line(text, longest)))


def _unlinked(text: str) -> str:
    return _LINKS.sub(lambda found: f"{found.group()}{_WORD_JOINER}", text)


def code(text: str, language: str = "sh") -> str:
    """A command or an output, to be copied, in a fence that it cannot end."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def folded(summary: str, *lines: str) -> Iterator[str]:
    """Lines that are folded up under a summary, where Markdown is shown as a page."""
    shown = _unlinked(escape(one_visible_line(summary, LONGEST_TEXT), quote=False))
    yield from (f"<details><summary>{shown}</summary>", "", *lines, "", "</details>")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table; its cells are Markdown already."""
    yield f"| {' | '.join(headers)} |"
    yield "|" + " --- |" * len(headers)
    for row in rows:
        yield "".join(f"| {cell} " if cell else "| " for cell in row) + "|"


def section(part: structure.Section, level: int = 2, shown: Shown = safe) -> Iterator[str]:
    """A whole section, an empty line before each of its pieces; see `written`."""
    yield f"{'#' * level} {shown(part.heading, LONGEST_TEXT)}"
    for content in part.content:
        if lines := list(written(content, shown)):
            yield from ("", *lines)
    if not part.content:
        yield from ("", part.none)


def written(content: structure.Content, shown: Shown = safe) -> Iterator[str]:
    """One piece of content; nothing for what only a page shows.

    Args:
        content: of a section.
        shown: makes a text Markdown, of so many characters at the most.
    """
    match content:
        case structure.Table(numbers=False):
            if content.caption:
                yield from (shown(content.caption, LONGEST_TEXT), "")
            headers = [shown(header, LONGEST_CELL) for header in content.headers]
            yield from table(
                headers, [[_cell(cell, shown) for cell in row] for row in content.rows]
            )
        case structure.Items():
            mark = "- [ ]" if content.to_do else "-"
            yield from (f"{mark} {shown(text, LONGEST_TEXT)}" for text in content.texts)
        case structure.Text():
            yield shown(content.text, LONGEST_TEXT)
        case structure.Plot():
            title = shown(content.title, LONGEST_TEXT)
            yield f"- **{title}.** {shown(content.caption, LONGEST_TEXT)}"
        case structure.Output():
            yield from folded(content.folded, code("\n".join(_last(content.lines)), "text"))
        case structure.Table() | structure.Legend() | structure.Folded():
            return


def _last(lines: Sequence[str]) -> list[str]:
    """The last lines that there is room for; how many were before them."""
    last: list[str] = []
    room = LONGEST_OUTPUT
    for line in reversed(lines[-MOST_OUTPUT_LINES:]):
        shown = visible(line, LONGEST_LINE)
        room -= len(shown) + 1
        if room < 0:
            break
        last.insert(0, shown)
    left_out = len(lines) - len(last)
    return [f"({how_many(left_out, 'line')} before these)", *last] if left_out else last


def _cell(cell: structure.Cell, shown: Shown) -> str:
    match cell:
        case None:
            return ""
        case structure.Link():
            return f"[{markdown(cell.text)}]({cell.target})"
        case structure.Verdict():
            text = f"{cell.outcome}: {cell.why}" if cell.why else cell.outcome
            return shown(text, LONGEST_TEXT)
        case structure.Long():
            return shown(cell.text, LONGEST_TEXT)
        case _:
            return shown(cell, LONGEST_TEXT)
