"""Any service, by what was seen of its startups on the wire: it does not have to say anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.runs import RanWith, Run
from chaosnetra.evidence.journal.samples import startups

MOST_TOLD = 4


@dataclass
class ServiceAdvisor:
    """Advice on how a service that is started with one profile asks its database.

    Startups that tell their steps are `chaosnetra.evidence.advice.orchestrator`'s.

    Args:
        ran: the profile of the runs that are added.
    """

    ran: RanWith
    _found: dict[str, tuple[float, Recommendation]] = field(default_factory=dict)
    _told: list[str] = field(default_factory=list)

    def add(self, run: Run) -> bool:
        """Take in a run; its journal is not kept.

        Returns:
            Whether its startups were seen on the wire.
        """
        if next(startups(run.data, lambda data: data.get("wire")), None) is None:
            return False
        # Of journals without observations nothing of this is loaded.
        from chaosnetra.evidence.advice.fewer_round_trips import figures, savings
        from chaosnetra.evidence.advice.observed import observed_startups
        from chaosnetra.evidence.advice.own_limits import limits_advised, met_by_failed

        seen = observed_startups(run)
        if seen is None:
            return False
        check = run.check_of_service
        limits = list(limits_advised(seen, run.where, check))
        for one in limits:
            self._keep(0.0, one)
        saved = savings(seen)
        for saving in saved:
            advice = saving.recommended(seen, run.where, check)
            self._keep(saving.saved * seen.added_seconds, advice)
        if not limits and not saved and len(self._told) < MOST_TOLD:
            told = [*met_by_failed(seen), *figures(seen)]
            self._told += [f"{run.where}: {line}" for line in told]
        return True

    def advice(self) -> Iterator[Recommendation]:
        """What to change in the service: its limits, then what saves most."""
        by_worth = sorted(self._found.values(), key=lambda found: (found[0] > 0, -found[0]))
        yield from (one for _, one in by_worth)

    @property
    def told(self) -> tuple[str, ...]:
        """What was seen of runs that give no advice, each as a line."""
        return tuple(self._told[:MOST_TOLD])

    def _keep(self, saved_seconds: float, one: Recommendation) -> None:
        """Of the same advice from several runs that which is worth most."""
        if one.subject not in self._found or saved_seconds > self._found[one.subject][0]:
            self._found[one.subject] = (saved_seconds, one)
