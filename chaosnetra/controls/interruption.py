"""SIGTERM: noted when it comes, and passed on where the core would lose it."""

import signal
import threading
from typing import Any

from chaoslib.exceptions import InterruptExecution

from chaosnetra.run import Run


def listen_for_sigterm(run: Run) -> None:
    """Note SIGTERM: on older lines of the core an activity that it hits swallows it."""
    if threading.current_thread() is not threading.main_thread():
        return
    former = signal.getsignal(signal.SIGTERM)

    def note(number: int, frame: Any) -> None:
        run.interrupted_by = "SIGTERM"
        if callable(former):
            former(number, frame)

    # The core puts its own former handler back at the end of the run.
    signal.signal(signal.SIGTERM, note)


def pass_on(run: Run) -> None:
    """Raise again what an activity swallowed.

    Raises:
        InterruptExecution: the run was interrupted, and this is its main thread.
    """
    if run.interrupted_by is not None and threading.current_thread() is threading.main_thread():
        raise InterruptExecution(f"{run.interrupted_by} signal received")
