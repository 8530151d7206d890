"""What the journal control knows of the run in progress."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chaosnetra.running.run import LOGGER, Run

if TYPE_CHECKING:
    from chaosnetra.running.session import Session

logger = logging.getLogger(LOGGER)


class RunRecord:
    """The state of the control, from one hook to the next.

    Attributes:
        began: monotonic time.
        run: the run, once its hooks have begun.
        session: its session, where it uses activities of ours.
        failures: of the control itself.
        refused: why the run was ended before it began.
        unanswered: likewise, where an outage kept the consent from being asked for.
        interrupter: who ended the run, where no signal did.
        verdict_line: what is printed once the journal is written.
        held: whether the verdict says so.
        recovery: the steady state after the rollbacks, as the core's journal has the others.
        started_with: how the run was started: see `chaosnetra.running.recorded`.
        event_registry: the core's.
        finished: whether the journal is complete.
        thread: the steady state may be checked in a thread beside the method.
        restore_signals: puts the former handlers back.
    """

    def __init__(self, event_registry: Any = None) -> None:
        self.began = time.monotonic()
        self.run: Run | None = None
        self.session: Session | None = None
        self.failures: list[str] = []
        self.refused: str | None = None
        self.unanswered: str | None = None
        self.interrupter: str | None = None
        self.verdict_line = ""
        self.held = False
        self.recovery: dict[str, Any] | None = None
        self.started_with: dict[str, Any] = {}
        self.event_registry = event_registry
        self.finished = False
        self.thread = threading.local()
        self.restore_signals: Callable[[], None] = lambda: None

    def record(self, event: str, data: dict[str, Any]) -> None:
        """Write an event; before the run has begun there is nowhere to write to."""
        if self.run is not None:
            self.run.events.record(event, data)

    def failed(self, hook: str, error: Exception) -> None:
        """The control failed, so the run proves nothing."""
        why = f": {type(error).__name__}: {error}"
        logger.debug("journal control", exc_info=True)
        if any(failure.endswith(why) for failure in self.failures):
            return  # such as a full disk, at every event
        logger.error(f"the journal control failed, so this run proves nothing: {hook}{why}")
        self.failures.append(f"{hook}{why}")
