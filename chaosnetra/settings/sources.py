"""Where the values of a run come from, and which of them counts.

Everything that gives a value is a `Source`, from the weakest to the strongest:

1. the default of a setting, or of an entry `{"type": "env", …, "default": …}` of an experiment;
2. `chaosnetra.toml`;
3. an environment variable: that of the setting, or the one that the experiment's entry names;
4. a value that the experiment's configuration writes out;
5. the command line: `--set` of our commands, `--var` of `chaos run`.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import Any

from chaosnetra.documents.findings import nearest
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import with_places
from chaosnetra.redaction import MASK, holds_secret
from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.settings.file import SettingsFile, find_file, is_from_environment
from chaosnetra.text import cut, one_line

LONGEST_SHOWN = 60


class Source(IntEnum):
    """Who gives a value; the greater counts."""

    DEFAULT = 1
    FILE = 2
    ENVIRONMENT = 3
    EXPERIMENT = 4
    COMMAND_LINE = 5

    @property
    def word(self) -> str:
        """For journals."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Given:
    """A value, and who gives it.

    Attributes:
        value: as it was given, unchecked.
        source: who gives it.
        place: where to change it, for people: a file with its line, a variable, an option.
    """

    value: Any
    source: Source
    place: str


@dataclass(frozen=True)
class Sources:
    """The values of a run, by key: all settings, and the keys of its experiment.

    Attributes:
        given: what counts.
        file: that was found.
        declared: the experiment's configuration, as it is written.
    """

    given: Mapping[str, Given]
    file: SettingsFile | None
    declared: Mapping[str, Any]

    def complete(self, configuration: dict[str, Any]) -> None:
        """Put what only the file or the command line gives into a configuration.

        Args:
            configuration: as the Chaos Toolkit loaded it; changed in place, as its activities
                and `Settings.from_configuration` get that.
        """
        for key, one in self.given.items():
            is_new = one.source is Source.COMMAND_LINE and key not in configuration
            if one.source is Source.FILE or is_new:
                configuration[key] = one.value

    @property
    def places(self) -> dict[str, str]:
        """For `with_places`: where the file or the command line gives a value, by key."""
        by = {Source.COMMAND_LINE: "by", Source.FILE: "in"}
        return {
            key: f"{by[one.source]} {one.place}"
            for key, one in self.given.items()
            if one.source in by
        }

    def settings(self, environ: Mapping[str, str] | None = None, **others: Any) -> Settings:
        """What a run has, where the Chaos Toolkit has loaded nothing.

        Args:
            environ: environment variables; this process's by default.
            others: values in place of those here.

        Raises:
            InvalidInput: a value cannot be used; names who gives it.
        """
        try:
            return Settings.from_configuration({**self.configuration, **others}, environ)
        except InvalidInput as error:
            told = type(error)(with_places(str(error), self.places))
            told.setting = error.setting
            raise told from error.__cause__

    @property
    def configuration(self) -> dict[str, Any]:
        """For `Settings.from_configuration`, where the Chaos Toolkit has loaded none."""
        return {
            key: one.value
            for key, one in self.given.items()
            if key in self.declared or one.source not in (Source.DEFAULT, Source.ENVIRONMENT)
        }

    def to_json(self) -> dict[str, dict[str, str]]:
        """Who gives what is not as by default, for journals."""
        return {
            key: {"source": one.source.word, "place": one.place}
            for key, one in self.given.items()
            if one.source is not Source.DEFAULT
        }

    def told(self) -> str:
        """What neither the experiment nor a default gives, as a line; empty: nothing."""
        return ", ".join(
            f"{key} {shown_value(key, one.value)} ({one.place})"
            for key, one in self.given.items()
            if one.source not in (Source.DEFAULT, Source.EXPERIMENT)
        )


def find_sources(
    folder: Path,
    declared: Mapping[str, Any] | None = None,
    command_line: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    option: str = "--set",
) -> Sources:
    """Who gives what.

    Args:
        folder: of the experiment, from which on the file is looked for.
        declared: its configuration, as it is written; None: there is no experiment.
        command_line: values by key.
        environ: environment variables; this process's by default.
        option: of the command line, for people.

    Raises:
        InvalidInput: the file cannot be used.
    """
    file = find_file(folder)
    environ = os.environ if environ is None else environ
    declared = declared if isinstance(declared, Mapping) else {}
    given = {
        key: max(
            _candidates(key, declared, command_line or {}, environ, file, option), key=_strength
        )
        for key in dict.fromkeys([*SETTINGS, *map(str, declared)])
    }
    if (
        file is not None
        and given["target"].source is Source.FILE
        and given["target_directory"].source is Source.DEFAULT
    ):
        # A file means the same from wherever it is used.
        here = Given(str(file.path.parent), Source.FILE, given["target"].place)
        given["target_directory"] = here
    return Sources(given, file, declared)


def _strength(one: Given) -> Source:
    return one.source


def check_keys(given: Iterable[str], declared: Iterable[Iterable[str]]) -> None:
    """Refuse what a command line gives, and no experiment takes.

    Args:
        given: keys.
        declared: those of each experiment's configuration.

    Raises:
        InvalidInput: neither a setting nor an experiment has such a key.
    """
    known = dict.fromkeys([*chain.from_iterable(declared), *SETTINGS])
    for key in given:
        if key not in known:
            guess = nearest(key, known)
            meant = f"did you mean {guess}?" if guess else "`chaosnetra settings` lists them all"
            raise InvalidInput(f"--set {key}: no setting or experiment has such a key; {meant}")


def sources_here(command_line: Mapping[str, Any] | None = None) -> Sources:
    """Those of a command that runs no experiment: of the current folder."""
    return find_sources(Path.cwd(), None, command_line)


def _candidates(
    key: str,
    declared: Mapping[str, Any],
    command_line: Mapping[str, Any],
    environ: Mapping[str, str],
    file: SettingsFile | None,
    option: str,
) -> Iterator[Given]:
    """All that give a value for a key; never two of one source."""
    entry = declared.get(key)
    from_environment: Mapping[str, Any] | None = entry if is_from_environment(entry) else None
    if key in command_line:
        yield Given(command_line[key], Source.COMMAND_LINE, option)
    if key in declared and from_environment is None:
        yield Given(entry, Source.EXPERIMENT, "the experiment")
        return  # it counts over all that follow
    variable = (
        SETTINGS[key].variable if from_environment is None else str(from_environment.get("key"))
    )
    if variable in environ:
        yield Given(environ[variable], Source.ENVIRONMENT, variable)
    if file is not None and key in file.values:
        yield Given(file.values[key], Source.FILE, file.place(key))
    if from_environment is not None:
        yield Given(from_environment.get("default", ""), Source.DEFAULT, "the experiment's default")
    else:
        yield Given(SETTINGS[key].default, Source.DEFAULT, "default")


def shown_value(key: str, value: Any) -> str:
    """A value on one line, a secret one masked."""
    if holds_secret(key, value):
        return MASK
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return cut(one_line(text), LONGEST_SHOWN) or "empty"
