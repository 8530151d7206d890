"""What the trials under the fault prove, probe by probe, and whether they are enough."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.samples import checks, counted
from chaosnetra.evidence.statistics.rates import (
    CONFIDENCE,
    Interval,
    exact_interval,
    failure_free_trials_needed,
    failure_rate_lower_bound,
    failure_rate_upper_bound,
    wilson_interval,
)
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import how_many

DIGITS = 4
# No number of trials that anybody runs proves less.
LEAST_RATE = 1e-9


class ProvenBound(NamedTuple):
    """What the trials of one probe prove: startups and connections are not counted together.

    Attributes:
        probe: its name in the experiment.
        trials: attempts under the fault, at least one.
        failures: of these, how many failed.
        failure_rate_bounds: the rate is not below the first and, each with `confidence`, not
            above the second.
        confidence: of each bound, and of the intervals.
        exact_interval: of the rate, Clopper-Pearson, for gates.
        wilson_interval: of the rate, for display.
        max_failure_rate: that the probe allows; None when it states none.
        clean_trials_needed: how many trials, none of them failed, would prove that the rate is
            not above that; None where no number would.
        min_confidence: that the probe demands of its claim; None when it demands none.
    """

    probe: str
    trials: int
    failures: int
    failure_rate_bounds: tuple[float, float]
    confidence: float
    exact_interval: tuple[float, float] = (0.0, 1.0)
    wilson_interval: tuple[float, float] = (0.0, 1.0)
    max_failure_rate: float | None = None
    clean_trials_needed: int | None = None
    min_confidence: float | None = None

    @property
    def claim_is_proven(self) -> bool:
        """Whether the rate is proven to be at most what the probe allows."""
        most = self.max_failure_rate
        bound = failure_rate_upper_bound(self.failures, self.trials, self.confidence)
        return most is not None and bound <= most

    @property
    def too_few(self) -> str | None:
        """Why so many trials settle nothing at the confidence that is demanded; None if they do."""
        most, demanded = self.max_failure_rate, self.min_confidence
        if demanded is None or most is None:
            return None
        if failure_rate_upper_bound(self.failures, self.trials, demanded) <= most:
            return None
        if failure_rate_lower_bound(self.failures, self.trials, demanded) > most:
            return None  # they do prove something: that the claim is wrong
        text = (
            f"{self.probe}: {self.failures} of {how_many(self.trials, 'trial')} failed, which with "
            f"{demanded:.4g} confidence proves neither at most {most:.4g} nor more"
        )
        if not LEAST_RATE <= most < 1:
            return f"{text}; no number of trials could"
        needed = failure_free_trials_needed(most, demanded)
        return f"{text}; {how_many(needed, 'failure-free trial')} would prove the former"


def bounds_of(journal: Mapping[str, Any]) -> tuple[ProvenBound, ...]:
    """What the trials under the fault prove, by probe; see `chaosnetra.evidence.journal.samples`.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
    """
    counts: dict[str, _Count] = {}
    for check in checks(journal):
        if check.under_fault and "held" in check.output:
            found = _count(check.output)
            counts[check.probe] = counts.get(check.probe, _Count()).plus(found)
    return tuple(_proof(name, count) for name, count in counts.items() if count.trials)


class _Count(NamedTuple):
    trials: int = 0
    failures: int = 0
    max_failure_rate: float | None = None
    min_confidence: float | None = None

    def plus(self, other: "_Count") -> "_Count":
        """Both together; of two claims the stricter counts."""
        return _Count(
            self.trials + other.trials,
            self.failures + other.failures,
            _of_both(min, self.max_failure_rate, other.max_failure_rate),
            _of_both(max, self.min_confidence, other.min_confidence),
        )


def _of_both(choose: Any, one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return choose(given) if given else None


def _proof(probe: str, count: _Count) -> ProvenBound:
    trials, failures, most = count.trials, count.failures, count.max_failure_rate
    return ProvenBound(
        probe,
        trials,
        failures,
        (
            rounded_down(failure_rate_lower_bound(failures, trials, CONFIDENCE), DIGITS),
            rounded_up(failure_rate_upper_bound(failures, trials, CONFIDENCE), DIGITS),
        ),
        CONFIDENCE,
        _ends(exact_interval(failures, trials)),
        _ends(wilson_interval(failures, trials)),
        most,
        failure_free_trials_needed(most) if most is not None and LEAST_RATE <= most < 1 else None,
        count.min_confidence,
    )


def _ends(interval: Interval) -> tuple[float, float]:
    return rounded_down(interval.low, DIGITS), rounded_up(interval.high, DIGITS)


def rounded_up(value: float, digits: int) -> float:
    """Not below `value`, so that an upper bound never says more than was proved."""
    # What is beyond 9 more digits is the computer's, and not the bound's.
    factor = 10.0**digits
    return math.ceil(round(value * factor, 9)) / factor


def rounded_down(value: float, digits: int) -> float:
    """Not above `value`; see `rounded_up`."""
    factor = 10.0**digits
    return math.floor(round(value * factor, 9)) / factor


def at_most(share: float) -> str:
    """An upper bound as per cent: not below it."""
    return f"at most {_percent(share, rounded_up)}"


def at_least(share: float) -> str:
    """A lower bound as per cent: not above it."""
    return f"at least {_percent(share, rounded_down)}"


def _percent(share: float, rounded: Callable[[float, int], float]) -> str:
    """Whole per cents, with two digits near the ends, where they would hide the difference."""
    percent = 100 * share
    rest = min(percent, 100 - percent)
    digits = 1 - math.floor(math.log10(rest)) if LEAST_RATE < rest < 1 else 0
    return f"{rounded(percent, digits):.{digits}f}%"


def _count(output: Mapping[str, Any]) -> _Count:
    """What a probe's output counts and claims; nothing for a probe that does not count."""
    trials, failures = counted(output)
    most = finite_or_none(output.get("max_failure_rate"))
    demanded = finite_or_none(output.get("min_confidence"))
    return _Count(
        trials,
        failures,
        most if most is not None and 0 <= most <= 1 else None,
        demanded if demanded is not None and 0 < demanded < 1 else None,
    )
