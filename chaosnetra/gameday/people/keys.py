"""Single keys from a terminal, and the terminal as it was afterwards."""

import contextlib
import json
import os
import select
import sys
import termios
from typing import Any, TextIO

from chaosnetra.gameday.people.interface import Left
from chaosnetra.gameday.people.lineedit import Decoder

CHUNK = 65536
_INPUT = 0  # where tcgetattr has the modes of what is typed
_CHARACTERS = 6  # where tcgetattr has the control characters


class Keys:
    """Reads keys as they are pressed; Ctrl-C stays a signal, and Ctrl-Z does nothing.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._file = stream.fileno()
        self._decoder = Decoder()
        self._former: Any = termios.tcgetattr(self._file)
        settings = termios.tcgetattr(self._file)
        settings[_INPUT] &= ~termios.IXON  # Ctrl-S would stop the conductor in mid-run
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        settings[_CHARACTERS][termios.VMIN] = 1
        settings[_CHARACTERS][termios.VTIME] = 0
        # A suspended conductor would watch over nothing.
        settings[_CHARACTERS][termios.VSUSP] = b"\0"
        termios.tcsetattr(self._file, termios.TCSADRAIN, settings)

    def read(self, seconds: float) -> str:
        """What was typed, once something was or the time is over.

        Raises:
            Left: the terminal is gone.
        """
        try:
            if not select.select([self._file], [], [], max(0.0, seconds))[0]:
                return ""
            raw = os.read(self._file, CHUNK)
        except OSError as error:
            raise Left(f"the terminal is gone: {error.strerror}") from None
        if not raw:
            raise Left("the terminal was closed")
        return self._decoder.characters(raw)

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


def has_terminal() -> bool:
    """Whether somebody can type here and see what is said."""
    return sys.stdin.isatty() and sys.stdout.isatty()
