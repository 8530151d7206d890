"""The endpoint as a program, with a service of a test's own, seen from outside of a run."""

from typing import Any

import requests
from google.cloud import run_v2

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.durations import Deadline
from chaosnetra.stand.cloudrun import CloudRunServer
from tests.conftest import ChaosRun

OPTED_IN = {"chaosnetra": "allowed"}


class Endpoint:
    """The endpoint with a service of this test's own, seen from outside the run."""

    def __init__(self, server: CloudRunServer, number: int) -> None:
        self.server = server
        self.service_id, self.job_id = f"orchestrator-{number}", f"startups-{number}"
        self.parent = f"projects/{server.project}/locations/{server.region}"
        self.connection = Connection(server.endpoint, call_seconds=5)
        self.client = ServiceClient(self.connection)
        self.service_name = f"{self.parent}/services/{self.service_id}"
        self.create_service(self.service_id)

    def create_service(self, service_id: str, labels: dict[str, str] | None = None) -> None:
        """One instance at least, with everything that an unmasked write would lose."""
        name = f"{self.parent}/services/{service_id}"
        template = {
            "containers": [{"image": "orchestrator"}],
            "vpc_access": {"connector": f"{self.parent}/connectors/staging"},
        }
        self.connection.call(
            "Services",
            "CreateService",
            run_v2.CreateServiceRequest(
                parent=self.parent,
                service_id=service_id,
                service=run_v2.Service(
                    template=template,
                    scaling={"min_instance_count": 1},
                    labels=OPTED_IN if labels is None else labels,
                ),
            ),
            name,
        )
        self.client.wait_until_still(name, Deadline.after(5))

    def create_job(self, job_id: str = "", **task: Any) -> None:
        """A job that its owner opted in, by default one that is fit for trials."""
        parallelism = task.pop("parallelism", 0)
        container = {"image": "startup", "command": ["true"], **task.pop("container", {})}
        containers = [container]
        template = {"max_retries": 0, **task, "containers": containers}
        job = run_v2.Job(
            template={"parallelism": parallelism, "template": template}, labels=OPTED_IN
        )
        job_id = job_id or self.job_id
        request = run_v2.CreateJobRequest(parent=self.parent, job_id=job_id, job=job)
        self.connection.call("Jobs", "CreateJob", request, f"{self.parent}/jobs/{job_id}")

    @property
    def state(self) -> ServiceState:
        return self.client.service(self.service_name)

    @property
    def message(self) -> Any:
        """The whole service as the server tells it."""
        request = run_v2.GetServiceRequest(name=self.service_name)
        service = self.connection.call("Services", "GetService", request, self.service_name)
        return run_v2.Service.pb(service)

    def tell(self, path: str, **data: Any) -> None:
        requests.post(f"{self.server.url}/{path}", json=data, timeout=5).raise_for_status()

    def behave(self) -> None:
        """Have no rule any more."""
        requests.delete(f"{self.server.url}/rules", timeout=5).raise_for_status()

    @property
    def calls(self) -> dict[str, int]:
        """How often each method was called so far, by anybody."""
        answer = requests.get(f"{self.server.url}/state", timeout=5)
        answer.raise_for_status()
        found: dict[str, int] = answer.json()["calls"]
        return found

    def configuration(self, **changes: Any) -> dict[str, Any]:
        return {
            "cloud_run_endpoint": self.server.endpoint,
            "project": self.server.project,
            "region": self.server.region,
            "service": self.service_id,
            "job": self.job_id,
            **changes,
        }


def writes(done: ChaosRun) -> list[str]:
    """What a run asked Cloud Run to change, by its journal."""
    said = [call["writes"] for call in (done.section.get("cloud_run") or {"writes": []})["writes"]]
    # A run whose settings or arguments are refused ends before there are events.
    began = (done.folder / "journal.events.jsonl").exists()
    events = [event["writes"] for event in done.events if event.get("writes")] if began else []
    assert began or done.journal["run"] == []
    assert said == events
    return said
