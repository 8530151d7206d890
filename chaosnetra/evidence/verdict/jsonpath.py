"""JSON paths of tolerances in journals, without the package that the core evaluates them with.

The everyday part of the language, as that package reads it: names, positions, `*` and `..`.
"""

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(
    r"""(?P<deep>\.\.)?\.?(?:
        (?P<name>[A-Za-z_]\w*) | (?P<all>\*) | \[\s*(?:
            (?P<position>\d+) | (?P<each>\*) | "(?P<quoted>[^"\\]*)"
        )\s*\])""",
    re.VERBOSE | re.ASCII,
)
_UNSEPARATED = re.compile(r"[\w*]")
LONGEST_PATH = 1_000


def values_at(path: str, value: Any) -> list[Any] | None:
    """What a path finds in a value, in its order; None for a path that is beyond this part.

    Args:
        path: from the root, such as `$.items[*].name`.
        value: JSON.
    """
    if not path.startswith("$") or len(path) > LONGEST_PATH or path.count("..") > 1:
        return None  # of somebody's journal: none that takes for ever
    found, at = [value], 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or _UNSEPARATED.match(path, at):
            return None
        at = step.end()
        if step["deep"]:
            found = [one for each in found for one in _descendants(each)]
        found = [one for each in found for one in _children(each, step)]
    return found


def _children(value: Any, step: re.Match[str]) -> Iterator[Any]:
    if step["all"] or step["each"]:
        yield from _all(value)
    elif step["position"] is not None:
        position = int(step["position"])
        if isinstance(value, list) and position < len(value):
            yield value[position]
    else:
        name = step["quoted"] if step["name"] is None else step["name"]
        if isinstance(value, dict) and name in value:
            yield value[name]


def _all(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    """A value and everything in it, outside in."""
    yield value
    for child in _all(value):
        yield from _descendants(child)
