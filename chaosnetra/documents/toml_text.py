"""TOML with the line of each key, which Python's own reader does not tell."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.documents.places import Place

# How it says where a text breaks off; at its end it names no line.
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse_toml(text: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """The data of a text, and the line of each key and table, from 1.

    Of a key that an array of tables holds several times it is the first one's.

    Raises:
        TomlError: it is not TOML.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _error(str(error), text) from None
    except RecursionError:
        raise TomlError(1, "it is nested too deeply to be read") from None
    lines: dict[Place, int] = {}
    table: Place = ()
    for line, statement, is_header in _statements(text):
        for place in _places(statement):
            lines.setdefault(place if is_header else (*table, *place), line)
        if is_header:
            table = max(_places(statement), key=len)
    return data, lines


class TomlError(ValueError):
    """A text is not TOML; `line` says where it breaks off."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        super().__init__(why)


def _error(said: str, text: str) -> TomlError:
    found = _WHERE.search(said)
    line = int(found[1]) if found and found[1] else max(1, len(text.splitlines()))
    return TomlError(line, _WHERE.sub("", said))


def _statements(text: str) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Each key with its value, and each header of a table: its line, what it says, which it is.

    One of several lines is whole when it can be read, and not before.
    """
    begun: list[str] = []
    begun_at = 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not begun:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            begun_at = number
        begun.append(line)
        try:
            found = tomllib.loads("\n".join(begun))
        except tomllib.TOMLDecodeError:
            continue
        yield begun_at, found, begun[0].lstrip().startswith("[")
        begun = []


def _places(data: Mapping[str, Any], above: Place = ()) -> Iterator[Place]:
    for key, value in data.items():
        yield (*above, key)
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            yield from _places(inner, (*above, key))
