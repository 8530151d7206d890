"""Two sets of runs compared, experiment by experiment: did a change help?

Outcomes are judged anew from each journal, by the same rules before and after. Every experiment
and probe is one more chance to see a difference that is none, so what counts as a regression is
corrected for their number (Bonferroni for rates, Holm for times).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaosnetra.evidence.compare.changes import (
    WITH_FAULT,
    WITHOUT_FAULT,
    Change,
    ExperimentChange,
    RateChange,
    TimeChange,
)
from chaosnetra.evidence.compare.circumstances import Difference, Kind, differences
from chaosnetra.evidence.compare.experiment_runs import FAULT, REHEARSAL, Runs
from chaosnetra.evidence.compare.on_the_wire import WireChange, wire_change
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile, quantile
from chaosnetra.evidence.statistics.ranks import adjusted, compare_times
from chaosnetra.evidence.statistics.rates import CONFIDENCE, RateDifference, difference_of_rates

# Which stages belong together when times are compared.
WHEN = {
    WITHOUT_FAULT: ("before",),
    WITH_FAULT: (FAULT,),
    "after the rollbacks": ("recovery",),
}


@dataclass(frozen=True)
class Comparison:
    """All experiments, in the order of their titles."""

    experiments: Sequence[ExperimentChange]

    @property
    def regressed(self) -> bool:
        return any(experiment.regressions for experiment in self.experiments)

    @property
    def complete(self) -> bool:
        """Whether every experiment that was run before could be compared."""
        compared = [one for one in self.experiments if one.before is not None]
        return bool(compared) and all(one.change is not Change.UNPROVEN for one in compared)

    def to_json(self) -> dict[str, Any]:
        return {
            "regressed": self.regressed,
            "complete": self.complete,
            "confidence": CONFIDENCE,
            "experiments": [experiment.to_json() for experiment in self.experiments],
        }


def compare(
    before: dict[str, Runs], after: dict[str, Runs], allowed: frozenset[Kind] = frozenset()
) -> Comparison:
    """Compare the runs before a change with those after it.

    Args:
        before: as `chaosnetra.evidence.compare.experiment_runs.gather` makes it.
        after: likewise.
        allowed: what may differ between them; else it makes the comparison meaningless.
    """
    found = [
        _experiment(title, before.get(title), after.get(title), allowed)
        for title in {*before, *after}
    ]
    return Comparison(_corrected(sorted(found, key=lambda experiment: experiment.title)))


def _experiment(
    title: str, before: Runs | None, after: Runs | None, allowed: frozenset[Kind]
) -> ExperimentChange:
    if before is None or after is None:
        where = "after" if before is None else "before"
        return ExperimentChange(title, before, after, notes=(f"it was run only {where}",))
    one_environment = len({*before.environments, *after.environments}) < 2
    differing = differences(
        before.circumstances,
        after.circumstances,
        one_environment=one_environment,
        allowed=allowed,
    )
    environments: tuple[str, ...] = (
        () if one_environment else (_environments(before, after, differing),)
    )
    if any(one.refused for one in differing):
        return ExperimentChange(title, before, after, differences=differing)
    rates = [
        RateChange(probe, before.counts[probe], count, _difference(before.counts[probe], count))
        for probe, count in after.counts.items()
        if probe in before.counts
    ]
    wire = [
        change
        for when, stage in ((WITHOUT_FAULT, Stage.BEFORE), (WITH_FAULT, FAULT))
        if (
            change := wire_change(
                when, before.seen.get(stage), after.seen.get(stage), listed=stage != FAULT
            )
        )
    ]
    environments = (*environments, *_round_trips(wire)) if environments else ()
    if len({*before.time_scales, *after.time_scales}) > 1:
        scales = f"{_listed(before.time_scales)} before and {_listed(after.time_scales)} after"
        note = f"startup times were not compared: the time scale was {scales}"
        notes = (note, *environments)
        return ExperimentChange(
            title,
            before,
            after,
            rates,
            notes=notes,
            differences=differing,
            wire=wire if environments else (),
        )
    times = [
        TimeChange(
            when,
            _median(before, stages),
            _median(after, stages),
            compare_times(_times(before, stages), _times(after, stages)),
        )
        for when, stages in WHEN.items()
        if _times(before, stages) and _times(after, stages)
    ]
    return ExperimentChange(title, before, after, rates, times, environments, differing, wire)


def _environments(before: Runs, after: Runs, differing: Sequence[Difference]) -> str:
    """A note that the runs acted in different ones, and whether with one pressure."""
    one, other = (", ".join(runs.environments) or "unknown" for runs in (before, after))
    is_another = any(each.circumstance.kind is Kind.FAULTS for each in differing)
    on_ones_own = {*before.environments, *after.environments} <= {"local", REHEARSAL}
    return (
        f"the environment was {one} before and {other} after: "
        f"{'' if on_ones_own else 'other machines, '}"
        f"{'another' if is_another else 'the same'} pressure"
    )


def _round_trips(wire: Sequence[WireChange]) -> Iterator[str]:
    """A note whether startups without the fault asked as much in both environments.

    Their machines differ, and what they do must not: else their times cannot be held together. How
    many round trips set a session up is up to the path: a Unix socket saves the question for TLS.
    """
    for change in wire:
        if change.when != WITHOUT_FAULT:
            continue
        sides = change.before, change.after
        one, other = (side["serial_round_trips"] for side in sides)
        set_up = [side["serial_setup_round_trips"] for side in sides]
        if one == other:
            yield f"round trips agree: {one:g} one after the other in both environments"
        elif one - set_up[0] == other - set_up[1]:
            yield (
                f"round trips agree: {one - set_up[0]:g} one after the other in both environments, "
                f"beside {set_up[0]:g} and {set_up[1]:g} that set sessions up"
            )
        else:
            yield (
                f"round trips must agree in both environments, and do not ({one:g} and {other:g} "
                "one after the other): the startups did not do the same work"
            )


def _corrected(experiments: Sequence[ExperimentChange]) -> list[ExperimentChange]:
    """Take into account how many comparisons were made."""
    count = sum(len(experiment.rates) for experiment in experiments)
    p_values = iter(adjusted([time.test.p_value for one in experiments for time in one.times]))
    corrected = []
    for one in experiments:
        rates = []
        for rate in one.rates:
            found = _difference(rate.before, rate.after, 1 - (1 - CONFIDENCE) / count)
            rates.append(replace(rate, rise_proven=found.is_rise, fall_proven=found.is_fall))
        times = [replace(time, p_adjusted=next(p_values)) for time in one.times]
        corrected.append(replace(one, rates=rates, times=times))
    return corrected


def _difference(
    before: tuple[int, int], after: tuple[int, int], confidence: float = CONFIDENCE
) -> RateDifference:
    return difference_of_rates(*before, *after, confidence)


def _median(runs: Runs, stages: Sequence[str]) -> Quantile:
    return quantile(runs.ready(stages), 0.5, runs.not_ready(stages))


def _times(runs: Runs, stages: Sequence[str]) -> list[float]:
    return [*runs.ready(stages), *(math.inf for _ in runs.not_ready(stages))]


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "unknown"
