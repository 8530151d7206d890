"""Stands between us and a process we start, and ends all of its descendants with it.

A program of its own, run as `python -I -S keeper.py STATUS_FD OPTIONS -- COMMAND…`, so that it
starts in a few milliseconds and needs nothing installed. One keeper holds one command:

- the command runs in a session of its own; its standard output and error are the keeper's;
- when the command ends, or standard input ends, every process that descends from it is ended,
  those that forked twice or changed their session too. The end of file comes by itself when
  our process dies, however it dies. The letter k on standard input spares them no time;
- with `THEN` between two commands the second runs when the first has ended with 0, under the same
  keeper, so that nothing is ever without one;
- what happened goes to STATUS_FD as JSON lines: `started` (pid), `exited` (code or signal,
  and whether it had been asked to stop), `gone` (how many other processes were left to end).

On Linux the keeper is the subreaper of its descendants, so none can leave it. Elsewhere only
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
    """All processes below `root`, from /proc; nearest first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/" + name + "/stat", "rb") as file:
                # The command's name stands in parentheses and may hold anything.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(int(name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Keeper:
    def __init__(self, status: int, stop_signal: int, grace_seconds: float) -> None:
        self.status = status
        self.stop_signal = stop_signal
        self.grace_seconds = grace_seconds
        self.child = 0
        self.ended = False
        self.asked = False
        self.at_once = False
        self.preparing = False
        self.code: int | None = None

    def start(self, command: list[str], user: str) -> bool:
        complete = linux_call(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        failed_read, failed_write = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                os.close(failed_read)
                os.close(self.status)
                os.setsid()
                nothing = os.open(os.devnull, os.O_RDONLY)
                os.dup2(nothing, 0)
                os.close(nothing)
                if user:
                    uid, gid = (int(part) for part in user.split(":"))
                    os.setgroups([])
                    os.setgid(gid)
                    os.setuid(uid)
                # After setuid, which clears it: if the keeper itself is killed, so is this.
                linux_call(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                    signal.signal(number, signal.SIG_DFL)
                os.set_inheritable(failed_write, False)
                os.execvpe(command[0], command, os.environ)
            except Exception as error:  # noqa: BLE001 - this is a copy of the keeper: it must end
                os.write(failed_write, (str(error) or type(error).__name__).encode())
                os._exit(127)
        os.close(failed_write)
        failure = os.read(failed_read, 4096).decode(errors="replace")
        os.close(failed_read)
        self.ended = False
        if failure or not self.preparing:
            report(self.status, event="started", pid=self.child, complete=complete, error=failure)
        return complete

    def reap(self) -> None:
        """Collect what has ended, orphans included; note the end of the command."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
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

    def wait(self, wakeup: int) -> None:
        """Until the command ends or somebody asks for a stop."""
        watched = [0, wakeup]
        while not self.ended and not self.asked:
            ready = select.select(watched, [], [], 5)[0]
            if wakeup in ready:
                os.read(wakeup, 4096)
            self.reap()
            if 0 in ready and not self.ended:
                self.at_once = os.read(0, 4096).startswith(AT_ONCE)
                self.asked = True

    def stop(self, wakeup: int) -> None:
        """Ask the command to end; give it the time that it was promised."""
        send_group(self.child, self.stop_signal)
        until = time.monotonic() + self.grace_seconds
        while not self.ended and time.monotonic() < until:
            select.select([wakeup], [], [], POLL_SECONDS)
            self.reap()

    def end_all(self, complete: bool) -> int:
        """End whatever is left. Returns how many processes there were besides the command."""
        if not complete:
            send_group(self.child, signal.SIGKILL)
            while not self.ended:
                time.sleep(POLL_SECONDS)
                self.reap()
            return 0
        left: set[int] = set()
        while True:
            found = descendants(os.getpid())
            if not found:
                break
            left.update(pid for pid in found if pid != self.child)
            for pid in found:
                send(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS / 4)
            self.reap()
        self.reap()
        return len(left)


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    status, stop_signal, grace_seconds = int(options[0]), int(options[1]), float(options[2])
    user, remove = options[3], options[4:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wakeup, wakeup_write = os.pipe()
    for end in (wakeup, wakeup_write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    keeper = Keeper(status, stop_signal, grace_seconds)
    while THEN in command and not keeper.asked and keeper.code in (None, 0):
        split = command.index(THEN)
        first, command = command[:split], command[split + 1 :]
        keeper.preparing = True
        complete = keeper.start(first, user)
        keeper.wait(wakeup)
    if not keeper.preparing or (keeper.code == 0 and not keeper.asked):
        keeper.preparing = False
        complete = keeper.start(command, user)
        keeper.wait(wakeup)
    if not keeper.ended and not keeper.at_once:
        keeper.stop(wakeup)
    left = keeper.end_all(complete)
    if remove:
        import shutil

        for folder in remove:
            shutil.rmtree(folder, ignore_errors=True)
    report(status, event="gone", left=left)


if __name__ == "__main__":
    main(sys.argv[1:])
