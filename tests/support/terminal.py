"""A command on a real terminal of 80 columns, and what stands on its screen."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte

COLUMNS, ROWS = 80, 60
SECONDS = 100.0


class Terminal:
    """The terminal of one process; the screen shows what a person would see."""

    def __init__(self, pid: int, terminal: int) -> None:
        self.pid = pid
        self.raw = b""
        self.returncode: int | None = None
        self._terminal = terminal
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display if line.strip()]

    @property
    def text(self) -> str:
        """The screen, with what the terminal broke put together again."""
        joined = (
            line if line.rstrip() == line else f"{line.rstrip()}\n" for line in self._screen.display
        )
        return "".join(joined).rstrip()

    @property
    def cursor_shown(self) -> bool:
        return not self._screen.cursor.hidden

    def wait_for(self, seen: Callable[[], bool]) -> None:
        """Read until something is seen on the screen."""
        deadline = time.monotonic() + SECONDS
        while not seen():
            assert time.monotonic() < deadline, self.lines
            assert self._read(), self.lines

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def finish(self) -> None:
        """Read to the end of the process, and take its exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, self.lines
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        """Take what has come; False once there is nobody at the other end."""
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return True
        try:
            read = os.read(self._terminal, 65536)
        except OSError:  # so Linux says that the other end is closed
            return False
        self.raw += read
        self._stream.feed(read)
        return bool(read)


@contextmanager
def on_terminal(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[Terminal]:
    """Run a command with a terminal as its input, output and errors."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        try:
            os.chdir(directory)
            os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 - pty.fork is the one way
        finally:
            os._exit(127)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    shown = Terminal(pid, terminal)
    try:
        yield shown
    finally:
        if shown.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        os.close(terminal)
