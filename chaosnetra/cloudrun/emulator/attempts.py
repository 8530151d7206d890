"""One attempt of a task: a real process with everything that it starts, until it ends."""

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.cloudrun.emulator.logs import TaskLog
from chaosnetra.processes.supervised import start_supervisor
from chaosnetra.processes.supervisor import AT_ONCE

# How long a container may take after SIGTERM before it is killed. Source: Cloud Run's container
# runtime contract.
GRACE_SECONDS = 10.0
KEPT_OUTPUT_BYTES = 16_384
CHUNK_BYTES = 65_536
# Of this machine's environment, what a program needs to run at all.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")


@dataclass(frozen=True)
class AttemptEnd:
    """How it ended; `error` says why it never began."""

    exit_code: int | None = None
    signal: int | None = None
    stopped: bool = False
    timed_out: bool = False
    error: str = ""


class TaskAttempt:
    """A command as a container: when it ends, so does everything that it started.

    Args:
        command: program and arguments.
        environment: its whole environment.
        directory: where it runs; None: here.
        log: where what it prints goes; None: only its end is kept.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path | None = None,
        log: Path | None = None,
    ) -> None:
        self.output = b""
        self._log = TaskLog(log, environment) if log is not None else None
        self._stopped = False
        self._supervisor, self._status = start_supervisor(
            command,
            output=subprocess.PIPE,
            environment=environment,
            directory=directory,
            grace_seconds=GRACE_SECONDS,
        )
        stdin, stdout = self._supervisor.stdin, self._supervisor.stdout
        assert stdin is not None  # noqa: S101 - it is a pipe
        assert stdout is not None  # noqa: S101 - likewise
        self._stdin, self._stdout = stdin, stdout

    def wait(self, timeout_seconds: float | None) -> AttemptEnd:
        """Until nothing of it is left; call once.

        Args:
            timeout_seconds: when it is stopped; None: never.
        """
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        end = AttemptEnd(error="its supervisor did not answer")
        timed_out = False
        raw = b""
        watched = [self._status, self._stdout.fileno()]
        try:
            while watched:
                left = None if until is None else max(0.0, until - time.monotonic())
                ready = select.select(watched, [], [], left)[0]
                if not ready:
                    timed_out, until = True, None
                    self.stop()
                for descriptor in ready:
                    chunk = os.read(descriptor, CHUNK_BYTES)
                    if not chunk:
                        watched.remove(descriptor)
                    elif descriptor == self._status:
                        raw += chunk
                    else:
                        self.output = (self.output + chunk)[-KEPT_OUTPUT_BYTES:]
                        if self._log is not None:
                            self._log.write(chunk)
            for line in raw.splitlines():
                record = json.loads(line)
                if record["event"] == "started" and record["error"]:
                    return AttemptEnd(error=record["error"])
                if record["event"] == "exited":
                    asked = record["asked"]
                    end = AttemptEnd(
                        record["code"], record["signal"], asked and not timed_out, timed_out
                    )
            return end
        finally:
            os.close(self._status)
            self._stdout.close()
            if self._log is not None:
                self._log.close()
            with contextlib.suppress(OSError):
                self._stdin.close()
            self._supervisor.wait()

    def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end, and end it after the grace; from any thread, any number of times.

        Args:
            at_once: without the grace.
        """
        if self._stopped:
            return  # a grace that has begun is not cut short
        self._stopped = True
        with contextlib.suppress(OSError, ValueError):  # it has just ended
            if at_once:
                self._stdin.write(AT_ONCE)
            self._stdin.close()


def begin(container: Any, variables: Mapping[str, str], log: Path | None = None) -> TaskAttempt:
    """Start a container's command.

    Args:
        container: its message: `command`, `args`, `env`, `working_dir`.
        variables: what the platform adds to its environment.
        log: see `TaskAttempt`.

    Raises:
        OSError: it cannot be started, or has no command.
    """
    if not container.command:
        raise OSError("the local endpoint runs commands, not images: set command")
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    given = {variable.name: variable.value for variable in container.env}
    return TaskAttempt(
        [*container.command, *container.args],
        {**inherited, **given, **variables},
        Path(container.working_dir) if container.working_dir else None,
        log,
    )
