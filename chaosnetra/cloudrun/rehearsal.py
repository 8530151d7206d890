"""Puts a service into a local Cloud Run endpoint, to rehearse with."""

from collections.abc import Mapping, Sequence

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection, loopback
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


def _create(
    connection: Connection, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    from google.cloud import run_v2

    parent, _, service_id = name.partition("/services/")
    container = run_v2.Container(
        image=service_id,
        command=list(command),
        env=[run_v2.EnvVar(name=key, value=value) for key, value in environment.items()],
    )
    service = run_v2.Service(
        template=run_v2.RevisionTemplate(containers=[container]),
        scaling=run_v2.ServiceScaling(min_instance_count=1),
    )
    request = run_v2.CreateServiceRequest(parent=parent, service_id=service_id, service=service)
    connection.call("Services", "CreateService", request, name, writes="a new service")
