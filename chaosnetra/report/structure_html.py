"""Sections of `chaosnetra.report.structure`, as parts of a page."""

from markupsafe import Markup

from chaosnetra.report import page, structure
from chaosnetra.report.markup import Content as Written
from chaosnetra.report.markup import element, join, void
from chaosnetra.report.safe_text import visible

LONGEST_OUTPUT = 64_000


def section(part: structure.Section, level: int = 2, *before: Written) -> Markup:
    """A whole section; `before` stands in front of its content."""
    return page.section(part.heading, *content(part, *before), level=level)


def content(part: structure.Section, *before: Written) -> list[Written]:
    """What stands under the heading of a section."""
    found = [*before, *(written(one) for one in part.content)]
    return found or [element("p", part.none, class_="quiet")]


def written(piece: structure.Content) -> Markup:
    """One piece of content."""
    match piece:
        case structure.Table():
            rows = [[_cell(cell) for cell in row] for row in piece.rows]
            made = page.table(piece.headers, rows, piece.caption)
            return page.details(piece.folded, made) if piece.folded else made
        case structure.Items():
            check = void("input", type="checkbox", disabled=True, aria_label="to do")
            mark = join([check, " "]) if piece.to_do else None
            return element("ul", *(element("li", mark, text) for text in piece.texts))
        case structure.Text():
            return page.notes([piece.text])
        case structure.Output():
            text = visible("\n".join(piece.lines), LONGEST_OUTPUT)
            return page.details(piece.folded, page.code_block(Markup.escape(text)))
        case structure.Plot():
            words = [element("strong", f"{piece.title}."), " ", piece.caption, " "]
            return page.figure(piece.drawing, join([*words, piece.remark]))
        case structure.Legend():
            return piece.drawing
        case structure.Folded():
            return page.details(piece.summary, *map(written, piece.content))


def _cell(cell: structure.Cell) -> Written:
    match cell:
        case structure.Link():
            return element("a", cell.text, href=cell.target)
        case structure.Verdict():
            why = [" ", element("span", cell.why, class_="wide")] if cell.why else []
            return join([page.verdict_badge(cell.outcome), *why])
        case structure.Long():
            quote = page.error_text if cell.code else page.quoted
            return element("span", quote(cell.text), class_="wide")
        case _:
            return cell
