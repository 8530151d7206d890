"""The core's log without colours, where nothing shows them."""

import os
import sys


def leave_out_colours() -> None:
    """Have `chaos` write a plain log into pipes and files, and where NO_COLOR is set.

    The core writes colours wherever its log goes. Called while it loads its plug-ins, which is
    before it sets its log up.
    """
    from chaoslib import log

    class Formatter(log.LogFormatter):  # type: ignore[misc]  # chaoslib ships no types
        def __init__(self, fmt: str, datefmt: str, colors: dict[int, str]) -> None:
            super().__init__(fmt=fmt, datefmt=datefmt, colors=colors if _shows_colours() else {})

    log.LogFormatter = Formatter


def _shows_colours() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # closed, or none at all
        return False
