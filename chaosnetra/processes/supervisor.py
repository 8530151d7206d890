"""Stands between us and a process we start, and ends all of its descendants with it.

A program of its own, run as `python -I -S supervisor.py STATUS_FD OPTIONS -- COMMAND…`, so that it
starts in a few milliseconds and needs nothing installed. One supervisor holds one command:

- the command runs in a session of its own; its standard output and error are the supervisor's;
- when the command ends, or standard input ends, every process that descends from it is ended,
  those that forked twice or changed their session too. The end of file comes by itself when
  our process dies, however it dies. The letter k on standard input spares them no time;
- with `THEN` between two commands the second runs when the first has ended with 0, under the same
  supervisor, so that nothing is ever without one;
- what happened goes to STATUS_FD as JSON lines: `started` (pid), `exited` (code or signal,
  and whether it had been asked to stop), `gone` (how many other processes were left to end).

On Linux the supervisor is the subreaper of its descendants, so none can leave it. Elsewhere only
the command's process group can be ended; `started` says so with `"complete": false`.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time

POLL_SECONDS = 0.02
AT_ONCE = b"k"
THEN = "--then--"
# What a supervisor, or Python itself, has set: a child gets the system's own.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)


def report(status: int, **record: object) -> None:
    record["at"] = time.monotonic()
    # Whoever reads it may be gone already; ending the descendants matters more.
    with contextlib.suppress(OSError):
        os.write(status, json.dumps(record).encode() + b"\n")


def linux_call(*arguments: int) -> bool:
    """Call prctl; False where there is no such call."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(*arguments) == 0)


def descendants(root: int) -> list[int]:
    """All processes below `root` that still run, from /proc; nearest first.

    One whose first thread has ended runs on as long as another thread of it does.
    """
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/" + name + "/stat", "rb") as file:
                # The command's name stands in parentheses and may hold anything.
                fields = file.read().rpartition(b")")[2].split()
            state, parent, threads = fields[0], fields[1], int(fields[17])
        except (OSError, IndexError):
            continue
        if state != b"Z" or threads > 1:
            children.setdefault(int(parent), []).append(int(name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def end_with_parent() -> None:
    """If the supervisor itself is killed, so is its child."""
    linux_call(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Supervisor:
    """Keeps one child and what descends from it.

    Args:
        status: file descriptor that is reported to.
        stop_signal: what the child is sent when it is to end.
        grace_seconds: how long it may take before it is killed.
    """

    def __init__(self, status: int, stop_signal: int, grace_seconds: float) -> None:
        self.status = status
        self.stop_signal = stop_signal
        self.grace_seconds = grace_seconds
        self.child = -1
        self.complete = False
        self.ended = False
        self.asked = False
        self.at_once = False
        self.preparing = False
        self.code: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.wakeup, self.wakeup_write = os.pipe()
        for end in (self.wakeup, self.wakeup_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def fork(self) -> int:
        """Like `os.fork`: the child is in a session of its own, with nothing of the supervisor."""
        self.complete = linux_call(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.ended = False
        self.child = os.fork()
        if self.child == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            for ours in (nothing, self.status, self.wakeup, self.wakeup_write):
                os.close(ours)
        return self.child

    def start(self, command: list[str], user: str) -> None:
        failed_read, failed_write = os.pipe()
        try:
            if self.fork() == 0:
                os.close(failed_read)
                if user:
                    uid, gid = (int(part) for part in user.split(":"))
                    os.setgroups([])
                    os.setgid(gid)
                    os.setuid(uid)
                end_with_parent()  # after setuid, which clears it
                os.execvpe(command[0], command, os.environ)
        except Exception as error:
            if self.child != 0:
                raise
            os.write(failed_write, (str(error) or type(error).__name__).encode())
            os._exit(127)  # this is a copy of the supervisor
        os.close(failed_write)
        failure = os.read(failed_read, 4096).decode(errors="replace")
        os.close(failed_read)
        if failure or not self.preparing:
            self.started(failure)

    def started(self, failure: str = "") -> None:
        report(self.status, event="started", pid=self.child, complete=self.complete, error=failure)

    def reap(self) -> bool:
        """Collect what has ended, orphans included; False when nothing is left to end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.ended = True
                code = os.waitstatus_to_exitcode(status)
                self.code = code
                if self.preparing and code == 0:
                    continue
                report(
                    self.status,
                    event="exited",
                    code=code if code >= 0 else None,
                    signal=-code if code < 0 else None,
                    asked=self.asked,
                )

    def wait(self) -> None:
        """Until the child ends or somebody asks for a stop."""
        watched = [0, self.wakeup]
        while not self.ended and not self.asked:
            ready = select.select(watched, [], [], 5)[0]
            if self.wakeup in ready:
                os.read(self.wakeup, 4096)
            self.reap()
            if 0 in ready and not self.ended:
                self.at_once = os.read(0, 4096).startswith(AT_ONCE)
                self.asked = True

    def end(self) -> int:
        """End the child, then whatever is left. Returns how many there were besides the child."""
        if not self.ended and not self.at_once:
            self._ask()
        return self._end_all()

    def _ask(self) -> None:
        """Ask the child to end; give it the time that it was promised."""
        send_group(self.child, self.stop_signal)
        until = time.monotonic() + self.grace_seconds
        while not self.ended and time.monotonic() < until:
            if select.select([self.wakeup], [], [], POLL_SECONDS)[0]:
                os.read(self.wakeup, 4096)
            self.reap()

    def _end_all(self) -> int:
        if not self.complete:
            send_group(self.child, signal.SIGKILL)
            while not self.ended:
                time.sleep(POLL_SECONDS)
                self.reap()
            return 0
        left: set[int] = set()
        # Until all are reaped: what was killed is there for as long as its threads and its memory
        # take to go, and only then is its end known.
        while self.reap():
            found = descendants(os.getpid())
            left.update(pid for pid in found if pid != self.child)
            for pid in found:
                send(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS / 4)
        return len(left)


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    status, stop_signal, grace_seconds = int(options[0]), int(options[1]), float(options[2])
    user, remove = options[3], options[4:]
    supervisor = Supervisor(status, stop_signal, grace_seconds)
    while THEN in command and not supervisor.asked and supervisor.code in (None, 0):
        split = command.index(THEN)
        first, command = command[:split], command[split + 1 :]
        supervisor.preparing = True
        supervisor.start(first, user)
        supervisor.wait()
    if not supervisor.preparing or (supervisor.code == 0 and not supervisor.asked):
        supervisor.preparing = False
        supervisor.start(command, user)
        supervisor.wait()
    left = supervisor.end()
    if remove:
        import shutil

        for folder in remove:
            shutil.rmtree(folder, ignore_errors=True)
    report(status, event="gone", left=left)


if __name__ == "__main__":
    main(sys.argv[1:])
