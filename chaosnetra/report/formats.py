"""The formats of a report, by the ending of the file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.html import HtmlReport
from chaosnetra.report.junit import JunitReport
from chaosnetra.report.markdown import MarkdownReport


class Report(Protocol):
    """Takes in runs one by one, so that no journal has to be kept."""

    def add(self, facts: RunFacts) -> None:
        """Take in one run."""

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole report on all runs taken in.

        Args:
            recommendations: for all of them together.
        """


FORMATS: Mapping[str, Callable[[], Report]] = {
    ".html": HtmlReport,
    ".md": MarkdownReport,
    ".xml": JunitReport,
}


def report_for(path: Path) -> Report:
    """An empty report of the format that a file's ending names.

    Raises:
        InvalidInput: there is no such format.
    """
    make = FORMATS.get(path.suffix.lower())
    if make is None:
        raise InvalidInput(
            f"{path}: its ending names no format; give a file that ends in {', '.join(FORMATS)}"
        )
    return make()
