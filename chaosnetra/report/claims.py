"""What the steady state claims, and what was observed: each probe at each stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaosnetra.evidence.journal.dry import carried_out
from chaosnetra.evidence.journal.order import ended, since_start
from chaosnetra.evidence.journal.samples import counted
from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import duration_or_none, object_or_empty, text_or_none
from chaosnetra.evidence.statistics.rates import (
    CONFIDENCE,
    Interval,
    failure_free_trials_needed,
    failure_rate_lower_bound,
    failure_rate_upper_bound,
    wilson_interval,
)
from chaosnetra.evidence.verdict.bounds import at_least, at_most
from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.evidence.verdict.violations import (
    FAILED_PROBE,
    failure_text,
    is_outside,
    is_probe,
    wire_text,
)
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.safe_text import as_json


@dataclass(frozen=True)
class Claim:
    """One probe at one stage: expected and observed.

    Attributes:
        stage: when it was asked.
        probe: its name.
        expected: what it states.
        observed: what was seen.
        held: by the observed-rate rule, the probe's own; None where none was judged.
        failed: why the probe itself failed, if it did.
        error: what the probe says of the first failure.
        seconds: how long the check took, if the journal says.
        trials: attempts that it counted; 0 for a probe that does not count.
        failures: of these.
        limit: share of them that may fail, where it says so.
        checks: how many checks are taken together here; see `pooled`.
        checks_not_held: of these.
        wire: what the wire adds to the error.
        at: when it was answered, in seconds since the run's beginning; None: not known.
    """

    stage: Stage
    probe: str
    expected: str
    observed: str
    held: bool | None
    failed: str | None
    error: str | None
    seconds: float | None
    trials: int = 0
    failures: int = 0
    limit: float | None = None
    checks: int = 1
    checks_not_held: int = 0
    wire: str | None = None
    at: float | None = None

    @property
    def rate(self) -> float | None:
        return self.failures / self.trials if self.trials else None

    @property
    def wilson(self) -> Interval | None:
        """For display."""
        return wilson_interval(self.failures, self.trials) if self.trials else None

    @property
    def bound_text(self) -> str:
        """What the trials prove: of those that all failed, how often that is at the least."""
        if self.failures == self.trials:
            return at_least(failure_rate_lower_bound(self.failures, self.trials))
        return at_most(failure_rate_upper_bound(self.failures, self.trials))

    @property
    def is_proven(self) -> bool:
        """Whether the trials prove the claim, and do not only agree with it."""
        if not self.trials or self.limit is None:
            return False
        return failure_rate_upper_bound(self.failures, self.trials) <= self.limit

    @property
    def failure_free_trials_needed(self) -> int | None:
        """Trials without a failure that would prove the claim; None where no number does."""
        if self.limit is None or not 0 < self.limit < 1 or 1 - self.limit == 1:
            return None
        return failure_free_trials_needed(self.limit)


CONFIDENCE_TEXT = f"{CONFIDENCE:.0%}"


def claims(journal: Mapping[str, Any]) -> Iterator[Claim]:
    """Each check of each probe, in the order in which they were made.

    Args:
        journal: `data` of a `chaosnetra.evidence.journal.reading.Journal`. Probes of the method
            and the rollbacks count where they have a tolerance, say of themselves whether what
            they state held, or failed.
    """
    asked = list(checked_probes(journal))

    def of(*stages: Stage) -> Iterator[Claim]:
        for stage, run in asked:
            if stage in stages:
                met = run.get("tolerance_met")
                yield claim_of(stage, run, met if isinstance(met, bool) else None)

    def of_activities(stage: Stage, key: str) -> Iterator[Claim]:
        for run in filter(is_probe, carried_out(journal, key)):
            is_claim, held = _claimed(run)
            if is_claim:
                yield claim_of(stage, run, held)

    def claim_of(stage: Stage, run: Mapping[str, Any], held: bool | None) -> Claim:
        return replace(_claim(stage, run, held), at=answered_at(journal, stage, run))

    yield from of(Stage.BEFORE)
    yield from of_activities(Stage.METHOD, "run")
    yield from of(Stage.DURING, Stage.AFTER)
    yield from of_activities(Stage.RECOVERY, "rollbacks")
    yield from of(Stage.RECOVERY)


def answered_at(journal: Mapping[str, Any], stage: Stage, run: Mapping[str, Any]) -> float | None:
    """When a probe answered, in seconds since the run's beginning; None where not known."""
    if stage is Stage.BEFORE and journal["chaosnetra"].get("baseline_of"):
        return None  # another run asked it
    return since_start(journal, ended(run))


def _claimed(run: Mapping[str, Any]) -> tuple[bool, bool | None]:
    """Whether a probe outside the steady state states something or failed, and whether it held."""
    held = object_or_empty(run["output"]).get("held")
    if is_outside(run):
        return True, False
    if isinstance(held, bool):
        return True, held
    if run["status"] == "failed":
        return True, None
    states = has_tolerance(run["activity"])
    return states, tolerance_met(run) if states else None


def pooled(found: Sequence[Claim]) -> list[Claim]:
    """Claims with all checks of a probe at one stage taken together.

    Their trials are added up. What is said of them is that of the first that did not hold, and it
    holds when all do.
    """
    groups: dict[tuple[Stage, str, float | None, bool], list[Claim]] = {}
    for claim in found:
        key = (claim.stage, claim.probe, claim.limit, claim.trials > 0)
        groups.setdefault(key, []).append(claim)
    return [_taken_together(group) for group in groups.values()]


def _taken_together(group: Sequence[Claim]) -> Claim:
    if len(group) == 1:
        return group[0]
    told = next((claim for claim in group if claim.held is False), group[0])
    judged = [claim.held for claim in group if claim.held is not None]
    seconds = [claim.seconds for claim in group if claim.seconds is not None]
    return replace(
        told,
        held=all(judged) if judged else None,
        seconds=sum(seconds) if seconds else None,
        trials=sum(claim.trials for claim in group),
        failures=sum(claim.failures for claim in group),
        checks=len(group),
        checks_not_held=sum(claim.held is False for claim in group),
    )


def _claim(stage: Stage, run: Mapping[str, Any], held: bool | None) -> Claim:
    activity, output = run["activity"], run["output"]
    told = object_or_empty(output)
    failed = failure_text(run) if run["status"] == "failed" else None
    trials, failures = counted(told)
    limit = finite_or_none(told.get("max_failure_rate"))
    states = has_tolerance(activity)
    unsaid = f"tolerance {as_json(activity['tolerance'])}" if states else "an answer"
    observed = text_or_none(told.get("observed")) or as_json(output)
    return Claim(
        stage=stage,
        probe=str(activity.get("name")),
        expected=text_or_none(told.get("expected")) or unsaid,
        observed=FAILED_PROBE if failed else observed,
        held=held,
        failed=failed,
        error=text_or_none(told.get("error")),
        seconds=duration_or_none(run.get("duration")),
        trials=trials,
        failures=failures,
        limit=limit if limit is not None and 0 <= limit <= 1 else None,
        checks_not_held=int(held is False),
        wire=wire_text(told),
    )
