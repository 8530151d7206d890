"""A session of this process without the Chaos Toolkit: nothing is left, however it ends."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from chaosnetra.errors import UndoFailed
from chaosnetra.processes.signals import handled
from chaosnetra.running.run import current_run
from chaosnetra.running.session import Session, current_session, end_session


@contextmanager
def session_alone(configuration: Mapping[str, Any]) -> Iterator[Session]:
    """A session, and at the end everything undone and its parts stopped.

    Args:
        configuration: settings.

    Raises:
        UndoFailed: something could not be undone; its ledger stays on disk.
        KeyboardInterrupt: a signal came, and nothing inside polls for one.
    """
    run = current_run()

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as all handlers
        run.note_signal()
        run.interrupted_by = run.interrupted_by or signal.Signals(number).name
        if not run.only_notes_signals and not run.unwinding:
            raise KeyboardInterrupt

    failures: list[UndoFailed] = []
    with handled(note):
        try:
            yield current_session(configuration)
        finally:
            run.unwinding = True
            failures = end_session()
    if failures:
        raise failures[0]
