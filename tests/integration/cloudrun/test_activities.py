"""Scaling in an experiment, as its users run it, against the local endpoint."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2

from chaosnetra.cloudrun.scaling import Scaling
from chaosnetra.durations import Deadline
from tests.conftest import RunChaos
from tests.support.cloud_run_endpoint import Endpoint, writes
from tests.support.helpers import wait_until
from tests.support.programs import chaos_beside
from tests.support.staged import experiment, step

BEFORE = Scaling("SCALING_MODE_UNSPECIFIED", 1, 0, None)


@pytest.mark.usefixtures("nothing_left")
def test_a_service_is_scaled_measured_restored_and_all_of_it_is_in_the_journal(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    done = run_chaos(
        experiment(
            endpoint.configuration(),
            step("action", "scale_service", minimum="7"),
            step("probe", "service_instances", minimum=7),
        )
    )
    assert done.returncode == 0, done.output
    assert endpoint.state.scaling == BEFORE
    section = done.section
    assert section["verdict"] == "held"
    (fault,) = section["faults"]
    assert fault["parameters"] == {
        "kind": "cloud run scaling",
        "server": endpoint.server.endpoint,
        "service": endpoint.service_name,
        "minimum": 7,
        "maximum": None,
        "manual": None,
    }
    assert fault["effect"]["observed"] == {"minimum": 7}
    assert fault["undo"] == "done"
    part = next(part for part in section["stand"] if "Cloud Run" in part["kind"])
    assert part["address"] == endpoint.server.endpoint
    output = done.journal["run"][1]["output"]
    assert (output["held"], output["at_least"], output["at_most"]) == (True, 7, 100)
    calls = [event for event in done.events if event["event"] == "cloudrun.call"]
    writes = [call["writes"] for call in calls if call["writes"]]
    assert writes == ["scaling.min_instance_count=7", "scaling.min_instance_count=1"]
    written = next(
        index for index, event in enumerate(done.events) if event["event"] == "fault.undo_written"
    )
    first_write = next(
        index for index, event in enumerate(done.events) if event.get("writes") is not None
    )
    assert written < first_write


def test_without_a_rollback_the_end_of_the_run_restores(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    forgetful = experiment(endpoint.configuration(), step("action", "scale_service", manual=3))
    forgetful["rollbacks"] = []
    done = run_chaos(forgetful)
    assert done.returncode == 0, done.output
    assert endpoint.state.scaling == BEFORE


def test_a_probe_that_gets_no_answer_makes_the_run_inconclusive(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    """The two probes of the steady state are asked before the method, and the first after it."""
    endpoint.tell("rules", call="GetService", skip=2, refuse="UNAVAILABLE", times=1000)
    done = run_chaos(experiment(endpoint.configuration()))
    assert done.returncode == 1, done.output
    assert done.section["verdict"] == "inconclusive", done.section["reason"]
    assert "Cloud Run could not be asked, so the system was not looked" in done.section["reason"]
    assert "nothing was tried" not in done.section["reason"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_probe_asks_again_where_one_call_gets_no_answer(
    endpoint: Endpoint, run_chaos: RunChaos, code: str
) -> None:
    for skip in (0, 3):
        endpoint.tell("rules", call="GetService", skip=skip, refuse=code)
    done = run_chaos(experiment(endpoint.configuration()))
    assert (done.returncode, done.section["verdict"]) == (0, "held"), done.output
    assert done.section["cloud_run"]["calls"]["GetService"][code] == 2


def test_drift_fails_the_run_and_is_left_alone(endpoint: Endpoint, run_chaos: RunChaos) -> None:
    endpoint.tell(
        "rules",
        call="GetService",
        skip=6,
        deploy_before={"service": endpoint.service_id, "scaling": {"min_instance_count": 4}},
    )
    done = run_chaos(
        experiment(endpoint.configuration(), step("action", "scale_service", minimum=7))
    )
    assert done.returncode == 1, done.output
    assert endpoint.state.scaling.minimum == 4
    assert "drift:" in done.output
    assert "scaling.min_instance_count is 4, ours was 7, before it was 1" in done.output
    assert done.section["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        (
            {"cloud_run_endpoint": ""},
            {"minimum": 3},
            "but no Cloud Run endpoint is known and envir",
        ),
        ({"cloud_run_endpoint": "run.googleapis.com:443"}, {"minimum": 3}, "a loopback address"),
        ({"project": ""}, {"minimum": 3}, "project is not set; set project in the experiment's"),
        ({"project": "another-one"}, {"minimum": 3}, "or check the project"),
        ({"service": "another-one"}, {"minimum": 3}, "there is no service another-one"),
        ({"service": "A"}, {"minimum": 3}, "service must be the id of a Cloud Run service"),
        ({}, {}, "nothing is to be changed"),
        ({}, {"minimum": 1}, "the service is scaled so already"),
        ({}, {"minimum": 3, "manual": 3}, "give either it, or minimum and maximum"),
        ({}, {"manual": 100000}, "manual must be at most 1000"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_nothing_is_touched(
    endpoint: Endpoint,
    run_chaos: RunChaos,
    changes: dict[str, str],
    arguments: dict[str, Any],
    message: str,
) -> None:
    before = endpoint.state
    plain = experiment(
        endpoint.configuration(**changes), step("action", "scale_service", **arguments)
    )
    del plain["steady-state-hypothesis"]
    plain["rollbacks"] = []
    done = run_chaos(plain)
    assert done.returncode == 1
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.section["verdict"] == "inconclusive"
    assert endpoint.state == before
    assert writes(done) == []


def test_the_tasks_of_the_newest_execution(endpoint: Endpoint, run_chaos: RunChaos) -> None:
    container = {"image": "startup", "command": ["sh", "-c", "exit $CLOUD_RUN_TASK_INDEX"]}
    template = {"max_retries": 0, "containers": [container]}
    job = run_v2.Job(template={"task_count": 3, "template": template})
    request = run_v2.CreateJobRequest(parent=endpoint.parent, job_id=endpoint.job_id, job=job)
    name = f"{endpoint.parent}/jobs/{endpoint.job_id}"
    endpoint.connection.call("Jobs", "CreateJob", request, name)
    probe = step("probe", "execution_tasks", max_failure_rate=0.5)
    none = experiment(endpoint.configuration(), probe)
    done = run_chaos(none)
    assert "has no execution yet; run it, or name one" in done.output
    operation = endpoint.connection.call("Jobs", "RunJob", run_v2.RunJobRequest(name=name), name)
    from chaosnetra.cloudrun.jobs import JobClient

    JobClient(endpoint.connection).watch(operation.metadata.name, Deadline.after(20))
    done = run_chaos(experiment(endpoint.configuration(), probe))
    output = done.journal["run"][0]["output"]
    assert output["observed"] == "1 of 3 tasks succeeded"
    assert output["held"] is False
    assert output["exit_codes"] == {"0": 1, "1": 1, "2": 1}
    assert [failure["exit_code"] for failure in output["failures"]] == [1, 2]


def started_run(endpoint: Endpoint, tmp_path: Path) -> subprocess.Popen[bytes]:
    """`chaos run` that has scaled the service and now pauses."""
    pausing = experiment(
        endpoint.configuration(),
        step("action", "scale_service", minimum=7) | {"pauses": {"after": 60}},
    )
    process = chaos_beside(pausing, tmp_path)
    wait_until(lambda: endpoint.state.scaling.minimum == 7, 40, "the service is scaled")
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_the_service_as_it_was(
    endpoint: Endpoint, tmp_path: Path, number: signal.Signals
) -> None:
    process = started_run(endpoint, tmp_path)
    wait_until(lambda: endpoint.state.settled, 10, "it serves")
    process.send_signal(number)
    process.wait(60)
    wait_until(lambda: endpoint.state.scaling == BEFORE, 60, "the former scaling is back")
    runs = Path(os.environ["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    wait_until(lambda: list(runs.glob("*.ledger.jsonl")) == [], 20, "nothing is left to undo")
