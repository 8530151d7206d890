"""What all resources have: the one place that they are in, names, etags, masks, conditions."""

import re
import secrets
import string
import uuid
from dataclasses import dataclass
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from chaosnetra.cloudrun.emulator.answers import Operations, Refused
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


class Resources:
    """All resources of one kind. Not safe for threads: its owner holds a lock.

    Args:
        location: where they are.
        operations: where what is asked of them becomes operations.
        kind: such as `SERVICE`.
    """

    def __init__(self, location: EmulatedLocation, operations: Operations, kind: str) -> None:
        self.location = location
        self.operations = operations
        self.kind = kind
        self.by_name: dict[str, Any] = {}

    @property
    def all(self) -> list[Any]:
        """Newest first, as the API lists them."""
        return list(reversed(self.by_name.values()))

    def listed(self, parent: str) -> list[Any]:
        """As `all`; refused for another place than this one."""
        self.location.canonical(parent)
        return self.all

    def get(self, name: str) -> Any:
        return find(self.by_name, self.location.canonical(name), self.kind)

    def new(self, message: Any, parent: str, resource_id: str) -> Any:
        """Give a message what every new resource has; `by_name` does not hold it yet."""
        name = f"{self.location.canonical(parent)}/{self.kind.lower()}s/{resource_id}"
        if name in self.by_name:
            raise Refused("ALREADY_EXISTS", f"Resource '{name}' already exists.")
        message.name, message.uid = name, str(uuid.uuid4())
        message.create_time.GetCurrentTime()
        return message


def find(found: Any, name: str, kind: str) -> Any:
    """A resource by its name.

    Raises:
        Refused: there is none.
    """
    if name not in found:
        raise Refused("NOT_FOUND", f"Resource '{name}' of kind '{kind}' does not exist.")
    return found[name]


def suffix(length: int) -> str:
    """What the server puts behind a name that it makes up."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(length))


def id_of(name: str) -> str:
    """The last part of a full name."""
    return name.rpartition("/")[2]


def copy_of(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def merge(paths: Any, source: Any, into: Any) -> None:
    """Replace the fields of a mask; repeated ones too, and not added to."""
    FieldMask(paths=list(paths)).MergeMessage(source, into, True, True)


def new_etag(message: Any) -> None:
    message.etag = f'"{secrets.token_urlsafe(12)}"'


def check_etag(current: Any, given: str) -> None:
    """Refuse a write that rests on another version of the resource than the current one."""
    if given and given != current.etag:
        raise Refused(
            "ABORTED",
            f"Conflict for resource '{id_of(current.name)}': version '{given}' was specified but "
            f"current version is '{current.etag}'.",
        )


def set_condition(condition: Any, kind: str, state: Any, text: str = "") -> None:
    if (condition.type_, condition.state, condition.message) != (kind, state, text):
        condition.Clear()
        condition.type_, condition.state, condition.message = kind, state, text
        condition.last_transition_time.GetCurrentTime()
