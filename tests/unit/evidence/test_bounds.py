"""What trials prove of a probe's claim, and when they are too few for what is demanded."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.compare.experiment_runs import Runs
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.bounds import at_least, at_most, bounds_of
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.quantities import min_confidence
from tests.support.journals import BAD, GOOD, journal, judged, startups, state


def claiming(
    ready: int, attempts: int, most: float = 0.2, demanded: float | None = None
) -> dict[str, Any]:
    """A probe that claims a rate, judged by it."""
    told = {"max_failure_rate": most, "min_confidence": demanded}
    run = startups(ready, attempts, **told)
    held = attempts - ready <= most * attempts
    run["output"]["held"] = run["tolerance_met"] = held
    return run


def run_under_fault(*probes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return journal(**{"after": state(*probes), "recovery": GOOD, **changes})


@given(trials=st.integers(1, 200), data=st.data(), most=st.floats(0.01, 0.9))
def test_intervals_are_scipys_and_the_claim_is_held_against_them(
    trials: int, data: st.DataObject, most: float
) -> None:
    failures = data.draw(st.integers(0, trials))
    (proof,) = bounds_of(normalized(run_under_fault(claiming(trials - failures, trials, most))))
    test = binomtest(failures, trials)
    for ours, method in ((proof.exact_interval, "exact"), (proof.wilson_interval, "wilson")):
        expected = test.proportion_ci(0.95, method)
        assert ours == pytest.approx((expected.low, expected.high), abs=1e-4)
    upper = binomtest(failures, trials, alternative="less").proportion_ci(0.95).high
    if abs(upper - most) > 1e-3:
        assert proof.claim_is_proven == (upper < most)
    assert proof.clean_trials_needed is not None
    assert (1 - most) ** proof.clean_trials_needed <= 0.05 * (1 + 1e-6)


def test_the_line_says_how_many_clean_trials_the_claim_takes() -> None:
    few, _ = judged(run_under_fault(claiming(5, 5)))
    assert few.line.endswith(
        "which proves a failure rate of at most 46% with 95% confidence; that it is at most 20% "
        "takes 14 failure-free trials)"
    )
    enough, _ = judged(run_under_fault(claiming(14, 14)))
    assert "takes" not in enough.line


@pytest.mark.parametrize(
    ("ready", "attempts", "outcome"),
    [
        (5, 5, Outcome.INCONCLUSIVE),
        (13, 13, Outcome.INCONCLUSIVE),
        (14, 14, Outcome.HELD),
        (3, 5, Outcome.INCONCLUSIVE),  # 2 of 5 are above 20 %, which 5 do not prove
        (0, 5, Outcome.VIOLATED),
        (48, 60, Outcome.INCONCLUSIVE),  # exactly the rate that is allowed
        (30, 60, Outcome.VIOLATED),
    ],
)
def test_a_demanded_confidence_takes_enough_trials(
    ready: int, attempts: int, outcome: Outcome
) -> None:
    found, violations = judged(run_under_fault(claiming(ready, attempts, demanded=0.95)))
    assert found.outcome is outcome, found.reason
    by_rule, _ = judged(run_under_fault(claiming(ready, attempts)))
    assert by_rule.outcome is (Outcome.VIOLATED if violations else Outcome.HELD)
    if outcome is Outcome.INCONCLUSIVE:
        assert found.cause is Cause.TOO_FEW
        assert "14 failure-free trials" in found.reason
        assert all(violation.line in found.reason for violation in violations[:1])


def test_a_bound_that_is_shown_is_never_better_than_what_was_proved() -> None:
    (fourteen,) = bounds_of(normalized(run_under_fault(claiming(14, 14))))
    (least,) = bounds_of(normalized(run_under_fault(claiming(0, 5))))
    assert (fourteen.failure_rate_bounds[1], at_most(0.19264)) == (0.1927, "at most 20%")
    assert (least.failure_rate_bounds[0], at_least(0.54928)) == (0.5492, "at least 54%")
    assert (at_most(0.00123), at_least(0.99945)) == ("at most 0.13%", "at least 99.945%")
    assert (at_most(1.0), at_most(0.2), at_least(0.0)) == (
        "at most 100%",
        "at most 20%",
        "at least 0%",
    )
    # A bound of 19.264 % does not prove 19.26 %.
    (short,) = bounds_of(normalized(run_under_fault(claiming(14, 14, 0.19263))))
    assert not short.claim_is_proven


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:06.3f}+00:00"


def placed(probe: dict[str, Any], name: str, start: float, end: float) -> dict[str, Any]:
    activity = {**probe["activity"], "name": name}
    return {**probe, "activity": activity, "start": at(start), "end": at(end)}


def test_under_the_fault_means_while_a_fault_was_in_place() -> None:
    """For the verdict, for `compare` and for `recommend` alike."""
    effect = {"in_effect": True}
    data = run_under_fault(
        placed(claiming(3, 3), "after-all-are-gone", 30, 31),
        method=(
            placed(claiming(1, 1), "before-any", 5, 9),
            placed(claiming(2, 4), "while-one-is-there", 11, 19),
        ),
        faults=[{"name": "f", "effect": effect, "injected_at": at(10), "undone_at": at(20)}],
    )
    assert [(one.probe, one.failures, one.trials) for one in bounds_of(normalized(data))] == [
        ("while-one-is-there", 2, 4)
    ]
    runs = Runs()
    runs.add(Journal(Path("journal.json"), normalized(data), 1))
    assert runs.counts == {"while-one-is-there": (2, 4)}


def test_trials_of_all_checks_under_the_fault_count_together() -> None:
    checks = tuple(state(claiming(5, 5, demanded=0.95)) for _ in range(2))
    found, _ = judged(run_under_fault(claiming(4, 4, demanded=0.95), during=checks))
    assert found.outcome is Outcome.HELD


def test_what_another_statement_violated_is_violated_all_the_same() -> None:
    found, _ = judged(run_under_fault(claiming(3, 5, demanded=0.95), during=(BAD,)))
    assert found.outcome is Outcome.VIOLATED


def test_no_recovery_is_no_matter_of_too_few_trials() -> None:
    once = claiming(3, 5, demanded=0.95)
    found, _ = judged(run_under_fault(once, recovery=state(once)))
    assert found.outcome is Outcome.VIOLATED


@pytest.mark.parametrize("demanded", [0, 1, -1, 2, "0.95", True, math.inf, None, [0.9]])
def test_what_is_no_confidence_demands_nothing(demanded: Any) -> None:
    found, _ = judged(run_under_fault(claiming(5, 5, demanded=demanded)))
    assert found.outcome is Outcome.HELD


@pytest.mark.parametrize("most", [0, 1e-300, 5e-324, 1, 1.5, -1, "0.2", None, math.inf])
def test_a_rate_that_is_none_needs_no_number_of_trials(most: Any) -> None:
    run = startups(5, 5, max_failure_rate=most, min_confidence=0.95)
    found, _ = judged(run_under_fault(run))
    assert found.proofs[0].clean_trials_needed is None
    json.dumps(found.to_json())


@pytest.mark.parametrize(
    ("value", "expected"), [(0, None), ("0", None), (None, None), ("", None), ("0.95", 0.95)]
)
def test_a_probe_reads_its_min_confidence(value: Any, expected: float | None) -> None:
    assert min_confidence("min_confidence", value, max_failure_rate=0.2) == expected


@pytest.mark.parametrize(("value", "most"), [(-0.1, 0.2), (1, 0.2), ("high", 0.2), (0.95, 0)])
def test_a_confidence_that_nothing_could_reach_is_refused(value: Any, most: float) -> None:
    with pytest.raises(InvalidInput, match="min_confidence"):
        min_confidence("min_confidence", value, max_failure_rate=most)
