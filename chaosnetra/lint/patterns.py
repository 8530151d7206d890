"""Regular expressions and JSON paths that match whatever they are given.

What is said here is proved from the parsed pattern: a pattern of which it cannot be proved is
taken to mean something. `^(?!.*error)` for example matches an empty text, and not every text.
"""

import re
import warnings
from enum import Enum, auto
from importlib import import_module
from typing import Any


class Reach(Enum):
    """What a pattern matches, as far as it can be proved; a tolerance searches for it."""

    UNKNOWN = auto()
    LINES = auto()  # every text of one line
    EVERYTHING = auto()


class _At(Enum):
    """Two places that every text has."""

    START = auto()
    END = auto()


_ANCHORS = {
    "AT_BEGINNING": _At.START,
    "AT_BEGINNING_STRING": _At.START,
    "AT_END": _At.END,
    "AT_END_STRING": _At.END,
}
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
# These give nothing back, so they match nothing for sure only where nothing is left.
_GREEDY = ("POSSESSIVE_REPEAT", "ATOMIC_GROUP")
_OPPOSITES = ("SPACE", "DIGIT", "WORD")


def reach(pattern: str) -> Reach:
    """What `re.search` finds with a pattern; `UNKNOWN` also for one that is not valid."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
            # The parser of the standard library itself; it has no public name.
            parsed = import_module("re._parser").parse(pattern)
    except (ImportError, re.error, RecursionError, OverflowError):
        return Reach.UNKNOWN
    flags = parsed.state.flags
    if any(_is_empty_at(parsed, place) for place in _At):
        return Reach.EVERYTHING
    return _of_all(parsed, flags)


def is_every_json(path: str, keys: tuple[str, ...]) -> bool:
    """Whether a JSON path finds something in every document, or in one that has these keys."""
    steps = re.sub(r"\s+", "", path)
    if steps == "$":
        return True
    found = re.fullmatch(r"""\$(?:\.(\*|[\w-]+)|\.\.\*|\[(\*|'[^']*'|"[^"]*")\])""", steps)
    if found is None or not keys:
        return False
    key = found[1] or (found[2] or "*").strip("'\"")
    return key == "*" or key in keys


def _is_empty_at(sequence: Any, place: _At) -> bool:
    """Whether a sequence matches nothing, and so something, there in every text."""
    return all(_one_is_empty_at(str(code), argument, place) for code, argument in sequence)


def _one_is_empty_at(code: str, argument: Any, place: _At) -> bool:
    if code in _GREEDY and place is not _At.END:
        return False
    if code in _REPEATS:
        least, _, repeated = argument
        return least == 0 or _is_empty_at(repeated, place)
    if code == "SUBPATTERN":
        return _is_empty_at(argument[-1], place)
    if code == "ATOMIC_GROUP":
        return _is_empty_at(argument, place)
    if code == "BRANCH":
        return any(_is_empty_at(branch, place) for branch in argument[1])
    if code == "AT":
        return _ANCHORS.get(str(argument)) is place
    if code == "ASSERT":
        return _is_empty_at(argument[1], place)
    if code == "ASSERT_NOT":
        direction, looked_for = argument
        # Nothing comes before the start and after the end.
        outside = _At.START if direction < 0 else _At.END
        return place is outside and looked_for.getwidth()[0] > 0
    return False


def _of_all(sequence: Any, flags: int) -> Reach:
    """`^.*$` and its like: all of a text, from its start to its end."""
    while len(sequence) == 1 and str(sequence[0][0]) == "SUBPATTERN":
        _, added, removed, sequence = sequence[0][1]
        flags = (flags | added) & ~removed
    parts = list(sequence)
    for end, place in ((0, _At.START), (-1, _At.END)):
        while parts and _one_is_empty_at(str(parts[end][0]), parts[end][1], place):
            if _takes(parts[end], flags) is not Reach.UNKNOWN:
                break
            del parts[end]
    if not parts or not all(_one_is_empty_at(str(code), one, _At.END) for code, one in parts):
        return Reach.UNKNOWN
    return _takes(parts[0], flags)


def _takes(part: Any, flags: int) -> Reach:
    """Whether a part takes any number of any characters."""
    code, argument = str(part[0]), part[1]
    if code == "SUBPATTERN":
        _, added, removed, inner = argument
        return _takes(inner[0], (flags | added) & ~removed) if len(inner) == 1 else Reach.UNKNOWN
    if code not in ("MAX_REPEAT", "MIN_REPEAT"):
        return Reach.UNKNOWN
    least, most, repeated = argument
    if least > 0 or str(most) != "MAXREPEAT" or len(repeated) != 1:
        return Reach.UNKNOWN
    kind, what = str(repeated[0][0]), repeated[0][1]
    if kind == "ANY":
        return Reach.EVERYTHING if flags & re.DOTALL else Reach.LINES
    if kind == "IN":
        named = {str(one) for key, one in what if str(key) == "CATEGORY"}
        if any({f"CATEGORY_{one}", f"CATEGORY_NOT_{one}"} <= named for one in _OPPOSITES):
            return Reach.EVERYTHING
    return Reach.UNKNOWN
