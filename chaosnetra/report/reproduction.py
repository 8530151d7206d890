"""How to run an experiment again, from its journal alone."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.values import object_or_empty, text_or_none
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.safe_text import one_visible_line

PREFIX = "CHAOSNETRA_"
# Settings that the section holds by themselves, also that of a journal that holds no others.
ALONE = ("environment", "time_scale", "seed", "target")
# Settings that name a place: the journal has it whole, the experiment perhaps as seen from where
# it ran.
PLACES = ("profile", "allow_list", "target_directory", "target_python", "state_folder")
MASK = "***"
MOST_VARIABLES = 60
LONGEST_VALUE = 4000


@dataclass(frozen=True)
class Reproduction:
    """Commands that run the experiment again.

    Attributes:
        commands: lines for a POSIX shell: take the experiment out of the journal, run it.
        variables: names of the other variables that it reads, and of what else has to be given;
            what they were the journal does not say, or they are secret.
    """

    commands: tuple[str, ...]
    variables: tuple[str, ...]

    @property
    def remark(self) -> str | None:
        """What the commands leave to be given; None when they are whole."""
        if not self.variables:
            return None
        return (
            "It also needs these, whose values the journal does not hold, or hides: "
            f"{', '.join(self.variables)}."
        )


@dataclass
class _Call:
    """`chaos run` with what has to be given to it."""

    given: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def variable(self, name: str, text: str) -> None:
        """Give a variable, if its text can stand on a line."""
        if _can_be_shown(text) and name.isidentifier() and name.isascii():
            self.given[name] = text
        else:
            self.missing.append(name)

    def override(self, key: str, value: Any) -> None:
        """Give a value of the configuration that no variable gives, as `--var` did."""
        kinds = {bool: ":bool", int: ":int", float: ":float", str: ""}
        text = value if isinstance(value, str) else json.dumps(value)
        if _can_be_shown(f"{key}{text}"):
            self.options += ["--var", f"{key}{kinds.get(type(value), ':json')}={text}"]
        else:
            self.missing.append(f"--var {key}")

    @property
    def line(self) -> str:
        words = [f"{name}={shlex.quote(text)}" for name, text in self.given.items()]
        return " ".join([*words, "chaos run", *map(shlex.quote, self.options), "experiment.json"])


def reproduction(journal: Journal) -> Reproduction:
    """How to run a journal's experiment again with the settings that the journal records."""
    entries = object_or_empty(journal.data["experiment"].get("configuration"))
    call = _Call()
    settings = _settings(journal)
    for key, text in settings.items():
        # None for one that the experiment has written out.
        variable = _variable(entries[key]) if key in entries else PREFIX + key.upper()
        if variable is not None:
            _give(call, variable, text)
        elif key in PLACES and isinstance(entries[key], str) and text != entries[key]:
            call.override(key, text)
    _add_configuration(call, entries, settings, journal.section)
    call.missing += _secret_variables(journal.data)
    if journal.section.get("refused"):  # the journal has none of its settings, but who gave them
        told = map(object_or_empty, object_or_empty(journal.section.get("sources")).values())
        call.missing += [place for one in told if (place := text_or_none(one.get("place")))]
    if settings.get("environment") == "staging":
        call.missing.append(f"{PREFIX}CONSENT")  # it is to one plan, once
    for name, value in object_or_empty(journal.section.get("options")).items():
        if _can_be_shown(f"{name}{value}") and str(name).startswith("--"):
            call.options.append(f"{name}={value}" if value else str(name))
    shown = [one_visible_line(name, 200) for name in dict.fromkeys(call.missing)]
    others = [name for name in shown if name not in call.given]
    return Reproduction((_take(journal), call.line), tuple(others[:MOST_VARIABLES]))


def _take(journal: Journal) -> str:
    path = str(journal.path)
    if not path.isprintable():
        path = one_visible_line(path, len(path) + 1)
    return (
        "python3 -c 'import json, sys; "
        'json.dump(json.load(open(sys.argv[1]))["experiment"], open("experiment.json", "w"))\' '
        f"{shlex.quote(path)}"
    )


def _settings(journal: Journal) -> dict[str, Any]:
    """The settings that the journal records, by key."""
    section, found = journal.section, {}
    source = text_or_none(object_or_empty(section.get("profile")).get("source"))
    if source:
        found["profile"] = source
    elif journal.profile:
        found["profile"] = journal.profile
    for key in ALONE:
        value = section.get(key)
        number = finite_or_none(value)
        if number is not None:
            found[key] = f"{number:.12g}" if number != int(number) else f"{int(number)}"
        elif isinstance(value, str) and value:
            found[key] = value
    return found | {
        str(key): value
        for key, value in object_or_empty(section.get("settings")).items()
        if isinstance(value, (str, dict))
    }


def _variable(entry: Any) -> str | None:
    if isinstance(entry, dict) and entry.get("type") == "env" and "key" in entry:
        return str(entry["key"])
    return None


def _give(call: _Call, variable: str, value: Any) -> None:
    if isinstance(value, dict):
        text = json.dumps(value)
        secret = [str(name) for name, one in value.items() if MASK in f"{name}{one}"]
        if secret:
            plain = {str(name): one for name, one in value.items() if str(name) not in secret}
            rest = f" beside {json.dumps(plain)}" if plain else ""
            call.missing.append(f"{variable} (a JSON object with {', '.join(secret)}{rest})")
            return
        call.variable(variable, text)
    else:
        call.variable(variable, str(value))


def _add_configuration(
    call: _Call,
    entries: Mapping[str, Any],
    settings: Mapping[str, Any],
    section: Mapping[str, Any],
) -> None:
    """What the experiment's own parameters were, where they are not as it has them."""
    loaded = section.get("configuration")
    for key, entry in entries.items():
        variable = _variable(entry)
        if not isinstance(loaded, dict):
            if variable is not None:
                call.missing.append(variable)
        elif key not in loaded:
            call.missing += [] if variable is None else [variable]
        elif variable is None:
            is_dynamic = isinstance(entry, dict) and "type" in entry
            is_given = key in PLACES and key in settings
            if not is_dynamic and not is_given and loaded[key] != entry:
                call.override(str(key), loaded[key])
        elif key not in settings and _text(loaded[key]) != _text(entry.get("default")):
            call.variable(variable, _text(loaded[key]))


def _secret_variables(data: Mapping[str, Any]) -> Iterator[str]:
    """Variables that its secrets are read from."""
    for group in object_or_empty(data["experiment"].get("secrets")).values():
        for entry in (group, *(group.values() if isinstance(group, dict) else ())):
            variable = _variable(entry)
            if variable is not None:
                yield variable


def _text(value: Any) -> str:
    """As a variable gives it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _can_be_shown(text: str) -> bool:
    """Whether it is no secret, and can be typed on one line."""
    return MASK not in text and text.isprintable() and len(text) <= LONGEST_VALUE
