"""Draws tallies on the terminal: one line each, below the log, gone when their probes end.

The core's log goes to the same terminal by a handler of its own; while something is drawn, its
lines are printed above the drawing. Probes may run in several threads: they share one drawing.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chaosnetra.progress.tally import Tally

LOGGER = "chaostoolkit"
FRAMES_PER_SECOND = 4
BAR_COLUMNS = 10
# A terminal answers Ctrl-C with ^C at the cursor: on a full line it would begin another, and the
# full one could not be wiped away.
SPARE_COLUMNS = 3


class _Terminal:
    """Standard error for rich. A terminal that has gone away is no reason for a probe to fail."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", "utf-8")

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()


class _Above:
    """Where the log's handlers write meanwhile: above the drawing, as they have formatted it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        line = Text.from_ansi(text.removesuffix("\n"))
        self._console.print(line, soft_wrap=True)  # the terminal breaks it, as without us
        return len(text)

    def flush(self) -> None:
        """Each line is out when it is written."""


class _Drawing:
    """The one drawing of this process; it is there while it has tallies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: list[Tally] = []
        self._live: Live | None = None
        self._diverted: list[tuple[logging.StreamHandler[IO[str]], IO[str]]] = []

    def add(self, tally: Tally) -> None:
        with self._lock:
            self._tallies = [*self._tallies, tally]
            if self._live is None:
                self._begin()

    def remove(self, tally: Tally) -> None:
        with self._lock:
            self._tallies = [other for other in self._tallies if other is not tally]
            if not self._tallies:
                self._end()

    def _begin(self) -> None:
        stream = sys.stderr
        console = Console(
            file=_Terminal(stream),  # type: ignore[arg-type]  # all that rich asks of a file
            force_terminal=True,
            force_interactive=True,
        )
        self._live = Live(
            console=console,
            get_renderable=lambda: self._frame(console),
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,  # it may be a file
            redirect_stderr=False,  # what goes there goes through the log
        )
        self._live.start()
        console.show_cursor(True)  # it must not stay hidden when somebody kills us
        for handler in logging.getLogger(LOGGER).handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
                handler.setStream(_Above(console))
                self._diverted.append((handler, stream))

    def _end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        while self._diverted:
            handler, stream = self._diverted.pop()
            handler.setStream(stream)

    def _frame(self, console: Console) -> Constrain:
        columns = max(1, console.width - SPARE_COLUMNS)
        return Constrain(Group(*map(_row, self._tallies)), columns)


_drawing = _Drawing()


@contextmanager
def drawn(tally: Tally) -> Iterator[None]:
    """Draw a tally until the block ends."""
    try:
        _drawing.add(tally)
        yield
    finally:
        _drawing.remove(tally)


def _row(tally: Tally) -> Table:
    """One line: what is least needed comes last, and is cut where the terminal is narrow."""
    row = Table.grid(padding=(0, 1), expand=True)
    cells: list[Text | ProgressBar] = [Text(tally.what, no_wrap=True)]
    row.add_column(no_wrap=True)
    if tally.total:
        row.add_column(width=BAR_COLUMNS)
        cells.append(ProgressBar(tally.total, tally.decided, width=BAR_COLUMNS))
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_row(*cells, Text(tally.details, no_wrap=True, overflow="ellipsis"))
    return row
