"""Several runs of one experiment, one after the other: how it went on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chaosnetra.evidence.journal.order import moment
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.evidence.verdict.bounds import ProvenBound
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.series import Asked

SHORT_COMMIT = 10
# When startups are asked for under a fault, the first that there are.
UNDER = (Stage.AFTER, Stage.DURING, Stage.METHOD)
# Of more runs of one experiment, the last so many are told whole, the others in the trend: a
# report on a year of nights would be too long to open.
MOST_WHOLE = 20
Found = TypeVar("Found")
Told = TypeVar("Told")


@dataclass(frozen=True)
class TrendRun:
    """One run of an experiment.

    Attributes:
        number: of the run in the report, from 1.
        title: of the experiment.
        profile: that it ran with.
        started: as the journal says it; None where it does not.
        commit: that was checked out, in short.
        outcome: of its verdict.
        before: median seconds until startups were ready, or connections answered.
        under: likewise with the fault in place.
        slowest: seconds of the slowest that was ready with the fault in place; None: none was.
        limit: seconds that it had.
        proof: what the trials of its first probe that counts them prove.
    """

    number: int
    title: str
    profile: str | None
    started: str | None
    commit: str | None
    outcome: Outcome
    before: Quantile | None
    under: Quantile | None
    slowest: float | None
    limit: float | None
    proof: ProvenBound | None

    @property
    def margin(self) -> float | None:
        """How much of its limit the slowest startup left, as a share; None where not known."""
        if self.slowest is None or self.limit is None:
            return None
        return max(0.0, 1 - self.slowest / self.limit)

    @property
    def day(self) -> str:
        """When it was, short: day and minute."""
        at = moment(self.started)
        return f"{at:%Y-%m-%d %H:%M}" if at is not None else f"run {self.number}"


def trend_run(facts: RunFacts, number: int) -> TrendRun:
    """What a trend needs of a run."""
    # In a dry run nothing was tried under a fault.
    under = () if facts.verdict.cause is Cause.DRY else UNDER
    return TrendRun(
        number,
        facts.title,
        facts.profile,
        facts.start,
        facts.commit[:SHORT_COMMIT] if facts.commit is not None else None,
        facts.verdict.outcome,
        _median(facts, (Stage.BEFORE,)),
        _median(facts, under),
        _slowest(facts, under),
        max(facts.limits, default=None),
        next(iter(facts.verdict.proofs), None),
    )


def trends(runs: Iterable[TrendRun]) -> Iterator[list[TrendRun]]:
    """The runs of each experiment that was run more than once, in the order of time."""
    found: dict[str, list[TrendRun]] = {}
    for run in runs:
        found.setdefault(run.title, []).append(run)
    for group in found.values():
        if len(group) > 1:
            yield in_order(group)


def in_order(runs: Sequence[TrendRun]) -> list[TrendRun]:
    """From the first to the last; those whose time is not known come first, as they were given."""

    def key(run: TrendRun) -> tuple[float, int]:
        at = moment(run.started)
        return (at.timestamp() if at is not None else 0.0, run.number)

    return sorted(runs, key=key)


class LastRuns(Generic[Told]):
    """Runs as they come, with what a report tells of each of the last of each experiment.

    Attributes:
        all: every run, in the order in which they came.
        told: of those that are told whole, by their numbers, in that order too.
    """

    def __init__(self) -> None:
        self.all: list[TrendRun] = []
        self.told: dict[int, Told] = {}

    def add(self, run: TrendRun, told: Told) -> None:
        """Take in one; of too many of its experiment the first is told whole no more."""
        self.all.append(run)
        self.told[run.number] = told
        alike = [one for one in self.whole if one.title == run.title]
        for one in in_order(alike)[:-MOST_WHOLE]:
            del self.told[one.number]

    @property
    def whole(self) -> list[TrendRun]:
        """Those that are told whole."""
        return [self.all[number - 1] for number in self.told]


def _median(facts: RunFacts, stages: Sequence[Stage]) -> Quantile | None:
    if facts.startups:
        by_stage = _by_stage(facts.startups)
        return next((by_stage[stage].ready(0.5) for stage in stages if stage in by_stage), None)
    for attempts in facts.attempts.values():
        for stage in stages:
            times = attempts.get(stage)
            if times is not None and times.complete and times.listed:
                return times.answered(0.5)
    return None


def _slowest(facts: RunFacts, stages: Sequence[Stage]) -> float | None:
    by_stage = _by_stage(facts.startups)
    times = next((by_stage[stage].seen for stage in stages if stage in by_stage), None)
    return max(times, default=None) if times is not None else None


def _by_stage(found: Mapping[Asked, Found]) -> dict[Stage, Found]:
    """Of several probes at one stage the first."""
    by_stage: dict[Stage, Found] = {}
    for asked, each in found.items():
        by_stage.setdefault(asked.stage, each)
    return by_stage
