"""Two sets of runs compared, experiment by experiment: did a change help?

Outcomes are judged anew from each journal, by the same rules before and after. Every experiment
and probe is one more chance to see a difference that is none, so what counts as a regression is
corrected for their number (Bonferroni for rates, Holm for times).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chaosnetra.evidence.compare.circumstances import Difference, Kind, differences
from chaosnetra.evidence.compare.experiment_runs import FAULT, REHEARSAL, Runs
from chaosnetra.evidence.compare.on_the_wire import WireChange, wire_change
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile, quantile
from chaosnetra.evidence.statistics.ranks import LARGE, RankTest, adjusted, compare_times
from chaosnetra.evidence.statistics.rates import CONFIDENCE, RateDifference, difference_of_rates
from chaosnetra.evidence.verdict.verdict import Outcome

# A slower startup is a regression when it is certain, large, and worth the name: so much longer.
SLOWER_BY = 0.25
WITHOUT_FAULT, WITH_FAULT = "without the fault", "under the fault"
# Which stages belong together when times are compared.
WHEN = {
    WITHOUT_FAULT: ("before",),
    WITH_FAULT: (FAULT,),
    "after the rollbacks": ("recovery",),
}


class Change(StrEnum):
    """What became of an experiment."""

    FIXED = "previously failing, now holds"
    BROKEN = "previously held, now fails"
    STILL_HOLDS = "still holds"
    STILL_FAILS = "still fails"
    UNPROVEN = "cannot be compared"


@dataclass(frozen=True)
class RateChange:
    """Failures of one probe's trials under the fault.

    Attributes:
        probe: its name.
        before: failures and trials.
        after: failures and trials.
        difference: after less before, with its interval.
        rise_proven: whether the rate went up, corrected for the number of comparisons.
        fall_proven: whether it went down, likewise.
    """

    probe: str
    before: tuple[int, int]
    after: tuple[int, int]
    difference: RateDifference
    rise_proven: bool = False
    fall_proven: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "probe": self.probe,
            "before": dict(zip(("failures", "trials"), self.before, strict=True)),
            "after": dict(zip(("failures", "trials"), self.after, strict=True)),
            "difference": self.difference.to_json(),
            "rise_proven": self.rise_proven,
            "fall_proven": self.fall_proven,
        }


@dataclass(frozen=True)
class TimeChange:
    """Times until startups were ready.

    Attributes:
        when: without the fault, under the fault, or after the rollbacks.
        before: their median, with its interval.
        after: likewise.
        test: ranks compared; a startup that was not ready is longer than any that was.
        p_adjusted: its p value, corrected for the number of comparisons.
    """

    when: str
    before: Quantile
    after: Quantile
    test: RankTest
    p_adjusted: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "when": self.when,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "test": self.test.to_json(),
            "p_adjusted": self.p_adjusted,
            "ratio": self.ratio,
        }

    @property
    def ratio(self) -> float | None:
        """The median after over the median before; None when either is not known."""
        before, after = self.before, self.after
        if not before.value or after.value is None or before.is_lower_bound:
            return None
        return after.value / before.value

    @property
    def is_certainly_longer(self) -> bool:
        """Whether times are longer beyond chance, and largely so."""
        return self._is_certain and (self.test.cliffs_delta or 0) >= LARGE

    @property
    def is_certainly_shorter(self) -> bool:
        """Likewise."""
        return self._is_certain and (self.test.cliffs_delta or 0) <= -LARGE

    @property
    def _is_certain(self) -> bool:
        return self.p_adjusted is not None and self.p_adjusted < 1 - CONFIDENCE


@dataclass(frozen=True)
class ExperimentChange:
    """One experiment's runs before and after; None where it was not run."""

    title: str
    before: Runs | None
    after: Runs | None
    rates: Sequence[RateChange] = ()
    times: Sequence[TimeChange] = ()
    notes: Sequence[str] = ()
    differences: Sequence[Difference] = ()
    wire: Sequence[WireChange] = ()

    @property
    def refused(self) -> list[str]:
        """Why the runs are not about the same thing, each as a line."""
        return [one.line for one in self.differences if one.refused]

    @property
    def change(self) -> Change:
        if self.before is None or self.after is None or self.refused:
            return Change.UNPROVEN
        outcomes = self.before.outcome, self.after.outcome
        return {
            (Outcome.HELD, Outcome.HELD): Change.STILL_HOLDS,
            (Outcome.HELD, Outcome.VIOLATED): Change.BROKEN,
            (Outcome.VIOLATED, Outcome.HELD): Change.FIXED,
            (Outcome.VIOLATED, Outcome.VIOLATED): Change.STILL_FAILS,
        }.get(outcomes, Change.UNPROVEN)

    @property
    def regressions(self) -> list[str]:
        """What became worse, each as a line."""
        found = []
        if self.change is Change.BROKEN and self.after is not None:
            found.append(f"{self.change.value}: {self.after.reason}")
        found += [
            f"{rate.probe} fails more often under the fault"
            for rate in self.rates
            if rate.rise_proven
        ]
        if self._is_slower():
            found.append("startups under the fault are slower, beyond what those without it are")
        return found

    @property
    def improvements(self) -> list[str]:
        """What became better by more than noise, each as a line."""
        found = [self.change.value] if self.change is Change.FIXED else []
        times = {time.when: time for time in self.times}
        under, without = times.get(WITH_FAULT), times.get(WITHOUT_FAULT)
        # A machine that is faster makes startups without the fault faster too.
        machine = min(1.0, without.ratio or 1.0) if without else 1.0
        if (
            under is not None
            and under.is_certainly_shorter
            and under.ratio is not None
            and under.ratio * (1 + SLOWER_BY) <= machine
        ):
            found.append("startups under the fault are faster, beyond what those without it are")
        found += [
            f"{rate.probe} fails less often under the fault"
            for rate in self.rates
            if rate.fall_proven
        ]
        return found + [text for one in self._same_path if (text := one.told(one.fell, "fell"))]

    @property
    def asks_more(self) -> list[str]:
        """What rose on the wire by more than noise, each as a line; no regression by itself."""
        return [text for one in self._same_path if (text := one.told(one.rose, "rose"))]

    @property
    def _same_path(self) -> list[WireChange]:
        """Seen on the wire of one environment; under a fault where it was the same."""
        if self.before is None or self.after is None:
            return []
        if len({*self.before.environments, *self.after.environments}) > 1:
            return []
        another = any(one.circumstance.kind is Kind.FAULTS for one in self.differences)
        return [one for one in self.wire if one.when == WITHOUT_FAULT or not another]

    def _is_slower(self) -> bool:
        """Under the fault; what startups without it are slower by too is the machine's."""
        times = {time.when: time for time in self.times}
        without = times.get(WITHOUT_FAULT)
        machine = max(1.0, without.ratio or 1.0) if without else 1.0
        under = times.get(WITH_FAULT)
        return (
            under is not None
            and under.is_certainly_longer
            and under.ratio is not None
            and under.ratio >= machine * (1 + SLOWER_BY)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "change": self.change,
            "regressions": self.regressions,
            "improvements": self.improvements,
            "asks_more": self.asks_more,
            "before": self.before.to_json() if self.before else None,
            "after": self.after.to_json() if self.after else None,
            "rates": [rate.to_json() for rate in self.rates],
            "times": [time.to_json() for time in self.times],
            "notes": list(self.notes),
            "differences": [difference.to_json() for difference in self.differences],
            "wire": [change.to_json() for change in self.wire],
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
