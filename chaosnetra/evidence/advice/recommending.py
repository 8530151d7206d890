"""What to change, from the journals of runs alone.

Runs with the same profile are taken together. A run that proves nothing (see
`chaosnetra.evidence.verdict.verdict`) counts for nothing here either.
"""

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from chaosnetra.evidence.advice.budgets import BudgetAdvisor
from chaosnetra.evidence.advice.connector import ConnectorAdvisor
from chaosnetra.evidence.advice.learned import KEPT, Learned
from chaosnetra.evidence.advice.orchestrator import OrchestratorAdvisor
from chaosnetra.evidence.advice.pool import PoolAdvisor
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.runs import PLACE_OF_PROFILE, RanWith, Run, run_of
from chaosnetra.evidence.advice.service import ServiceAdvisor
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import trials
from chaosnetra.evidence.verdict.verdict import Outcome, judge

MOST_SOURCES = 50
_PROVES_NOTHING = "it proves nothing (see `chaosnetra verdict`)"


@dataclass(frozen=True)
class Advised:
    """Advice for the runs of one profile.

    Attributes:
        ran: the profile.
        runs: how many there were.
        learned: what is known of them.
        journals: names of their files, at most 50.
        advice: what to change, most certain areas first.
        told: what was seen on the wire of runs that give no advice.
    """

    ran: RanWith
    runs: int
    learned: Learned
    journals: tuple[str, ...]
    advice: tuple[Recommendation, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advising:
    """What was learned from journals.

    Attributes:
        profiles: advice by profile, in the order in which they came.
        passed_over: why other runs taught nothing, and how many.
        inconclusive: how many of these prove nothing.
    """

    profiles: tuple[Advised, ...]
    passed_over: tuple[str, ...]
    inconclusive: int = 0

    @property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """All of them; where there are several profiles, each names its own."""
        several = len(self.profiles) > 1
        return tuple(
            replace(one, reason=f"{one.reason} (runs with profile {advised.ran.name})")
            if several
            else one
            for advised in self.profiles
            for one in advised.advice
        )

    def recommendations_for(self, profile: str | None) -> tuple[Recommendation, ...]:
        """The same, whose checks name the profile's file."""
        if profile is None:
            return self.recommendations
        file = shlex.quote(profile if "/" in profile else f"./{profile}")
        return tuple(
            replace(one, check=one.check.replace(PLACE_OF_PROFILE, file))
            for one in self.recommendations
        )

    @property
    def learned(self) -> Learned:
        """What is known of all runs that prove something."""
        return Learned(sum((one.learned.counts for one in self.profiles), Counter()))

    @property
    def runs(self) -> dict[str, int]:
        """How many runs there were, by verdict."""
        return {
            Outcome.HELD.value: self.learned.of(Outcome.HELD),
            Outcome.VIOLATED.value: self.learned.of(Outcome.VIOLATED),
            Outcome.INCONCLUSIVE.value: self.inconclusive,
        }

    @property
    def not_known(self) -> tuple[str, ...]:
        """What the runs leave open, a line for each kind of run."""
        explained = bool(self.recommendations)
        told = (line for one in self.profiles for line in one.told)
        return (*self.learned.unknown(explained=explained), *told, *self.passed_over)

    @property
    def nothing_to_change(self) -> bool:
        """Whether every run held within budgets, pools and connectors that it measured."""
        return not self.recommendations and self.learned.kept > 0 and not self.not_known

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to recommend."""
        reasons = list(self.not_known)
        kept = self.learned.kept
        if kept:
            plural = "run" if kept == 1 else "runs"
            reasons.insert(0, f"{kept} {plural} {KEPT}")
        return "; ".join(reasons) or "there are none"


def recommend(journals: Iterable[Journal]) -> tuple[Recommendation, ...]:
    """What these journals say should be changed.

    Args:
        journals: of runs; each is read once, and not kept.

    Returns:
        Recommendations, each with its evidence; none where the journals show
        nothing that should be changed.
    """
    return advise(journals).recommendations


def advise(journals: Iterable[Journal]) -> Advising:
    """Like `recommend`, with what each recommendation changes in the profile."""
    groups: dict[str, _Group] = {}
    passed_over: Counter[str] = Counter()
    for journal in journals:
        run, why = run_of(journal)
        if run is None:
            passed_over[str(why)] += 1
            continue
        outcome = judge(journal.data)[0].outcome
        if outcome is Outcome.INCONCLUSIVE:
            passed_over[_PROVES_NOTHING] += 1
        else:
            groups.setdefault(run.ran.key, _Group(run.ran)).add(run, outcome, journal.path.name)
    return Advising(
        tuple(group.advised() for group in groups.values()),
        tuple(
            f"{count} run{'s' if count > 1 else ''}: {why}" for why, count in passed_over.items()
        ),
        passed_over[_PROVES_NOTHING],
    )


class _Group:
    """The runs of one profile."""

    def __init__(self, ran: RanWith) -> None:
        self._ran = ran
        self._journals: list[str] = []
        self._runs = 0
        self._learned = Learned()
        self._advisors = (
            BudgetAdvisor(ran),
            PoolAdvisor(ran),
            ConnectorAdvisor(ran),
            OrchestratorAdvisor(ran),
        )
        self._service = ServiceAdvisor(ran)

    def add(self, run: Run, outcome: Outcome, journal: str) -> None:
        self._runs += 1
        if len(self._journals) < MOST_SOURCES and journal not in self._journals:
            self._journals.append(journal)
        measured = [advisor.add(run) for advisor in self._advisors]
        tried = any(counted.under_fault for counted in trials(run.data))
        seen = self._service.add(run)
        self._learned.add(outcome, measured=any(measured), tried=tried, seen=seen)

    def advised(self) -> Advised:
        advisors = (*self._advisors, self._service)
        found = [advice for advisor in advisors for advice in advisor.advice()]
        return Advised(
            self._ran,
            self._runs,
            self._learned,
            tuple(self._journals),
            tuple(found),
            self._service.told,
        )
