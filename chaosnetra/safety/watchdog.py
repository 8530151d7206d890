"""Waits beside a run, and undoes its faults when the run is gone.

A program of its own, run by the run's process as `python -I -S watchdog.py LEDGER SECONDS RUN_PID
FOLDER` in a session of its own: it starts in milliseconds and needs nothing but the interpreter
while it waits. It wakes when its standard input ends, or the run's process does, however it ends:
a copy that was forked of that process may hold the pipe open, and the process may let go of the
pipe before it ends. And it wakes when the run's time to live is over, and then ends the run first.

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


def now() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    # The monotonic clock of Linux does not, that of macOS does.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class RunProcess:
    """The run's process, told from another one that gets its number later.

    Only the end of standard input tells of its end where the system has no handle of a process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.handle: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self.handle = os.pidfd_open(pid)
        # A parent that is still ours now had the number when the handle was made.
        self.gone = os.getppid() != pid

    def wait(self, seconds: float) -> bytes | None:
        """What came on standard input within the time; None when the run is gone."""
        watched = [0] if self.handle is None else [0, self.handle]
        # Woken up now and then: a machine may sleep, and select counts no time then.
        ready = select.select(watched, [], [], 0 if self.gone else min(seconds, 60))[0]
        if 0 in ready and (chunk := os.read(0, 65536)):
            return chunk  # what a run that is gone has said is heard too
        self.gone = self.gone or bool(ready)
        return None if self.gone else b""

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self.handle, number)

    def end(self) -> None:
        """Ask it to end, wait until it has, then kill it."""
        self.send(signal.SIGTERM)
        until = now() + PATIENCE_SECONDS
        while (left := until - now()) > 0:
            if self.wait(left) is None:
                return
        self.send(signal.SIGKILL)


def wait(run: RunProcess, seconds: float) -> tuple[list[str], bool]:
    """Read credentials until the run is gone or out of time.

    Returns:
        The URLs of databases that the run gave, with passwords, and whether its time was over.
    """
    raw = b""
    until = now() + seconds
    while (left := until - now()) > 0:
        chunk = run.wait(left)
        if chunk is None:
            return json_lines(raw), False
        raw += chunk
    return json_lines(raw), True


def json_lines(raw: bytes) -> list[str]:
    urls = []
    for line in raw.split(b"\n"):
        with contextlib.suppress(ValueError):
            url = json.loads(line)
            if isinstance(url, str):
                urls.append(url)
    return urls


def unlimit_files() -> None:
    """Let the ledger grow, as far as this process may, where the run's files must not."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def main(arguments: list[str]) -> None:
    ledger, seconds, run = arguments[0], float(arguments[1]), RunProcess(int(arguments[2]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    unlimit_files()
    urls, out_of_time = wait(run, seconds)
    if out_of_time:
        run.end()
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
