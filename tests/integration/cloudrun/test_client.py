"""The client: what it asks, how long it waits, and what it says when it cannot."""

import json
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection, find_credentials, loopback
from chaosnetra.cloudrun.faults import ServiceScaled
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunCredentials,
    CloudRunEtagChanged,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunOperationFailed,
    CloudRunPermissionDenied,
    CloudRunQuotaExceeded,
    CloudRunReconciling,
    CloudRunRefused,
    CloudRunUnanswered,
    InvalidInput,
)
from chaosnetra.ports import free_port
from tests.integration.cloudrun.conftest import JOB, PLACE, SERVICE, MakeStage, Stage
from tests.support.cloud_run_endpoint import OPTED_IN
from tests.support.http_servers import Answer, answering
from tests.support.programs import captured

TEN = WantedScaling(minimum=10)


def test_a_service_is_read_without_the_librarys_types(stage: Stage) -> None:
    state = stage.services.service(SERVICE)
    assert state.settled
    assert state.connector.endswith("/connectors/staging")
    assert (state.concurrency, state.revision_maximum) == (20, 40)
    assert state.labels == {"team": "platform", **OPTED_IN}
    assert state.traffic == (("latest", 100),)
    assert json.loads(json.dumps(state.to_json()))["scaling"] == {
        "mode": "SCALING_MODE_UNSPECIFIED",
        "minimum": 1,
        "maximum": 0,
        "manual": None,
    }


def test_a_plan_and_its_dry_run_change_nothing(stage: Stage) -> None:
    before = stage.message
    plan = stage.services.plan(SERVICE, TEN)
    stage.services.try_out(plan)
    assert (stage.message, stage.writes) == (before, [])
    assert plan.to_json()["rows"] == [
        {"path": "scaling.min_instance_count", "before": 1, "after": 10, "written": True}
    ]


def test_the_end_of_an_operation_is_seen_at_once_and_not_by_asking_all_the_time(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(operation_seconds=0.3)
    stage.create_service()
    took: list[float] = []
    for minimum in range(10, 20):  # somebody else may use the machine meanwhile
        plan = stage.services.plan(SERVICE, WantedScaling(minimum=minimum))
        stage.calls.clear()
        started = time.monotonic()
        stage.services.scale(plan)
        took.append(time.monotonic() - started)
        asked = [call.method for call in stage.calls].count("GetOperation")
        assert asked <= 2 + took[-1] / 0.1
        if took[-1] < 0.5:
            break
    assert 0.3 <= min(took) < 0.5


def test_a_write_names_its_fields_and_rests_on_the_etag_of_the_plan(stage: Stage) -> None:
    plan = stage.services.plan(SERVICE, TEN)
    stage.local.deploy({"labels": {"owner": "somebody"}})
    with pytest.raises(CloudRunEtagChanged, match="changed by somebody else meanwhile"):
        stage.services.scale(plan)
    assert stage.message.scaling.min_instance_count == 1
    with pytest.raises(CloudRunEtagChanged):
        stage.services.try_out(plan)


def refused(stage: Stage, error: type[ChaosnetraError], name: str = SERVICE) -> str:
    """The one line with which an injection ends before anything is written."""
    before = stage.message
    with pytest.raises(error) as raised:
        ServiceScaled(stage.services, name, TEN).prepare()
    assert (stage.message, stage.writes) == (before, [])
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_a_service_that_does_not_exist(stage: Stage) -> None:
    text = refused(stage, CloudRunNotFound, f"{SERVICE}-2")
    assert text.startswith("there is no service orchestrator-2 in project staging-123, region")
    assert "check project, region and name" in text


def test_another_project(stage: Stage) -> None:
    other = SERVICE.replace(PLACE.project, "another-project")
    text = refused(stage, CloudRunPermissionDenied, other)
    assert "grant run.services.get, or check the project" in text


def test_another_region(stage: Stage) -> None:
    other = SERVICE.replace(PLACE.region, "us-east1")
    assert "region us-east1" in refused(stage, CloudRunNotFound, other)


def test_a_service_that_somebody_is_changing(stage: Stage) -> None:
    stage.local.deploy({"env": {"A": "b"}, "seconds": 30})
    text = refused(stage, CloudRunReconciling)
    assert "is being changed by somebody just now; wait until it is ready" in text


def test_a_service_that_is_not_ready(stage: Stage) -> None:
    stage.local.deploy({"env": {"A": "b"}, "fails": True})
    text = refused(stage, CloudRunReconciling)
    assert "is not ready (CONDITION_FAILED: Revision of" in text
    assert "repair it first" in text


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("PERMISSION_DENIED", CloudRunPermissionDenied, "grant run.services.update"),
        ("RESOURCE_EXHAUSTED", CloudRunQuotaExceeded, "a quota is used up for UpdateService"),
        ("ABORTED", CloudRunEtagChanged, "read it and plan again"),
        ("FAILED_PRECONDITION", CloudRunRefused, "Cloud Run refused UpdateService"),
        ("UNAVAILABLE", CloudRunUnanswered, "gave no answer to UpdateService"),
        ("INTERNAL", CloudRunUnanswered, "gave no answer to UpdateService"),
        ("UNAUTHENTICATED", CloudRunCredentials, "Google does not take these credentials"),
        ("UNIMPLEMENTED", CloudRunRefused, "does not know UpdateService: is it Cloud Run?"),
    ],
)
def test_what_the_dry_run_answers_is_told_and_nothing_is_written(
    stage: Stage, code: str, error: type[ChaosnetraError], message: str
) -> None:
    stage.rule("UpdateService", refuse=code)
    assert message in refused(stage, error)


def test_nobody_answers_there() -> None:
    connection = Connection(f"127.0.0.1:{free_port()}", call_seconds=0.5)
    try:
        with pytest.raises(CloudRunGone, match=r"nobody listens at .*, so GetService on service"):
            ServiceClient(connection).service(SERVICE)
    finally:
        connection.close()


def test_a_wait_has_a_deadline(make_stage: MakeStage) -> None:
    stage = make_stage(operation_seconds=30)
    stage.create_service_without_waiting()
    client = ServiceClient(stage.connection, operation_seconds=0.3)
    from chaosnetra.durations import Deadline

    with pytest.raises(CloudRunOperationFailed, match="were not enough until service orchestrator"):
        client.wait_until_settled(SERVICE, Deadline.after(0.3))


@pytest.mark.parametrize(
    "endpoint",
    ["run.googleapis.com:443", "10.0.0.1:8080", "localhost:80", "127.0.0.1", "0.0.0.0:1"],
)
def test_only_an_endpoint_on_this_machine_is_reached_without_encryption(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="cloud_run_endpoint must be"):
        loopback(endpoint)


def test_loopback_endpoints() -> None:
    assert loopback("127.0.0.1:80") == "127.0.0.1:80"
    assert loopback("[::1]:80") == "[::1]:80"


def test_an_http_proxy_of_the_environment_is_not_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    connection = Connection(stage.local.endpoint)
    try:
        assert ServiceClient(connection).service(SERVICE).settled
    finally:
        connection.close()


def test_every_call_is_told_of_without_what_it_carries(stage: Stage) -> None:
    stage.create_job("true")
    stage.calls.clear()
    job = stage.jobs.job(JOB)
    execution = stage.jobs.run(job, tasks=2, timeout_seconds=5, environment={"PASSWORD": "hunter2"})
    told = [call.to_json() for call in stage.calls]
    assert [call["method"] for call in told] == ["GetJob", "RunJob"]
    assert told[1]["resource"] == JOB
    assert (told[1]["status"], told[1]["writes"]) == ("OK", "an execution of 2 tasks")
    assert "hunter2" not in json.dumps(told)
    stage.rule("GetExecution", refuse="UNAVAILABLE")
    with pytest.raises(CloudRunUnanswered):
        stage.jobs.execution(execution)
    assert stage.calls[-1].status == "UNAVAILABLE"


def test_a_signal_meets_no_thread_of_the_library(stage: Stage) -> None:
    """One that it met would end the process where it has to be held."""
    script = textwrap.dedent(
        f"""
        import os, signal
        from chaosnetra.cloudrun.connection import Connection
        from chaosnetra.cloudrun.client import ServiceClient

        client = ServiceClient(Connection("{stage.local.endpoint}"))
        for _ in range(20):
            client.service("{SERVICE}")
        bit = 1 << (signal.SIGTERM - 1)
        for thread in os.listdir("/proc/self/task"):
            if int(thread) != os.getpid():
                status = open(f"/proc/self/task/{{thread}}/status").read()
                (mask,) = [line for line in status.splitlines() if line.startswith("SigBlk")]
                print(bool(int(mask.split()[1], 16) & bit))
        """
    )
    done = captured([sys.executable, "-c", script], check=True)
    assert set(done.stdout.split()) == {"True"}


# Credentials


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine that has none."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return monkeypatch


def test_without_credentials_it_says_how_to_get_some(no_credentials: pytest.MonkeyPatch) -> None:
    connection = Connection()
    with pytest.raises(CloudRunCredentials, match="gcloud auth application-default login"):
        ServiceClient(connection).service(SERVICE)


UNREADABLE_CREDENTIALS = [
    None, "no json", "{}", "[]", '"x"', '{"type": "service_account"}',
    '{"type": "impersonated_service_account"}',
    '{"type": "external_account", "credential_source": "x"}',
]  # fmt: skip


@pytest.mark.parametrize("content", UNREADABLE_CREDENTIALS)
def test_credentials_that_are_none(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_text(content)
    no_credentials.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(CloudRunCredentials) as raised:
        find_credentials()
    assert "\n" not in str(raised.value)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(raised.value)


def test_a_folder_is_no_file_of_credentials(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_credentials.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    with pytest.raises(CloudRunCredentials, match="what GOOGLE_APPLICATION_CREDENTIALS names"):
        find_credentials()


@dataclass
class TokenService:
    """Exchanges a workload's token as Google's security token service does."""

    asked: list[str] = field(default_factory=list)
    status: int = 200

    def answer(self, _: object, body: bytes) -> Answer:
        self.asked.append(body.decode())
        answer: dict[str, Any] = {
            "access_token": "federated",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        if self.status != 200:
            answer = {"error": "invalid_grant", "error_description": "the pool is disabled"}
        return self.status, "application/json", json.dumps(answer).encode()


@pytest.fixture
def federated(no_credentials: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TokenService]:
    """Workload identity federation, its token service on this machine."""
    service = TokenService()
    (tmp_path / "token").write_text("of-the-workload")
    path = tmp_path / "federation.json"
    pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
    with answering(service.answer) as url:
        account = {
            "type": "external_account",
            "audience": pool,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{url}/v1/token",
            "credential_source": {"file": str(tmp_path / "token")},
        }
        path.write_text(json.dumps(account))
        no_credentials.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        yield service


def test_workload_identity_federation(federated: TokenService) -> None:
    credentials = find_credentials()
    assert credentials.token == "federated"
    assert "of-the-workload" in federated.asked[0]
    assert "cloud-platform" in federated.asked[0]


def test_a_federation_that_is_refused(federated: TokenService) -> None:
    federated.status = 400
    with pytest.raises(CloudRunCredentials, match=r"cannot be used.*the pool is disabled"):
        find_credentials()
