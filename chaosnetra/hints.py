"""How a message says what to change: a setting, or an argument of an activity."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from chaosnetra.errors import changed_by

Parsed = TypeVar("Parsed")

PREFIX = "CHAOSNETRA_"
# How a message names an argument of an activity.
ARGUMENT = "the argument `NAME`"
# As `key_hint` writes it.
_KEY_HINT = re.compile(r"\b(\w+) in the experiment's configuration(?: or [A-Z_][A-Z0-9_]*\b)?")


def variable_of(key: str) -> str:
    """The environment variable that gives a setting."""
    return PREFIX + key.upper()


def key_hint(key: str, variable: str | None) -> str:
    """How to change what an experiment's configuration has under a key.

    Args:
        key: in `configuration`.
        variable: the environment variable that replaces it; None: none does.
    """
    return f"{key} in the experiment's configuration" + (f" or {variable}" if variable else "")


def with_places(text: str, places: Mapping[str, str]) -> str:
    """A message that names where a value came from, not all places where it could be.

    Args:
        text: of an error, with hints of `key_hint`.
        places: by key, `by --set` or `in chaosnetra.toml:3`; keys that are not in it stay.
    """

    def where(found: re.Match[str]) -> str:
        key = found[1]
        return f"{key} {places[key]}" if key in places else found[0]

    return _KEY_HINT.sub(where, text)


def argument(parse: Callable[..., Parsed], name: str, value: Any, **bounds: Any) -> Parsed:
    """An argument of an activity, parsed; where it is refused, the message says what to change.

    Args:
        parse: takes the name, the value and the bounds, such as those of `chaosnetra.quantities`.
        name: of the argument.
        value: as the experiment gave it.
        bounds: for `parse`.

    Raises:
        InvalidInput: it cannot be used.
    """
    with changed_by(ARGUMENT.replace("NAME", name)):
        return parse(name, value, **bounds)
