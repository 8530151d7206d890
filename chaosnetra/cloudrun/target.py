"""What a run acts on: one service and one job, in one project and region."""

from dataclasses import dataclass

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.jobs import JobClient
from chaosnetra.cloudrun.names import Location
from chaosnetra.cloudrun.waiting import Interrupt


@dataclass(frozen=True)
class CloudRun:
    """Cloud Run, as the settings name it.

    Attributes:
        connection: how it is reached.
        place: project and region.
        service_id: the service that may be scaled; empty when none is named.
        job_id: the job that may be run; empty when none is named.
        interrupted: asked often while something is waited for.
        control_url: control API of a local endpoint, where it is known; see
            `chaosnetra.cloudrun.emulator.application`.
    """

    connection: Connection
    place: Location
    service_id: str
    job_id: str
    interrupted: Interrupt
    control_url: str = ""

    @property
    def service(self) -> str:
        """Full name of the service.

        Raises:
            InvalidInput: none is named.
        """
        return self.place.service(self.service_id)

    @property
    def job(self) -> str:
        """Full name of the job; raises as `service` does."""
        return self.place.job(self.job_id)

    @property
    def services(self) -> ServiceClient:
        return ServiceClient(self.connection, interrupted=self.interrupted)

    @property
    def jobs(self) -> JobClient:
        return JobClient(self.connection, interrupted=self.interrupted)

    @property
    def connector(self) -> str:
        """Id of the VPC connector that the service goes through, else the job; empty for none.

        Raises:
            CloudRunError: they cannot be read.
        """
        found = ""
        if self.service_id:
            found = self.services.service(self.service).connector
        if self.job_id and not found:
            found = self.jobs.job(self.job).connector
        return found.rpartition("/")[2]
