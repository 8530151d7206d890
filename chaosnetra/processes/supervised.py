"""Starts a command under a supervisor, for code that is not asynchronous."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.copies import release, withhold

SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class User:
    """A system user to run as."""

    uid: int
    gid: int


def supervisor_command(
    command: Sequence[str],
    *,
    status_fd: int,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float,
    user: User | None = None,
    remove: Sequence[Path] = (),
) -> list[str]:
    """The command line that runs `command` under a supervisor.

    Args:
        command: program and arguments.
        status_fd: inherited file descriptor that the supervisor reports to.
        stop_signal: what the command is sent when it is to end.
        grace_seconds: how long it may take before it is killed.
        user: whom to run it as; needs root.
        remove: folders to remove when everything has ended.
    """
    return [
        sys.executable,
        "-I",
        "-S",
        str(SUPERVISOR),
        str(status_fd),
        str(int(stop_signal)),
        f"{grace_seconds:g}",
        f"{user.uid}:{user.gid}" if user else "",
        *(str(folder) for folder in remove),
        "--",
        *command,
    ]


def start_supervisor(
    command: Sequence[str],
    *,
    output: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    pass_fds: Sequence[int] = (),
    **options: Any,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command under a supervisor, in a session of its own.

    Args:
        command: program and arguments.
        output: standard output and error of both.
        environment: its variables; this process's by default.
        directory: where it runs; None: here.
        pass_fds: file descriptors that the command inherits.
        options: see `supervisor_command`.

    Returns:
        The supervisor's process, and the file descriptor that its reports are read from. The
        command ends when the supervisor's standard input is closed.

    Raises:
        OSError: the supervisor cannot be started.
    """
    status, status_write = os.pipe()
    try:
        supervisor = subprocess.Popen(
            supervisor_command(command, status_fd=status_write, **options),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=directory,
            pass_fds=(status_write, *pass_fds),
            start_new_session=True,
        )
    except OSError:
        os.close(status)
        raise
    finally:
        os.close(status_write)
    return supervisor, status


def _why_not(record: dict[str, Any] | None) -> str:
    """What a supervisor's first record says of a command that did not start."""
    if record is None:
        return "its supervisor did not answer"
    if record["event"] == "started":
        return str(record["error"])
    return f"what prepares it ended with {record.get('code') or record.get('signal')}"


class SupervisedProcess:
    """A command that ends, with all its descendants, when this process does.

    Args:
        command: program and arguments; it may hold `supervisor.THEN`: what stands before that runs
            first and must end with 0.
        output: standard output and error of it.
        environment: its variables; this process's by default.
        directory: where it runs; None: here.
        stop_signal: what it is sent when it is to end.
        grace_seconds: how long it may take then before it is killed.
        user: whom to run it as; needs root.
        remove: folders to remove when everything has ended.
        pass_fds: file descriptors that it inherits.
        start_seconds: how long it may take to start, what stands before `THEN` included.

    Raises:
        PartUnavailable: it cannot be started; says why.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes] | int,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_seconds: float = 5.0,
        user: User | None = None,
        remove: Sequence[Path] = (),
        pass_fds: Sequence[int] = (),
        start_seconds: float = 10.0,
    ) -> None:
        self._grace_seconds = grace_seconds
        self._name = Path(command[0]).name
        try:
            self._supervisor, self._status = start_supervisor(
                command,
                output=output,
                environment=environment,
                directory=directory,
                pass_fds=pass_fds,
                stop_signal=stop_signal,
                grace_seconds=grace_seconds,
                user=user,
                remove=remove,
            )
        except OSError as error:
            raise PartUnavailable(f"{self._name} could not be started: {error}") from error
        withhold(self._lifeline.fileno())
        started = self._next_record(Deadline.after(start_seconds))
        if started is None or started["event"] != "started" or started["error"]:
            self.stop()
            raise PartUnavailable(f"{self._name} could not be started: {_why_not(started)}")
        self.pid: int = started["pid"]

    @property
    def exited(self) -> bool:
        """Whether the command has ended, by itself or by `stop`."""
        return self._status < 0 or bool(select.select([self._status], [], [], 0)[0])

    def stop(self) -> None:
        """End the command and everything below it; returns when nothing is left."""
        if not self._lifeline.closed:
            release(self._lifeline.fileno())
            self._lifeline.close()
        try:
            # The supervisor kills after the grace; 10 s on top is for a machine under load.
            self._supervisor.wait(timeout=self._grace_seconds + 10)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        finally:
            if self._status >= 0:
                os.close(self._status)
                self._status = -1

    @property
    def _lifeline(self) -> IO[bytes]:
        """What the supervisor reads: its end is ours."""
        assert self._supervisor.stdin is not None  # noqa: S101 - it is a pipe
        return self._supervisor.stdin

    def _next_record(self, deadline: Deadline) -> dict[str, Any] | None:
        raw = b""
        while not raw.endswith(b"\n"):
            ready, _, _ = select.select([self._status], [], [], deadline.remaining_seconds)
            chunk = os.read(self._status, 1) if ready else b""
            if not chunk:
                return None
            raw += chunk
        record: dict[str, Any] = json.loads(raw)
        return record
