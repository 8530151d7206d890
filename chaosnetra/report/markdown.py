"""Markdown for a pull request or a job's summary: short, the verdict first."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.report.claims import CONFIDENCE_TEXT, Claim, pooled
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.page import MARKS
from chaosnetra.report.plots.scales import seconds_text, share_text
from chaosnetra.report.sections import wire
from chaosnetra.report.sections.happened import happened
from chaosnetra.report.sections.times import quantile_text
from chaosnetra.report.sections.trend import trend
from chaosnetra.report.sections.verdicts import allowance, failure_free_trials_text, observed
from chaosnetra.report.structure_markdown import code, folded, safe, section, table
from chaosnetra.report.trend import LastRuns, trend_run, trends
from chaosnetra.text import effect_text, how_many, markdown, not_told

# A comment on a pull request holds 65,536 characters.
LONGEST = 60_000
MOST_ROWS = 60
MOST_TRENDS = 10
MOST_TREND_ROWS = 30
LONGEST_REASON_IN_ROW = 300
LONGEST_TEXT = 2_000
MOST_CLAIMS = 20
MOST_RECOMMENDATIONS = 20
MOST_FAULTS = 10


class _Told(NamedTuple):
    """What is told of a run among others: its row in the table of all, and its section."""

    row: Sequence[str]
    lines: Sequence[str]


class MarkdownReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`."""

    def __init__(self, _: Path) -> None:
        self._runs: LastRuns[_Told] = LastRuns()

    def add(self, facts: RunFacts) -> None:
        row = (
            safe(facts.title),
            _badge(facts),
            safe(facts.profile or ""),
            safe(facts.headline, LONGEST_REASON_IN_ROW),
        )
        run = trend_run(facts, len(self._runs.all) + 1)
        self._runs.add(run, _Told(row, [*_run(facts), ""]))

    def text(self, recommendations: Sequence[Recommendation]) -> str:
        """The whole text."""
        runs, first = self._runs, list[str]()
        if len(runs.all) > 1:
            rows = [told.row for told in runs.told.values()][-MOST_ROWS:]
            first += [*table(("experiment", "verdict", "profile", "reason"), rows), ""]
        for found in islice(trends(runs.all), MOST_TRENDS):
            first += [*section(trend(found, most_rows=MOST_TREND_ROWS)), ""]
        last: list[str] = []
        if recommendations:
            summary = f"What to change: {how_many(len(recommendations), 'proposal')}"
            last += [*folded(summary, *_recommendations(recommendations)), ""]
        whole = self._fitting(LONGEST - _length(first) - _length(last))
        for number in whole:
            first += runs.told[number].lines
        if left_out := len(runs.all) - len(whole):
            which = how_many(left_out, "more run")
            first += [f"Of {which} no more is told here: a page (.html) has room for them.", ""]
        return "\n".join([*first, *last]).rstrip() + "\n"

    def _fitting(self, room: int) -> list[int]:
        """Numbers of the runs for which there is room, at least one: first what did not hold."""
        found: list[int] = []
        in_order = sorted(
            self._runs.whole, key=lambda run: (run.outcome is Outcome.HELD, -run.number)
        )
        for run in in_order:
            room -= _length(self._runs.told[run.number].lines)
            if room < 0 and found:
                break
            found.append(run.number)
        return sorted(found)


def _length(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _badge(facts: RunFacts) -> str:
    outcome = facts.verdict.outcome.value
    return f"**{MARKS.get(outcome, '')} {outcome}**"


def _run(facts: RunFacts) -> Iterator[str]:
    yield f"## {_badge(facts)}: {safe(facts.title)}"
    yield ""
    yield safe(f"Reason: {facts.headline}", LONGEST_TEXT)
    if facts.reason:
        yield ""
        yield safe(facts.reason, LONGEST_TEXT)
    yield ""
    yield from section(happened(facts), 3)
    yield ""
    found = pooled(facts.claims)
    if found:
        yield from table(
            ("probe", "when", "expected", "observed", "held", "failed share, Wilson", "proven"),
            [_claim(claim) for claim in found[:MOST_CLAIMS]],
        )
        if len(found) > MOST_CLAIMS:
            yield ""
            yield f"{not_told(len(found) - MOST_CLAIMS, 'claim')}."
        yield ""
    yield from _facts(facts)
    yield ""
    for part in (*wire.plots(facts), *wire.numbers(facts), *wire.outputs(facts)):
        yield from section(part, 3)
        yield ""
    files = ", ".join(safe(file, 300) for file in (facts.path, facts.events) if file is not None)
    yield f"Files: {files}"
    yield ""
    remark = facts.reproduction.remark
    yield from folded(
        "Run it again",
        code("\n".join(facts.reproduction.commands)),
        *(("", markdown(remark)) if remark else ()),
    )


def _claim(claim: Claim) -> Sequence[str]:
    held = {True: "✓", False: "✗ no", None: "not judged"}[claim.held]
    interval = claim.wilson
    rate = proven = ""
    if interval is not None:
        rate = f"{share_text(interval.low)} to {share_text(interval.high)}"
        proven = f"{claim.bound_text} ({CONFIDENCE_TEXT})"
        needed = failure_free_trials_text(claim)
        if needed and not claim.is_proven and claim.held:
            proven += f"; failure-free trials needed: {needed}"
    return (
        safe(claim.probe, 80),
        claim.stage.when,
        safe(claim.expected),
        safe(observed(claim)),
        f"{held}{allowance(claim) or ''}",
        rate,
        proven,
    )


def _facts(facts: RunFacts) -> Iterator[str]:
    for placed in [placed for placed in facts.faults if placed.is_in_effect][:MOST_FAULTS]:
        yield f"- fault {safe(placed.name)}: {safe(effect_text(placed.fault.effect or {}))}"
    for asked, times in facts.startups.items():
        yield (
            f"- startups {safe(asked.when)}: {len(times.seen):,} of {times.listed:,} "
            f"ready, median {quantile_text(times.ready(0.5))}"
        )
    for (probe, kind), stages in list(facts.attempts.items())[:MOST_FAULTS]:
        for stage, attempts in stages.items():
            longest = (
                f", the longest answer {seconds_text(max(attempts.seen))}" if attempts.seen else ""
            )
            yield (
                f"- {kind} of {safe(probe, 80)} {stage.when}: "
                f"{len(attempts.seen):,} of {attempts.listed:,} listed answered{longest}"
            )
    expired = [budget for budget in facts.budgets if budget.expired]
    for budget in expired[:MOST_FAULTS]:
        yield (
            f"- budget {safe(budget.name, 60)} of {seconds_text(budget.seconds)} ran out in "
            f"{how_many(budget.expired, 'startup')}, in phase {safe(budget.phase, 60)}"
        )
    told = [
        f"{name} {safe(value, 80)}"
        for name, value in facts.environment
        if name in ("profile", "time scale", "target")
    ]
    if told:
        yield f"- {', '.join(told)}"


def _recommendations(found: Sequence[Recommendation]) -> Iterator[str]:
    for one in found[:MOST_RECOMMENDATIONS]:
        now = f" (now {safe(one.current)})" if one.current is not None else ""
        yield f"- **{safe(one.subject)}: {safe(one.proposed)}**{now}: {safe(one.reason, 400)}"
        yield from (f"  - {safe(text, 300)}" for text in one.evidence[:10])
    if len(found) > MOST_RECOMMENDATIONS:
        yield f"- {not_told(len(found) - MOST_RECOMMENDATIONS, 'proposal')}"
