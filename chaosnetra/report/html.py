"""The HTML page: one self-contained file for one run or several."""

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.report import structure_html
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import element, join
from chaosnetra.report.page import document, facts_list, section, table, verdict_badge
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.safe_text import one_visible_line, shortened
from chaosnetra.report.sections import findings, path, times, verdicts, wire

LONGEST_REASON = 300


class HtmlReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`."""

    def __init__(self) -> None:
        self._rows: list[Sequence[object]] = []
        # The first is kept until a second comes: a page on one run is laid out differently.
        self._only: RunFacts | None = None
        self._runs: list[Markup] = []

    def add(self, facts: RunFacts) -> None:
        self._rows.append(_summary(facts, len(self._rows) + 1))
        if len(self._rows) == 1:
            self._only = facts
            return
        if self._only is not None:
            self._runs.append(_run(self._only, 1))
            self._only = None
        self._runs.append(_run(facts, len(self._rows)))

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole page."""
        advice = (
            section("What to change", findings.recommendations(recommendations))
            if recommendations
            else None
        )
        footer = f"Made by chaosnetra {__version__} from the journals alone."
        if self._only is not None:
            parts = (head(self._only), advice, *rest(self._only))
            return document(self._only.title, *parts, footer=footer)
        summary = table(("experiment", "verdict", "profile", "took", "reason"), self._rows)
        title = f"{len(self._rows)} chaos experiments"
        return document(title, summary, advice, *self._runs, footer=footer)


def _summary(facts: RunFacts, number: int) -> Sequence[object]:
    reason = shortened(facts.verdict.reason, LONGEST_REASON)
    return (
        element("span", element("a", facts.title, href=f"#run-{number}"), class_="name"),
        verdict_badge(facts.verdict.outcome.value),
        facts.profile,
        seconds_text(facts.seconds) if facts.seconds is not None else None,
        element("span", reason, class_="wide"),
    )


def _run(facts: RunFacts, number: int) -> Markup:
    return section(facts.title, head(facts, 3), *rest(facts, 3), id_=f"run-{number}")


def head(facts: RunFacts, level: int = 2) -> Markup:
    """What is read first: verdict, and expected and observed; `level` is that of headings."""
    started = one_visible_line(facts.start or "", 40)
    return join(
        (
            verdicts.verdict(facts),
            facts_list(
                [
                    ("profile", facts.profile),
                    ("started", re.sub(r"(?<=\d\d:\d\d)\.\d+", "", started)),
                    ("took", seconds_text(facts.seconds) if facts.seconds is not None else None),
                    ("time scale", _time_scale(facts)),
                ]
            ),
            section("Expected and observed", verdicts.hypothesis(facts), level=level),
            section("Budgets by arithmetic", verdicts.rules(facts.rules), level=level)
            if facts.rules
            else None,
            section("Violations", findings.violations(facts), level=level),
        )
    )


def rest(facts: RunFacts, level: int = 2) -> Iterator[Markup]:
    """The evidence in detail."""
    for part in wire.sections(facts):
        yield structure_html.section(part, level)
    for heading, *content in (
        *times.startups(facts),
        *times.connections(facts),
        *path.connector(facts),
        path.faults(facts),
        ("Environment", findings.environment(facts)),
    ):
        yield section(heading, *content, level=level)


def _time_scale(facts: RunFacts) -> str | None:
    if facts.time_scale is None:
        return None
    if facts.time_scale == 1:
        return "1: times are real"
    return (
        f"{number_text(facts.time_scale)}: budgets and faults were multiplied by it; all times "
        "here are as measured"
    )
