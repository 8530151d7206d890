"""JSON text with the line of every key: `json` reads it, a scanner beside it takes positions.

The scanner sees only text that `json` has accepted, so it needs to know no grammar beyond
brackets, commas and colons.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.documents.places import DEEPEST, Duplicate, Parsed, Place

_PIECE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++', re.DOTALL)


def parse_json(text: str) -> Parsed:
    """Data, lines and duplicate keys of a JSON text.

    Raises:
        ValueError: it is not JSON, or nested more than 100 deep.
        RecursionError: it is nested far deeper than that.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: not JSON: {error.msg}") from None
    scanner = _Scanner()
    line, seen_until = 1, 0
    for piece in _PIECE.finditer(text):
        line += text.count("\n", seen_until, piece.start())
        seen_until = piece.start()
        scanner.take(piece.group(), line)
    return data, scanner.lines, scanner.duplicates


@dataclass
class _Open:
    """An object or array whose end has not come yet."""

    place: Place
    is_object: bool
    at: Any = 0  # the key or index that the scanner is at
    wants_key: bool = True
    keys: dict[str, int] = field(default_factory=dict)


class _Scanner:
    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self.duplicates: list[Duplicate] = []
        self._open: list[_Open] = []

    def take(self, piece: str, line: int) -> None:
        here = self._open[-1] if self._open else None
        if piece in "}]":
            self._open.pop()
        elif piece == "," and here is not None:
            here.wants_key = True
            if not here.is_object:
                here.at += 1
        elif piece == ":" and here is not None:
            here.wants_key = False
        elif here is not None and here.is_object and here.wants_key:
            self._take_key(here, json.loads(piece), line)
        else:
            self._take_value(here, piece, line)

    def _take_key(self, here: _Open, key: str, line: int) -> None:
        place = (*here.place, key)
        if key in here.keys:
            self.duplicates.append(Duplicate(place, here.keys[key], line))
        here.keys.setdefault(key, line)
        here.at = key
        self.lines[place] = line

    def _take_value(self, here: _Open | None, piece: str, line: int) -> None:
        place = () if here is None else (*here.place, here.at)
        if here is not None and not here.is_object:
            self.lines[place] = line
        if piece in "{[":
            if len(self._open) >= DEEPEST:
                raise ValueError(f"line {line}: nested more than {DEEPEST} deep")
            self._open.append(_Open(place, piece == "{"))
