"""What the trials under the fault prove, probe by probe, and whether they are enough."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chaosnetra.evidence.statistics import (
    CONFIDENCE,
    Interval,
    clean_trials_needed,
    exact_interval,
    failure_rate_lower_bound,
    failure_rate_upper_bound,
    wilson_interval,
)
from chaosnetra.quantities import finite_or_none

MOST_ATTEMPTS = 10**9
DIGITS = 4
# No number of trials that anybody runs proves less.
LEAST_RATE = 1e-9


class Proof(NamedTuple):
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
        return most is not None and self.failure_rate_bounds[1] <= most

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
            f"{self.probe}: {self.failures} of {self.trials} trials failed, which with "
            f"{demanded:.4g} confidence proves neither at most {most:.4g} nor more"
        )
        if not LEAST_RATE <= most < 1:
            return f"{text}; no number of trials could"
        needed = clean_trials_needed(most, demanded)
        return f"{text}; {needed} clean trials would prove the former"


def proofs_of(journal: Mapping[str, Any]) -> tuple[Proof, ...]:
    """What the trials under the fault prove: those of the checks after the baseline, by probe.

    Args:
        journal: Chaos Toolkit's journal.
    """
    counted: dict[str, _Count] = {}
    for run in _runs_under_fault(journal):
        found = _counted(run.get("output"))
        name = str((run.get("activity") or {}).get("name"))
        counted[name] = counted[name].plus(found) if name in counted else found
    return tuple(_proof(name, count) for name, count in counted.items() if count.trials)


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


def _proof(probe: str, count: _Count) -> Proof:
    trials, failures, most = count.trials, count.failures, count.max_failure_rate
    return Proof(
        probe,
        trials,
        failures,
        (
            round(failure_rate_lower_bound(failures, trials, CONFIDENCE), DIGITS),
            round(failure_rate_upper_bound(failures, trials, CONFIDENCE), DIGITS),
        ),
        CONFIDENCE,
        _ends(exact_interval(failures, trials)),
        _ends(wilson_interval(failures, trials)),
        most,
        clean_trials_needed(most) if most is not None and LEAST_RATE <= most < 1 else None,
        count.min_confidence,
    )


def _ends(interval: Interval) -> tuple[float, float]:
    return round(interval.low, DIGITS), round(interval.high, DIGITS)


def _runs_under_fault(journal: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    states = journal.get("steady_states") or {}
    for stage in ("during", "after"):
        found = states.get(stage)
        for state in found if isinstance(found, list) else [found]:
            if isinstance(state, dict):
                yield from state.get("probes") or ()
    yield from journal.get("run") or ()


def _counted(output: Any) -> _Count:
    """Attempts and failures of a probe's output; none for a probe that does not count so."""
    if not isinstance(output, dict) or "held" not in output:
        return _Count()
    attempts, failures = output.get("attempts"), output.get("failures")
    if type(attempts) is not int or type(failures) is not int:
        return _Count()
    if not 0 <= failures <= attempts <= MOST_ATTEMPTS:
        return _Count()
    most = finite_or_none(output.get("max_failure_rate"))
    demanded = finite_or_none(output.get("min_confidence"))
    return _Count(
        attempts,
        failures,
        most if most is not None and 0 <= most <= 1 else None,
        demanded if demanded is not None and 0 < demanded < 1 else None,
    )
