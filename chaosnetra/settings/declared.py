"""How a setting is declared: its key, default, type and bounds, and what it means, in one place."""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from typing import Any

from chaosnetra.errors import changed_by
from chaosnetra.hints import key_hint, variable_of
from chaosnetra.settings.parsers import text


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: in `configuration`.
        default: as an experiment would write it.
        meaning: for docs/settings.md.
        parse: from what an experiment or an environment variable holds; see
            `chaosnetra.documents.shapes`.
    """

    key: str
    default: Any
    meaning: str
    parse: Callable[..., Any]

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
    default: Any, meaning: str, parse: Callable[..., Any] = text, *, is_shown: bool = True
) -> Any:
    """A field of `Settings` whose name is the setting's key; not in its repr where not shown."""
    metadata = {"default": default, "meaning": meaning, "parse": parse}
    return field(repr=is_shown, metadata=metadata)
