"""Observations of startups in a journal, which may hold anything in their place."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from chaosnetra.evidence.journal.values import count_or_none, duration_or_none
from chaosnetra.wire.observation import Observation

# A list that is longer than any that we write is somebody else's.
MOST_ELEMENTS = 1_000


def observation_of(value: Any) -> Observation | None:
    """The observation in a startup's `wire`; None for what is none, in any part of it.

    Each number is finite, not negative and of a size that a run can have. What a later version
    tells besides is passed over.
    """
    try:
        found: Observation = _built(Observation, value)
    except ValueError:
        return None
    return found


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _built(hint: Any, value: Any) -> Any:
    """A value as what its place is declared to be.

    Raises:
        ValueError: it is not that.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _built(next(one for one in arguments if one is not type(None)), value)
    if origin is tuple and isinstance(value, list) and len(value) <= MOST_ELEMENTS:
        if arguments[-1] is Ellipsis:
            return tuple(_built(arguments[0], one) for one in value)
        return tuple(_built(*pair) for pair in zip(arguments, value, strict=True))
    if isinstance(value, dict) and len(value) <= MOST_ELEMENTS:
        if origin is Mapping:
            return {str(key): _built(arguments[1], one) for key, one in value.items()}
        if is_dataclass(hint) and isinstance(hint, type):
            return _object(hint, value)
    return _scalar(hint, value)


def _object(kind: type, value: Mapping[str, Any]) -> Any:
    given = {}
    for field in fields(kind):
        if field.name in value:
            given[field.name] = _built(_hints(kind)[field.name], value[field.name])
    try:
        return kind(**given)
    except TypeError:
        raise ValueError(f"a part of {kind.__name__} is missing") from None


def _scalar(hint: Any, value: Any) -> Any:
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return hint(value)
        if hint is float:
            value = duration_or_none(value)
        elif hint is int:
            value = count_or_none(value)
        if isinstance(value, hint) and value is not None:
            return value
    raise ValueError(f"not {hint}")
