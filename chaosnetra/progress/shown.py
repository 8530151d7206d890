"""Shows a tally while its probe runs: drawn on a terminal, else as plain lines of the log.

Never both: lines would push the drawing away, and a drawing in a file is noise.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from chaosnetra.progress.tally import Tally

logger = logging.getLogger("chaostoolkit")

# Most probes of the experiments at time scale 0.1 end before a line is due.
LINE_SECONDS = 5.0
# Terminals that cannot move their cursor.
_DUMB = ("", "dumb", "unknown")


def can_draw(environ: Mapping[str, str]) -> bool:
    """Whether standard error is a terminal that a line can be redrawn on."""
    try:
        terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):  # closed, or none at all
        return False
    return terminal and environ.get("TERM", "").lower() not in _DUMB


@contextmanager
def shown(tally: Tally, line_seconds: float = LINE_SECONDS) -> Iterator[Callable[[str], None]]:
    """Show a tally until the block ends, however it ends.

    Args:
        tally: what to show.
        line_seconds: from one plain line to the next; a probe that is done sooner has none.

    Yields:
        What to call with the outcome of each attempt.
    """
    if can_draw(os.environ):
        from chaosnetra.progress.drawing import drawn

        with drawn(tally):
            yield tally.count
        return
    ended = threading.Event()
    teller = threading.Thread(
        target=_tell, args=(tally, line_seconds, ended), name="progress", daemon=True
    )
    teller.start()
    try:
        yield tally.count
    finally:
        ended.set()
        teller.join()


def _tell(tally: Tally, line_seconds: float, ended: threading.Event) -> None:
    while not ended.wait(line_seconds):
        logger.info(tally.line)
