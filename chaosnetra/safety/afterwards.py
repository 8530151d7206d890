"""What the watchdog becomes when its run is gone: `python -m chaosnetra.safety.afterwards LEDGER`.

Standard input holds the URLs of the run's databases. It tries for a while, at longer and longer
intervals, because a server may be coming back, and then leaves the ledger to `chaosnetra recover`.
What it may not do it does not try again.
"""

import json
import sys
import time
from pathlib import Path

from chaosnetra.durations import Deadline
from chaosnetra.safety.recovery import recover

TRIES_SECONDS = 60.0
# Where all is undone, and only the ledger cannot say so: a full disk, a limit on files.
UNWRITTEN_SECONDS = 5.0
PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


def main() -> None:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.safety.credentials import remember

    for url in json.loads(sys.stdin.read() or "[]"):
        remember(DatabaseAddress.parse(url))
    ledger = Path(sys.argv[1])
    deadline, unwritten = Deadline.after(TRIES_SECONDS), Deadline.after(UNWRITTEN_SECONDS)
    pause = PAUSE_SECONDS
    while ledger.exists():
        results = list(recover(ledger))
        to_try = any(result.left and not result.denied for result in results)
        if deadline.passed or (results and not to_try):
            return
        if results and all(result.report for result in results) and unwritten.passed:
            return
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, 1.5 * pause)


if __name__ == "__main__":
    main()
