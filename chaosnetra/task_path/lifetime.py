"""A task's time to live: it ends when that is over, whatever it waits for."""

import os
import signal
import threading
import time

# From the request to end until it is ended: services get a while to stop.
GRACE_SECONDS = 15.0


def time_to_live(seconds: float, exit_code: int) -> None:
    """Have this process asked to end after so long, by SIGTERM, and soon after it ended.

    What it began ends with it, by its supervisors.

    Args:
        seconds: from now.
        exit_code: what it ends with where it does not end when it is asked to.
    """

    def end() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(exit_code)

    threading.Thread(target=end, daemon=True).start()
