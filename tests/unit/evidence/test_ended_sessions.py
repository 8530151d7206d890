"""Checkouts and connections whose sessions somebody else ended, from a journal alone."""

from typing import Any

import pytest

from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import judged

TOXIC = {"type": "python", "module": "chaosnetra.toxiproxy.actions", "func": "add_latency"}
ENDED, FULL = "57P01", "53300"


def check(kind: str, sqlstate: str | None) -> dict[str, Any]:
    failed = sqlstate is not None
    attempt = {"number": 1, "outcome": "failed" if failed else "ok", "seconds": 0.1}
    output = {
        "held": not failed,
        "expected": "at most 0% fail",
        "observed": "1 failed",
        "attempts": 1,
        "failures": int(failed),
        kind: [{**attempt, "sqlstate": sqlstate}],
    }
    probe = {
        "activity": {"type": "probe", "name": "p", "tolerance": {"type": "probe"}},
        "status": "succeeded",
        "tolerance_met": not failed,
        "output": output,
    }
    return {"steady_state_met": not failed, "probes": [probe]}


def journal(
    kind: str, after: str | None, before: str | None = None, **provider: str
) -> dict[str, Any]:
    action = {"type": "action", "name": "a", "provider": {**TOXIC, **provider}}
    baseline = check(kind, before)
    if before is not None:  # within what it tolerates
        baseline["steady_state_met"] = baseline["probes"][0]["tolerance_met"] = True
    return {
        "status": "completed",
        "deviated": after is not None,
        "experiment": {"steady-state-hypothesis": {"probes": [{}]}, "method": [action]},
        "steady_states": {"before": baseline, "after": check(kind, after), "during": []},
        "run": [{"activity": action, "status": "succeeded", "output": None}],
        "rollbacks": [],
    }


@pytest.mark.parametrize("kind", ["checkouts", "connections"])
def test_attempts_whose_sessions_somebody_ended_prove_nothing(kind: str) -> None:
    verdict, _ = judged(journal(kind, ENDED))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.SESSIONS_ENDED)
    assert "1 session was ended by an administrator's command" in verdict.reason


@pytest.mark.parametrize("kind", ["checkouts", "connections"])
@pytest.mark.parametrize(
    "made",
    [
        {"after": FULL},
        {"after": ENDED, "before": ENDED},  # it ends sessions itself
        {"after": ENDED, "module": "chaosother.actions"},  # so may the experiment
        {"after": ENDED, "type": "process", "module": ""},
    ],
)
def test_what_nobody_else_ended_is_a_violation(kind: str, made: dict[str, str]) -> None:
    assert judged(journal(kind, **made))[0].outcome is Outcome.VIOLATED


def test_what_held_all_the_same_has_held() -> None:
    assert judged(journal("checkouts", None))[0].outcome is Outcome.HELD
