"""Single keys from a terminal, and the terminal as it was afterwards."""

import codecs
import contextlib
import json
import os
import select
import termios
import time
from typing import Any, TextIO

from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress

from chaosnetra.gameday.people.interface import Left

CHUNK = 4096
ESCAPE = "\x1b"
# The rest of a key's escape sequence comes within this time; else it was the key Escape.
ESCAPE_SECONDS = 0.1
_INPUT = 0  # where tcgetattr has the modes of what is typed
_CHARACTERS = 6  # where tcgetattr has the control characters


class KeyParser:
    """Bytes to keys; those of one key, or one character, may come one by one."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._pressed: list[KeyPress] = []
        self._parser = Vt100Parser(self._pressed.append)
        self._in_sequence = False

    def feed(self, raw: bytes) -> list[KeyPress]:
        """The keys that are whole by now."""
        text = self._utf8.decode(raw)
        self._in_sequence = self._in_sequence or ESCAPE in text
        if self._in_sequence:
            self._parser.feed(text)
        else:  # far faster, for what is pasted
            for character in text:
                if character.isprintable():
                    self._pressed.append(KeyPress(character, character))
                else:
                    self._parser.feed(character)
        return self._taken()

    def flush(self) -> list[KeyPress]:
        """What has begun a sequence that does not go on."""
        self._parser.flush()
        self._in_sequence = False
        return self._taken()

    def _taken(self) -> list[KeyPress]:
        pressed = list(self._pressed)
        self._pressed.clear()
        return pressed


class Keyboard:
    """Reads keys as they are pressed; Ctrl-C stays a signal, and Ctrl-Z does nothing.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._file = stream.fileno()
        self._parser = KeyParser()
        self._heard = 0.0
        self._former: Any = termios.tcgetattr(self._file)
        settings = termios.tcgetattr(self._file)
        settings[_INPUT] &= ~termios.IXON  # Ctrl-S would stop the conductor in mid-run
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        # A suspended conductor would watch over nothing.
        changed = {termios.VMIN: 1, termios.VTIME: 0, termios.VSUSP: b"\0"}
        for at, sign in changed.items():
            settings[_CHARACTERS][at] = sign
        termios.tcsetattr(self._file, termios.TCSADRAIN, settings)

    def read(self, seconds: float) -> list[KeyPress]:
        """The keys that were pressed, once some were or the time is over.

        Raises:
            Left: the terminal is gone.
        """
        try:
            if not select.select([self._file], [], [], max(0.0, seconds))[0]:
                over = time.monotonic() - self._heard >= ESCAPE_SECONDS
                return self._parser.flush() if over else []
            raw = os.read(self._file, CHUNK)
        except OSError as error:
            raise Left(f"the terminal is gone: {error.strerror}") from None
        if not raw:
            raise Left("the terminal was closed")
        self._heard = time.monotonic()
        return self._parser.feed(raw)

    def forget(self) -> None:
        """Drop what was typed and not read yet."""
        termios.tcflush(self._file, termios.TCIFLUSH)

    def restore(self) -> None:
        """Put the terminal back as it was. Doing it again is no error."""
        if self._former is not None:
            with contextlib.suppress(OSError, termios.error):  # it may be gone
                termios.tcsetattr(self._file, termios.TCSANOW, self._former)
            self._former = None


def kept_terminal(stream: TextIO) -> str | None:
    """A terminal's name and settings as text, for the monitor; None for what is none."""
    try:
        settings = termios.tcgetattr(stream.fileno())
        name = os.ttyname(stream.fileno())
    except (OSError, ValueError, termios.error):
        return None
    settings[_CHARACTERS] = [
        [sign[0], True] if isinstance(sign, bytes) else [sign, False]
        for sign in settings[_CHARACTERS]
    ]
    return json.dumps([name, settings])
