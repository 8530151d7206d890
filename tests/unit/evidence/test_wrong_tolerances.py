"""A tolerance that cannot judge what its probe answers is wrong, and not the system."""

import json
from typing import Any

import pytest
from chaoslib.hypothesis import within_tolerance
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.evidence.verdict.violations import find_violations
from chaosnetra.evidence.verdict.wrong_tolerances import HELD, without_target, wrong_tolerance
from chaosnetra.running.precheck import check_arguments
from tests.support.helpers import present
from tests.support.journals import GOOD, journal, judged, probe, state

ANSWER = {"held": True, "expected": "at most 20% fail", "observed": "4 of 4 ready"}
WRONG: list[Any] = [
    True,
    False,
    0,
    200,
    "ok",
    [0, 1],
    ["ok"],
    [200, 204, 301],
    {"type": "regex", "pattern": "ok"},
    {"type": "regex", "pattern": "ok", "target": "nothing"},
    {"type": "regex", "pattern": "ok", "target": "held"},
    {"type": "range", "range": [0, 1]},
    {"type": "range", "range": [0, 1], "target": "nothing"},
]
RIGHT: list[tuple[Any, Any]] = [
    ({"type": "probe", "name": "held", "provider": {}}, ANSWER),
    ({"type": "jsonpath", "path": "$.held"}, ANSWER),
    ({"type": "regex", "pattern": "ready", "target": "observed"}, ANSWER),
    ({"type": "range", "range": [0, 1], "target": "seconds"}, {"seconds": 5}),
    (200, {"status": 500}),
    ([200, 204], {"status": 500}),
    (True, False),
    ("ok", "not ok"),
    ([0, 5], 6),
    ([1, 2, 3], 4),
    ([{"a": 1}, {}, []], {"a": 1}),
    (True, None),
]


@pytest.mark.parametrize("tolerance", WRONG, ids=repr)
def test_one_that_no_such_answer_meets_is_wrong(tolerance: Any) -> None:
    why = present(wrong_tolerance(tolerance, ANSWER))
    assert "an object, which its probe answers with" in why
    assert "chaosnetra.tolerances" in why
    assert "\n" not in why


@pytest.mark.parametrize(("tolerance", "answer"), RIGHT, ids=repr)
def test_one_that_can_be_met_is_not(tolerance: Any, answer: Any) -> None:
    assert wrong_tolerance(tolerance, answer) is None


_scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "status"])
_answers = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "held", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_kinds = st.fixed_dictionaries(
    {"type": st.sampled_from(["regex", "range"]), "pattern": st.just("a")},
    optional={"target": st.sampled_from(["status", "held", "a"])},
).map(lambda made: {**made, "range": [-3, 3]})


@given(
    st.booleans() | st.integers(-3, 3) | st.text(max_size=2) | st.lists(_answers) | _kinds, _answers
)
def test_none_is_called_wrong_that_the_core_finds_met(tolerance: Any, answer: Any) -> None:
    try:
        met = within_tolerance(tolerance, answer)
    except (TypeError, ValueError, AttributeError, ArithmeticError):  # that is never "met"
        met = False
    if met:
        assert wrong_tolerance(tolerance, answer) is None


def unmet(tolerance: Any, answer: Any = ANSWER) -> dict[str, Any]:
    run = probe("startups-succeed", met=False, output=answer)
    run["activity"]["tolerance"] = tolerance
    return state(run)


@pytest.mark.parametrize("tolerance", WRONG, ids=repr)
@pytest.mark.parametrize("method", [(), ({"activity": {"type": "action"}, "status": "ok"},)])
def test_the_verdict_blames_the_tolerance(tolerance: Any, method: tuple[Any, ...]) -> None:
    data = journal(before=unmet(tolerance), after=None, method=method, status="failed")
    if not method:
        data["experiment"]["method"] = []
    verdict, violations = judged(data)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.TOLERANCE)
    assert verdict.reason.startswith(
        "the tolerance of 'startups-succeed' is wrong, not the system: "
    )
    assert "4 of 4 ready" not in verdict.reason
    assert violations == []


def test_a_system_that_answers_otherwise_under_the_fault_is_violated() -> None:
    """Its page was text before; the tolerance can be met, and was."""
    tolerance = {"type": "regex", "pattern": "welcome", "target": "body"}
    before = unmet(tolerance, {"status": 200, "body": "welcome"})
    before["steady_state_met"] = before["probes"][0]["tolerance_met"] = True
    after = unmet(tolerance, {"status": 500, "body": {"error": "gone"}})
    verdict, violations = judged(journal(before=before, after=after))
    assert verdict.outcome is Outcome.VIOLATED
    assert [one.probe for one in violations] == ["startups-succeed"]


def test_other_violations_are_still_told_beside_it() -> None:
    both = state(*unmet(True)["probes"], probe("other", met=False, output=False))
    assert [
        one.probe for one in find_violations(normalized({"steady_states": {"before": both}}))
    ] == ["other"]
    assert judged(journal(before=both, after=None))[0].cause is Cause.TOLERANCE
    assert judged(journal(before=GOOD, after=GOOD))[0].outcome is Outcome.HELD


def refusal(tolerance: Any, function: str = "startups_succeed") -> str | None:
    module = (
        "chaosnetra.startup.probes"
        if function == "startups_succeed"
        else ("chaosnetra.toxiproxy.probes")
    )
    provider = {"type": "python", "module": module, "func": function, "arguments": {}}
    one = {"type": "probe", "name": "p", "tolerance": tolerance, "provider": provider}
    try:
        check_arguments({"steady-state-hypothesis": {"probes": [one]}}, {}, {})
    except InvalidInput as error:
        return str(error)
    return None


@pytest.mark.parametrize("function", ["startups_succeed", "toxics"])
@pytest.mark.parametrize("tolerance", [one for one in WRONG if "target" not in str(one)], ids=repr)
def test_it_is_told_before_the_run_for_probes_of_ours(tolerance: Any, function: str) -> None:
    if isinstance(tolerance, list) and "ok" in tolerance:
        assert refusal(tolerance, function) is None  # texts may stand for anything
        return
    text = present(refusal(tolerance, function))
    assert text.startswith("probe 'p': its tolerance is wrong: ")


@pytest.mark.parametrize(
    "tolerance",
    ["${expected}", {"type": "regex", "pattern": "a", "target": "observed"}, {"type": "jsonpath"}],
    ids=repr,
)
def test_what_may_be_met_is_left_to_the_run(tolerance: Any) -> None:
    assert refusal(tolerance) is None
    assert without_target(tolerance, {}) is None


def test_what_is_advised_is_a_tolerance_that_judges() -> None:
    advised = json.loads(HELD)
    assert within_tolerance(advised, ANSWER, {}, {}) is True
    assert within_tolerance(json.loads(HELD), {**ANSWER, "held": False}, {}, {}) is False
