"""Notes when activities began and ended by a clock that cannot be set, as the core's can."""

import threading
from collections.abc import Callable
from typing import Any

from chaoslib.run import RunEventHandler

from chaosnetra.evidence.journal.values import ENDED, STARTED
from chaosnetra.running.run import Run

# By how much the core's own duration of a run differs from ours where no clock was set.
MOST_DIFFERENCE_SECONDS = 1.0


class Clock(RunEventHandler):  # type: ignore[misc]  # chaoslib ships no types
    """Puts `started_seconds` and `ended_seconds` into each activity of the journal.

    Both count from the run's beginning. The activity's duration becomes the time between them.

    Args:
        run: the run in progress; None before it has begun.
    """

    def __init__(self, run: Callable[[], Run | None]) -> None:
        self._run = run
        # The core begins and ends an activity in the same thread.
        self._thread = threading.local()

    def start_activity(self, activity: dict[str, Any]) -> None:  # noqa: ARG002 - the core's
        run = self._run()
        self._thread.started = None if run is None else run.events.elapsed_seconds()

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:  # noqa: ARG002 - the core's
        started, now = getattr(self._thread, "started", None), self._run()
        if started is None or now is None:
            return
        ended = now.events.elapsed_seconds()
        run[STARTED], run[ENDED] = started, ended
        run["duration"] = round(ended - started, 6)


def mend_duration(journal: dict[str, Any], elapsed_seconds: float) -> None:
    """Correct a run's duration where its clock was set meanwhile: the core takes it from that."""
    duration = journal.get("duration")
    if not isinstance(duration, (int, float)):
        return
    if abs(duration - elapsed_seconds) > MOST_DIFFERENCE_SECONDS:
        journal["duration"] = round(elapsed_seconds, 6)
