"""One `chaos run` in folders of its own, and what is left of it on this machine."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

RUN_SECONDS = 90.0
RECOVER_SECONDS = 120.0
POLL_SECONDS = 0.01
MARK = "chaosnetra"
# After each of these events a run is killed.
BOUNDARIES = ("activity.", "fault.", "run.started", "session.closing", "run.ended")


class Run:
    """One `chaos run` with folders of its own.

    Args:
        folder: where everything of it goes; others must be able to pass through it.
        experiment: the file.
        environment: settings, in addition to this process's environment without ours.
    """

    def __init__(self, folder: Path, experiment: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.work, self.temporary, self.state = (
            folder / name for name in ("work", "temporary", "state")
        )
        for place in (folder, self.work, self.temporary):
            place.mkdir(exist_ok=True)
            place.chmod(0o755)
        clean = {key: value for key, value in os.environ.items() if "CHAOSNETRA" not in key}
        self.environment = {
            **clean,
            "CHAOSNETRA_COUNT": "1",
            "CHAOSNETRA_LATENCY_MS": "200",
            "XDG_STATE_HOME": str(self.state),
            "TMPDIR": str(self.temporary),
            **environment,
        }
        self.output = folder / "output"
        self._events: tuple[int, list[dict[str, Any]]] = (0, [])
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("chaos")),
                    "--no-version-check",
                    "run",
                    str(experiment.resolve()),
                ],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def events_path(self) -> Path:
        return self.work / "journal.events.jsonl"

    @property
    def journal_path(self) -> Path:
        return self.work / "journal.json"

    @property
    def ledgers(self) -> list[Path]:
        return sorted((self.state / MARK / "runs").glob("*"))

    def events(self) -> list[dict[str, Any]]:
        """Events that are whole so far."""
        with contextlib.suppress(FileNotFoundError):
            size = self.events_path.stat().st_size
            if size != self._events[0]:  # asked for every few milliseconds
                lines = self.events_path.read_bytes().split(b"\n")[:-1]
                self._events = size, [json.loads(line) for line in lines]
        return self._events[1]

    def own_parts(self) -> dict[str, tuple[str, int]]:
        """Host and port of each server that was started for this run, by its kind."""
        found = {}
        for event in self.events():
            if event["event"] == "stand.part" and event["source"] == "started for this run":
                address = event["address"].rpartition("@")[2] or event["address"]
                host, _, port = address.removeprefix("http://").partition("/")[0].rpartition(":")
                found[event["kind"]] = (host, int(port))
        return found

    def boundaries(self) -> list[str]:
        return [one["event"] for one in self._boundary_events()]

    def toxic_boundaries(self) -> list[int]:
        """Numbers of the boundaries after which a toxic is still to be added, or taken away."""
        events = self._boundary_events()
        if not any(one.get("name", "").startswith("toxic ") for one in events):
            return []
        return [
            number
            for number, one in enumerate(events)
            if one["event"] == "fault.injected" and one["name"].startswith(("proxy ", "toxic "))
        ]

    def in_effect_boundaries(self, *prefixes: str) -> list[int]:
        """Numbers of the boundaries after which a fault of such a name is in effect."""
        return [
            number
            for number, one in enumerate(self._boundary_events())
            if one["event"] == "fault.injected"
            and one["effect"] is not None
            and one["name"].startswith(prefixes)
        ]

    def _boundary_events(self) -> list[dict[str, Any]]:
        return [one for one in self.events() if one["event"].startswith(BOUNDARIES)]

    def wait_for(self, reached: Callable[[], object], seconds: float = RUN_SECONDS) -> bool:
        """Until `reached`; False when the run ended before, or time is up."""
        until = time.monotonic() + seconds
        while not reached():
            if self.process.poll() is not None or time.monotonic() > until:
                return bool(reached())
            time.sleep(POLL_SECONDS / 5)
        return True

    def watchdogs(self) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("safety/watchdog.py" in word for word in process.cmdline()):
                    found.append(process)
        return found

    def processes(self) -> list[psutil.Process]:
        """Every process whose command, environment or working folder names this run's folder."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and self._is_ours(process)
        ]

    def left(self) -> list[str]:
        """What is left of this run on this machine."""
        found = [f"ledger {path}" for path in self.ledgers]
        found += [f"temporary {path}" for path in self.temporary.iterdir()]
        found += [_described(process) for process in self.processes()]
        for kind, address in self.own_parts().items():
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(address) == 0:
                    found.append(f"port {address[1]} of {kind}")
        return found

    def unreadable(self) -> list[str]:
        """Files of this run that are not what they should be."""
        found = []
        if self.journal_path.exists():
            try:
                json.loads(self.journal_path.read_bytes())
            except ValueError as error:
                found.append(f"{self.journal_path}: {error}")
        if self.events_path.exists():
            raw = self.events_path.read_bytes()
            if raw and not raw.endswith(b"\n"):
                found.append(f"{self.events_path}: the last line is torn")
            for number, line in enumerate(raw.split(b"\n")[:-1], 1):
                try:
                    assert isinstance(json.loads(line)["event"], str)
                except (ValueError, KeyError, TypeError, AssertionError) as error:
                    found.append(f"{self.events_path}:{number}: {error!r}")
        return found

    def recover_by_hand(self, **environment: str) -> str:
        """What a user does when something is left; returns what it says."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("chaosnetra")), "recover"],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RECOVER_SECONDS,
            check=False,
        )
        return done.stdout

    def end(self) -> None:
        """End whatever is left of it, so that the next run starts clean."""
        for process in [*self.processes()]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)

    def _is_ours(self, process: psutil.Process) -> bool:
        place = str(self.folder)
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(place in word for word in process.cmdline()):
                return True
        except psutil.Error:
            return False
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd().startswith(place):
                return True
        with contextlib.suppress(psutil.Error, OSError):
            return any(place in value for value in process.environ().values())
        return False


def listening_ports(process: psutil.Process) -> list[int]:
    return [
        link.laddr.port
        for link in process.net_connections(kind="tcp")
        if link.status == psutil.CONN_LISTEN
    ]


def _described(process: psutil.Process) -> str:
    try:
        ports = listening_ports(process)
        command = " ".join(process.cmdline())[:160]
    except psutil.Error:
        return f"process {process.pid}"
    return f"process {process.pid} ({command})" + (f" listening on {ports}" if ports else "")


def until_clean(left: Callable[[], list[str]], seconds: float) -> tuple[list[str], float]:
    """Wait until nothing is left.

    Returns:
        What is still there when the time is up, and how long it took.
    """
    started = time.monotonic()
    while True:
        found = left()
        taken = time.monotonic() - started
        if not found or taken > seconds:
            return found, taken
        time.sleep(POLL_SECONDS * 5)


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder that every user may pass through: PostgreSQL is another one's, for root."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
