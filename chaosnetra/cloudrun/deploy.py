"""Puts a service and a job into a local Cloud Run endpoint, to rehearse with."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection, loopback
from chaosnetra.cloudrun.names import Location
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunNotFound, PartUnavailable

READY_SECONDS = 20.0


def deploy_service(
    endpoint: str,
    place: Location,
    service_id: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    directory: Path | None = None,
) -> None:
    """Deploy a service of one instance; one that is there gets a new revision where it differs.

    Args:
        endpoint: `host:port` of a local endpoint, never Google's.
        place: its project and region.
        service_id: id of the service.
        command: what an instance runs.
        environment: its variables.
        labels: of the service.
        directory: where it runs; None: where the endpoint does.

    Raises:
        CloudRunError: it could not be deployed.
    """
    from google.cloud import run_v2

    name = place.service(service_id)
    container = run_v2.Container(_container(service_id, command, environment, directory))
    with closing(Connection(loopback(endpoint))) as connection:
        try:
            there = connection.call("Services", "GetService", {"name": name}, name)
        except CloudRunNotFound:
            service = {
                "template": {"containers": [container]},
                "scaling": {"min_instance_count": 1},
                "labels": labels,
            }
            request = {"parent": place.parent, "service_id": service_id, "service": service}
            connection.call("Services", "CreateService", request, name, writes="a new service")
        else:
            if list(there.template.containers) != [container]:
                _replace(connection, there, container)
        deadline = Deadline.after(READY_SECONDS)
        ServiceClient(connection).wait_until_settled(name, deadline)


def deploy_job(
    endpoint: str,
    place: Location,
    job_id: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    directory: Path | None = None,
) -> None:
    """Deploy a job whose tasks can be startups; one that is there already must be the same.

    Args:
        endpoint, place, environment, labels, directory: as for `deploy_service`.
        job_id: id of the job.
        command: what a task runs.

    Raises:
        PartUnavailable: another one is there.
        CloudRunError: it could not be deployed.
    """
    from google.cloud import run_v2

    name = place.job(job_id)
    container = run_v2.Container(_container(job_id, command, environment, directory))
    task = {"containers": [container], "max_retries": 0}
    job = {"template": {"parallelism": 0, "template": task}, "labels": labels}
    request = {"parent": place.parent, "job_id": job_id, "job": job}
    with closing(Connection(loopback(endpoint))) as connection:
        there = _job(connection, name)
        if there is None:
            connection.call("Jobs", "CreateJob", request, name, writes="a new job")
        elif list(there.template.template.containers) != [container]:
            raise PartUnavailable(
                f"{job_id} has another command, another folder or other variables"
            )


def has_job(endpoint: str, place: Location, job_id: str) -> bool:
    """Whether a job is deployed on a local endpoint.

    Raises:
        CloudRunError: it cannot be asked.
    """
    with closing(Connection(loopback(endpoint))) as connection:
        return _job(connection, place.job(job_id)) is not None


def _job(connection: Connection, name: str) -> Any:
    """The library's message; None: there is none."""
    try:
        return connection.call("Jobs", "GetJob", {"name": name}, name)
    except CloudRunNotFound:
        return None


def _replace(connection: Connection, there: Any, container: Any) -> None:
    there.template.containers, there.template.revision = [container], ""
    service = {"name": there.name, "etag": there.etag, "template": there.template}
    request = {"service": service, "update_mask": {"paths": ["template"]}}
    connection.call("Services", "UpdateService", request, there.name, writes="a new revision")


def _container(
    name: str, command: Sequence[str], environment: Mapping[str, str], directory: Path | None
) -> dict[str, Any]:
    variables = [{"name": key, "value": value} for key, value in environment.items()]
    container = {"name": name, "image": name, "command": list(command), "env": variables}
    return container | ({"working_dir": str(directory)} if directory is not None else {})
