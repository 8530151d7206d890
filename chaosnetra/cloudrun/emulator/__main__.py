"""`python -m chaosnetra.cloudrun.emulator --project ID --region REGION`: the endpoint as a program.

It serves gRPC on a free port of 127.0.0.1, prints the URL of its control API (whose `/state` says
where), and ends with SIGTERM, with every process that it runs.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaosnetra.cloudrun.names import Location
from chaosnetra.errors import ChaosnetraError
from chaosnetra.relay.service import LOOPBACK, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette


@click.command()
@click.option("--project", required=True, help="id of its project")
@click.option("--project-number", default="100000000001", help="number of its project")
@click.option("--region", required=True, help="its region")
@click.option("--port", default=0, help="port of the control API; 0 is a free one")
@click.option("--grpc-port", default=0, help="port of the endpoint; 0 is a free one")
@click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    help="folder for what the tasks of jobs print, which is emptied first",
)
@click.option("--operation-seconds", default=0.05, help="how long a change of a service takes")
def main(
    project: str,
    project_number: str,
    region: str,
    port: int,
    grpc_port: int,
    logs: Path | None,
    operation_seconds: float,
) -> None:
    """Serve the documented behaviour of Cloud Run's API, with local processes as tasks."""
    try:
        Location.parse(project, region)
    except ChaosnetraError as error:
        raise click.ClickException(str(error)) from None
    from chaosnetra.cloudrun.emulator.resources import EmulatedLocation
    from chaosnetra.cloudrun.emulator.server import LocalCloudRun

    local = LocalCloudRun(
        EmulatedLocation(project, region, project_number),
        operation_seconds=operation_seconds,
        logs=logs,
    )

    def application() -> "Starlette":
        from chaosnetra.cloudrun.emulator.application import control_api

        local.start(grpc_port)
        return control_api(local)

    try:
        serve(application, LOOPBACK, port)
    except OSError as error:
        raise click.ClickException(f"an address cannot be used: {error}") from None
    finally:
        local.stop()


if __name__ == "__main__":
    sys.exit(main())
