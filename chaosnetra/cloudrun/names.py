"""Full names of services, jobs and executions, and of the place that they are in."""

import re
from dataclasses import dataclass

from chaosnetra.errors import InvalidInput
from chaosnetra.safety.guard import FULL_NAME
from chaosnetra.settings import setting_hint

# A project's id or its number. Sources: "Creating and managing projects"; domain-scoped ids
# (example.com:name) are older.
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|\d+")
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)*-?[a-z0-9]*\d")
# "It must begin with letter, and cannot end with hyphen; must contain fewer than 50 characters."
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?")


@dataclass(frozen=True)
class Location:
    """A project (id or number) and a region."""

    project: str
    region: str

    @classmethod
    def parse(cls, project: str, region: str) -> "Location":
        """Check both.

        Raises:
            InvalidInput: one is missing or cannot be a name; says which setting it is.
        """
        _check("project", project, _PROJECT, "a Google Cloud project's id or number")
        _check("region", region, _REGION, "a region such as europe-west1")
        return cls(project, region)

    @property
    def shown(self) -> str:
        return f"project {self.project}, region {self.region}"

    @property
    def parent(self) -> str:
        """How the names of all that is in it begin."""
        return f"projects/{self.project}/locations/{self.region}"

    def service(self, service: str) -> str:
        """Full name of a service.

        Raises:
            InvalidInput: it is missing or cannot be one.
        """
        _check("service", service, _ID, "the id of a Cloud Run service")
        return f"{self.parent}/services/{service}"

    def job(self, job: str) -> str:
        """Full name of a job; raises as `service` does."""
        _check("job", job, _ID, "the id of a Cloud Run job")
        return f"{self.parent}/jobs/{job}"


def shown(name: str) -> str:
    """A full name for people: `service orchestrator in project p, region r`."""
    match = FULL_NAME.match(name)
    if match is None:
        return name
    project, region, kind, resource = match.groups()
    more = name[match.end() :].removeprefix("/executions/")
    what = f"execution {more}" if more else f"{kind.removesuffix('s')} {resource}"
    return f"{what} in {Location(project, region).shown}"


def _check(key: str, value: str, pattern: re.Pattern[str], what: str) -> None:
    if not value:
        raise InvalidInput(f"{key} is not set", setting_hint(key))
    if not pattern.fullmatch(value):
        raise InvalidInput(f"{key} must be {what}, got {value!r}", setting_hint(key))
