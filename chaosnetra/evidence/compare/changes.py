"""What became of an experiment: its rates, its times, and whether that is a regression. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.evidence.compare.circumstances import Difference, Kind
from chaosnetra.evidence.compare.experiment_runs import Runs
from chaosnetra.evidence.compare.on_the_wire import WireChange
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.evidence.statistics.ranks import LARGE, RankTest
from chaosnetra.evidence.statistics.rates import CONFIDENCE, RateDifference
from chaosnetra.evidence.verdict.verdict import Outcome

# A slower startup is a regression when it is certain, large, and worth the name: so much longer.
SLOWER_BY = 0.25
WITHOUT_FAULT, WITH_FAULT = "without the fault", "under the fault"


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
