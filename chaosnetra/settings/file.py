"""`chaosnetra.toml`: settings of all experiments in a folder, and in those below it.

    profile = "tight"
    target = "shop.main:app"

    [parameters]            # keys of the experiments' own configuration
    latency_ms = 300

Each setting counts where neither an experiment nor the environment gives it, and each parameter
in the experiments that declare it. Paths are relative to the folder of the file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosnetra.documents.encodings import decoded
from chaosnetra.documents.findings import nearest
from chaosnetra.documents.toml_text import TomlError, parse_toml
from chaosnetra.errors import InvalidInput
from chaosnetra.repository import find_settings_file
from chaosnetra.settings import SETTINGS

PARAMETERS = "parameters"
MOST_BYTES = 200_000
# A consent is to one plan, once: in a file it would be to whatever comes.
NOT_IN_A_FILE = {"consent": "a consent is to one plan: give it by CHAOSNETRA_CONSENT"}


@dataclass(frozen=True)
class SettingsFile:
    """What a file gives.

    Attributes:
        path: of it.
        settings: by key, as an experiment would write them; paths are absolute.
        parameters: of experiments' own configuration, by key.
        lines: of each key of both, from 1.
    """

    path: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, Any]:
        """Both, by key: no key is in both."""
        return {**self.parameters, **self.settings}

    def place(self, key: str) -> str:
        """Where it gives a value, as editors and terminals take it."""
        return f"{shown(self.path)}:{self.lines[key]}"

    def unread(self, declared: Mapping[str, Any]) -> Iterator[str]:
        """A line for each parameter that does not count in an experiment that seems to be meant.

        Either that writes its own value out, or it has a parameter of nearly this name. What it
        has nothing like is for another experiment.
        """
        left = [key for key in declared if key not in self.values]
        for key in self.parameters:
            if key in declared:
                if not is_from_environment(declared[key]):
                    yield (
                        f"{self.place(key)}: {key} does not count here: the experiment's "
                        f"configuration has its own {key}"
                    )
            elif guess := nearest(key, left):
                yield (
                    f"{self.place(key)}: this experiment has no parameter {key}; did you mean "
                    f"{guess}?"
                )


def is_from_environment(entry: Any) -> bool:
    """Whether an entry of an experiment's configuration takes its value from a variable."""
    return isinstance(entry, Mapping) and entry.get("type") == "env"


def shown(path: Path) -> str:
    """A path as short as it can be from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def find_file(folder: Path) -> SettingsFile | None:
    """The file that counts for experiments in a folder; see `find_settings_file`.

    Raises:
        InvalidInput: it cannot be used; names its line.
    """
    path = find_settings_file(folder)
    return None if path is None else read_file(path)


def read_file(path: Path) -> SettingsFile:
    """Read and check a file.

    Raises:
        InvalidInput: it cannot be read, or a key or a value cannot be used; names its line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise InvalidInput(f"{shown(path)} has more than {MOST_BYTES:,} bytes")
        data, lines = parse_toml(decoded(raw, path))
    except TomlError as error:
        raise InvalidInput(f"{shown(path)}:{error.line}: it is not TOML: {error}") from None
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"{shown(path)} cannot be read: {error}") from None
    return _checked(path, data, {place: line for place, line in lines.items() if place})


def _checked(
    path: Path, data: dict[str, Any], lines: Mapping[tuple[Any, ...], int]
) -> SettingsFile:
    def at(*place: str) -> str:
        return f"{shown(path)}:{lines.get(place, 1)}"

    parameters = data.pop(PARAMETERS, {})
    if not isinstance(parameters, dict):
        raise InvalidInput(f"{at(PARAMETERS)}: {PARAMETERS} must be a table: [{PARAMETERS}]")
    settings = {}
    for key, value in data.items():
        if key in NOT_IN_A_FILE:
            raise InvalidInput(f"{at(key)}: {NOT_IN_A_FILE[key]}")
        if key not in SETTINGS:
            guess = nearest(key, (*SETTINGS, PARAMETERS))
            meant = f"did you mean {guess}?" if guess else "`chaosnetra settings` lists them all"
            raise InvalidInput(
                f"{at(key)}: there is no setting {key!r:.100}; {meant} A key of an experiment's "
                f"own configuration belongs under [{PARAMETERS}]"
            )
        settings[key] = SETTINGS[key].anchored(value, path.parent)
        try:
            SETTINGS[key].parse(key, settings[key])
        except InvalidInput as error:
            raise InvalidInput(f"{at(key)}: {error}") from None
    for key, value in parameters.items():
        if key in SETTINGS:
            raise InvalidInput(
                f"{at(PARAMETERS, key)}: {key} is a setting: write it above [{PARAMETERS}]"
            )
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise InvalidInput(
                f"{at(PARAMETERS, key)}: {key} must be a text, a number, true or false, or "
                "arrays and tables of those"
            ) from None
    known = {key: lines[(key,)] for key in settings}
    own = {key: lines[(PARAMETERS, key)] for key in parameters}
    return SettingsFile(path, settings, parameters, {**known, **own})
