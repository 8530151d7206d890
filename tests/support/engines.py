"""An engine of a test's own: runs the containers of startups as processes of this machine.

All that another engine than Cloud Run has to be is here; see docs/launchers.md.
"""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from chaosnetra.durations import Deadline
from chaosnetra.errors import Interrupted
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.running.run import existing_run

UNDO = "tests.end_containers"
MARK = "TESTS_EXECUTION"
END_SECONDS = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Ended:
    """A container as the engine knows it; see `chaosnetra.startup.tasks.Task`."""

    index: int
    end: str
    exit_code: int | None
    signal: int | None
    started_at: float | None
    seconds: float | None
    text: str = ""
    retried: int = 0


@dataclass
class Containers:
    """So many that are begun together."""

    engine: "Processes"
    count: int
    environment: Mapping[str, str]
    execution: str = field(default_factory=lambda: f"tests/{secrets.token_hex(4)}")

    @property
    def name(self) -> str:
        return f"containers {self.execution}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"kind": "containers", "tasks": self.count}

    def prepare(self) -> Undo:
        return Undo(UNDO, f"end the {self.name}", {"execution": self.execution})

    def inject(self) -> None:
        for index in range(self.count):
            # What Cloud Run gives to each task.
            own = {
                "CLOUD_RUN_EXECUTION": self.execution.rpartition("/")[2],
                "CLOUD_RUN_TASK_INDEX": str(index),
                "CLOUD_RUN_TASK_ATTEMPT": "0",
                "CLOUD_RUN_TASK_COUNT": str(self.count),
                MARK: self.execution,
            }
            given = {"PATH": os.environ["PATH"], **self.engine.variables, **self.environment, **own}
            self.engine.running.append(
                subprocess.Popen(
                    self.engine.command,
                    env=given,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def measure(self) -> None:
        return None


@dataclass
class Processes:
    """An engine; see `chaosnetra.running.engine.Engine`."""

    command: Sequence[str]
    variables: Mapping[str, str]
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    shown: str = "processes of a test"

    def begun(
        self,
        count: int,
        seconds: float,
        environment: Mapping[str, str],
        patience_seconds: float,
    ) -> Containers:
        self.running.clear()
        return Containers(self, count, environment)

    def reap(self) -> None:
        """Leave no remains of processes that have ended."""
        for one in self.running:
            one.wait(END_SECONDS)

    def wait(self, execution: str, deadline: Deadline) -> str:
        while any(one.poll() is None for one in self.running):
            run = existing_run()
            if run is not None and run.interrupted_by is not None:
                raise Interrupted("the run was interrupted")
            if deadline.passed:
                return f"{execution} did not end in time"
            time.sleep(POLL_SECONDS)
        return ""

    def logs(self, execution: str) -> str:
        return ""

    def tasks(self, execution: str) -> Iterable[Ended]:
        began = time.time()
        for index, one in enumerate(self.running):
            code = one.poll()
            if code is None:
                yield Ended(index, "running", None, None, began, None, execution)
            elif code < 0:
                yield Ended(index, "signalled", None, -code, began, 0.0)
            else:
                yield Ended(index, "exited" if code else "succeeded", code, None, began, 0.0)


def end_containers(arguments: Mapping[str, Any]) -> UndoReport:
    """End what bears the mark, and wait until none of it runs: the player of the undo."""
    mine = [one for one in psutil.process_iter() if _bears(one, str(arguments["execution"]))]
    for one in mine:
        with suppress(psutil.Error):
            one.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs(mine, END_SECONDS)
    for one in left:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(left, END_SECONDS)
    result = UndoResult.DONE if mine else UndoResult.ALREADY_DONE
    return UndoReport(result, f"{len(mine)} containers ended")


def _bears(process: psutil.Process, execution: str) -> bool:
    with suppress(psutil.Error):
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and process.environ().get(MARK) == execution
    return False
