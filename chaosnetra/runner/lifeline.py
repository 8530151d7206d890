"""Runs the `chaos` command once it is told to, for as long as whoever started it is there.

    python -P -m chaosnetra.runner.lifeline DESCRIPTOR ARGUMENT…

DESCRIPTOR is the reading end of a pipe; the other end is in the process that started this one. The
run begins when a line comes; without one it does nothing. After the line `watched` the run is
interrupted, and undoes what it injected, when that process goes away, however it does; after
another one somebody else sees to that.
"""

import os
import runpy
import signal
import sys
import threading
import time

WATCHED = b"watched\n"
UNWATCHED = b"unwatched\n"
# Until then the main thread has heard a signal, unless it came just before a sleep began: the
# interpreter hears such a one only when that sleep is over.
HEARD_SECONDS = 1.0


def main() -> None:
    descriptor = int(sys.argv.pop(1))
    # A shell that starts commands in the background has them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line = os.read(descriptor, 64)  # written at once, and far shorter than a pipe
    if line == WATCHED:
        watch = threading.Thread(target=_watch, args=(descriptor,), name="lifeline", daemon=True)
        watch.start()
    if line:
        runpy.run_module("chaostoolkit", run_name="__main__", alter_sys=True)


def _watch(descriptor: int) -> None:
    # Signals are for the main thread, which at times keeps them away.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while os.read(descriptor, 64):
        """Nothing more is said; only the end counts."""
    os.kill(os.getpid(), signal.SIGINT)
    while _has_not_heard():
        time.sleep(HEARD_SECONDS)
        if _has_not_heard():
            os.kill(os.getpid(), signal.SIGINT)


def _has_not_heard() -> bool:
    """Whether a run is in progress that has noted no signal yet."""
    loaded = sys.modules.get("chaosnetra.running.run")
    run = loaded.existing_run() if loaded is not None else None
    return run is not None and not run.finishing and run.interrupted_by is None


if __name__ == "__main__":
    main()
