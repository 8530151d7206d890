"""What the journal control knows of the run in progress."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaosnetra.running.run import LOGGER, Run

if TYPE_CHECKING:
    from chaosnetra.running.session import Session

logger = logging.getLogger(LOGGER)


@dataclass
class RunRecord:
    """The state of the control, from one hook to the next."""

    event_registry: Any = None  # the core's
    began: float = field(default_factory=time.monotonic)
    run: Run | None = None  # once its hooks have begun
    session: "Session | None" = None  # where the run uses activities of ours
    failures: list[str] = field(default_factory=list)  # of the control itself
    refused: str | None = None  # why the run was ended before it began
    unanswered: str | None = None  # likewise, where an outage kept consent from being asked for
    interrupter: str | None = None  # who ended the run, where no signal did
    # What is printed once the journal is written, and whether it says that the run held.
    verdict_line: str = ""
    held: bool = False
    # The steady state after the rollbacks, as the core's journal has the others.
    recovery: dict[str, Any] | None = None
    # How the run was started: see `chaosnetra.running.recorded`.
    started_with: dict[str, Any] = field(default_factory=dict)
    finished: bool = False  # whether the journal is complete
    # The steady state may be checked in a thread beside the method.
    thread: threading.local = field(default_factory=threading.local)
    restore_signals: Callable[[], None] = lambda: None

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
