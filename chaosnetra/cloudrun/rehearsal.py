"""Puts a service and a job into a local Cloud Run endpoint, to rehearse with."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection, loopback
from chaosnetra.cloudrun.jobs import JobClient
from chaosnetra.cloudrun.names import Place
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunNotFound

READY_SECONDS = 20.0


def deploy_service(
    endpoint: str,
    place: Place,
    service_id: str,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Deploy a service of one instance; one that is there already is left as it is.

    Args:
        endpoint: `host:port` of a local endpoint, never Google's.
        place: its project and region.
        service_id: id of the service.
        command: what an instance runs.
        environment: its variables.

    Raises:
        CloudRunError: it could not be deployed.
    """
    connection = Connection(loopback(endpoint))
    client, name = ServiceClient(connection), place.service(service_id)
    try:
        try:
            client.service(name)
        except CloudRunNotFound:
            _create(connection, name, command, environment)
        client.wait_until_settled(name, Deadline.after(READY_SECONDS))
    finally:
        connection.close()


def deploy_job(
    endpoint: str,
    place: Place,
    job_id: str,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Deploy a job that is fit for trials; one that is there already is left as it is.

    Args:
        endpoint: `host:port` of a local endpoint, never Google's.
        place: its project and region.
        job_id: id of the job.
        command: what a task runs.
        environment: its variables.

    Raises:
        CloudRunError: it could not be deployed.
    """
    from google.cloud import run_v2

    connection, name = Connection(loopback(endpoint)), place.job(job_id)
    task = run_v2.TaskTemplate(containers=[_container(job_id, command, environment)], max_retries=0)
    job = run_v2.Job(template=run_v2.ExecutionTemplate(parallelism=0, template=task))
    request = run_v2.CreateJobRequest(parent=name.partition("/jobs/")[0], job_id=job_id, job=job)
    try:
        try:
            JobClient(connection).job(name)
        except CloudRunNotFound:
            connection.call("Jobs", "CreateJob", request, name, writes="a new job")
    finally:
        connection.close()


def _create(
    connection: Connection, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    from google.cloud import run_v2

    parent, _, service_id = name.partition("/services/")
    service = run_v2.Service(
        template=run_v2.RevisionTemplate(containers=[_container(service_id, command, environment)]),
        scaling=run_v2.ServiceScaling(min_instance_count=1),
    )
    request = run_v2.CreateServiceRequest(parent=parent, service_id=service_id, service=service)
    connection.call("Services", "CreateService", request, name, writes="a new service")


def _container(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Any:
    from google.cloud import run_v2

    return run_v2.Container(
        name=name,
        image=name,
        command=list(command),
        env=[run_v2.EnvVar(name=key, value=value) for key, value in environment.items()],
    )
