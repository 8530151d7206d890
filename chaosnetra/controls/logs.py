"""A log that cannot be written: reported once, at the end, without a traceback for each line."""

import logging
import sys
from functools import partial

from chaoslib.exceptions import InterruptExecution

from chaosnetra.running.run import LOGGER
from chaosnetra.standard_streams import NO_ROOM, NOBODY_READS, drop_what_nobody_reads

_failures: dict[str, str] = {}


def watch_logs() -> None:
    """Have the log's handlers note what they cannot write; see `log_failures`.

    What activities print is no result either, and must not fail them when nobody reads it.

    An interruption that comes while a line is written is passed on: a handler takes it for an
    error of its own, as any exception.
    """
    _failures.clear()
    drop_what_nobody_reads("stdout", forgiven=NOBODY_READS | NO_ROOM)
    for handler in logging.getLogger(LOGGER).handlers:
        # As `logging` wants it to be replaced, by instance: the core made them.
        handler.handleError = partial(_note, handler)  # type: ignore[method-assign]


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
