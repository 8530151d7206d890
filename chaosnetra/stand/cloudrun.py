"""A local Cloud Run endpoint of our own."""

import sys
from dataclasses import dataclass

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.stand.program import start_program

PROJECT = "local-rehearsal"
REGION = "europe-west1"
SERVICE = "orchestrator"
JOB = "startups"


@dataclass(frozen=True)
class CloudRunServer:
    """A running endpoint, with nothing deployed; see `chaosnetra.rehearsal.orchestrator`.

    `endpoint` is where it serves gRPC, `url` its control API.
    """

    url: str
    endpoint: str
    project: str
    project_number: str
    region: str
    process: SupervisedProcess

    @property
    def names(self) -> dict[str, str]:
        """Where it is and what is in it, for those who use it."""
        return {
            "endpoint": self.endpoint,
            "url": self.url,
            "project": self.project,
            "project_number": self.project_number,
            "region": self.region,
            "service": SERVICE,
            "job": JOB,
        }

    def stop(self) -> None:
        self.process.stop()


def start_cloud_run(project: str = PROJECT, region: str = REGION) -> CloudRunServer:
    """Start an endpoint; the processes that it runs end with it.

    Args:
        project: id of its project.
        region: its region.

    Raises:
        PartUnavailable: it does not start.
    """
    import requests

    # Without -P a module of the current directory could take the place of one of ours.
    command = ["-P", "-m", "chaosnetra.cloudrun.emulator", "--project", project, "--region", region]
    url, process = start_program("the local Cloud Run endpoint", [sys.executable, *command])
    try:
        state = requests.get(f"{url}/state", timeout=5, proxies={"http": ""}).json()
        number = state["project_number"]
        return CloudRunServer(url, state["endpoint"], project, number, region, process)
    except (requests.RequestException, ValueError, KeyError) as error:
        process.stop()
        raise PartUnavailable(f"the local Cloud Run endpoint does not answer: {error}") from None
    except BaseException:
        process.stop()
        raise
