"""A local Cloud Run endpoint of our own."""

from dataclasses import dataclass
from pathlib import Path

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.program import start_server
from chaosnetra.stand.part import Part, stopped_on_error

PROJECT = "local-rehearsal"
REGION = "europe-west1"
SERVICE = "orchestrator"
JOB = "startups"
# Whose Unix socket the database of a stand may have.
CLOUD_SQL_INSTANCE = f"{PROJECT}:{REGION}:main"
CLOUD_RUN_NAMES = ("endpoint", "url", "project", "project_number", "region", "service", "job")


@dataclass(frozen=True)
class CloudRunServer(Part):
    """A running endpoint, with nothing deployed; see `chaosnetra.rehearsal.deployed`.

    `endpoint` is where it serves gRPC, `url` its control API.
    """

    url: str
    endpoint: str
    project: str
    project_number: str
    region: str
    service: str = SERVICE
    job: str = JOB

    @property
    def names(self) -> dict[str, str]:
        """Where it is and what is in it, for those who use it."""
        return {name: str(getattr(self, name)) for name in CLOUD_RUN_NAMES}


def start_cloud_run(
    project: str = PROJECT, region: str = REGION, logs: Path | None = None
) -> CloudRunServer:
    """Start an endpoint; the processes that it runs end with it.

    Args:
        project: id of its project.
        region: its region.
        logs: folder for what the tasks of jobs print, which is emptied first; None: nowhere.

    Raises:
        PartUnavailable: it does not start.
    """
    import requests

    url, process = start_server(
        "the local Cloud Run endpoint",
        "chaosnetra.cloudrun.emulator",
        *("--project", project, "--region", region),
        *(("--logs", str(logs)) if logs is not None else ()),
    )
    with stopped_on_error(process):
        try:
            state = requests.get(f"{url}/state", timeout=5, proxies={"http": ""}).json()
            endpoint, number = state["endpoint"], state["project_number"]
        except (requests.RequestException, ValueError, KeyError) as error:
            raise PartUnavailable(
                f"the local Cloud Run endpoint does not answer: {error}"
            ) from None
    return CloudRunServer(process, url, endpoint, project, number, region)
