"""Standard output and standard error may have no reader left: that is no reason to fail.

The terminal was closed, or `| head -1` has seen enough. What a command found is in its files and in
its exit code, which must not become that of a flush that failed.
"""

import atexit
import errno
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

# A pipe or a terminal without another end; a descriptor that was closed.
NOBODY_READS = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class OutputLost(OSError):
    """A standard stream that somebody reads cannot be written."""


class Unread:
    """A standard stream that drops what cannot be written, and is otherwise the stream itself.

    Args:
        stream: the stream.
        forgiven: error numbers of writes that pass; others are raised as `OutputLost`.
    """

    def __init__(self, stream: TextIO, forgiven: frozenset[int]) -> None:
        self._stream = stream
        self._forgiven = forgiven

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._forgive(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._forgive(error)

    def _forgive(self, error: OSError) -> None:
        if error.errno not in self._forgiven:
            raise OutputLost(error.errno, error.strerror) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def drop_what_nobody_reads(*names: str, forgiven: frozenset[int] = NOBODY_READS) -> None:
    """From now on, let writes to standard streams pass when nobody reads them.

    Args:
        names: `stdout` or `stderr`, or both.
        forgiven: see `Unread`. A disk that is full, behind a redirection, still is an error.
    """
    for name in names:
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Unread):
            setattr(sys, name, Unread(stream, forgiven))
    settle_at_exit()


def settle_at_exit() -> None:
    """Keep this process's exit code from being that of a last flush that fails, which is 120."""
    atexit.unregister(_settle)
    atexit.register(_settle)


def _settle() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue  # closed before this process began
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
