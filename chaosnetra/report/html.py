"""The HTML page: one self-contained file for one run or several."""

from collections.abc import Sequence

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.evidence.recommendation import Recommendation
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import element, join
from chaosnetra.report.page import document, facts_list, notes, section, table, verdict_badge
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.sections import findings, path, times, verdicts

LONGEST_REASON = 240


class HtmlReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`."""

    def __init__(self) -> None:
        self._rows: list[Sequence[object]] = []
        self._runs: list[tuple[str, Markup, Markup]] = []

    def add(self, facts: RunFacts) -> None:
        anchor = f"run-{len(self._runs) + 1}"
        link = element("a", facts.title, href=f"#{anchor}")
        self._rows.append(
            (
                element("span", link, class_="wide"),
                verdict_badge(facts.verdict.outcome.value),
                facts.profile,
                seconds_text(facts.seconds) if facts.seconds is not None else None,
                element(
                    "span", one_visible_line(facts.verdict.reason, LONGEST_REASON), class_="wide"
                ),
            )
        )
        self._runs.append((facts.title, head(facts), rest(facts)))

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole page."""
        advice = (
            section("What to change", findings.recommendations(recommendations))
            if recommendations
            else None
        )
        footer = f"Made by chaosnetra {__version__} from the journals alone."
        if len(self._runs) == 1:
            title, first, others = self._runs[0]
            return document(title, first, advice, others, footer=footer)
        summary = table(("experiment", "verdict", "profile", "took", "reason"), self._rows)
        runs = [
            section(title, first, others, id_=f"run-{number}")
            for number, (title, first, others) in enumerate(self._runs, 1)
        ]
        return document(
            f"{len(self._runs)} chaos experiments", summary, advice, *runs, footer=footer
        )


def head(facts: RunFacts) -> Markup:
    """What is read first: verdict, and expected against got."""
    started = one_visible_line(facts.start or "", 40)
    return join(
        (
            verdicts.verdict(facts),
            facts_list(
                [
                    ("profile", facts.profile),
                    ("started", started),
                    ("took", seconds_text(facts.seconds) if facts.seconds is not None else None),
                    ("time scale", _time_scale(facts)),
                ]
            ),
            section("Expected against got", verdicts.hypothesis(facts), level=3),
            section("Budgets by arithmetic", verdicts.rules(facts.rules), level=3)
            if facts.rules
            else None,
        )
    )


def rest(facts: RunFacts) -> Markup:
    """The evidence in detail."""
    return join(
        (
            section("Violations", findings.violations(facts), level=3),
            *times.startups(facts),
            *times.connections(facts),
            *path.connector(facts),
            section(
                "Faults",
                path.faults(facts.faults),
                findings.parameters(facts),
                path.prepared(facts.faults),
                level=3,
            ),
            section("Environment", findings.environment(facts), level=3),
        )
    )


def _time_scale(facts: RunFacts) -> str | None:
    if facts.time_scale is None:
        return None
    if facts.time_scale == 1:
        return "1: times are real"
    return (
        f"{number_text(facts.time_scale)}: budgets and faults were multiplied by it; all times "
        "here are as measured"
    )


__all__ = ["HtmlReport", "head", "notes", "rest"]
