"""Variables of the environment that look like settings, and that nothing in a run reads."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chaosnetra.documents.findings import nearest
from chaosnetra.documents.shipped import shipped_variables
from chaosnetra.hints import PREFIX, variable_of
from chaosnetra.settings import SETTINGS

# What this package hands to processes of its own, and what they read.
INTERNAL = frozenset(
    PREFIX + name
    for name in (
        "BASELINE",
        "EXECUTION",
        "GIVEN_BY",
        "REPORT_DATABASE_URL",
        "SCHEMA",
        "SEARCH_CONSENT",
        "SESSIONS",
        "STAND_FILE",
        "TASK",
        "WARM_POOL",
    )
)
# Of a name without its prefix: a variable that is merely like another one was not misspelled.
LIKENESS = 0.8
MOST_EXPERIMENTS = 3
# The module of the activities that start targets.
_STARTS = "chaosnetra.startup.probes"
_NAMED = re.compile(rf"{PREFIX}\w+")


def unread_variables(environ: Mapping[str, str], experiment: Mapping[str, Any]) -> list[str]:
    """A line for each variable called like a setting that the run does not read.

    Args:
        environ: environment variables.
        experiment: as it is written; whatever it names anywhere counts as read.

    Returns:
        Lines in the order of the names; each says what was meant, where that can be guessed.
    """
    named = set(_names(experiment))
    settings = {setting.variable for setting in SETTINGS.values()}
    declared = experiment.get("configuration")
    own = {variable_of(str(key)): key for key in declared} if isinstance(declared, Mapping) else {}
    lines = []
    target = SETTINGS["target"].variable
    if environ.get(target) and _STARTS not in set(_texts(experiment)):
        lines.append(f"{target} is set, and this experiment starts no target")
    for name in _ours(environ):
        if name in named:
            continue
        if name in own:
            lines.append(
                f"{name} is set, and nothing reads it: the experiment's configuration has its own "
                f"{own[name]}"
            )
        elif name not in settings:
            others = shipped_variables().get(name)
            why = (
                f"this experiment does not read it: it is a parameter of {_first(others)}"
                if others
                else f"nothing reads it{_meant(name, (*settings, *named))}"
            )
            lines.append(f"{name} is set, and {why}")
    return lines


def misspelled_variables(environ: Mapping[str, str]) -> list[str]:
    """A line for each variable that is called nearly as a setting, where there is no experiment."""
    settings = [setting.variable for setting in SETTINGS.values()]
    known = {*settings, *shipped_variables()}
    return [
        f"{name} is set, and nothing reads it{meant}"
        for name in _ours(environ)
        if name not in known and (meant := _meant(name, settings))
    ]


def _ours(environ: Mapping[str, str]) -> list[str]:
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in INTERNAL)


def _meant(name: str, known: Iterable[str]) -> str:
    guess = nearest(
        name.removeprefix(PREFIX), sorted(one.removeprefix(PREFIX) for one in known), LIKENESS
    )
    return f"; did you mean {PREFIX}{guess}?" if guess else ""


def _first(experiments: Sequence[str]) -> str:
    more = len(experiments) - MOST_EXPERIMENTS
    shown = ", ".join(experiments[:MOST_EXPERIMENTS])
    return f"{shown} and {more} more" if more > 0 else shown


def _names(data: Any) -> Iterator[str]:
    for text in _texts(data):
        yield from _NAMED.findall(text)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value)
