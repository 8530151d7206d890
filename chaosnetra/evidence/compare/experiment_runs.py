"""The runs of each experiment before a change, or after it, taken together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chaosnetra.evidence.compare.circumstances import Circumstance, circumstances
from chaosnetra.evidence.compare.on_the_wire import Seen
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import startups, trials
from chaosnetra.evidence.journal.values import object_or_empty, text_or_none
from chaosnetra.evidence.verdict.verdict import Cause, Outcome, judge
from chaosnetra.quantities import finite_or_none

FAULT = "fault"
# Staging against a local Cloud Run endpoint.
REHEARSAL = "a rehearsal of staging"
Value = TypeVar("Value")


@dataclass
class Runs:
    """The runs of one experiment, before the change or after it.

    Attributes:
        outcomes: of each run.
        reasons: likewise.
        profiles: names of the profiles they ran with.
        time_scales: that they ran at.
        environments: where they acted: as the setting has it, or `REHEARSAL`.
        circumstances: what was run, and how; each with the values that it had.
        counts: failures and trials under the fault, by probe.
        ready_seconds: of the startups that became ready, by stage; `fault` for those under it.
        other_seconds: of those that did not.
        seen: on the wire of those that became ready, by stage likewise.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    time_scales: list[float] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    circumstances: dict[Circumstance, list[str]] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    ready_seconds: dict[str, list[float]] = field(default_factory=dict)
    other_seconds: dict[str, list[float]] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, journal: Journal) -> None:
        """Take in one run; the journal itself is not kept."""
        verdict, _ = judge(journal.data)
        self.outcomes.append(verdict.outcome)
        self.reasons.append(verdict.reason)
        _note(self.profiles, journal.profile)
        _note(self.time_scales, finite_or_none(journal.section.get("time_scale")))
        _note(self.environments, _environment(journal.section))
        for circumstance, value in circumstances(journal):
            _note(self.circumstances.setdefault(circumstance, []), value)
        if verdict.cause is Cause.MACHINE:
            return  # its failures and times are the machine's
        for counted in trials(journal.data):
            if counted.under_fault:
                failures, attempts = self.counts.get(counted.probe, (0, 0))
                self.counts[counted.probe] = (
                    failures + counted.failures,
                    attempts + counted.attempts,
                )
        for startup in startups(journal.data):
            seconds = self.ready_seconds if startup.ready else self.other_seconds
            when = FAULT if startup.under_fault else startup.stage
            seconds.setdefault(when, []).append(startup.seconds)
            seen = self.seen.setdefault(when, Seen())
            observation = startup.observation if startup.ready and not seen.is_enough else None
            if observation is not None:
                seen.add(observation)

    def ready(self, stages: Iterable[str]) -> list[float]:
        """Seconds of the startups in these stages that became ready."""
        return [seconds for stage in stages for seconds in self.ready_seconds.get(stage, ())]

    def not_ready(self, stages: Iterable[str]) -> list[float]:
        """Seconds of those that did not, until they failed or were given up."""
        return [seconds for stage in stages for seconds in self.other_seconds.get(stage, ())]

    @property
    def outcome(self) -> Outcome:
        """Of all runs: violated if one was, else inconclusive if one was."""
        for outcome in (Outcome.VIOLATED, Outcome.INCONCLUSIVE):
            if outcome in self.outcomes:
                return outcome
        return Outcome.HELD

    @property
    def reason(self) -> str:
        return self.reasons[self.outcomes.index(self.outcome)]

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "runs": len(self.outcomes),
            "profiles": self.profiles,
            "time_scales": self.time_scales,
            "environments": self.environments,
        }


def _environment(section: Mapping[str, Any]) -> str | None:
    planned = text_or_none(object_or_empty(section.get("plan")).get("environment")) or ""
    return REHEARSAL if planned.endswith("rehearsed") else text_or_none(section.get("environment"))


def _note(values: list[Value], value: Value | None) -> None:
    """Add a value that is known, once."""
    if value is not None and value not in values:
        values.append(value)


def gather(journals: Iterable[Journal]) -> dict[str, Runs]:
    """The runs of a set of journals by the title of their experiment."""
    found: dict[str, Runs] = {}
    for journal in journals:
        found.setdefault(journal.title or "(no title)", Runs()).add(journal)
    return found
