"""A line being typed: bytes from a terminal in, characters and finished lines out. Pure."""

import codecs
from dataclasses import dataclass

from chaosnetra.gameday.people.predictions import LONGEST_ANSWER

ENTER = "\r\n"
BACKSPACE = "\x7f\x08"
CLEAR = "\x15"  # Ctrl-U
WORD = "\x17"  # Ctrl-W
END = "\x04"  # Ctrl-D
ESCAPE = "\x1b"


@dataclass
class LineEditor:
    """Collects what is typed until Enter. More than a person types is counted and not kept."""

    text: str = ""
    dropped: int = 0
    controls: int = 0

    def feed(self, characters: str) -> tuple[str | None, str]:
        """Take characters.

        Returns:
            The finished line, or None, and the characters that came after it. Ctrl-D on an empty
            line is an EOFError.
        """
        for at, character in enumerate(characters):
            if character in ENTER:
                return self.text, characters[at + 1 :]
            self._take(character)
        return None, ""

    def _take(self, character: str) -> None:
        if character in BACKSPACE:
            self.text = self.text[:-1]
        elif character == CLEAR:
            self.text, self.dropped = "", 0
        elif character == WORD:
            kept = self.text.rstrip()
            self.text = kept[: kept.rfind(" ") + 1]
        elif character == END:
            if not self.text:
                raise EOFError
        elif character < " " and character != "\t":
            self.controls += 1
        elif len(self.text) >= LONGEST_ANSWER:
            self.dropped += 1
        else:
            self.text += character


class Decoder:
    """Bytes to characters; keys that send an escape sequence become one ESCAPE or nothing."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def characters(self, raw: bytes) -> str:
        """The characters that are whole by now.

        A lone Escape stays; a sequence such as that of an arrow key is left out.
        """
        text = self._utf8.decode(raw)
        if ESCAPE not in text:
            return text
        return _without_sequences(text)


def _without_sequences(text: str) -> str:
    found, at = [], 0
    while at < len(text):
        if text[at] != ESCAPE or at + 1 >= len(text) or text[at + 1] not in "[O":
            found.append(text[at])
            at += 1
            continue
        at += 2
        while at < len(text) and not "@" <= text[at] <= "~":
            at += 1
        at += 1
    return "".join(found)
