"""Budgets: the upper bound of what the work inside each took under pressure, and a margin.

The margin is 25 % of a measured or estimated need. Where every startup was cut short, only a lower
bound of the need is known; twice that is proposed, and a second run has to confirm it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from chaosnetra.evidence.advice.needs import Sample, samples_of
from chaosnetra.evidence.advice.recommendation import (
    MARGIN,
    MARGIN_OF_A_BOUND,
    Recommendation,
    with_margin,
)
from chaosnetra.evidence.advice.runs import SUFFIX, RanWith, Run, shown
from chaosnetra.evidence.statistics.quantiles import quantile
from chaosnetra.evidence.statistics.rates import CONFIDENCE, failure_free_trials_needed

AREA = "budgets"
# Both tails of the interval together, so that its upper end alone has `CONFIDENCE`.
TWO_SIDED = 2 * CONFIDENCE - 1
# Which budgets stand in which, outermost first; see `chaosnetra.startup.budgets`.
NESTED = (("table_setup", "pool", "connection"), ("critical_path", "health_check"))
# These follow each other within the startup deadline.
SEQUENCE = ("initialization", "table_setup", "critical_path", "validation")
MOST_SOURCES = 4


@dataclass(frozen=True)
class Upper:
    """The most that a sample of needs is taken for.

    Attributes:
        seconds: at time scale 1.
        is_bound: the need is at least so much; nobody knows how much more.
        text: what it is.
    """

    seconds: float
    is_bound: bool
    text: str

    @property
    def proposed(self) -> int:
        """A budget for that need, seconds."""
        return with_margin(self.seconds, is_bound=self.is_bound)


@dataclass(frozen=True)
class _Source:
    sample: Sample
    upper: Upper

    @property
    def line(self) -> str:
        return f"{self.sample.where}, {self.sample.how}: {self.upper.text}"


class BudgetAdvisor:
    """Advice on the budgets of one profile.

    Args:
        ran: the profile of the runs that are added.
    """

    def __init__(self, ran: RanWith) -> None:
        self._ran = ran
        self._sources: list[_Source] = []

    def add(self, run: Run) -> bool:
        """Take in a run, whose journal is not kept; tell whether it measured a budget."""
        found = [
            _Source(sample, upper)
            for sample in samples_of(run)
            if (upper := upper_of(sample)) is not None
        ]
        self._sources += found
        bounding = {name for name, seconds in self._ran.budgets.items() if seconds is not None}
        return any(bounding.intersection(source.sample.budgets) for source in found)

    def advice(self) -> Iterator[Recommendation]:
        """Budgets to raise, outermost first within each other; none is ever lowered."""
        raised: dict[str, int] = {}
        reasons: dict[str, list[_Source]] = {}
        for budget, current in self._ran.budgets.items():
            found = [source for source in self._sources if budget in source.sample.budgets]
            short = [
                source for source in found if current is not None and _exceeds(source, current)
            ]
            if short:
                raised[budget] = max(source.upper.proposed for source in short)
                reasons[budget] = sorted(short, key=lambda source: -source.upper.seconds)
        yield from (self._raised(budget, raised[budget], reasons[budget]) for budget in raised)
        checks = {budget: found[0].sample.check for budget, found in reasons.items()}
        yield from self._ordered(raised, checks)
        yield from self._beyond_the_deadline()
        yield from self._more_than_the_deadline(raised, checks)

    def _raised(self, budget: str, seconds: int, sources: list[_Source]) -> Recommendation:
        current = self._ran.budgets[budget]
        source = max(sources, key=lambda source: source.upper.proposed)
        largest = source.upper
        margin = MARGIN_OF_A_BOUND if largest.is_bound else MARGIN
        needs = "under pressure the work inside it takes up to"
        if largest.is_bound:
            needs = "under pressure the work inside it takes at least"
        elif source.sample.required:
            needs = "the experiment demands"
        reason = f"{needs} {shown(largest.seconds)}; with a margin of {margin:.0%} {seconds} s"
        if largest.is_bound:
            reason += ": every startup was cut short, so a second run is to confirm it"
        return Recommendation(
            AREA,
            f"{budget}{SUFFIX}",
            None if current is None else f"{current:g} s",
            f"{seconds} s",
            reason,
            tuple(source.line for source in sources[:MOST_SOURCES]),
            source.sample.check,
            {("budgets", f"{budget}{SUFFIX}"): seconds},
        )

    def _ordered(self, raised: dict[str, int], checks: dict[str, str]) -> Iterator[Recommendation]:
        """An outer budget that is shorter than an inner one hides which of them was too small.

        That is no fault by itself; it is told where one of them was too small.
        """
        lengths = {**self._ran.budgets, **raised}
        for chain in NESTED:
            check = next((checks[budget] for budget in chain if budget in checks), None)
            if check is None:
                continue
            for outer, inner in reversed(list(pairwise(chain))):
                has, holds = lengths.get(outer), lengths.get(inner)
                before = self._ran.budgets.get(outer), self._ran.budgets.get(inner)
                if has is None or holds is None or has >= holds:
                    continue
                lengths[outer] = holds
                evidence = (
                    f"profile {self._ran.name}: {outer} {has:g} s, {inner} {holds:g} s with what "
                    "is proposed"
                )
                yield Recommendation(
                    "orchestrator",
                    f"order of {outer}{SUFFIX} and {inner}{SUFFIX}",
                    f"{_length(before[0])} around {_length(before[1])}",
                    f"{outer} {holds:g} s, as long as the {inner} inside it",
                    f"{inner} can never run out while {outer} around it is shorter, so an "
                    f"error names {outer} whatever was slow",
                    (evidence,),
                    check,
                    {("budgets", f"{outer}{SUFFIX}"): holds},
                )

    def _beyond_the_deadline(self) -> Iterator[Recommendation]:
        """Startups that the platform gave up."""
        found = [source for source in self._sources if "startup" in source.sample.budgets]
        deadline = self._ran.figure("cloud_run", "startup_deadline_seconds")
        if not found or deadline is None:
            return
        largest = max(found, key=lambda source: source.upper.seconds)
        yield Recommendation(
            "cloud_run",
            "startup_deadline_seconds",
            f"{deadline:g} s",
            "shorter startups: fewer round trips, or a database that answers faster",
            f"startups were not ready within {shown(largest.upper.seconds)}, and Cloud Run "
            "waits 240 s at most",
            tuple(source.line for source in found[:MOST_SOURCES]),
            largest.sample.check,
        )

    def _more_than_the_deadline(
        self, raised: dict[str, int], checks: dict[str, str]
    ) -> Iterator[Recommendation]:
        """Raised budgets that the platform would not wait for, one after the other."""
        deadline = self._ran.figure("cloud_run", "startup_deadline_seconds")
        lengths = {**self._ran.budgets, **raised}
        parts = [(name, length) for name in SEQUENCE if (length := lengths.get(name)) is not None]
        whole = sum(length for _, length in parts)
        changed = next((checks[name] for name, _ in parts if name in raised), None)
        if deadline is None or changed is None or whole <= deadline:
            return
        listed = ", ".join(f"{name} {length:g} s" for name, length in parts)
        yield Recommendation(
            "cloud_run",
            "startup_deadline_seconds",
            f"{deadline:g} s",
            "fewer round trips or a faster database first: budgets alone do not help",
            f"with what is proposed the phases may take {whole:g} s one after the other, and "
            f"the platform gives up after {deadline:g} s",
            (f"with what is proposed: {listed}",),
            changed,
        )


def upper_of(sample: Sample) -> Upper | None:
    """The most that a sample is taken for; None when there is nothing in it."""
    if sample.required:
        seconds = max(sample.seconds)
        return Upper(seconds, False, f"it demands {shown(seconds)}")
    found = quantile(sample.seconds, sample.share, sample.censored, TWO_SIDED)
    if found.value is None:
        return None
    count = found.observations
    which = f"{sample.share:.0%} quantile of {count}"
    if found.is_lower_bound:
        text = f"{which} at least {shown(found.value)} ({found.censored} cut short)"
        return Upper(found.value, True, text)
    if found.high is not None:
        text = f"{which} at most {shown(found.high)} with {CONFIDENCE:.0%} confidence"
        return Upper(found.high, False, text)
    largest = max((*sample.seconds, *sample.censored))
    proven = 1 - sample.share**count
    needed = failure_free_trials_needed(1 - sample.share)
    text = (
        f"the longest of {count} is {shown(largest)}, which bounds the {sample.share:.0%} "
        f"quantile with {proven:.0%} confidence ({needed} give {CONFIDENCE:.0%})"
    )
    return Upper(largest, False, text)


def _exceeds(source: _Source, current: float) -> bool:
    """Whether the need is more than the budget; one cut off at the budget is not less."""
    if source.upper.is_bound:
        return source.upper.seconds >= current * 0.99
    return source.upper.seconds > current


def _length(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:g} s"
