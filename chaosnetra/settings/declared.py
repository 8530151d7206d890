"""How a setting is declared: its key, default, type and bounds, and what it means, in one place."""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from chaosnetra.errors import changed_by
from chaosnetra.hints import key_hint, variable_of
from chaosnetra.settings.parsers import text


class Group(StrEnum):
    """Who needs a setting; the value is the heading above those of the group."""

    EVERYDAY = "everyday"
    LOCAL = "local parts"
    STAGING = "staging"


class PathKind(Enum):
    """When a text names a file: in `chaosnetra.toml` it is relative to the folder of that."""

    NEVER = 0
    WITH_SEPARATOR = 1
    ALWAYS = 2


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: in `configuration`.
        default: as an experiment would write it.
        meaning: for docs/settings.md.
        parse: from what an experiment or an environment variable holds; see
            `chaosnetra.documents.shapes`.
        group: who needs it.
        path: when it names a file.
    """

    key: str
    default: Any
    meaning: str
    parse: Callable[..., Any]
    group: Group
    path: PathKind

    @classmethod
    def of(cls, declaration: Field[Any]) -> "Setting":
        """The setting that a field of `Settings` declares."""
        return cls(declaration.name, **declaration.metadata)

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return variable_of(self.key)

    @property
    def hint(self) -> str:
        """What a user would change, for messages."""
        return key_hint(self.key, self.variable)

    def names_file(self, text: str) -> bool:
        """Whether a value of the setting is the path of a file or a folder."""
        if not text.strip() or self.path is PathKind.NEVER:
            return False
        looks_like_one = "/" in text or "\\" in text or text.strip().endswith(".json")
        return self.path is PathKind.ALWAYS or looks_like_one

    def anchored(self, value: Any, folder: Path) -> Any:
        """A value that a file in `folder` gives: a path is relative to that."""
        if not isinstance(value, str) or not self.names_file(value):
            return value
        text = value.strip()
        return text if text.startswith("~") else str(folder / text)

    def raw(self, configuration: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
        """As it was given, unchecked: in the configuration, else by its variable, else not."""
        if self.key in configuration:
            return configuration[self.key]
        return environ.get(self.variable, self.default)

    def read(self, configuration: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
        """Its value, checked.

        Raises:
            InvalidInput: it cannot be used; names the environment variable.
        """
        with changed_by(self.hint):
            return self.parse(self.key, self.raw(configuration, environ))


def setting(
    default: Any,
    meaning: str,
    parse: Callable[..., Any] = text,
    *,
    group: Group = Group.LOCAL,
    path: PathKind = PathKind.NEVER,
    is_shown: bool = True,
) -> Any:
    """A field of `Settings` whose name is the setting's key; not in its repr where not shown."""
    metadata = {
        "default": default,
        "meaning": meaning,
        "parse": parse,
        "group": group,
        "path": path,
    }
    return field(repr=is_shown, metadata=metadata)
