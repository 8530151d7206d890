"""When a service that was started has nothing more to do, and which of its lines says so."""

import re
import time
from collections.abc import Sequence

from chaosnetra.processes.cpu_meter import CpuMeter
from chaosnetra.startup.attempt import StartupAttempt

# One that printed nothing new for so long, and did nothing, waits for its work.
QUIET_SECONDS = 3.0
BUSY_SECONDS = 0.5
_WORDS = re.compile(r"[A-Za-z][A-Za-z ,'_-]{6,}[A-Za-z]")
_SIGN = re.compile(r"ready|start|listen|wait|running|consum|connect|up\b", re.IGNORECASE)


class Quiet:
    """Of one start.

    Attributes:
        since: when it last printed something new or did something; 0: it was not looked at.
    """

    def __init__(self, attempt: StartupAttempt) -> None:
        self._attempt = attempt
        self._meter: CpuMeter | None = None
        self._printed = 0
        self._busy_seconds = 0.0
        self.since = 0.0

    def is_now(self) -> bool:
        """Look at it, and tell whether it has for some time printed nothing new and done nothing.

        On a busy machine one that waits for a core is at work too.
        """
        self._meter = self._meter or CpuMeter(self._attempt.pid)
        self._meter.read_if_due()
        use = self._meter.use
        busy = 0.0 if use is None else use.cpu_seconds + use.delayed_seconds
        now, printed = time.monotonic(), len(self._attempt.seen.output.lines)
        is_busy = busy - self._busy_seconds > BUSY_SECONDS
        if is_busy or printed != self._printed or not self.since:
            self._printed, self.since, self._busy_seconds = printed, now, busy
        return now - self.since > QUIET_SECONDS


def sign_in(lines: Sequence[str]) -> str:
    """Words of the last line that says that it is ready, else of the last one; empty: none."""
    said = [_longest(line) for line in lines]
    signs = [words for words in said if words and _SIGN.search(words)]
    return (signs or [one for one in said if one] or [""])[-1]


def _longest(line: str) -> str:
    """The longest run of words in a line: no times, numbers and names of threads."""
    return max(_WORDS.findall(line), key=len, default="").strip()
