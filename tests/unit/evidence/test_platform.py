"""What Cloud Run says of itself, held against the probes, from a journal alone."""

from typing import Any

import pytest

from chaosnetra.cloudrun.executions import ExecutionState, JobState
from chaosnetra.cloudrun.history import History
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import judged
from tests.unit.cloudrun.test_values import service

NAME = "projects/p/locations/r/services/orchestrator"
JOB = "projects/p/locations/r/jobs/startups"


def execution(**counts: int) -> ExecutionState:
    given = {"running": 0, "succeeded": 5, "failed": 0, "cancelled": 0, "retried": 0, **counts}
    return ExecutionState(
        f"{JOB}/executions/startups-a", "e", True, 5, **given, state="", text="", log_uri=""
    )


def job(generation: int, image: str) -> JobState:
    return JobState(
        JOB, "u", "e", generation, False, "CONDITION_SUCCEEDED", "", 1, 0, 0, 600, "c", image, "",
        {}, "",
    )  # fmt: skip


def journal(history: History, failures: int = 0, held: bool = True) -> dict[str, Any]:
    """A run whose probe started five tasks before and after."""
    launch = {"execution": f"{JOB}/executions/startups-a"}
    output = {"held": held, "expected": "x", "observed": "y", "attempts": 5, "failures": failures}
    run = {
        "status": "succeeded",
        "tolerance_met": held,
        "output": {**output, "launch": launch},
        "activity": {"type": "probe", "name": "startups"},
    }
    met = {"steady_state_met": held, "probes": [run]}
    action = {"type": "action", "name": "scale"}
    return {
        "status": "completed",
        "deviated": not held,
        "experiment": {"steady-state-hypothesis": {"probes": [{}]}, "method": [action]},
        "steady_states": {"before": {"steady_state_met": True, "probes": []}, "after": met},
        "run": [{"activity": action, "status": "succeeded", "output": None}],
        "rollbacks": [],
        "chaosnetra": {"cloud_run": {"calls": {}, "writes": [], **history.to_json()}},
    }


def seen(*states: Any) -> History:
    history = History()
    for state in states:
        history.see(state)
    return history


A = {"latest_created_revision": "a", "latest_ready_revision": "a", "traffic": (("latest", 100),)}


@pytest.mark.parametrize(
    ("later", "named"),
    [
        ({"latest_created_revision": "b", "latest_ready_revision": "b"}, "revision b"),
        ({"latest_created_revision": "b"}, "revision b created, a serving"),
        ({"traffic": (("a", 50), ("old", 50))}, "revision a created, old serving"),
    ],
)
def test_two_revisions_are_inconclusive_whatever_was_seen(
    later: dict[str, Any], named: str
) -> None:
    history = seen(service(**A), service(**A, etag="2"), service(**{**A, **later}))
    for held in (True, False):
        verdict, _ = judged(journal(history, held=held))
        assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.DEPLOYED)
        assert "service orchestrator was deployed by somebody during the run" in verdict.reason
        assert f"revision a before, then {named} (seen at " in verdict.reason


def test_a_deployment_that_was_taken_back_is_told_too() -> None:
    b = {"latest_created_revision": "b", "latest_ready_revision": "b"}
    verdict, _ = judged(journal(seen(service(**A), service(**{**A, **b}), service(**A))))
    assert verdict.cause is Cause.DEPLOYED


def test_another_image_of_a_job_is_another_version() -> None:
    verdict, _ = judged(journal(seen(job(3, "i:1"), job(3, "i:1"), job(4, "i:2"), execution())))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.DEPLOYED)
    assert "job startups was deployed by somebody" in verdict.reason
    assert "generation 3 with image i:1 before" in verdict.reason
    assert "generation 4 with image i:2" in verdict.reason


def test_other_scalings_and_services_that_do_not_serve_yet_are_no_deployment() -> None:
    unborn = {**A, "traffic": ()}
    states = (service(**unborn), service(**A, generation=4), service(**A, generation=5))
    verdict, _ = judged(journal(seen(*states, job(3, "i"), job(3, "i"), execution())))
    assert verdict.outcome is Outcome.HELD


def test_more_failed_tasks_than_reported_failures_contradict() -> None:
    verdict, _ = judged(journal(seen(execution(succeeded=3, failed=2))))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.CONTRADICTED)
    assert "Cloud Run counts 2 failed tasks of execution startups-a" in verdict.reason
    assert "its startups report 0 failures" in verdict.reason


def test_a_contradiction_is_told_beside_a_violation() -> None:
    verdict, _ = judged(journal(seen(execution(succeeded=0, failed=5)), failures=3, held=False))
    assert (verdict.outcome, verdict.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert "Cloud Run counts 5 failed tasks" in verdict.reason


@pytest.mark.parametrize(
    ("told", "contradicted"),
    [
        ({"ready": 3}, False),  # two failed, and said why: nothing was left unsaid
        ({"ready": 4}, True),
        ({"ready": 3, "attempts": 3, "uncounted": {"startups": 2}}, False),
        ({"ready": 3, "attempts": 3}, True),
    ],
)
def test_startups_that_were_not_ready_or_do_not_count_are_failed_tasks(
    told: dict[str, Any], contradicted: bool
) -> None:
    data = journal(seen(execution(succeeded=3, failed=2)))
    data["steady_states"]["after"]["probes"][0]["output"] |= told
    verdict, _ = judged(data)
    assert (verdict.cause is Cause.CONTRADICTED) is contradicted, verdict.reason


@pytest.mark.parametrize("failures", [2, 3])
def test_counts_that_the_reports_explain_contradict_nothing(failures: int) -> None:
    history = seen(execution(succeeded=3, failed=2))
    verdict, _ = judged(journal(history, failures=failures))
    assert verdict.outcome is Outcome.HELD


@pytest.mark.parametrize("cloud_run", [None, {}, {"calls": {}}, {"revisions": 3, "executions": []}])
def test_a_journal_that_does_not_tell_is_judged_as_before(cloud_run: Any) -> None:
    made = journal(History())
    made["chaosnetra"]["cloud_run"] = cloud_run
    verdict, _ = judged(made)
    assert verdict.outcome is Outcome.HELD


def test_an_outage_before_consent_is_no_refusal() -> None:
    made = journal(History())
    made["chaosnetra"] = {"unanswered": "no answer to GetService"}
    verdict, _ = judged(made)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.CLOUD_RUN_UNANSWERED)
    assert verdict.reason == (
        "Cloud Run could not be asked, so nothing was tried: no answer to GetService"
    )


def test_memory_does_not_grow_with_readings() -> None:
    history = seen(*(service(**{**A, "latest_created_revision": f"r{n}"}) for n in range(1000)))
    assert len(history.to_json()["revisions"]) == 200
