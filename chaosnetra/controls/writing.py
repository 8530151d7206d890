"""A journal appears whole or not at all, and a log that cannot be written is told of once.

See `chaosnetra.whole_file`. The core writes a journal in place: a kill in that moment leaves half
of it, over the one that was there. Of a log it would print a traceback for each line.
"""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from chaoslib.exceptions import InterruptExecution

from chaosnetra.controls.command_line import in_command, journal_path
from chaosnetra.running.run import EXIT_WITHOUT_ROLLBACKS, LOGGER
from chaosnetra.standard_streams import NO_ROOM, NOBODY_READS, drop_what_nobody_reads
from chaosnetra.whole_file import partial_path, written_whole

CORE_MODULE = "chaostoolkit.commands.run"
CURES = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
}

_OF_A_SIGNAL = (
    f"Received the exit signal: {EXIT_WITHOUT_ROLLBACKS}",
    "Ignoring rollbacks as per signal",
)

_failures: dict[str, str] = {}  # by the path of a log

# Called once a journal is written, with None, or with why it cannot be.
Report = Callable[[OSError | None], None]


def check_writable(path: Path) -> None:
    """See whether a journal can be written to `path`, before there is one. Makes its folder.

    Raises:
        OSError: it cannot be.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if _is_special(path):
        if not path.is_fifo():  # which waits for its reader
            with path.open("wb", buffering=0) as device:
                device.write(b"")
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        partial.write_bytes(b"\n")
    finally:
        with suppress(OSError):
            partial.unlink()


def unwritable(path: Path, error: OSError) -> str:
    """Why a journal cannot be written, and what to change."""
    cure = None if _is_special(path) else CURES.get(error.errno or 0)
    change = f"{cure}, or give another --journal-path" if cure else "give another --journal-path"
    return f"the journal cannot be written to {path} ({error.strerror or error}): {change}"


@contextmanager
def reported(path: Path, report: Report) -> Iterator[IO[str]]:
    """As `written_whole`; whether that worked is reported, and not raised."""
    try:
        with written_whole(path) as file:
            yield file
    except OSError as error:
        report(error)
    else:
        report(None)


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is written to as it is."""
    return path.exists() and not path.is_file() and not path.is_dir()


def let_the_core_write_whole(report: Report) -> bool:
    """Have `chaos run` write its journal by way of `reported`.

    Returns:
        Whether it will: this may be no `chaos run`.

    The core calls `open` by its name: one in its module comes before the built-in. Where a later
    core no longer does so, it writes as it always did.
    """
    core = sys.modules.get(CORE_MODULE)
    if core is None or not in_command():
        return False
    journal = os.path.realpath(journal_path())

    def open_(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if mode == "w" and not named and os.path.realpath(file) == journal:
            return reported(Path(file), report)
        return open(file, mode, *arguments, **named)  # noqa: PTH123 - the caller's

    vars(core)["open"] = open_
    return True


def watch_logs() -> None:
    """Have the log's handlers note what they cannot write; see `log_failures`.

    What activities print is no result either, and must not fail them when nobody reads it.

    An interruption that comes while a line is written is passed on: a handler takes it for an
    error of its own, as any exception.
    """
    _failures.clear()
    logging.getLogger(LOGGER).removeFilter(_is_of_no_signal)
    drop_what_nobody_reads("stdout", forgiven=NOBODY_READS | NO_ROOM)
    for handler in logging.getLogger(LOGGER).handlers:
        # As `logging` wants it to be replaced, by instance: the core made them.
        handler.handleError = partial(_note, handler)  # type: ignore[method-assign]


def leave_out_the_signal() -> None:
    """Have the core's log not tell of a signal: a control refuses the run, and its reason follows.

    That is how the core ends a run whose control raises SystemExit.
    """
    logging.getLogger(LOGGER).addFilter(_is_of_no_signal)


def _is_of_no_signal(record: logging.LogRecord) -> bool:
    return record.getMessage() not in _OF_A_SIGNAL


def log_failures() -> list[str]:
    """A line for each log file of which something is missing."""
    return list(_failures.values())


def _note(handler: logging.Handler, record: logging.LogRecord) -> None:
    error = sys.exc_info()[1]
    if isinstance(error, InterruptExecution):
        raise error
    if not isinstance(error, (OSError, ValueError)):
        type(handler).handleError(handler, record)
        return
    # Nothing is said here: this handler holds its lock, and others may wait for theirs.
    path = getattr(handler, "baseFilename", None)
    if path is not None:
        _failures.setdefault(
            path,
            f"{path} is not complete: {getattr(error, 'strerror', None) or error}; make room for "
            "it, or leave it away with --no-log-file",
        )
