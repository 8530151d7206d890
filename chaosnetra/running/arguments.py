"""Which setting of an experiment fed an argument: a message names what its user can change.

An activity knows its arguments, not the `${key}` that each was written with: the Chaos Toolkit has
put the values in. So a message names the argument (`chaosnetra.settings.setting_hint`), and where
it leaves the activity the experiment tells which setting that is.
"""

import re
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from chaosnetra.hints import ARGUMENT, key_hint

_NAMED = re.compile(re.escape(ARGUMENT).replace("NAME", r"(\w+)"))
_SUBSTITUTED = re.compile(r"\$\{([^}]+)\}")


def with_settings(text: str, experiment: Mapping[str, Any] | None, frame: FrameType | None) -> str:
    """A message with the settings in place of the arguments that they fed.

    Args:
        text: of an error.
        experiment: that runs, as it is written; None where nobody told.
        frame: of the activity, or of a function that it called.

    Returns:
        The text; an argument stays where it is written out, or fed by several settings.
    """
    if experiment is None or not _NAMED.search(text):
        return text
    given, called = _arguments(experiment, frame)
    declared = experiment.get("configuration") or {}

    def hint(found: re.Match[str]) -> str:
        keys = {key for value in _values_of(found[1], given) for key in _keys(value)}
        if len(keys) > 1:  # another step gives it another one
            loaded, there = called.get("configuration") or {}, list(_values_of(found[1], called))
            keys = {key for key in keys if loaded.get(key) in there}
        return _hint(keys.pop(), declared) if len(keys) == 1 else found[0]

    return _NAMED.sub(hint, text)


def _hint(key: str, declared: Mapping[str, Any]) -> str:
    value = declared.get(key)
    if isinstance(value, dict) and value.get("type") == "env":
        return key_hint(key, str(value.get("key")))
    return key_hint(key, None)


def _arguments(
    experiment: Mapping[str, Any], frame: FrameType | None
) -> tuple[list[Any], Mapping[str, Any]]:
    """What the experiment gives the innermost function that it names, and what that has."""
    while frame is not None:
        name = (frame.f_globals.get("__name__"), frame.f_code.co_name)
        if found := list(_given(experiment, name)):
            return found, frame.f_locals
        frame = frame.f_back
    return [], {}


def _given(data: Any, name: tuple[Any, str]) -> Iterator[Any]:
    """Arguments of each provider of that module and function, also of one inside another."""
    if isinstance(data, Mapping):
        if (data.get("module"), data.get("func")) == name:
            yield data.get("arguments")
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from _given(value, name)


def _values_of(name: str, data: Any) -> Iterator[Any]:
    """The values that an argument of that name has, at any depth."""
    if isinstance(data, Mapping):
        if name in data:
            yield data[name]
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from _values_of(name, value)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _SUBSTITUTED.findall(value)
