"""Sections of `chaosnetra.report.structure`, as parts of a page."""

from markupsafe import Markup

from chaosnetra.report import page, structure
from chaosnetra.report.markup import Content as Written
from chaosnetra.report.markup import element, join, void
from chaosnetra.report.safe_text import visible

LONGEST_OUTPUT = 64_000


def section(part: structure.Section, level: int = 2, *before: Written) -> Markup:
    """A whole section; `before` stands in front of its content."""
    content = [*before, *(written(one) for one in part.content)]
    none = [element("p", part.none, class_="quiet")]
    return page.section(part.heading, *(content or none), level=level)


def written(content: structure.Content) -> Markup:
    """One piece of content."""
    match content:
        case structure.Table():
            rows = [[_cell(cell) for cell in row] for row in content.rows]
            made = page.table(content.headers, rows, content.caption)
            return page.details(content.folded, made) if content.folded else made
        case structure.Items():
            check = void("input", type="checkbox", disabled=True, aria_label="to do")
            mark = join([check, " "]) if content.to_do else None
            return element("ul", *(element("li", mark, text) for text in content.texts))
        case structure.Text():
            return page.notes([content.text])
        case structure.Output():
            text = visible("\n".join(content.lines), LONGEST_OUTPUT)
            return page.details(content.folded, page.code_block(Markup.escape(text)))
        case structure.Plot():
            words = [element("strong", f"{content.title}."), " ", content.caption, " "]
            return page.figure(content.drawing, join([*words, content.remark]))
        case structure.Legend():
            return content.drawing
        case structure.Folded():
            return page.details(content.summary, *map(written, content.content))


def _cell(cell: structure.Cell) -> Written:
    match cell:
        case structure.Link():
            return element("a", cell.text, href=cell.target)
        case structure.Verdict():
            why = element("span", cell.why, class_="wide")
            return join([page.verdict_badge(cell.outcome), " ", why])
        case structure.Long():
            quote = page.error_text if cell.code else page.quoted
            return element("span", quote(cell.text), class_="wide")
        case _:
            return cell
