"""Whole runs against a service that is in trouble, or that somebody else changes meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaosnetra.cloudrun.emulator.controls import SOMEBODY_ELSE
from chaosnetra.cloudrun.scaling import WantedScaling
from tests.conftest import ChaosRun, RunChaos
from tests.integration.cloudrun.conftest import lasting
from tests.support.cloud_run_endpoint import Endpoint
from tests.support.experiments import HELD
from tests.support.helpers import wait_until
from tests.support.programs import chaos_command
from tests.support.staged import experiment, step

NEVER = 3600
CRASHED = {
    "type": "InstancesHealthy",
    "state": "CONDITION_FAILED",
    "message": "0 of 3 instances are healthy",
}
PAUSE = {
    "type": "probe",
    "name": "pause",
    "provider": {"type": "process", "path": sys.executable, "arguments": "-c 'import time'"},
}


def scale_out(endpoint: Endpoint, *more: dict[str, Any]) -> dict[str, Any]:
    return experiment(endpoint.configuration(), step("action", "scale_service", minimum=3), *more)


def scaling_rule(endpoint: Endpoint, **what: Any) -> None:
    """For the write after the dry run."""
    endpoint.tell("rules", call="UpdateService", skip=1, **what)


@contextmanager
def begun(made: dict[str, Any], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run on its way, which is killed at the end of the block."""
    path = folder / "experiment.json"
    path.write_text(json.dumps(made))
    with subprocess.Popen(
        [*chaos_command(), "run", str(path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def signalled_twice(process: subprocess.Popen[str], folder: Path, meanwhile: str) -> ChaosRun:
    """The run, ended by a second SIGTERM: after the first it was busy `meanwhile`."""
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None, meanwhile
    process.send_signal(signal.SIGTERM)
    return ended(process, folder)


def ended(process: subprocess.Popen[str], folder: Path) -> ChaosRun:
    output, _ = process.communicate(timeout=90)
    journal = folder / "journal.json"
    text = journal.read_text() if journal.exists() else None
    return ChaosRun(process.returncode, output, folder, text)


def ledgers() -> list[Path]:
    runs = Path(os.environ["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    return list(runs.glob("*.ledger.jsonl"))


def test_instances_that_crash_after_the_operation_are_no_held_run(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    """The service goes on to say that it is ready."""
    before = endpoint.message
    scaling_rule(endpoint, later_conditions=[CRASHED])
    done = run_chaos(scale_out(endpoint))
    section = done.section
    assert (done.returncode, section["verdict"]) == (1, "violated"), done.output
    assert "InstancesHealthy: 0 of 3 instances are healthy" in section["reason"]
    first, crashed, restored = section["cloud_run"]["conditions"]
    assert first["failing"] == restored["failing"] == ""
    assert crashed["failing"] == "InstancesHealthy: 0 of 3 instances are healthy"
    ready = crashed["conditions"][0]
    assert (ready["kind"], ready["state"]) == ("Ready", "CONDITION_SUCCEEDED")
    output = done.journal["steady_states"]["after"]["probes"][0]["output"]
    assert output["held"] is False
    assert {"kind": "InstancesHealthy", "state": "CONDITION_FAILED"}.items() <= output[
        "conditions"
    ][-1].items()
    assert lasting(endpoint.message).scaling == before.scaling


def test_where_no_probe_looks_at_it_the_run_is_inconclusive(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    scaling_rule(endpoint, later_conditions=[CRASHED], later_seconds=0.2)
    made = scale_out(endpoint, PAUSE, step("probe", "service_instances", minimum=3))
    made["method"][1]["pauses"] = {"after": 2.0}
    made["steady-state-hypothesis"]["probes"] = [
        step("probe", "ready_revision") | {"tolerance": HELD}
    ]
    done = run_chaos(made)
    section = done.section
    assert (done.returncode, section["verdict"]) == (1, "inconclusive"), done.output
    assert section["cause"] == "Cloud Run contradicts the probes"
    assert "parts of it failed, which they had not before: InstancesHealthy" in section["reason"]


def test_a_condition_that_only_informs_fails_nothing_and_scaling_is_no_deployment(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    scaling_rule(endpoint, later_conditions=[{**CRASHED, "severity": "INFO"}])
    done = run_chaos(scale_out(endpoint))
    assert (done.returncode, done.section["verdict"]) == (0, "held"), done.output
    (revision,) = done.section["cloud_run"]["revisions"]
    assert revision["serving_revisions"] == [endpoint.state.latest_created_revision]


def test_a_service_with_a_failed_part_is_not_scaled(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    endpoint.tell("rules", call="UpdateService", later_conditions=[CRASHED])
    endpoint.client.scale(endpoint.client.plan(endpoint.service_name, WantedScaling(minimum=2)))
    before = endpoint.message
    made = scale_out(endpoint)
    del made["steady-state-hypothesis"]
    done = run_chaos(made)
    assert "is ready, but a part of it failed (InstancesHealthy: 0 of 3" in done.output
    assert done.returncode == 1
    assert endpoint.message == before


def test_a_deployment_during_the_fault_makes_it_inconclusive(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    first = endpoint.state.latest_created_revision
    scaling_rule(endpoint, deploy_after={"service": endpoint.service_id})
    made = scale_out(endpoint)
    made["steady-state-hypothesis"]["probes"].pop(0)
    done = run_chaos(made)
    second = endpoint.state.latest_created_revision
    section = done.section
    assert (done.returncode, section["verdict"]) == (1, "inconclusive"), done.output
    assert section["cause"] == "the service or the job was changed during the run"
    assert f"was deployed by somebody during the run: revision {first} before" in section["reason"]
    assert f"revision {second}" in section["reason"]
    revisions = section["cloud_run"]["revisions"]
    assert [entry["created_revision"] for entry in revisions] == [first, second]


def test_a_service_that_never_rests_is_restored_at_once_and_a_second_signal_ends_the_wait(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    scaling_rule(endpoint, operation_seconds=NEVER, times=20)
    with begun(scale_out(endpoint), tmp_path) as process:
        wait_until(lambda: endpoint.state.scaling.minimum == 3, 40, "it is scaled")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: endpoint.state.scaling.minimum == 1, 20, "it is restored")
        assert endpoint.state.reconciling
        assert process.poll() is None, "it waits for the service to come to rest"
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        done = ended(process, tmp_path)
    assert done.section["interrupted_by"] == "SIGTERM"
    assert "interrupted while it waited until" in str(done.journal["run"][0]["exception"])
    assert done.returncode == 1
    assert "was still being changed after" in done.output
    assert "may still have" not in done.output
    assert ledgers() == []


def test_a_second_signal_ends_the_wait_also_when_the_run_is_over(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Nothing but the end of the run restores it, and the service never rests again."""
    endpoint.tell("rules", call="UpdateService", skip=2, operation_seconds=NEVER, times=20)
    made = scale_out(endpoint)
    made["rollbacks"] = []
    with begun(made, tmp_path) as process:
        wait_until(lambda: endpoint.state.scaling.minimum == 3, 40, "it is scaled")
        wait_until(lambda: endpoint.state.scaling.minimum == 1, 40, "it is restored")
        done = signalled_twice(process, tmp_path, "it waits for the service to come to rest")
    assert (done.returncode, done.section["interrupted_by"]) == (1, "SIGTERM")
    assert "was still being changed after" in done.output
    assert ledgers() == []


def test_after_a_second_signal_the_end_of_the_run_waits_no_longer_either(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """The service cannot be read any more, so nothing tells what became of the scaling."""
    scaling_rule(endpoint, operation_seconds=NEVER)
    endpoint.tell("rules", call="GetService", skip=3, refuse="UNAVAILABLE", times=1000)
    earlier = endpoint.calls.get("UpdateService", 0)
    with begun(scale_out(endpoint), tmp_path) as process:
        wait_until(lambda: endpoint.calls.get("UpdateService", 0) == earlier + 2, 40, "it is asked")
        time.sleep(0.5)
        done = signalled_twice(process, tmp_path, "it tries to read the service")
    assert (done.returncode, done.section["interrupted_by"]) == (1, "SIGTERM")
    assert "may still have our scaling" in done.output
    assert "Still waiting" not in done.output
    assert len(ledgers()) == 1
    assert [event["event"] for event in done.events].count("fault.undo_failed") == 3
    # What is beside the run tries again, and its calls would count in the next test's rules.
    endpoint.behave()
    endpoint.tell("deploy", service=endpoint.service_id, labels={"at": "rest"}, seconds=0)
    wait_until(lambda: ledgers() == [], 60, "the watchdog takes it back")
    assert endpoint.state.scaling.minimum == 1


def test_a_killed_run_of_a_service_that_never_rests_is_taken_back(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    scaling_rule(endpoint, operation_seconds=NEVER, times=20)
    with begun(scale_out(endpoint), tmp_path):
        wait_until(lambda: endpoint.state.scaling.minimum == 3, 40, "it is scaled")
    wait_until(lambda: endpoint.state.scaling.minimum == 1, 30, "it is restored")
    assert endpoint.state.reconciling
    endpoint.tell("deploy", service=endpoint.service_id, labels={"at": "rest"}, seconds=0)
    wait_until(lambda: ledgers() == [], 30, "nothing is left to undo")
    assert endpoint.state.scaling.minimum == 1


def test_a_run_that_is_killed_while_somebody_sets_the_same_leaves_theirs(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Its call arrives after theirs, and is refused; nobody is there to hear of it."""
    theirs = {"service": endpoint.service_id, "scaling": {"min_instance_count": 3}}
    scaling_rule(endpoint, delay_seconds=2, deploy_before=theirs)
    earlier = endpoint.calls.get("UpdateService", 0)
    with begun(scale_out(endpoint), tmp_path):
        wait_until(lambda: endpoint.calls.get("UpdateService") == earlier + 2, 40, "it is asked")
    wait_until(lambda: endpoint.state.scaling.minimum == 3, 20, "somebody else scaled it")
    wait_until(lambda: ledgers() == [], 30, "nothing is left to undo")
    state = endpoint.state
    assert (state.scaling.minimum, state.modifier) == (3, SOMEBODY_ELSE)


def test_what_is_denied_is_left_with_the_commands_that_take_it_back(
    endpoint: Endpoint, run_chaos: RunChaos
) -> None:
    endpoint.tell("rules", call="UpdateService", skip=2, refuse="PERMISSION_DENIED", times=1000)
    done = run_chaos(scale_out(endpoint))
    section = done.section
    assert (done.returncode, section["verdict"]) == (1, "inconclusive")
    command = (
        f"gcloud run services update {endpoint.service_id} --project=local-rehearsal "
        "--region=europe-west1 --scaling=auto --min=1 --max=default"
    )
    assert f"undo it with `chaosnetra recover`, or by hand with `{command}`" in section["reason"]
    assert section["reason"].count(command) == 1, "told once, though it was tried again"
    denied = section["cloud_run"]["calls"]["UpdateService"]["PERMISSION_DENIED"]
    assert 1 <= denied <= 4
    assert ledgers() != []
