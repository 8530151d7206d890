"""A Python program that imports modules once, and then forks a copy of itself for each start.

A program of its own, run under a supervisor by `chaosnetra.processes.forking`, which talks to it
over a socket. For each request it forks a supervisor (see `chaosnetra.processes.supervisor`), and
that the copy which becomes the program asked for: its own process, session, environment, files and
event loop. A request is four bytes with its length, which carry the four file descriptors of the
supervisor (standard input, output and error, status), and JSON:

    {"module": "uvicorn", "arguments": […], "environment": {…}, "grace_seconds": 3}

The answer is one JSON line with the supervisor's process id. Each copy reports as `python -m
module` under a supervisor does. What the imports print is lost.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaosnetra.processes.supervisor import Supervisor, end_with_parent, report

HEADER_BYTES = 4
FILES = 4
# What each supervisor would import.
FOR_SUPERVISORS = ("ctypes",)


def main(arguments: list[str]) -> None:
    """Serve until the other end of the socket is closed; in a copy, run what was asked for."""
    descriptor, *modules = arguments
    sys.path[0] = str(Path.cwd())  # as `python -m` has it
    with socket.socket(fileno=int(descriptor)) as control:
        control.set_inheritable(False)
        started = time.monotonic()
        for module in (*FOR_SUPERVISORS, *modules):
            # Whoever cannot be imported here fails in each copy too, and says why there.
            with suppress(Exception, SystemExit):
                importlib.import_module(module)
        answer = {"seconds": time.monotonic() - started, "unforkable": unforkable(control.fileno())}
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()  # a collection in a copy must not touch, and so copy, the memory of all this
        control.sendall(json.dumps(answer).encode() + b"\n")
        signal.signal(signal.SIGCHLD, lambda number, frame: reap())
        request = serve(control)
    if request is not None:
        become(request)


def unforkable(own: int) -> str:
    """Why a copy of this process would not be well; empty when it would."""
    names = [thread.name for thread in threading.enumerate()]
    if len(names) > 1:
        return f"its import starts threads ({', '.join(names[1:])})"
    with suppress(FileNotFoundError):
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            return "its import starts threads of the system"
    for descriptor in range(3, 256):
        with suppress(OSError):
            if descriptor != own and stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return "its import opens a connection or an event loop"
    return ""


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Answer requests; returns None at the end, and in each copy its request."""
    while True:
        header, files, _, _ = socket.recv_fds(control, HEADER_BYTES, FILES)
        if not header:
            return None
        header += _exactly(control, HEADER_BYTES - len(header))
        request: dict[str, Any] = json.loads(_exactly(control, int.from_bytes(header, "big")))
        pid = os.fork()
        if pid == 0:
            control.close()
            supervise(files, request["grace_seconds"])
            return request
        for file in files:
            os.close(file)
        control.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def reap() -> None:
    """Collect supervisors that have ended; they report elsewhere."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def supervise(files: list[int], grace_seconds: float) -> None:
    """Supervise one start until all of it has ended; returns in the start itself only."""
    try:
        os.setsid()
        *streams, status = files
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        supervisor = Supervisor(status, signal.SIGTERM, grace_seconds)
        if supervisor.fork() != 0:
            supervisor.started()
            supervisor.wait()
            report(status, event="gone", left=supervisor.end())
            os._exit(0)
        end_with_parent()
    except BaseException:  # noqa: BLE001 - a copy must not go on serving
        os._exit(1)


def become(request: dict[str, Any]) -> None:
    """Run a module as `python -m` would, in what is now a process of its own; does not return."""
    # As Python itself sets them when it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = [request["module"], *request["arguments"]]
    code: int | None = 0
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = _exit_code(error)
    except KeyboardInterrupt:
        code = None
    except BaseException:  # noqa: BLE001 - printed, as Python does with whatever is left
        sys.excepthook(*sys.exc_info())
        code = 1
    _end(code)


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _end(code: int | None) -> None:
    """End as Python does, but for taking all modules apart: that would copy all their memory.

    Args:
        code: the exit code; None: by SIGINT.
    """
    # As multiprocessing ends the processes that it forks.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code or 0)


def _exactly(control: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = control.recv(count - len(data))
        if not chunk:
            raise SystemExit("the request ends in the middle")
        data += chunk
    return data
