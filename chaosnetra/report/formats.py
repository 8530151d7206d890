"""The formats of a report, by the ending of the file."""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.report.facts import RunFacts


class Report(Protocol):
    """Takes in runs one by one, so that no journal has to be kept."""

    def add(self, facts: RunFacts) -> None:
        """Take in one run."""

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole report on all runs taken in.

        Args:
            recommendations: for all of them together.
        """


# Where each is written; only what is wanted is loaded.
FORMATS = {
    ".html": "chaosnetra.report.html:HtmlReport",
    ".md": "chaosnetra.report.markdown:MarkdownReport",
    ".xml": "chaosnetra.report.junit:JunitReport",
}


def report_for(path: Path) -> Report:
    """An empty report of the format that a file's ending names.

    Raises:
        InvalidInput: there is no such format.
    """
    place = FORMATS.get(path.suffix.lower())
    if place is None:
        raise InvalidInput(
            f"{path}: its ending names no format; give a file that ends in {', '.join(FORMATS)}"
        )
    made: Report = resolve_name(place)(path.parent)
    return made
