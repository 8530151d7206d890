"""What the watchdog becomes when its run is gone: `python -m chaosnetra.safety.afterwards LEDGER`.

Standard input holds the URLs of the run's databases. It tries for a while, because a server may
be coming back, and then leaves the ledger to `chaosnetra recover`.
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


def main() -> None:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.postgres.credentials import remember

    for url in json.loads(sys.stdin.read() or "[]"):
        remember(DatabaseAddress.parse(url))
    ledger = Path(sys.argv[1])
    deadline, unwritten = Deadline.after(TRIES_SECONDS), Deadline.after(UNWRITTEN_SECONDS)
    while ledger.exists():
        results = list(recover(ledger))
        if deadline.passed or (results and not any(result.left for result in results)):
            return
        if results and all(result.report for result in results) and unwritten.passed:
            return
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
