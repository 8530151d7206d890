"""Which setting of an experiment fed an argument: a message names what its user can change.

An activity knows its arguments, not the `${key}` that each was written with: the Chaos Toolkit has
put the values in. So a message names the argument (`chaosnetra.settings.setting_hint`), and where
it leaves the activity the experiment tells which setting that is.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from chaosnetra.hints import ARGUMENT, key_hint

_NAMED = re.compile(re.escape(ARGUMENT).replace("NAME", r"(\w+)"))
_SUBSTITUTED = re.compile(r"\$\{([^}]+)\}")


class Call(NamedTuple):
    """A function that experiments name, while it is called, and the arguments that it has."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]


_calls: ContextVar[tuple[Call, ...]] = ContextVar("calls", default=())


@contextmanager
def called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Iterator[None]:
    """Know, while inside, that a function is called; it may call another one of them."""
    token = _calls.set((Call(function, arguments), *_calls.get()))
    try:
        yield
    finally:
        _calls.reset(token)


def with_settings(text: str, experiment: Mapping[str, Any] | None) -> str:
    """A message with the settings in place of the arguments that they fed.

    Args:
        text: of an error.
        experiment: that runs, as it is written; None: not known.

    Returns:
        The text; an argument stays where it is written out, or fed by several settings.
    """
    if experiment is None or not _NAMED.search(text):
        return text
    given, has = _arguments(experiment)
    declared = experiment.get("configuration") or {}

    def hint(found: re.Match[str]) -> str:
        keys = {key for value in _values_of(found[1], given) for key in _keys(value)}
        if len(keys) > 1:  # another step gives it another one
            loaded, there = has.get("configuration") or {}, list(_values_of(found[1], has))
            keys = {key for key in keys if loaded.get(key) in there}
        return _hint(keys.pop(), declared) if len(keys) == 1 else found[0]

    return _NAMED.sub(hint, text)


def _hint(key: str, declared: Mapping[str, Any]) -> str:
    value = declared.get(key)
    if isinstance(value, dict) and value.get("type") == "env":
        return key_hint(key, str(value.get("key")))
    return key_hint(key, None)


def _arguments(experiment: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
    """What the experiment gives the innermost function in progress that it names; what that has."""
    for call in _calls.get():
        if found := list(_given(experiment, call.function)):
            return found, call.arguments
    return [], {}


def _given(data: Any, function: Callable[..., Any]) -> Iterator[Any]:
    """Arguments of each provider that names a function, also of one inside another."""
    for found in _objects(data):
        module = sys.modules.get(str(found.get("module")))
        if module is not None and getattr(module, str(found.get("func")), None) is function:
            yield found.get("arguments")


def _values_of(name: str, data: Any) -> Iterator[Any]:
    """The values that an argument of that name has, at any depth."""
    return (found[name] for found in _objects(data) if name in found)


def _objects(data: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in JSON-like data, those within another one behind it."""
    if isinstance(data, Mapping):
        yield data
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from _objects(value)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _SUBSTITUTED.findall(value)
