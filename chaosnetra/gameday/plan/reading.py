"""Reads a game day's file, and says everything that is wrong with it, each with its line."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chaosnetra.documents.document import Document, read_document
from chaosnetra.documents.findings import Finding, instead
from chaosnetra.documents.places import Place
from chaosnetra.errors import Unreadable
from chaosnetra.gameday.plan.day import (
    LONGEST_TEXT,
    MOST_PEOPLE,
    MOST_STEPS,
    NAME,
    NOT_EMPTY,
    Abort,
    DayFile,
    DayStep,
    GameDay,
    Part,
    Role,
)
from chaosnetra.lint.outline import mapping, objects

RULE = "gameday"
LONGEST_SHOWN = 60
_PARTS: Mapping[Any, type[Part]] = {"steps": DayStep, "roles": Role, "abort": Abort}
# Kinds of errors, or patterns that do not match, to what is said and what is to be done.
_WORDS: Mapping[Any, tuple[str, str]] = {
    "missing": ("{part} lacks {key!r}", "add it"),
    "model_type": ("it is no object", "write {{ … }}"),
    "dict_type": ("it is no object", "write {{ … }}"),
    "tuple_type": ("{key} is no list", "write [ … ]"),
    "too_short": ("{key} is empty", "add one at least"),
    "too_long": ("there are more than {max_length} {key}", "keep so many"),
    "nul": ("{key} holds a NUL character", "remove it"),
    "empty": ("{key} is empty", "write what it is"),
    "int_parsing_size": ("{key} is {value!r}", "change it"),
    "string_type": ("{key} is no text", "write it in quotes"),
    "path_type": ("{key} is no text", "write it in quotes"),
    "string_too_long": ("{key} has {length:,} characters", f"at most {LONGEST_TEXT:,} fit"),
    "string_unicode": ("{key} holds half a character", "remove it"),
    NOT_EMPTY: ("{key} is empty", "write what it is"),
    NAME: (
        "a step is called {value!r}",
        "write a name of small letters, digits and hyphens, at most 40",
    ),
    "literal_error": ("{key} is {value!r}", "write {expected}"),
    "enum": ("{value!r} is nothing that is predicted", "write {expected}"),
    "bool_type": ("it is neither true nor false", "write one"),
    "float_type": ("{key} must be a number, got {value!r}", "change it"),
    "finite_number": ("{key} must be a finite number, got {value}", "change it"),
    "greater_than": ("{key} must be more than {gt:g}, got {value}", "change it"),
    "less_than_equal": ("{key} must be at most {le:g}, got {value}", "change it"),
    "gameday": ("{message}", "{remedy}"),
}


def read_gameday(path: Path) -> tuple[GameDay | None, list[Finding]]:
    """Read a day.

    Returns:
        The day and no findings, or None and at least one, in the order of their lines.

    Raises:
        Unreadable: there is no such file, or it is no JSON.
    """
    if path.suffix != ".json":
        raise Unreadable(f"{path}: a game day is a .json file")
    return parse_gameday(read_document(path, any_encoding=True), path)


def parse_gameday(
    document: Document, path: Path, *, check_files: bool = True
) -> tuple[GameDay | None, list[Finding]]:
    """As `read_gameday`, for what was read already.

    Args:
        document: what the file holds.
        path: of the file; experiments are looked for beside it.
        check_files: whether they have to be there.
    """
    day = None
    told = list(_of_lists(document))
    try:
        file = DayFile.model_validate(
            document.data, context={"path": path, "check_files": check_files}
        )
        day = GameDay.model_construct(**dict(file), path=path, data=document.data)
    except ValidationError as error:
        told += [
            _told(dict(one))
            for one in error.errors(include_url=False)
            # A list is too short for pydantic also where what it holds is wrong; `_of_lists` says
            # which one is too long.
            if (one["type"] != "too_short" or not one["input"])
            and not (one["type"] == "too_long" and one["loc"] in (("steps",), ("roles",)))
        ]
    findings = [
        Finding(document.name, document.line(place), RULE, f"{_shown(place)}{message}", remedy)
        for place, message, remedy in told
    ]
    findings.sort(key=lambda finding: finding.line)
    return (None if findings else day), findings


def _of_lists(document: Document) -> Iterator[tuple[Place, str, str]]:
    """What is there twice, and lists that are too long.

    Of those pydantic says nothing where what they hold is wrong too.
    """
    for twice in document.duplicates:
        yield twice.place, f"{twice.place[-1]!r} is there twice", "keep one of them"
    for key, what, most in (("steps", "name", MOST_STEPS), ("roles", "role", MOST_PEOPLE)):
        items = mapping(document.data).get(key)
        if isinstance(items, list) and len(items) > most:
            yield (key,), f"there are more than {most} {key}", "make it two days"
        seen = set()
        for at, item in objects(items):
            name = item.get(what)
            if isinstance(name, str) and name and name in seen:
                yield (key, at, what), f"there are two called {name!r}", "rename one of them"
            elif isinstance(name, str):
                seen.add(name)


class _AsItIs(str):
    """Text that needs no quotes."""

    __repr__ = str.__str__


def _value(value: Any) -> str:
    """What the file holds, short; text in quotes where a message has it so."""
    if isinstance(value, str):
        return value[:LONGEST_SHOWN]
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print a number of thousands of digits
        text = "a number of thousands of digits"
    return _AsItIs(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def _told(error: Mapping[str, Any]) -> tuple[Place, str, str]:
    """An error of pydantic's as place, message and remedy."""
    place: Place = tuple(error["loc"])
    value, context = error["input"], error.get("ctx", {})
    key = next((part for part in reversed(place) if isinstance(part, str)), "it")
    part = _PARTS[place[0]] if len(place) > 1 and place[0] in _PARTS else DayFile
    if error["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in part.model_fields.items()]
        remedy = instead(str(key), known, f"it has {', '.join(known)}")
        return place, f"{part.called} has no {key!r}", remedy
    unknown = (error["msg"].replace("{", "{{").replace("}", "}}"), "change it")
    kind = context.get("pattern", error["type"])
    if kind == NAME and not str(value).strip():
        kind = NOT_EMPTY
    words = _WORDS.get(kind) or _WORDS.get(error["type"], unknown)
    named = {
        **context,
        "expected": str(context.get("expected")).replace("'", ""),
        "part": part.called,
        "key": key,
        "length": len(value) if isinstance(value, str) else 0,
        "value": _value(value),
    }
    message, remedy = (text.format(**named) for text in words)
    return (place[:-1] if error["type"] == "missing" else place), message, remedy


def _shown(place: Place) -> str:
    """A place as people write it, `steps[2].parameters.count: `, the first step being 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return f"{text}: " if text else ""
