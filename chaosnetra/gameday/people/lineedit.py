"""A line being typed: keys in, a finished line out."""

from collections.abc import Callable, Mapping, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.people.predictions import LONGEST_ANSWER, checked_answer
from chaosnetra.gameday.people.view import Entry

ENTER = (Keys.ControlM, Keys.ControlJ)


def _word_left(buffer: Buffer) -> int:
    """How far the cursor is from the begin of its word, or of the one before."""
    found = buffer.document.find_start_of_previous_word(WORD=True)
    return buffer.cursor_position if found is None else -found


def _word_right(buffer: Buffer) -> int:
    found = buffer.document.find_next_word_ending(WORD=True)
    return len(buffer.text) if found is None else found


# What goes beyond the line is cut.
_EDITS: Mapping[str, Callable[[Buffer], object]] = {
    Keys.Left: lambda buffer: buffer.cursor_left(),
    Keys.ControlB: lambda buffer: buffer.cursor_left(),
    Keys.Right: lambda buffer: buffer.cursor_right(),
    Keys.ControlF: lambda buffer: buffer.cursor_right(),
    Keys.ControlLeft: lambda buffer: buffer.cursor_left(_word_left(buffer)),
    Keys.ControlRight: lambda buffer: buffer.cursor_right(_word_right(buffer)),
    Keys.Home: lambda buffer: buffer.cursor_left(len(buffer.text)),
    Keys.ControlA: lambda buffer: buffer.cursor_left(len(buffer.text)),
    Keys.End: lambda buffer: buffer.cursor_right(len(buffer.text)),
    Keys.ControlE: lambda buffer: buffer.cursor_right(len(buffer.text)),
    Keys.Backspace: lambda buffer: buffer.delete_before_cursor(),
    Keys.Delete: lambda buffer: buffer.delete(),
    Keys.ControlD: lambda buffer: buffer.delete(),
    Keys.ControlK: lambda buffer: buffer.delete(len(buffer.text)),
    Keys.ControlU: lambda buffer: buffer.delete_before_cursor(buffer.cursor_position),
    Keys.ControlW: lambda buffer: buffer.delete_before_cursor(_word_left(buffer)),
}
_EARLIER = {Keys.Up: -1, Keys.ControlP: -1, Keys.Down: 1, Keys.ControlN: 1}


class LineEditor:
    """Collects what is typed until Enter. More than a person types is counted and not kept.

    Args:
        earlier: lines that the keys up and down bring back.
    """

    def __init__(self, earlier: Sequence[str] = ()) -> None:
        self._lines = [*earlier, ""]
        self._at = len(earlier)
        self._buffer = Buffer(multiline=False)
        self.dropped = 0
        self.controls = 0

    @property
    def text(self) -> str:
        return self._buffer.text

    def entry(self, label: str) -> Entry:
        """The line as it is shown."""
        return Entry(label, self.text, self._buffer.cursor_position)

    def feed(self, pressed: Sequence[KeyPress]) -> tuple[str | None, Sequence[KeyPress]]:
        """Take keys.

        Returns:
            The finished line, or None, and the keys that came after it. Ctrl-D on an empty line
            is an EOFError.
        """
        for at, press in enumerate(pressed):
            if press.key in ENTER:
                return self.text, pressed[at + 1 :]
            self._take(press)
        return None, ()

    def checked(self) -> str:
        """The line as an answer.

        Raises:
            InvalidInput: it is empty, too long or no text.
        """
        if self.dropped:
            raise InvalidInput(
                f"the answer has {len(self.text) + self.dropped:,} characters; "
                f"at most {LONGEST_ANSWER:,} fit"
            )
        if self.controls:
            raise InvalidInput("the answer holds control characters; type it again")
        if "\ufffd" in self.text:
            raise InvalidInput("the answer is no text (not UTF-8); type it again")
        return checked_answer(self.text)

    def _take(self, press: KeyPress) -> None:
        if press.key == Keys.ControlD and not self.text:
            raise EOFError
        if press.key in _EDITS:
            _EDITS[press.key](self._buffer)
            self.dropped = self.dropped if self.text else 0
        elif press.key in _EARLIER:
            self._bring_back(_EARLIER[Keys(press.key)])
        elif press.key == Keys.Tab or not isinstance(press.key, Keys):
            if len(self.text) >= LONGEST_ANSWER:
                self.dropped += 1
            else:
                self._buffer.insert_text(press.data)
        elif press.key != Keys.Escape and len(press.data) == 1:
            self.controls += 1

    def _bring_back(self, way: int) -> None:
        """Put an earlier line, or a later one, in place of this, which is kept meanwhile."""
        to = self._at + way
        if 0 <= to < len(self._lines):
            self._lines[self._at], self._at = self.text, to
            self._buffer.text = self._lines[to]
            self._buffer.cursor_position = len(self.text)
