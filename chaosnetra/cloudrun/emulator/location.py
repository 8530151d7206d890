"""The one project and region of an endpoint, and the names in it."""

import re
from dataclasses import dataclass

from chaosnetra.cloudrun.emulator.status import Refused
from chaosnetra.cloudrun.names import Location

_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)(?:/(.+))?")


@dataclass(frozen=True)
class EmulatedLocation(Location):
    """A project and a region; the project's number names it as well."""

    project_number: str = ""

    def canonical(self, name: str) -> str:
        """A name with the project's id in it, whichever of its two names was used.

        Raises:
            Refused: another project or region, or no such name.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise Refused("INVALID_ARGUMENT", f"Invalid resource name: '{name}'.")
        project, region, rest = match.groups()
        if project not in (self.project, self.project_number):
            # Google does not let a stranger know whether a project exists.
            raise Refused(
                "PERMISSION_DENIED",
                f"Permission denied on resource '{name}' (or it may not exist).",
            )
        if region != self.region:
            raise Refused("NOT_FOUND", f"Resource '{name}' was not found in '{region}'.")
        return f"{self.parent}/{rest}" if rest else self.parent
