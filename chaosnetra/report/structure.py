"""What a report says, as data: sections that pages and Markdown write alike.

`chaosnetra.report.structure_html` and `chaosnetra.report.structure_markdown` write them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Link:
    """Text that leads to a file beside the report."""

    text: str
    target: str


@dataclass(frozen=True)
class Verdict:
    """An outcome, and what it comes from."""

    outcome: str
    why: str


@dataclass(frozen=True)
class Long:
    """A text that needs room, of somebody else; `code` sets it in the letters of a program."""

    text: str
    code: bool = False


Cell = str | Link | Verdict | Long | None


@dataclass(frozen=True)
class Table:
    """Rows under their headers; a page folds it up under `folded`, where it has one.

    `numbers` are those of a plot: Markdown, which has no plots and is short, leaves them out.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: str = ""
    caption: str | None = None
    numbers: bool = False


@dataclass(frozen=True)
class Items:
    """A list; `to_do` makes it one of tasks, as issue trackers take it."""

    texts: Sequence[str]
    to_do: bool = False


@dataclass(frozen=True)
class Text:
    """A remark."""

    text: str


@dataclass(frozen=True)
class Output:
    """Lines that a program printed, folded up under what they are."""

    folded: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Plot:
    """A drawing, and what it shows in words: all that Markdown has; `remark` is on drawing it."""

    title: str
    caption: str
    drawing: Markup
    remark: str = ""


@dataclass(frozen=True)
class Legend:
    """What the colours of the plots after it mean; Markdown has none."""

    drawing: Markup


@dataclass(frozen=True)
class Folded:
    """What a page folds up; Markdown, which is short, leaves it out."""

    summary: str
    content: Sequence["Content"]


Content = Table | Items | Text | Output | Plot | Legend | Folded


@dataclass(frozen=True)
class Section:
    """A part of the report; without any content it says `none`."""

    heading: str
    content: Sequence[Content]
    none: str = "None."


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]], folded: str = "",
          caption: str | None = None, *, numbers: bool = False) -> tuple[Table, ...]:  # fmt: skip
    """A table; nothing without rows."""
    found = list(rows)
    return (Table(headers, found, folded, caption, numbers),) if found else ()


def items(texts: Iterable[str], *, to_do: bool = False) -> tuple[Items, ...]:
    """A list; nothing without any text."""
    found = list(texts)
    return (Items(found, to_do),) if found else ()
