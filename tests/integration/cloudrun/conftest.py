"""A local Cloud Run endpoint in this process, reached over real sockets."""

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.emulator.controls import Rule
from chaosnetra.cloudrun.emulator.resources import EmulatedLocation
from chaosnetra.cloudrun.emulator.server import LocalCloudRun
from chaosnetra.cloudrun.history import CALLS, Call
from chaosnetra.cloudrun.jobs import JobClient
from chaosnetra.durations import Deadline
from chaosnetra.running.session import end_session
from chaosnetra.stand.cloudrun import CloudRunServer, start_cloud_run
from chaosnetra.stand.postgres import PostgresServer
from tests.support.cloud_run_endpoint import OPTED_IN, Endpoint
from tests.support.staged import Staging
from tests.support.staging import NAMES, staging_settings

PLACE = EmulatedLocation(**NAMES)
SERVICE = f"{PLACE.parent}/services/orchestrator"
JOB = f"{PLACE.parent}/jobs/startups"
CALL_SECONDS = 1.5


class Stage:
    """An endpoint with one service, and what a test does with it."""

    def __init__(self, local: LocalCloudRun, connection: Connection) -> None:
        self.local = local
        self.connection = connection
        self.services = ServiceClient(connection, operation_seconds=8)
        self.jobs = JobClient(connection)
        self.calls: list[Call] = []

    def rule(self, call: str, **what: Any) -> None:
        self.local.rules.add(Rule.parse({"call": call, **what}))

    def create_service(self, **scaling: Any) -> None:
        """Deploy the service with everything that an unmasked write would lose."""
        self.create_service_without_waiting(**scaling)
        self.settle()

    def create_service_without_waiting(
        self,
        container: dict[str, Any] | None = None,
        service_id: str = "orchestrator",
        **scaling: Any,
    ) -> None:
        image = {"image": "europe-docker.pkg.dev/p/r/orchestrator:1"}
        template = {
            "containers": [{**image, **(container or {})}],
            "vpc_access": {"connector": f"{PLACE.parent}/connectors/staging"},
            "scaling": {"max_instance_count": 40},
            "max_instance_request_concurrency": 20,
        }
        service = run_v2.Service(
            template=template,
            scaling=scaling,
            labels={"team": "platform", **OPTED_IN},
            description="staging",
        )
        request = run_v2.CreateServiceRequest(
            parent=PLACE.parent, service_id=service_id, service=service
        )
        name = f"{PLACE.parent}/services/{service_id}"
        self.connection.call("Services", "CreateService", request, name)

    def settle(self, service_id: str = "orchestrator") -> None:
        """Until a service is at rest."""
        name = f"{PLACE.parent}/services/{service_id}"
        self.services.wait_until_still(name, Deadline.after(5))

    def create_job(self, *command: str, job_id: str = "startups", **task: Any) -> None:
        """A job whose tasks run a command of this machine."""
        parallelism = task.pop("parallelism", 0)
        container = {"image": "startup", "name": "startup", "command": list(command)}
        container.update(task.pop("container", {}))
        template = {"max_retries": 0, **task, "containers": [container]}
        job = run_v2.Job(
            template={"parallelism": parallelism, "template": template}, labels=OPTED_IN
        )
        request = run_v2.CreateJobRequest(parent=PLACE.parent, job_id=job_id, job=job)
        self.connection.call("Jobs", "CreateJob", request, f"{PLACE.parent}/jobs/{job_id}")

    @property
    def message(self) -> Any:
        """The whole service as the server has it."""
        return self.local.service(SERVICE)

    @property
    def writes(self) -> list[str]:
        """What was asked to be changed, in order, whatever became of it."""
        return [call.writes for call in self.calls if call.writes is not None]


def lasting(service: Any) -> Any:
    """A service without what every write changes: times, generations, etag."""
    copy = type(service)()
    copy.CopyFrom(service)
    for name in ("generation", "observed_generation", "update_time", "etag"):
        copy.ClearField(name)
    copy.terminal_condition.ClearField("last_transition_time")
    for condition in copy.conditions:
        condition.ClearField("last_transition_time")
    return copy


@contextmanager
def nobody_listens(port: int) -> Iterator[None]:
    """Nobody listens on a port of this machine, and no neighbour's endpoint can take it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended
        holder.bind(("127.0.0.1", port))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        yield


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> Iterator[MakeStage]:
    """Makes endpoints; they and their processes are gone at the end of the test."""
    made: list[tuple[LocalCloudRun, Connection]] = []
    ends: list[Callable[[], None]] = []

    def make(**options: Any) -> Stage:
        local = LocalCloudRun(PLACE, **options)
        local.start()
        connection = Connection(local.endpoint, call_seconds=CALL_SECONDS)
        made.append((local, connection))
        stage = Stage(local, connection)
        ends.append(CALLS.add(stage.calls.append))
        return stage

    yield make
    for end in ends:
        end()
    for local, connection in made:
        connection.close()
        local.stop()


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """An endpoint whose changes are done when they are next looked at, with the service in it."""
    made = make_stage(operation_seconds=0)
    made.create_service(min_instance_count=1)
    made.calls.clear()
    return made


@pytest.fixture(scope="session")
def server() -> Iterator[CloudRunServer]:
    """An endpoint as a program, shared; each test has a service of its own in it."""
    started = start_cloud_run()
    yield started
    started.stop()


_numbers = itertools.count(1)


@pytest.fixture
def endpoint(server: CloudRunServer) -> Iterator[Endpoint]:
    found = Endpoint(server, next(_numbers))
    yield found
    found.behave()
    found.connection.close()


@pytest.fixture
def staging(endpoint: Endpoint, postgres: PostgresServer, tmp_path: Path) -> Staging:
    return Staging(endpoint, postgres.database, tmp_path)


@pytest.fixture
def job_settings(
    stage: Stage, postgres: PostgresServer, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """Settings of a rehearsal with a job; whatever it injected is undone at the end."""
    yield {
        **staging_settings(tmp_path, postgres.database, job="startups", service="orchestrator"),
        "cloud_run_endpoint": stage.local.endpoint,
        "project": PLACE.project,
        "region": PLACE.region,
        "job": "startups",
        "readiness": "tcp://127.0.0.1:{port}",
        "time_scale": "1",
        "job_hold_seconds": "0",
        "barrier_seconds": "1",
        "job_connections": "2",
    }
    assert end_session() == []
