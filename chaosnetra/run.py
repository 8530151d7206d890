"""The run in progress in this process: what even an experiment without our activities has.

Kept light: the journal control loads it into every run, and `chaosnetra.session` only into
those that use our activities.
"""

import os
import secrets
import threading
import time

from chaosnetra.evidence.events import EventLog
from chaosnetra.redaction import Redactor


class Run:
    """One run: its id, its events, the secrets it must not show, and whether it was stopped."""

    def __init__(self) -> None:
        self.id = f"{time.strftime('%Y%m%dt%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        self.redactor = Redactor()
        self.events = EventLog(self.id, self.redactor)
        self.interrupted_by: str | None = None
        # An experiment that does not use our activities may still print what it was given.
        self.redactor.add_password_of(os.environ.get("CHAOSNETRA_DATABASE_URL", ""))


_current: Run | None = None
_lock = threading.Lock()


def current_run() -> Run:
    """The run of this process, begun if there is none."""
    global _current
    with _lock:
        if _current is None:
            _current = Run()
        return _current


def end_run() -> None:
    """Forget the run; the next one in this process gets its own. Its events stay open."""
    global _current
    with _lock:
        _current = None
