"""A timer that never fires early, on every event loop."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls back once a time of `time.monotonic()` is reached.

    An event loop's own timers may fire early: uvloop's count whole milliseconds from the
    beginning of the loop's current turn.

    Args:
        callback: called on the event loop.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._due = 0.0
        self._closed = False

    def at(self, due: float) -> None:
        """Call back at `due` and at no other time set before."""
        if self._closed:
            return
        self._due = due
        if self._timer is not None:
            if self._timer_due <= due:
                return  # it is armed again when it fires
            self._timer.cancel()
        self._arm()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Never call back again, whatever is set."""
        self._closed = True
        self.cancel()

    def _arm(self) -> None:
        self._timer_due = self._due
        wait = max(0.0, self._due - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if time.monotonic() < self._due:
            self._arm()
        else:
            self._callback()
