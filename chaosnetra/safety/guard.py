"""What a run may touch: in staging what the allow-list names, and no more of it than its caps.

Closed when there is no allow-list. Locally everything that a run acts on is the stand's own or
was named by its user, and nothing is checked.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chaosnetra.durations import Deadline
from chaosnetra.errors import NotAllowed, changed_by
from chaosnetra.safety.allowlist import AllowList, load_allow_list, looks_like_production
from chaosnetra.settings import setting_hint

if TYPE_CHECKING:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.settings import Settings

# Full name of a service or a job: project, region, kind, id.
FULL_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/(services|jobs)/([^/]+)")


class Labelled(Protocol):
    """A service or a job as it was read: its full name and its labels."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Guard:
    """Lets through what is allowed, and says in one line why it refuses the rest.

    Attributes:
        allowed: the allow-list; None outside of staging, where everything is let through.
        seconds: how long the whole experiment may take.
        deadline: when it must have ended.
    """

    allowed: AllowList | None
    seconds: float
    deadline: Deadline

    @classmethod
    def for_settings(cls, settings: "Settings") -> "Guard":
        """The guard of a run; its time begins now.

        Raises:
            NotAllowed: staging without an allow-list.
            InvalidInput: the allow-list cannot be read.
        """
        seconds = settings.time_to_live_seconds
        if not settings.in_staging:
            return cls(None, seconds, Deadline.after(seconds))
        hint = setting_hint("allow_list")
        if not settings.allow_list:
            raise NotAllowed(
                "in staging nothing may be touched that an allow-list does not name, and there is "
                f"none; set {hint} to the path of one"
            )
        with changed_by(hint):
            allowed = load_allow_list(settings.allow_list)
        seconds = min(seconds, allowed.caps.seconds)
        return cls(allowed, seconds, Deadline.after(seconds))

    def check_resource(self, state: Labelled) -> None:
        """Refuse a service or a job that is not allowed.

        Raises:
            NotAllowed: another project, region or name, one that looks like production, or it
                lacks the label.
        """
        self.check_name(state.name)
        if self.allowed is None:
            return
        ((key, value),) = self.allowed.label.items()
        found = state.labels.get(key)
        if found != value:
            kind, name = state.name.split("/")[-2:]
            has = f"it has {key}={found}" if found is not None else "it has no such label"
            raise NotAllowed(
                f"{kind.removesuffix('s')} {name} is not labelled {key}={value}, by which its "
                f"owner opts in ({has}): set the label, or leave it alone"
            )

    def check_name(self, full_name: str) -> None:
        """Refuse a service or a job by its full name, before it is read.

        Raises:
            NotAllowed: as `check_resource`, but for the label.
        """
        if self.allowed is None:
            return
        match = FULL_NAME.fullmatch(full_name)
        if match is None:
            raise NotAllowed(f"{full_name!r} is not the full name of a service or a job")
        project, region, kind, name = match.groups()
        kind = kind.removesuffix("s")
        allowed = self.allowed
        if project not in (allowed.project, allowed.project_number):
            self._refuse(allowed, "project", project, f"{allowed.project} is")
        if region != allowed.region:
            self._refuse(allowed, "region", region, f"{allowed.region} is")
        self._check_exactly(kind, name, kind, "none")
        self._refuse_production("project", allowed.project)

    def check_database(self, address: "DatabaseAddress") -> None:
        """Refuse a database that is not allowed.

        Raises:
            NotAllowed: another host, name or Cloud SQL instance, or one that looks like
                production.
        """
        self._check_exactly("database_host", address.host, "database host")
        self._check_exactly("database_name", address.database, "database")
        if address.cloud_sql_instance:
            self.check_cloud_sql_instance(address.cloud_sql_instance)

    def check_cloud_sql_instance(self, connection_name: str) -> None:
        """Refuse a Cloud SQL instance, `project:region:instance`; raises as `check_database`."""
        self._check_exactly("cloud_sql_instance", connection_name, "Cloud SQL instance")

    def check_cap(self, name: str, count: int) -> None:
        """Refuse more of something than its cap.

        Args:
            name: an attribute of `chaosnetra.safety.allowlist.Caps`.
            count: so many are asked for.

        Raises:
            NotAllowed: they are more.
        """
        if self.allowed is None:
            return
        most = getattr(self.allowed.caps, name)
        if count > most:
            raise NotAllowed(
                f"{count} {name} are more than the cap of {most}: ask for less, or raise {name} "
                f"in caps of {self.allowed.source}"
            )

    def check_connections(self, wanted: int, free_slots: int) -> int:
        """Refuse to cause more connections than the caps leave room for.

        Args:
            wanted: connections that the run may cause, at most.
            free_slots: slots of the database that are free now.

        Returns:
            `wanted`.

        Raises:
            NotAllowed: they are more than the cap, or than the share of the free slots.
        """
        self.check_cap("connections", wanted)
        if self.allowed is None:
            return wanted
        share = self.allowed.caps.share_of_free_slots
        most = math.floor(share * free_slots)
        if wanted > most:
            raise NotAllowed(
                f"{wanted} connections are more than {share:.0%} of the {free_slots} free slots of "
                f"the database, {most}: ask for less, or raise share_of_free_slots in "
                f"{self.allowed.source}"
            )
        return wanted

    def check_time(self) -> None:
        """Refuse to begin anything after the deadline.

        Raises:
            NotAllowed: it has passed.
        """
        if self.allowed is not None and self.deadline.passed:
            raise NotAllowed(
                f"the {self.seconds:g} s of the whole experiment are over, so nothing more is "
                f"begun: raise seconds in {self.allowed.source}, or time_to_live_seconds"
            )

    def _check_exactly(self, key: str, given: str, what: str, none: str = "") -> None:
        """Refuse another name than the one that stands under a key of the allow-list."""
        if self.allowed is None:
            return
        listed = getattr(self.allowed, key)
        if not listed or given != listed:
            self._refuse(self.allowed, what, given, f"{listed or none or f'no {key}'} is")
        self._refuse_production(what, given)

    @staticmethod
    def _refuse(allowed: AllowList, what: str, given: str, instead: str) -> None:
        raise NotAllowed(
            f"{what} {given} is not in the allow-list {allowed.source} ({instead}): use what it "
            "names, or have its owner name this"
        )

    def _refuse_production(self, what: str, given: str) -> None:
        if looks_like_production(given):
            raise NotAllowed(
                f"{what} {given} looks like production by its name, and is refused although the "
                "allow-list names it: use one of staging"
            )
