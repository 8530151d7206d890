"""The parts of an experiment that rules read, whatever shape the file has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.places import Place
from chaosnetra.lint.modules import Modules
from chaosnetra.lint.undo_actions import BY_ENVIRONMENT, ENVIRONMENTS

JOURNAL_CONTROL = "chaosnetra.controls.journal"
OURS = "chaosnetra."
# An experiment can hold any text, and a message quotes it.
LONGEST = 600


class Role(StrEnum):
    """Where an activity stands."""

    HYPOTHESIS = "the steady-state-hypothesis"
    METHOD = "the method"
    ROLLBACK = "the rollbacks"
    TOLERANCE = "a tolerance"
    CONFIGURATION = "the configuration"


@dataclass(frozen=True)
class Provided:
    """What has a provider: an activity, or a control at whatever level it is declared.

    Attributes:
        place: where it is in the document.
        data: as it is written.
    """

    place: Place
    data: Mapping[Any, Any]

    @property
    def provider(self) -> Mapping[Any, Any]:
        return mapping(self.data.get("provider"))

    @property
    def provider_place(self) -> Place:
        return (*self.place, "provider")

    @property
    def provider_type(self) -> str:
        return text(self.provider.get("type"))

    @property
    def module(self) -> str:
        """Module of a python provider; empty for any other."""
        return text(self.provider.get("module")) if self.provider_type == "python" else ""

    @property
    def arguments(self) -> Mapping[Any, Any]:
        return mapping(self.provider.get("arguments"))


@dataclass(frozen=True)
class Activity(Provided):
    """A probe or an action, or a reference to one.

    Attributes:
        role: where it stands in the experiment.
        environment: the one that it is for, where it is named inside another; empty: any.
    """

    role: Role
    environment: str = ""

    @property
    def name(self) -> str:
        return text(self.data.get("name"))

    @property
    def ref(self) -> str | None:
        return text(self.data["ref"]) if self.data.get("ref") is not None else None

    @property
    def provider_place(self) -> Place:
        return self.place if self.environment else super().provider_place

    @property
    def tolerance(self) -> Any:
        return self.data.get("tolerance")

    @property
    def tolerance_place(self) -> Place:
        return (*self.place, "tolerance")

    @property
    def function(self) -> str:
        return text(self.provider.get("func")) if self.provider_type == "python" else ""


class Outline:
    """An experiment as rules see it.

    Args:
        document: what the file holds.
        modules: imports what the experiment names.
    """

    def __init__(self, document: Document, modules: Modules) -> None:
        self.document = document
        self.modules = modules
        self.data = mapping(document.data)
        self.hypothesis = mapping(self.data.get("steady-state-hypothesis"))
        self.configuration = mapping(self.data.get("configuration"))
        self.secrets = mapping(self.data.get("secrets"))
        self.activities = list(self._activities())
        self.controls = list(self._controls())
        self._named = {
            activity.name: activity
            for role in (Role.METHOD, Role.HYPOTHESIS)  # in the core's order: the last one counts
            for activity in self.of(role)
            if activity.name
        }

    def of(self, role: Role) -> list[Activity]:
        return [activity for activity in self.activities if activity.role is role]

    @property
    def judged(self) -> list[Activity]:
        """Those that are judged by their tolerance: with the journal control also elsewhere."""
        roles = [Role.HYPOTHESIS]
        if self.has_journal_control:
            roles += [Role.METHOD, Role.ROLLBACK]
        return [activity for role in roles for activity in self.of(role)]

    def resolved(self, activity: Activity) -> Activity | None:
        """What a reference stands for, and any other activity itself; None when there is none."""
        return activity if activity.ref is None else self._named.get(activity.ref)

    def meant(self, activity: Activity) -> list[Activity]:
        """The actions that an action names for its environments; none for any other."""
        if (activity.module, activity.function) not in BY_ENVIRONMENT:
            return []
        return [
            Activity(
                (*activity.provider_place, "arguments", environment),
                {
                    "type": activity.data.get("type"),
                    "name": activity.name,
                    "provider": {"type": "python", **given},
                },
                activity.role,
                environment,
            )
            for environment in ENVIRONMENTS
            if (given := mapping(activity.arguments.get(environment)))
        ]

    @property
    def names(self) -> list[str]:
        """Names that a reference can use."""
        return list(self._named)

    @property
    def has_journal_control(self) -> bool:
        """Whether the control is there that mends what the core gets wrong."""
        return any(
            control.module == JOURNAL_CONTROL
            for control in self.controls
            if control.place[:-1] == ("controls",)
        )

    @property
    def uses_our_activities(self) -> bool:
        return any(activity.module.startswith(OURS) for activity in self.activities)

    def finding(
        self,
        place: Place,
        rule: str,
        message: str,
        remedy: str,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """A finding about a place of this experiment."""
        line = self.document.line(place)
        return Finding(
            self.document.name, line, rule, message[:LONGEST], remedy[:LONGEST], severity
        )

    def _activities(self) -> Iterator[Activity]:
        for key, value in self.configuration.items():
            if isinstance(value, dict) and value.get("type") == "probe":
                yield Activity(("configuration", key), value, Role.CONFIGURATION)
        groups = (
            (("steady-state-hypothesis", "probes"), self.hypothesis.get("probes"), Role.HYPOTHESIS),
            (("method",), self.data.get("method"), Role.METHOD),
            (("rollbacks",), self.data.get("rollbacks"), Role.ROLLBACK),
        )
        for place, values, role in groups:
            for index, value in objects(values):
                activity = Activity((*place, index), value, role)
                yield activity
                tolerance = mapping(activity.tolerance)
                if tolerance.get("type") == "probe":
                    yield Activity(activity.tolerance_place, tolerance, Role.TOLERANCE)

    def _controls(self) -> Iterator[Provided]:
        holders: list[tuple[Place, Mapping[Any, Any]]] = [
            ((), self.data),
            (("steady-state-hypothesis",), self.hypothesis),
        ]
        holders += [(activity.place, activity.data) for activity in self.activities]
        for place, holder in holders:
            for index, value in objects(holder.get("controls")):
                yield Provided((*place, "controls", index), value)


def mapping(value: Any) -> Mapping[Any, Any]:
    """An object; nothing for any other value."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[tuple[int, Mapping[Any, Any]]]:
    """The objects of a list with their indices; nothing for any other value."""
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))


def text(value: Any) -> str:
    """Text; empty for any other value."""
    return value if isinstance(value, str) else ""
