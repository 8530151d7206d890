"""JSON read piece by piece: of a very large document, only what is kept of it is in memory.

`json` wants a whole text at once. Here its scanner reads whatever fits into a small window; an
object or array that does not is gone into, and its elements are read one after the other.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

# The scanner is given at least so much text; what is shorter is read by it alone.
WINDOW = 2**14
# What a text that breaks off may end with: the beginning of a word (Python's are taken too), of
# what follows a number's digits, or of a sign in a string.
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_TORN = re.compile(r"\.|[eE][-+]?|\\?u?[0-9a-fA-F]{0,4}")
_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*(?=[^\]} \t\n\r])")


class NoJson(ValueError):
    """It is something else."""


class BreaksOff(NoJson):
    """The text ends before the document does."""


def read_json(pieces: Iterator[str], kept: Callable[[dict[str, Any]], Any]) -> Any:
    """Read one document.

    Args:
        pieces: its text, in order.
        kept: called with each object, inner ones first; what it returns takes its place. Of one
            that it returns as it is, the keys are shared with others.

    Raises:
        BreaksOff: the text ends too early.
        NoJson: it is something else.
        ValueError: it holds a number of too many digits.
        RecursionError: it is nested too deeply.
    """
    reader = _Reader(pieces, kept)
    data = reader.value()
    if reader.next_sign():
        raise NoJson("there is more than one document in it")
    return data


class _Reader:
    def __init__(self, pieces: Iterator[str], kept: Callable[[dict[str, Any]], Any]) -> None:
        self._pieces = pieces
        self._keep = kept
        self._scan = json.JSONDecoder(object_hook=self._kept).raw_decode
        self._keys: dict[str, str] = {}
        self._text = ""
        self._at = 0
        self._ended = False

    def value(self, sign: str = "") -> Any:
        """The value that comes next; `sign` is its first, where that is known."""
        sign = sign or self.next_sign()
        while True:
            self._fill(WINDOW)
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    # All that is left was seen.
                    raise self._wrong(error) from None
            else:
                # What a number or word ends with is known from what follows.
                if sign in '{["' or end < len(self._text) or self._ended:
                    self._at = end
                    return value
            if sign == "{":
                return self._object()
            if sign == "[":
                return self._array()
            self._fill(2 * (len(self._text) - self._at))  # a long text

    def next_sign(self) -> str:
        """The sign that comes next, after white space; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space is not None else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(1)

    def _object(self) -> Any:
        self._at += 1
        found: dict[str, Any] = {}
        sign = self.next_sign()
        while sign != "}":
            if sign != '"':
                raise self._unexpected(sign, "a key")
            key = self.value()
            self._expect(":")
            found[key] = self.value()
            sign = self._comma_or("}")
        self._at += 1
        return self._kept(found)

    def _array(self) -> list[Any]:
        self._at += 1
        found: list[Any] = []
        sign = self.next_sign()
        while sign != "]":
            found.append(self.value(sign))
            sign = self._comma_or("]")
        self._at += 1
        return found

    def _kept(self, data: dict[str, Any]) -> Any:
        found = self._keep(data)
        if found is not data:
            return found
        # One copy of each key: the scanner knows only those of what it reads at once.
        known = self._keys.setdefault
        return {known(key, key): value for key, value in data.items()}

    def _comma_or(self, end: str) -> str:
        """The sign after a comma, or the end of what is being read."""
        # Nearly always there is one, and all of it in sight.
        if (comma := _COMMA.match(self._text, self._at)) is not None:
            self._at = comma.end()
            return self._text[self._at]
        sign = self.next_sign()
        if sign == end:
            return sign
        self._expect(",")
        sign = self.next_sign()
        if sign == end:
            raise self._unexpected(sign, "one more element")
        return sign

    def _expect(self, wanted: str) -> None:
        sign = self.next_sign()
        if sign != wanted:
            raise self._unexpected(sign, repr(wanted))
        self._at += 1

    def _fill(self, least: int) -> None:
        """See to it that so much text is ahead, unless the document ends before."""
        ahead = len(self._text) - self._at
        if ahead >= least or self._ended:
            return
        parts = [self._text[self._at :]]
        for piece in self._pieces:
            parts.append(piece)
            ahead += len(piece)
            if ahead >= least:
                break
        else:
            self._ended = True
        self._text, self._at = "".join(parts), 0

    def _wrong(self, error: json.JSONDecodeError) -> NoJson:
        rest = self._text[error.pos :]
        torn = _TORN.fullmatch(rest) or any(word.startswith(rest) for word in _WORDS)
        if torn or error.msg.startswith("Unterminated string"):
            return BreaksOff()
        return NoJson(error.msg)

    def _unexpected(self, sign: str, wanted: str) -> ValueError:
        return NoJson(f"{wanted} was expected") if sign else BreaksOff()
