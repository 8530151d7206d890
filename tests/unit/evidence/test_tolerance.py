"""Tolerances that the core leaves unjudged: those outside the steady state."""

from typing import Any

import pytest
from chaoslib.hypothesis import within_tolerance
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.verdict.tolerance import within
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import INJECT, journal, judged, run_of

OURS = {
    "type": "probe",
    "name": "held",
    "provider": {"type": "python", "module": "chaosnetra.tolerances", "func": "held"},
}
THEIRS = {"type": "probe", "name": "j", "provider": {"type": "python", "module": "m", "func": "f"}}


def looked(output: Any, tolerance: Any, **told: Any) -> dict[str, Any]:
    """A probe of the method that answered, with a tolerance."""
    activity = {"type": "probe", "name": "look", "tolerance": tolerance}
    return {"activity": activity, "output": output, "status": "succeeded", **told}


OUTSIDE = [
    looked(False, True),
    looked({"status": 1}, 0),
    looked({"status": 500}, [200, 204]),
    looked(7, [1, 5]),
    looked("bad", "ok"),
    looked({"stdout": "bad"}, {"type": "regex", "pattern": "^ok$", "target": "stdout"}),
    looked("9.5", {"type": "range", "range": [1, 9]}),
    looked({"held": False}, OURS),
    looked(None, OURS),
    looked({"a": {"b": 3}}, {"type": "jsonpath", "path": "$.a.b", "expect": 4}),
    looked(
        {"body": '{"a": [1]}'}, {"type": "jsonpath", "path": "$.a[*]", "count": 2, "target": "body"}
    ),
    looked({"a": 1}, {"type": "jsonpath", "path": "$.b"}),
    # As the control judged it, whatever it looks like.
    looked(True, True, tolerance_met=False),
    looked(1, THEIRS, tolerance_met=False),
]
INSIDE = [
    looked(True, True),
    looked({"status": 0}, 0),
    looked(3, [1, 5]),
    looked({"status": 204}, [200, 204]),
    looked("ok", {"type": "regex", "pattern": "o|k"}),
    looked(4, {"type": "range", "range": [1, 9]}),
    looked({"a": {"b": 3}}, {"type": "jsonpath", "path": "$.a.b", "expect": [3]}),
    looked([{"n": "x"}, {"n": "y"}], {"type": "jsonpath", "path": "$..n", "expect": ["x", "y"]}),
    looked({"held": True}, OURS),
    looked(False, True, tolerance_met=True),
    looked(False, None),
]
UNKNOWN = [
    looked(1, THEIRS),
    looked("x", "${wanted}"),
    looked("x", {"type": "regex", "pattern": "${wanted}"}),
    looked(None, [1, 5]),
    looked(5, {"type": "regex", "pattern": "5"}),
    looked("a" * 40, {"type": "regex", "pattern": "^(a+)+b$"}),
    looked("x", {"type": "regex"}),
    looked({"a": 1}, {"type": "jsonpath", "path": "$.a["}),
    looked("no JSON", {"type": "jsonpath", "path": "$.a"}),
    looked("x", {"type": "somebody's"}),
    looked(0.5, 0.5),
]


def verdict_with(run: dict[str, Any], section: bool) -> Any:
    data = journal(method=(INJECT, run))
    if not section:
        del data["chaosnetra"]
    return judged(data)


BOTH = pytest.mark.parametrize("section", [True, False], ids=["ours", "foreign"])


@BOTH
@pytest.mark.parametrize("run", OUTSIDE, ids=str)
def test_a_probe_of_the_method_outside_its_tolerance_is_violated(
    run: dict[str, Any], section: bool
) -> None:
    found, violations = verdict_with(run, section)
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert [(one.stage, one.probe) for one in violations] == [("during", "look")]
    assert found.reason.startswith("during the method, look: expected")


@BOTH
@pytest.mark.parametrize("run", INSIDE, ids=str)
def test_one_that_is_within_it_holds(run: dict[str, Any], section: bool) -> None:
    assert verdict_with(run, section)[0].outcome is Outcome.HELD


@BOTH
@pytest.mark.parametrize("run", UNKNOWN, ids=str)
def test_a_tolerance_that_nobody_could_judge_is_told_and_does_not_hold(
    run: dict[str, Any], section: bool
) -> None:
    found, violations = verdict_with(run, section)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.OBSERVATION)
    assert "probe 'look' in the method answered, and its tolerance" in found.reason
    assert violations == []


def test_in_the_rollbacks_such_a_probe_says_that_the_system_has_not_recovered() -> None:
    found, (violation,) = judged(journal(rollbacks=(looked(False, True),)))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.NOT_RECOVERED)
    assert violation.stage == "recovery"


def test_a_probe_that_failed_observed_nothing() -> None:
    """It is no failed injection, and hides no violation."""
    failed = run_of("look", kind="probe", status="failed", text="no route")
    failed["activity"]["tolerance"] = True
    found, violations = verdict_with(failed, section=True)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.OBSERVATION)
    assert (found.reason, violations) == ("probe 'look' in the method failed: no route", [])
    both = journal(method=(INJECT, failed, looked(False, True)))
    found, _ = judged(both)
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert "probe 'look' in the method failed: no route" in found.reason


VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ok1", max_size=3)
ANSWERS = VALUES | st.dictionaries(st.sampled_from(["status", "stdout"]), VALUES)
TOLERANCES = (
    st.booleans()
    | st.integers(-5, 5)
    | st.text("ok1", max_size=3)
    | st.lists(st.integers(-5, 5), max_size=3)
    | st.fixed_dictionaries(
        {"type": st.just("regex"), "pattern": st.sampled_from(["ok", "^o*$", "1|k"])},
        optional={"target": st.sampled_from(["stdout", "none"])},
    )
    | st.fixed_dictionaries(
        {"type": st.just("range"), "range": st.just([-1, 3])},
        optional={"target": st.just("status")},
    )
)


@given(TOLERANCES, ANSWERS)
def test_a_journal_is_judged_as_the_core_judges_a_run(tolerance: Any, answer: Any) -> None:
    """Where the core raises, nothing is claimed."""
    try:
        expected = within_tolerance(tolerance, answer)
    except Exception:  # noqa: BLE001 - the core raises whatever comes
        expected = None
    assert within(tolerance, answer) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
KINDS = st.sampled_from(["probe", "regex", "range", "jsonpath", "x"])


@given(
    JSON
    | st.fixed_dictionaries(
        {"type": KINDS},
        optional=dict.fromkeys(("pattern", "range", "target", "path", "provider"), JSON),
    ),
    JSON,
)
def test_any_tolerance_in_a_journal_gets_an_answer_or_none(tolerance: Any, answer: Any) -> None:
    assert within(tolerance, answer) in (True, False, None)
