"""The HTML page: one self-contained file for one run or several."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.report import structure_html
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import Content, element, join
from chaosnetra.report.page import (
    contents,
    document,
    facts_list,
    folded_section,
    link_target,
    section,
    table,
    verdict_badge,
)
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.sections import Part, findings, path, times, verdicts, wire
from chaosnetra.report.sections.happened import happened
from chaosnetra.report.sections.trend import trend
from chaosnetra.report.structure import Section
from chaosnetra.report.trend import LastRuns, TrendRun, trend_run, trends
from chaosnetra.text import how_many

ADVICE, RUNS = "what-to-change", "runs"
ALL = sys.maxsize


class Group(NamedTuple):
    """A main section of what is told of a run.

    Attributes:
        id_: of its heading.
        heading: of it.
        content: what stands under it.
        parts: sections in it.
        open_parts: how many of these are seen at once; the others are folded up.
    """

    id_: str
    heading: str
    content: Sequence[Content]
    parts: Sequence[Part] = ()
    open_parts: int = ALL


class _Told(NamedTuple):
    """What a page on several runs tells of one: its row in the table of all, and its section."""

    row: Sequence[object]
    section: Markup


class HtmlReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`.

    Args:
        folder: where the page will be; links to journals are from there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The first is kept until a second comes: a page on one run is laid out differently.
        self._only: RunFacts | None = None
        self._runs: LastRuns[_Told] = LastRuns()

    def add(self, facts: RunFacts) -> None:
        if self._only is None and not self._runs.all:
            self._only = facts
            return
        if self._only is not None:
            self._add(self._only)
            self._only = None
        self._add(facts)

    def _add(self, facts: RunFacts) -> None:
        number = len(self._runs.all) + 1
        run = trend_run(facts, number)
        told = _Told(_summary(facts, number), self._run(facts, run))
        self._runs.add(run, told)

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole page."""
        heading = "What to change"
        advice = (
            section(heading, findings.recommendations(recommendations), id_=ADVICE)
            if recommendations
            else None
        )
        last = [Group(ADVICE, heading, ())] if recommendations else []
        footer = f"Made by chaosnetra {__version__} from the journals alone."
        if self._only is not None:
            facts = self._only
            told = list(groups(facts, ""))
            parts = [_shown(group, 2) for group in told]
            listed = _contents([*told, *last])
            top = head(facts, self._folder)
            return document(facts.title, top, listed, *parts, advice, footer=footer)
        runs = self._runs
        whole = frozenset(runs.told)
        going_on = [
            Group(f"trend-{number}", told.heading, structure_html.content(told))
            for number, told in enumerate((trend(found, whole) for found in trends(runs.all)), 1)
        ]
        summary = table(
            ("experiment", "verdict", "started", "profile", "took", "reason"),
            [told.row for told in runs.told.values()],
        )
        title = how_many(len(runs.all), "chaos experiment")
        is_one = len({run.title for run in runs.all}) == 1
        table_of_runs = [Group(RUNS, "Runs", ())] if is_one else []
        listed = _contents([*going_on, *table_of_runs, *last])
        trend_parts = [_shown(group, 2) for group in going_on]
        first: list[Content] = [summary, listed, *trend_parts]
        if is_one:
            title = f"{how_many(len(runs.all), 'run')}: {runs.all[0].title}"
            first = [listed, *trend_parts, section("Runs", summary, id_=RUNS)]
        whole_runs = [told.section for told in runs.told.values()]
        return document(title, *first, *whole_runs, advice, footer=footer)

    def _run(self, facts: RunFacts, run: TrendRun) -> Markup:
        id_ = f"run-{run.number}"
        told = list(groups(facts, f"{id_}-"))
        parts = [_shown(group, 3) for group in told]
        day = run.day if facts.start else None
        heading = join([facts.title, " ", element("span", day, class_="quiet") if day else None])
        return section(heading, head(facts, self._folder), _contents(told), *parts, id_=id_)


def _summary(facts: RunFacts, number: int) -> Sequence[object]:
    return (
        element("span", element("a", facts.title, href=f"#run-{number}"), class_="name"),
        verdict_badge(facts.verdict.outcome.value),
        _started(facts),
        facts.profile,
        seconds_text(facts.seconds) if facts.seconds is not None else None,
        element("span", facts.headline, class_="wide"),
    )


def head(facts: RunFacts, folder: Path) -> Markup:
    """What is read first: the verdict, what was run, and the files that say more."""
    return join(
        (
            verdicts.verdict(facts),
            facts_list(
                [
                    ("profile", facts.profile),
                    ("commit", facts.commit),
                    ("started", _started(facts)),
                    ("took", seconds_text(facts.seconds) if facts.seconds is not None else None),
                    ("time scale", _time_scale(facts)),
                    ("files", _files(facts, folder)),
                ]
            ),
        )
    )


def groups(facts: RunFacts, prefix: str) -> Iterator[Group]:
    """The main sections of a run, in order; `prefix` is that of their ids."""
    told = happened(facts)
    yield Group(
        f"{prefix}happened",
        told.heading,
        structure_html.content(told),
        list(findings.violations(facts)),
    )
    for id_, heading, open_parts, parts in (
        (
            "plots",
            "Plots",
            ALL,
            [
                *verdicts.failure_rates(facts),
                *times.plots(facts),
                *path.connector(facts),
                *map(_part, wire.plots(facts)),
            ],
        ),
        (
            "numbers",
            "Numbers",
            1,
            [
                verdicts.hypothesis(facts),
                *verdicts.rules(facts.rules),
                *times.numbers(facts),
                *path.connector_numbers(facts),
                *map(_part, wire.numbers(facts)),
            ],
        ),
    ):
        if parts:
            yield Group(f"{prefix}{id_}", heading, (), parts, open_parts)
    printed = list(wire.outputs(facts))
    if len(printed) == 1:
        yield Group(f"{prefix}output", printed[0].heading, structure_html.content(printed[0]))
    elif printed:
        yield Group(f"{prefix}output", "Output of failed startups", (), list(map(_part, printed)))
    evidence = [path.faults(facts), *findings.environment(facts)]
    yield Group(f"{prefix}evidence", "Evidence", (), evidence, len(evidence) - 1)


def _part(told: Section) -> Part:
    return told.heading, *structure_html.content(told)


def _shown(group: Group, level: int) -> Markup:
    parts = []
    for number, (heading, *content) in enumerate(group.parts, 1):
        written = section if number <= group.open_parts else folded_section
        parts.append(written(heading, *content, level=level + 1, id_=f"{group.id_}-{number}"))
    return section(group.heading, *group.content, *parts, level=level, id_=group.id_)


def _contents(found: Sequence[Group]) -> Markup | None:
    if not found:
        return None
    return contents((group.id_, group.heading, list(_inside(group))) for group in found)


def _inside(group: Group) -> Iterator[tuple[str, str]]:
    """The sections in one; of those for several probes the first."""
    told = {group.heading}
    for number, (heading, *_) in enumerate(group.parts, 1):
        name = str(heading).partition(": ")[0]
        if name not in told:
            told.add(name)
            yield f"{group.id_}-{number}", name


def _started(facts: RunFacts) -> str:
    return re.sub(r"(?<=\d\d:\d\d)\.\d+", "", one_visible_line(facts.start or "", 40))


def _files(facts: RunFacts, folder: Path) -> Markup:
    """Links to the journal and, where it is there, to the file of events."""
    files = [("journal", Path(facts.path)), ("events", facts.events)]
    found = [
        element("a", name, href=target, title=one_visible_line(file, 300))
        if (target := link_target(file, folder)) is not None
        else element("span", f"{name}: {one_visible_line(file, 300)}")
        for name, file in files
        if file is not None
    ]
    return element("span", *found, class_="links")


def _time_scale(facts: RunFacts) -> str | None:
    if facts.time_scale is None:
        return None
    if facts.time_scale == 1:
        return "1: times are real"
    return (
        f"{number_text(facts.time_scale)}: budgets and faults were multiplied by it; all times "
        "here are as measured"
    )
