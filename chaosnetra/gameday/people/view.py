"""How lines get onto a terminal: below what was said, a few that change; or none, if it is dumb."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from chaosnetra.gameday.people.interface import Left, Style
from chaosnetra.text import one_line

if TYPE_CHECKING:
    from rich.live import Live

GONE = "the terminal is gone"
_STYLES = {
    Style.PLAIN: "",
    Style.TITLE: "bold",
    Style.GOOD: "green",
    Style.BAD: "bold red",
    Style.WARNING: "yellow",
    Style.QUIET: "dim",
}


@dataclass(frozen=True)
class Entry:
    """What is being typed: a label, the text, and how much of the text is before the cursor."""

    label: str
    text: str
    cursor: int

    @property
    def line(self) -> str:
        return self.label + self.text

    @property
    def column(self) -> int:
        return len(self.label) + self.cursor


def plain_say(text: str, style: Style = Style.PLAIN) -> None:  # noqa: ARG001
    """A line where there is no terminal.

    Raises:
        Left: nobody reads it.
    """
    _write(f"{text}\n", "the output cannot be written")


def _write(text: str, otherwise: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise Left(f"{otherwise}: {error}") from None


class DumbView:
    """Shows what is said, and what is going on, on a terminal that can only go on.

    What is typed is echoed there, and what changes is said again.
    """

    def __init__(self) -> None:
        self._entry = ""
        self._column = 0
        self._brief = ""

    def say(self, text: str, style: Style) -> None:  # noqa: ARG002 - it has none
        """A line that stays, or several."""
        self._end_entry()
        plain_say(text)

    def show(self, lines: Sequence[str], entry: Entry | None, *, brief: str = "") -> None:  # noqa: ARG002
        """What changes: lines, and what is being typed; `brief` is all of it as one line."""
        if entry is None:
            self._end_entry()
            if brief and brief != self._brief:
                self._brief = brief
                plain_say(brief)
            return
        line = entry.line
        same = takewhile(lambda pair: pair[0] == pair[1], zip(line, self._entry, strict=False))
        kept = sum(1 for _ in same)
        to_the_end = self._entry[self._column :]
        erased = "\b \b" * (len(self._entry) - kept)
        _write(to_the_end + erased + line[kept:] + "\b" * (len(line) - entry.column), GONE)
        self._entry, self._column = line, entry.column

    def clear(self) -> None:
        """Nothing is going on any more."""
        self._end_entry()

    def _end_entry(self) -> None:
        if self._entry:
            self._entry, self._column = "", 0
            _write("\n", GONE)


class LiveView(DumbView):
    """The same on a terminal that can move its cursor, with colours where it has and wants them."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console

        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live: Live | None = None
        self._shown: tuple[object, ...] = ()

    @property
    def is_dumb(self) -> bool:
        return self._console.is_dumb_terminal

    def say(self, text: str, style: Style) -> None:
        from rich.text import Text

        try:
            self._console.print(Text(text, style=_STYLES[style]), soft_wrap=False)
        except OSError as error:
            raise Left(f"{GONE}: {error}") from None

    def show(self, lines: Sequence[str], entry: Entry | None, *, brief: str = "") -> None:  # noqa: ARG002
        width = self._console.width
        shown = (width, *lines, entry)
        if shown == self._shown:
            return
        self._shown = shown
        from rich.console import Group
        from rich.live import Live
        from rich.text import Text

        rows = [Text(one_line(line), no_wrap=True, overflow="ellipsis") for line in lines]
        if entry is not None:
            room = max(8, width - 2)
            line, column = f"{entry.line} ", entry.column
            first = max(0, column - room + 1)  # so far to the left that the cursor can be seen
            row = Text(f"…{line[first + 1 :]}" if first else line, "bold", no_wrap=True)
            row.truncate(room + 1, overflow="ellipsis")
            row.stylize("reverse", column - first, column - first + 1)
            rows.append(row)
        try:
            if self._live is None:
                self._live = Live(
                    console=self._console,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            self._live.update(Group(*rows), refresh=True)
        except OSError as error:
            raise Left(f"{GONE}: {error}") from None

    def clear(self) -> None:
        live, self._live, self._shown = self._live, None, ()
        if live is not None:
            with contextlib.suppress(OSError):  # it may be gone
                live.stop()


def terminal_view() -> DumbView:
    """The view that suits this terminal."""
    live = LiveView()
    return DumbView() if live.is_dumb else live
