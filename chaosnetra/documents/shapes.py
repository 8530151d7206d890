"""JSON data of a file as a frozen dataclass, each of whose fields declares how it is parsed.

    @dataclass(frozen=True)
    class Pool:
        size: int = entry(partial(whole_number, minimum=1))
        pre_ping: bool = entry(truth, True)

A parser takes the name of a value for messages, and the value; it returns what the field holds, or
raises `InvalidInput`. Those of `chaosnetra.quantities` are such, and `shaped` is, for an object
within an object.
"""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, field, fields
from typing import Any

from chaosnetra.documents.findings import nearest
from chaosnetra.errors import InvalidInput

Parse = Callable[..., Any]


def entry(parse: Parse, default: Any = MISSING, **options: Any) -> Any:
    """A field of a dataclass that a file gives; with `options` of `dataclasses.field`.

    Args:
        parse: from what the file holds.
        default: of the field, where the file leaves it out.
    """
    return field(default=default, metadata={"parse": parse}, **options)


def parsers(shape: type[Any]) -> dict[str, Parse]:
    """How each entry of a dataclass is parsed, by its key, in order."""
    return {one.name: one.metadata["parse"] for one in fields(shape) if "parse" in one.metadata}


def shaped(
    name: str,
    data: Any,
    *,
    shape: type[Any],
    between: str = ".",
    **others: Any,
) -> Any:
    """An object within a file as a dataclass.

    Args:
        name: of the place, for messages.
        data: as the file has it.
        shape: the dataclass.
        between: a name and that of what is in it.
        others: fields that the file does not give.

    Raises:
        InvalidInput: a key is missing or unknown, or a value wrong; names its place.
    """
    known = parsers(shape)
    if not isinstance(data, dict):
        raise InvalidInput(f"{name} must be a JSON object")
    refuse_unknown(name, data, known)
    demanded = [one.name for one in fields(shape) if one.default is one.default_factory is MISSING]
    missing = [key for key in demanded if key not in data and key not in others]
    if missing:
        raise InvalidInput(f"{name} lacks {', '.join(missing)}")
    values = {key: known[key](f"{name}{between}{key}", value) for key, value in data.items()}
    return shape(**values, **others)


def refuse_unknown(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise InvalidInput where a key is given that is not known; say what it was meant to be."""
    known = list(known)
    unknown = sorted(set(given) - set(known))
    if unknown:
        told = ", ".join(
            f"{key} (did you mean {guess}?)" if (guess := nearest(key, known)) else key
            for key in unknown
        )
        raise InvalidInput(f"{name} has unknown keys {told}; known are {', '.join(known)}")
