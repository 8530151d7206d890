"""Waits beside a run, and takes its faults back when the run is gone.

A program of its own, run as `python -I -S watchdog.py LEDGER SECONDS RUN_PID FOLDER` in its own
session:
it starts in milliseconds and needs nothing but the interpreter while it waits. It wakes when its
standard input ends, which happens by itself when the run's process ends, however it ends; or
when the run's time to live is over, and then ends the run first.

If the run left a ledger, the watchdog becomes `chaosnetra recover` for it; else it is done.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time

# A run that is told to end may take this long to undo and to write its journal.
PATIENCE_SECONDS = 20.0
MODULE = "chaosnetra.safety.afterwards"


def wait(until: float) -> tuple[list[str], bool]:
    """Read credentials until the run is gone or out of time.

    Returns:
        The URLs of databases that the run gave, with passwords, and whether its time was over.
    """
    raw = b""
    while True:
        remaining = until - time.monotonic()
        if remaining <= 0:
            return json_lines(raw), True
        # Woken up now and then: a machine may sleep, and select counts no time then.
        if select.select([0], [], [], min(remaining, 60))[0]:
            chunk = os.read(0, 65536)
            if not chunk:
                return json_lines(raw), False
            raw += chunk


def json_lines(raw: bytes) -> list[str]:
    urls = []
    for line in raw.split(b"\n"):
        with contextlib.suppress(ValueError):
            url = json.loads(line)
            if isinstance(url, str):
                urls.append(url)
    return urls


def end_run(pid: int) -> None:
    """Ask the run to end, wait for the end of file that says it did, then kill it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if select.select([0], [], [], 0.5)[0] and not os.read(0, 65536):
            return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    ledger, seconds, run_pid = arguments[0], float(arguments[1]), int(arguments[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    urls, out_of_time = wait(time.monotonic() + seconds)
    if out_of_time:
        end_run(run_pid)
    if not os.path.exists(ledger):
        return
    # Paths in the environment, as of credentials, may be relative to where the run was started.
    with contextlib.suppress(OSError):
        os.chdir(arguments[3])
    # By way of a pipe: neither a command line nor a file shows a password.
    read, write = os.pipe()
    os.write(write, json.dumps(urls).encode())
    os.close(write)
    os.dup2(read, 0)
    os.execv(sys.executable, [sys.executable, "-P", "-m", MODULE, ledger])


if __name__ == "__main__":
    main(sys.argv[1:])
