"""A clock that is set while a run goes on changes nothing of what is said of it."""

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.bounds import bounds_of
from chaosnetra.evidence.verdict.verdict import Cause, Outcome, Verdict
from chaosnetra.report.facts import describe
from tests.support.journals import journal, judged, run_of, startups, state

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0


class Clocks:
    """A run's wall clock, and the seconds that nobody can set.

    Args:
        steps: by how many seconds the wall clock is set, and at which second of the run.
        noted: whether the run noted the seconds, as it does today.
    """

    def __init__(self, steps: list[tuple[float, float]], *, noted: bool = True) -> None:
        self.steps, self.noted = steps, noted

    def wall(self, seconds: float) -> str:
        moved = sum(by for at, by in self.steps if at <= seconds)
        return (START + timedelta(seconds=seconds + moved)).isoformat()

    def placed(self, run: dict[str, Any], start: float, end: float) -> dict[str, Any]:
        run = {**run, "start": self.wall(start), "end": self.wall(end)}
        return {**run, "started_seconds": start, "ended_seconds": end} if self.noted else run

    def fault(self, start: float, end: float) -> dict[str, Any]:
        fault = {
            "name": "latency",
            "parameters": {},
            "effect": {"in_effect": True, "quantity": "ms"},
            "undo": "done",
            "injected_at": self.wall(start),
            "undone_at": self.wall(end),
        }
        if self.noted:
            fault |= {"injected_seconds": start, "undone_seconds": end}
        return fault


def tried(name: str, trials: int = 3) -> dict[str, Any]:
    told = {"max_failure_rate": 0.2, "min_confidence": 0.95}
    return startups(trials, trials, name, **told)


def looked(name: str) -> dict[str, Any]:
    run = tried(name)
    del run["tolerance_met"]
    run["activity"] = {"type": "probe", "name": name}
    return run


def run_with(clocks: Clocks) -> dict[str, Any]:
    """Baseline, a look, the fault, a look, after, undo, recovery; a second apart each."""
    made = journal(
        before=state(clocks.placed(tried("baseline"), 1, 2)),
        method=(
            clocks.placed(looked("too-early"), 3, 4),
            clocks.placed(run_of("inject"), 5, 6),
            clocks.placed(looked("in-method"), 7, 8),
        ),
        after=state(clocks.placed(tried("after"), 9, 10)),
        rollbacks=(clocks.placed(run_of("undo"), 11, 12),),
        recovery=state(clocks.placed(tried("recovery"), 13, 14)),
        faults=[clocks.fault(5.5, 11.5)],
    )
    made["start"], made["end"] = clocks.wall(0), clocks.wall(12.5)
    return made


def said(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.outcome, verdict.cause, verdict.proofs


STEP = st.tuples(
    st.floats(0, 15, allow_nan=False), st.sampled_from([-DAY, -5.0, -2.0, -0.5, 0.5, 2.0, 5.0, DAY])
)
STEPS = st.lists(STEP, max_size=4)


@given(STEPS)
def test_however_the_clock_is_set_the_verdict_is_the_same(steps: list[tuple[float, float]]) -> None:
    undisturbed, _ = judged(run_with(Clocks([])))
    found, _ = judged(run_with(Clocks(steps)))
    assert (undisturbed.outcome, undisturbed.cause) == (Outcome.INCONCLUSIVE, Cause.TOO_FEW)
    assert [proof.probe for proof in undisturbed.proofs] == ["in-method", "after"]
    assert said(found) == said(undisturbed)
    assert found.reason == undisturbed.reason


@given(STEPS)
def test_no_mark_of_a_report_is_outside_its_axis(steps: list[tuple[float, float]]) -> None:
    facts = describe(Journal(Path("j"), normalized(run_with(Clocks(steps))), 1))
    assert [(fault.start, fault.end) for fault in facts.faults] == [(5.5, 11.5)]
    assert [(span.stage, span.start, span.end) for span in facts.spans] == [
        ("before", 1, 2),
        ("after", 9, 10),
        ("recovery", 13, 14),
    ]


@given(STEP)
def test_in_a_journal_with_wall_clock_times_alone_a_step_hides_no_trial(
    step: tuple[float, float],
) -> None:
    data = run_with(Clocks([step], noted=False))
    assert {"in-method", "after"} <= {proof.probe for proof in bounds_of(data)}
    facts = describe(Journal(Path("j"), normalized(data), 1))
    times = [at for fault in facts.faults for at in (fault.start, fault.end) if at is not None]
    times += [at for span in facts.spans for at in (span.start, span.end)]
    assert all(at >= 0 for at in times)
    assert all(fault.end is None or fault.end >= (fault.start or 0) for fault in facts.faults)


@pytest.mark.parametrize("at", [6.5, 8.5, 10.5])
@pytest.mark.parametrize("by", [-DAY, -3.0])
def test_such_a_journal_says_that_its_clock_was_set(at: float, by: float) -> None:
    """All that ran after the baseline counts then, so that none is lost."""
    found, _ = judged(run_with(Clocks([(at, by)], noted=False)))
    assert [proof.probe for proof in found.proofs] == ["too-early", "in-method", "after"]
    assert found.cause is Cause.TOO_FEW
    assert "the clock was set while the run went on" in found.reason


def test_a_journal_whose_clock_was_not_set_needs_no_seconds() -> None:
    found, _ = judged(run_with(Clocks([], noted=False)))
    assert said(found) == said(judged(run_with(Clocks([])))[0])
    assert "clock" not in found.reason


def test_of_seconds_that_are_none_the_wall_clock_is_taken() -> None:
    """A journal may hold anything."""
    data = run_with(Clocks([]))
    for value in (None, "x", -1.0, 1e300, True):
        broken = copy.deepcopy(data)
        broken["chaosnetra"]["faults"][0] |= {"injected_seconds": value, "undone_seconds": value}
        for run in broken["run"]:
            run["started_seconds"] = run["ended_seconds"] = value
        assert [proof.probe for proof in bounds_of(broken)] == ["in-method", "after"]
