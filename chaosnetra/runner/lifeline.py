"""Runs the `chaos` command for as long as whoever started it is there.

    python -P -m chaosnetra.runner.lifeline DESCRIPTOR ARGUMENT…

DESCRIPTOR is the reading end of a pipe; the other end is in the process that started this one. When
that process goes away, however it does, the run is interrupted, and takes back what it injected.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    descriptor = int(sys.argv.pop(1))
    # A shell that starts commands in the background has them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_watch, args=(descriptor,), name="lifeline", daemon=True).start()
    runpy.run_module("chaostoolkit", run_name="__main__", alter_sys=True)


def _watch(descriptor: int) -> None:
    # Signals are for the main thread, which at times keeps them away.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while os.read(descriptor, 64):
        """Nothing is ever said; only the end counts."""
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
