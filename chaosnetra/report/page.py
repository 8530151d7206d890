"""The frame of a page: one file that needs nothing else, no network and no script.

A report is `document(title, *content)`; content is made with the functions here and with
`chaosnetra.report.markup.element`, and plots with `chaosnetra.report.plots.frame`. Everything
that is not markup is escaped. Wide tables scroll by themselves, never the page.
"""

import os
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import compress
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from chaosnetra.report.markup import Content, element, join, void
from chaosnetra.report.safe_text import without_unfit

# Nothing may be loaded from anywhere, and no script run, whatever the texts hold.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
MARKS = {"held": "✓", "violated": "✗", "inconclusive": "?"}


def document(title: str, *content: Content, footer: Content = None) -> str:
    """A whole page.

    Args:
        title: of the page and its heading.
        content: its parts, in order.
        footer: its last line.

    Returns:
        HTML, UTF-8, without a character that HTML or XML forbids.
    """
    style = (resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        void("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(style)),  # noqa: S704 - our own file
    )
    body = element(
        "body",
        element("main", element("h1", title), *content),
        element("footer", footer) if footer is not None else None,
    )
    return without_unfit(f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n")


def section(heading: Content, *content: Content, level: int = 2, id_: str | None = None) -> Markup:
    """A part with a heading; `level` is that of the heading, 2 to 6."""
    return element("section", element(f"h{level}", heading), *content, id=id_)


def folded_section(
    heading: Content, *content: Content, level: int = 2, id_: str | None = None
) -> Markup:
    """A part of which only the heading is seen until somebody opens it; see `section`."""
    return element("section", details(element(f"h{level}", heading), *content), id=id_)


def contents(listed: Iterable[tuple[str, Content, Sequence[tuple[str, Content]]]]) -> Markup:
    """A list of what is on the page: id and heading of each section, and of those in it."""
    items = []
    for id_, heading, inner in listed:
        links = [element("a", text, href=f"#{one}") for one, text in inner]
        inside = element("span", *links, class_="links") if links else None
        items.append(element("li", element("a", heading, href=f"#{id_}"), inside))
    return element("nav", element("ul", *items), class_="contents", aria_label="Contents")


def table(
    headers: Sequence[Content], rows: Iterable[Sequence[Content]], caption: Content = None
) -> Markup:
    """A table. A cell is text or markup, None is an empty one; figures are set to the right.

    On a narrow screen each row is a block, and each cell has its header before it. A column that
    has nothing in any row is left out.

    Args:
        headers: one a column.
        rows: cells, as many as headers; the first names the row.
        caption: what the table holds.
    """
    found = list(rows)
    kept = [any(cell not in (None, "") for cell in column) for column in zip(*found, strict=True)]
    headers = list(compress(headers, kept or [True] * len(headers)))
    head = element("tr", *(element("th", header, scope="col") for header in headers))
    body = [
        element(
            "tr",
            *(
                _cell(cell, header)
                if column
                else element("th", cell, scope="row", data_label=header)
                for column, (header, cell) in enumerate(
                    zip(headers, compress(row, kept), strict=True)
                )
            ),
        )
        for row in found
    ]
    whole = element(
        "table",
        element("caption", caption) if caption is not None else None,
        element("thead", head),
        element("tbody", *body),
    )
    # It can be scrolled by keyboard too, and then says what it is.
    label = caption if caption is not None else f"Table of {', '.join(map(str, headers))}"
    return element("div", whole, class_="scroll", tabindex="0", role="group", aria_label=label)


def details(summary: Content, *content: Content, open_: bool = False) -> Markup:
    """What is folded up until somebody opens it."""
    return element("details", element("summary", summary), *content, open=open_)


def facts_list(facts: Iterable[tuple[str, Content]]) -> Markup:
    """Names and what belongs to them; those without anything are left out."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value))
            for name, value in facts
            if value is not None and value != ""
        ),
    )


def figure(plot: Markup, caption: Content, *below: Content) -> Markup:
    """A plot with what it shows in words, and its numbers beneath."""
    return element("figure", element("figcaption", caption), plot, *below)


def link_target(file: Path, folder: Path) -> str | None:
    """A link from a page in a folder to a file; None where no link can lead there."""
    try:
        relative = os.path.relpath(file.absolute(), folder.absolute())
        target = quote(relative)
    except (OSError, ValueError):
        return None
    return target if target.startswith("../") else f"./{target}"


def verdict_badge(outcome: str) -> Markup:
    """An outcome as a word with a sign: colour alone says nothing."""
    mark = element("span", MARKS.get(outcome, "•"), aria_hidden="true")
    kind = outcome if outcome in MARKS else "other"
    return element("strong", mark, " ", outcome, class_=f"badge {kind}")


def met_mark(met: bool | None, words: tuple[str, str] = ("held", "not held")) -> Markup:
    """Whether something held, as a word with a sign; `words` for yes and no."""
    if met is None:
        return element("span", "not judged", class_="quiet")
    kind, sign, word = ("good", "✓", words[0]) if met else ("bad", "✗", words[1])
    return element("span", element("span", sign, aria_hidden="true"), " ", word, class_=kind)


def code_block(text: Content) -> Markup:
    """Text as it is, to be copied; long lines are broken."""
    return element("pre", element("code", text))


def quoted(text: Content) -> Markup:
    """Text of somebody else; its direction of writing is its own."""
    return element("bdi", text, class_="quoted")


def error_text(text: Content) -> Markup:
    """Like `quoted`, in the letters of a program's output."""
    return element("bdi", text, class_="quoted output")


def notes(texts: Iterable[Content]) -> Markup:
    """Remarks, each a line; nothing without any."""
    return join(element("p", text, class_="note") for text in texts)


def _cell(cell: Content, header: Content) -> Markup:
    is_figure = isinstance(cell, (int, float)) or (
        isinstance(cell, str) and cell[:1].isdigit() and len(cell) < 40
    )
    class_ = "figure" if is_figure else None
    return element("td", cell, class_=class_, data_label=None if cell is None else header)
