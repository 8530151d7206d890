"""Any journal gets a verdict, whoever wrote it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import BAD, journal, judged

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
STATUS = st.sampled_from(["completed", "failed", "aborted", "interrupted", "succeeded"]) | SCALARS
ACTIVITIES = st.fixed_dictionaries({}, optional={"name": SCALARS, "type": SCALARS})
RUNS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "activity": ACTIVITIES,
            "status": STATUS,
            "output": JSON,
            "exception": st.none() | st.lists(st.text(max_size=20), max_size=2),
            "tolerance_met": st.booleans() | SCALARS,
        },
    ),
    max_size=3,
)
STATES = st.none() | st.fixed_dictionaries(
    {}, optional={"steady_state_met": st.none() | st.booleans(), "probes": st.none() | RUNS}
)
EFFECTS = st.none() | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("in_effect", "expected", "observed", "quantity", "detail"), JSON)
)
JOURNALS = st.fixed_dictionaries(
    {},
    optional={
        "experiment": st.fixed_dictionaries(
            {},
            optional={
                "steady-state-hypothesis": st.fixed_dictionaries(
                    {}, optional={"probes": st.none() | st.lists(JSON, max_size=2)}
                )
            },
        ),
        "status": STATUS,
        "deviated": SCALARS,
        "steady_states": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "before": STATES,
                "after": STATES,
                "during": st.none() | st.lists(STATES, max_size=2),
            },
        ),
        "run": st.none() | RUNS,
        "rollbacks": st.none() | RUNS,
        "chaosnetra": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "recovery": STATES,
                "faults": st.none()
                | st.lists(
                    st.fixed_dictionaries({}, optional={"name": SCALARS, "effect": EFFECTS}),
                    max_size=2,
                ),
                "interrupted_by": st.none() | st.text(max_size=8),
                "undo_failures": st.none() | st.lists(st.text(max_size=8), max_size=2),
                "control_failures": st.none() | st.lists(st.text(max_size=8), max_size=2),
                "crashed": st.none() | st.text(max_size=8),
                "refused": st.none() | st.text(max_size=8),
                "dry": st.none() | st.text(max_size=8),
            },
        ),
    },
)


@given(JOURNALS)
@settings(max_examples=300)
def test_any_journal_gets_a_verdict(given_: dict[str, Any]) -> None:
    found, violations = judged(given_)
    assert found.reason
    assert found.outcome.value in found.line
    assert all(violation.line for violation in violations)
    if found.outcome is Outcome.HELD:
        states = given_.get("steady_states") or {}
        assert (states.get("before") or {}).get("steady_state_met") is True
        assert states.get("after") is not None
    if found.outcome is Outcome.VIOLATED:
        states = given_.get("steady_states") or {}
        during = states.get("during")
        checks = [states.get("before"), states.get("after")]
        checks += during if isinstance(during, list) else [during]
        checks.append((given_.get("chaosnetra") or {}).get("recovery"))
        assert violations or any(
            check is not None and not check.get("steady_state_met") for check in checks
        )


@pytest.mark.parametrize("method", ["x", 1, {"type": "probe"}, [None], ["x"], [[]]], ids=str)
def test_a_method_that_is_none_is_no_traceback(method: Any) -> None:
    """Journals come from anywhere; where it cannot be told, something may have been injected."""
    given_ = journal(before=BAD, after=None)
    given_["experiment"]["method"] = method
    found, _ = judged(given_)
    assert found.outcome is not Outcome.HELD


@pytest.mark.parametrize(
    "changes", [{"deviated": True}, {"status": "failed"}, {"status": "aborted"}]
)
def test_somebody_elses_journal_that_says_it_went_wrong_is_not_held(
    changes: dict[str, Any],
) -> None:
    verdict, _ = judged(journal(**changes))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.CRASHED)
