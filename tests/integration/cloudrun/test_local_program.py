"""The endpoint as a program: its control API, its instances, and that nothing outlives it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import run_v2

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunQuotaExceeded
from chaosnetra.stand.cloudrun import CloudRunServer, start_cloud_run
from tests.integration.cloudrun.conftest import SERVICE, MakeStage, Stage
from tests.support.helpers import alive, wait_until, written_pids
from tests.support.programs import captured

pytestmark = pytest.mark.usefixtures("nothing_left")
FOREVER = "import os, sys, time; open({path!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"


def container(code: str) -> dict[str, Any]:
    return {"image": "orchestrator", "command": [sys.executable, "-S", "-c", code]}


def deploy(connection: Connection, parent: str, code: str, **scaling: Any) -> str:
    """A service whose instances run a script; its full name."""
    service = run_v2.Service(template={"containers": [container(code)]}, scaling=scaling)
    request = run_v2.CreateServiceRequest(parent=parent, service_id="orchestrator", service=service)
    connection.call("Services", "CreateService", request, parent)
    name = f"{parent}/services/orchestrator"
    ServiceClient(connection).wait_until_still(name, Deadline.after(5))
    return name


@pytest.fixture(scope="module")
def server() -> Iterator[CloudRunServer]:
    started = start_cloud_run()
    yield started
    started.stop()


@pytest.fixture
def connection(server: CloudRunServer) -> Iterator[Connection]:
    opened = Connection(server.endpoint, call_seconds=5)
    yield opened
    opened.close()


def parent_of(server: CloudRunServer) -> str:
    return f"projects/{server.project}/locations/{server.region}"


def told(method: str, url: str, data: Any = None) -> Any:
    answer = requests.request(method, url, json=data, timeout=5)
    return answer.status_code, answer.json()


def test_it_is_told_to_misbehave_and_somebody_else_deploys(
    server: CloudRunServer, connection: Connection
) -> None:
    name = deploy(connection, parent_of(server), "pass")
    client = ServiceClient(connection)
    rule = {"call": "GetService", "refuse": "RESOURCE_EXHAUSTED", "times": 2}
    assert told("POST", f"{server.url}/rules", rule) == (200, {"rules": 1})
    with pytest.raises(CloudRunQuotaExceeded):
        client.service(name)
    assert told("DELETE", f"{server.url}/rules") == (200, {"rules": 0})
    before = client.service(name)
    told("POST", f"{server.url}/deploy", {"scaling": {"max_instance_count": 3}})
    assert client.service(name).scaling.maximum == 3
    _, state = told("GET", f"{server.url}/state")
    assert state["endpoint"] == server.endpoint
    assert state["services"][name]["generation"] == before.generation + 1
    assert state["calls"]["GetService"] >= 3


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        ("rules", {"refuse": "ABORTED"}, "a rule needs call"),
        ("rules", {"call": "GetService", "break": 1}, "a rule has no break; it has call, delay"),
        ("rules", {"call": "GetService", "refuse": "OOPS"}, "refuse must be a gRPC status code"),
        ("rules", {"call": "GetService", "drop": "now"}, "drop must be '', 'before' or 'after'"),
        ("rules", {"call": "GetService", "skip": -1}, "skip must be at least 0"),
        ("rules", {"call": "GetService", "delay_seconds": 9999}, "at most 3600"),
        ("rules", [], "must be a JSON object"),
        ("deploy", [], "must be a JSON object"),
        ("deploy", {"service": "none"}, "it cannot be deployed"),
        ("output?task=x", None, "Invalid resource name"),
    ],
)
def test_what_it_cannot_be_told(server: CloudRunServer, path: str, data: Any, message: str) -> None:
    method = "GET" if data is None else "POST"
    status, body = told(method, f"{server.url}/{path}", data)
    assert status == 400
    assert message in body["error"]


def test_instances_and_tasks_end_with_the_program(tmp_path: Path) -> None:
    server = start_cloud_run()
    connection = Connection(server.endpoint, call_seconds=5)
    pids = tmp_path / "pids"
    code = FOREVER.format(path=str(pids))
    deploy(connection, parent_of(server), code, min_instance_count=2)
    template = {"max_retries": 0, "containers": [container(code)]}
    job = run_v2.Job(template={"task_count": 2, "template": template})
    request = run_v2.CreateJobRequest(parent=parent_of(server), job_id="startups", job=job)
    connection.call("Jobs", "CreateJob", request, "startups")
    name = f"{parent_of(server)}/jobs/startups"
    connection.call("Jobs", "RunJob", run_v2.RunJobRequest(name=name), name)
    started = written_pids(pids, 4)
    connection.close()
    server.stop()
    assert alive(started) == []


def test_arguments_that_cannot_be_used() -> None:
    done = captured(
        [sys.executable, "-m", "chaosnetra.cloudrun.emulator", "--project", "X", "--region", "r"]
    )
    assert done.returncode == 1
    assert "project must be a Google Cloud project's id or number, got 'X'" in done.stderr


# Instances, on an endpoint in this process


def counts(stage: Stage) -> Any:
    return stage.local.state()["services"][SERVICE]["instances"]


def scale(stage: Stage, **wanted: int) -> None:
    stage.services.scale(stage.services.plan(SERVICE, WantedScaling(**wanted)))


def runs(stage: Stage, count: int) -> None:
    wait_until(lambda: counts(stage)["running"] == count, 10, f"{count} instances run")


def test_instances_are_as_many_as_the_scaling_asks_for(
    make_stage: MakeStage, tmp_path: Path
) -> None:
    stage = make_stage()
    pids = tmp_path / "pids"
    parent = SERVICE.partition("/services/")[0]
    deploy(stage.connection, parent, FOREVER.format(path=str(pids)), min_instance_count=1)
    runs(stage, 1)
    scale(stage, minimum=3)
    runs(stage, 3)
    first = written_pids(pids, 3)
    scale(stage, manual=1)
    runs(stage, 1)
    wait_until(lambda: len(alive(first)) == 1, 10, "two instances have ended")
    stage.local.deploy({"env": {"VERSION": "2"}})
    wait_until(lambda: alive(first) == [], 10, "the former revision's instance has ended")
    runs(stage, 1)
    assert counts(stage)["crashed"] == 0
    scale(stage, manual=0)
    runs(stage, 0)


def test_a_change_succeeds_while_its_instances_crash(make_stage: MakeStage) -> None:
    """Which is why a successful operation says nothing about a startup."""
    stage = make_stage()
    parent = SERVICE.partition("/services/")[0]
    deploy(stage.connection, parent, "import sys; sys.exit('no database')")
    scale(stage, minimum=2)
    assert stage.services.service(SERVICE).settled
    wait_until(lambda: counts(stage)["crashed"] >= 4, 10, "they are begun anew and crash again")
    assert counts(stage)["last_output"] == "no database\n"
    assert stage.services.service(SERVICE).settled


def test_an_instance_knows_what_it_is(make_stage: MakeStage, tmp_path: Path) -> None:
    stage = make_stage()
    out = tmp_path / "environment"
    code = (
        "import json, os, time\n"
        f"with open({str(out)!r} + '.part', 'w') as file: json.dump(dict(os.environ), file)\n"
        f"os.rename({str(out)!r} + '.part', {str(out)!r})\n"
        "time.sleep(600)"
    )
    parent = SERVICE.partition("/services/")[0]
    deploy(stage.connection, parent, code, min_instance_count=1)
    wait_until(out.exists, 10, "the instance has started")
    import json

    environment = json.loads(out.read_text())
    assert environment["K_SERVICE"] == "orchestrator"
    assert environment["K_REVISION"].startswith("orchestrator-00001-")
    assert 0 < int(environment["PORT"]) < 65536
