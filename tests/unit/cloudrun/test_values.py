"""Names, plans, states and waits of the Cloud Run area."""

from dataclasses import replace
from typing import Any

import pytest
from google.cloud import run_v2
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.cloudrun.executions import JobState, TaskEnd, job_state, summarize, task_state
from chaosnetra.cloudrun.failures import as_ours
from chaosnetra.cloudrun.jobs import require_fit
from chaosnetra.cloudrun.names import Location, shown
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.cloudrun.scaling_plan import plan_scaling
from chaosnetra.cloudrun.state import ServiceState, service_state
from chaosnetra.cloudrun.waiting import next_pause_seconds, poll
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunCredentials,
    CloudRunEtagChanged,
    CloudRunOperationFailed,
    CloudRunQuotaExceeded,
    CloudRunReconciling,
    CloudRunUnanswered,
    Interrupted,
    InvalidInput,
)

NAME = "projects/staging-123/locations/europe-west1/services/orchestrator"


@pytest.mark.parametrize("project", ["staging-123", "314159265358", "example.com:staging-1"])
def test_names_are_made_of_checked_parts(project: str) -> None:
    place = Location.parse(project, "europe-west1")
    assert place.service("a") == f"projects/{project}/locations/europe-west1/services/a"
    assert place.job("a-1") == f"projects/{project}/locations/europe-west1/jobs/a-1"


@pytest.mark.parametrize(
    ("project", "region", "message"),
    [
        ("", "europe-west1", "project is not set; set project in the experiment's configuration"),
        ("staging-123", "", "region is not set"),
        ("a/../b", "europe-west1", "project must be a Google Cloud project's id or number"),
        ("staging-123", "Europe", "region must be a region such as europe-west1"),
        ("staging-123", "europe-west1/services/x", "region must be a region"),
    ],
)
def test_places_that_are_none(project: str, region: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Location.parse(project, region)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a" * 50, "a/b", "a b"])
def test_ids_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="service"):
        Location("staging-123", "europe-west1").service(name)


def test_names_are_shown_to_people() -> None:
    assert shown(NAME) == "service orchestrator in project staging-123, region europe-west1"
    job = NAME.replace("services/orchestrator", "jobs/startups")
    assert shown(job).startswith("job startups in project")
    assert shown(f"{job}/executions/startups-abc").startswith("execution startups-abc in")
    assert shown("projects/p/operations/x") == "projects/p/operations/x"


def service(**changes: Any) -> ServiceState:
    message = run_v2.Service(
        name=NAME,
        uid="u",
        etag="e",
        generation=3,
        observed_generation=3,
        terminal_condition={"state": "CONDITION_SUCCEEDED"},
        scaling={"min_instance_count": 1},
        template={"scaling": {"max_instance_count": 20}},
    )
    return replace(service_state(message), **changes)


def test_a_plan_names_every_field_that_is_written_or_changes_with_it() -> None:
    plan = plan_scaling(service(), WantedScaling(manual=5))
    assert [row.to_json() for row in plan.rows] == [
        {
            "path": "scaling.scaling_mode",
            "before": "SCALING_MODE_UNSPECIFIED",
            "after": "MANUAL",
            "written": True,
        },
        {"path": "scaling.min_instance_count", "before": 1, "after": 0, "written": False},
        {"path": "scaling.manual_instance_count", "before": None, "after": 5, "written": True},
    ]
    assert plan.to_json()["update_mask"] == [
        "scaling.scaling_mode",
        "scaling.manual_instance_count",
    ]
    assert plan.to_json()["etag"] == "e"


def test_a_plan_warns_of_what_keeps_it_from_doing_what_it_says() -> None:
    assert plan_scaling(service(), WantedScaling(minimum=10)).warnings == ()
    (warning,) = plan_scaling(service(), WantedScaling(minimum=21)).warnings
    assert "maximum of 20 instances is less than the minimum of 21" in warning


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reconciling": True}, "is being changed by somebody just now; wait"),
        ({"ready_state": "CONDITION_FAILED", "ready_text": "no image"}, "not ready .*no image"),
        ({"observed_generation": 2}, "generation 3, serving 2"),
    ],
)
def test_a_service_that_is_not_settled_is_not_planned_for(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CloudRunReconciling, match=message):
        plan_scaling(service(**changes), WantedScaling(minimum=10))


def test_bounds_of_instances() -> None:
    assert service().instance_bounds == (1, 20)
    assert service(revision_maximum=0).instance_bounds == (1, None)
    assert service(revision_minimum=30).instance_bounds == (20, 20)
    assert plan_scaling(service(), WantedScaling(maximum=7)).after.maximum == 7
    manual = plan_scaling(service(), WantedScaling(manual=50)).after
    assert service(scaling=manual).instance_bounds == (50, 50)


def job(**task: Any) -> JobState:
    parallelism = task.pop("parallelism", 0)
    ready = task.pop("ready", "CONDITION_SUCCEEDED")
    template = {"containers": [{"name": "c", "image": "i"}], **task}
    return job_state(
        run_v2.Job(
            name=NAME.replace("services/orchestrator", "jobs/startups"),
            template={"parallelism": parallelism, "template": template},
            terminal_condition={"state": ready},
        )
    )


def test_a_job_that_is_fit_for_trials() -> None:
    require_fit(job(max_retries=0))
    assert job(timeout={"seconds": 90}).timeout_seconds == 90


def test_jobs_that_are_not_fit_for_trials() -> None:
    with pytest.raises(InvalidInput, match=r"up to 3 times.*update the job with max_retries 0"):
        require_fit(job())  # unset means three
    with pytest.raises(InvalidInput, match="up to 1 times"):
        require_fit(job(max_retries=1))
    with pytest.raises(InvalidInput, match="one after another: update the job with parallelism 0"):
        require_fit(job(max_retries=0, parallelism=1))
    with pytest.raises(CloudRunReconciling, match="not ready"):
        require_fit(job(max_retries=0, ready="CONDITION_FAILED"))


def task(done: bool = True, **result: Any) -> Any:
    message = run_v2.Task(index=2, start_time={"seconds": 10})
    if done:
        message.completion_time = {"seconds": 12, "nanos": 500_000_000}
    if result:
        message.last_attempt_result = run_v2.TaskAttemptResult(**result)
    return task_state(message)


@pytest.mark.parametrize(
    ("result", "end", "exit_code"),
    [
        ({"exit_code": 0, "status": {"code": 0}}, TaskEnd.SUCCEEDED, 0),
        ({"exit_code": 3, "status": {"code": 2}}, TaskEnd.EXITED, 3),
        ({"term_signal": 9, "status": {"code": 4}}, TaskEnd.SIGNALLED, None),
        # An exit code that is not set looks like 0: the status tells.
        ({"status": {"code": 2, "message": "lost"}}, TaskEnd.UNCLEAN, None),
        ({"status": {"code": 1}, "term_signal": 15}, TaskEnd.CANCELLED, None),
        ({}, TaskEnd.CANCELLED, None),
    ],
)
def test_tasks_are_told_apart_by_more_than_their_exit_code(
    result: dict[str, Any], end: TaskEnd, exit_code: int | None
) -> None:
    state = task(**result)
    assert (state.end, state.exit_code) == (end, exit_code)
    assert state.seconds == 2.5
    assert task(done=False, **result).end is TaskEnd.RUNNING


def test_a_summary_counts_and_keeps_the_first_failures_only() -> None:
    failed = task(exit_code=3, status={"code": 2})
    good = task(exit_code=0, status={"code": 0})
    summary = summarize([*[failed] * 50, good, task(done=False)]).to_json()
    assert (summary["tasks"], summary["ends"]["exited"]) == (52, 50)
    assert summary["exit_codes"] == {"0": 1, "3": 50}
    assert len(summary["failures"]) == 10
    assert summary["start_spread_seconds"] == 0
    assert summarize([]).to_json()["start_spread_seconds"] is None


@given(st.floats(0, 10_000))
def test_pauses_are_short_at_first_and_never_long(waited: float) -> None:
    pause = next_pause_seconds(waited)
    assert 0.1 <= pause <= 2
    assert pause == 0.1 or pause <= 0.1 * waited


def never_enough(answer: Any) -> bool:
    return False


def test_a_wait_that_is_not_enough_says_what_it_waited_for() -> None:
    with pytest.raises(CloudRunOperationFailed, match="were not enough until it is ready"):
        poll(lambda: 1, never_enough, Deadline.after(0.15), "it is ready")


@pytest.mark.parametrize("error", [CloudRunUnanswered("gone"), CloudRunQuotaExceeded("slow")])
def test_a_read_that_may_be_tried_again_is_until_the_deadline(error: Exception) -> None:
    reads = []

    def read() -> int:
        reads.append(1)
        if len(reads) < 3:
            raise error
        return 7

    assert poll(read, bool, Deadline.after(5), "x") == 7
    reads[:] = [0] * -9
    with pytest.raises(type(error)):
        poll(lambda: (_ for _ in ()).throw(error), never_enough, Deadline.after(0.15), "x")


def test_a_read_that_is_refused_is_not_tried_again() -> None:
    reads = []

    def read() -> int:
        reads.append(1)
        raise CloudRunEtagChanged("changed")

    with pytest.raises(CloudRunEtagChanged):
        poll(read, bool, Deadline.after(5), "x")
    assert len(reads) == 1


def test_an_interruption_ends_a_wait() -> None:
    with pytest.raises(Interrupted, match="while it waited until it is ready"):
        poll(lambda: 1, never_enough, Deadline.after(60), "it is ready", lambda: True)


def test_errors_that_have_no_status_may_have_been_carried_out() -> None:
    assert isinstance(as_ours(ValueError("?"), "UpdateService", NAME, "g"), CloudRunUnanswered)
    lost = as_ours(
        ValueError("Getting metadata from plugin failed with error: expired"),
        "GetService",
        NAME,
        "g",
    )
    assert isinstance(lost, CloudRunCredentials)
