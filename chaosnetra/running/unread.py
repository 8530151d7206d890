"""Variables of the environment that look like settings, and that nothing in a run reads."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.hints import PREFIX
from chaosnetra.settings import SETTINGS

# What this package hands to processes of its own, and what they read.
INTERNAL = frozenset(
    PREFIX + name
    for name in (
        "BASELINE",
        "EXECUTION",
        "REPORT_DATABASE_URL",
        "SCHEMA",
        "SEARCH_CONSENT",
        "SESSIONS",
        "STAND_FILE",
        "TASK",
        "WARM_POOL",
    )
)
ALIKE = 0.75
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
    settings = {setting.variable: setting.key for setting in SETTINGS.values()}
    declared = experiment.get("configuration")
    lines = []
    target = SETTINGS["target"].variable
    if environ.get(target) and _STARTS not in set(_texts(experiment)):
        lines.append(f"{target} is set, and this experiment starts no target")
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in named or name in INTERNAL:
            continue
        key = settings.get(name)
        if key is None:
            alike = difflib.get_close_matches(name, [*settings, *named], 1, ALIKE)
            meant = f"; did you mean {alike[0]}?" if alike else ""
            lines.append(f"{name} is set, and nothing reads it{meant}")
        elif isinstance(declared, Mapping) and key in declared:
            lines.append(
                f"{name} is set, and nothing reads it: the experiment's configuration has its own "
                f"{key}"
            )
    return lines


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
