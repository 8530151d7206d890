"""A folder with days in it, and conductors of them as processes."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosnetra.gameday.record.entries import Entry, read_entries
from tests.conftest import RUN_SECONDS
from tests.support.experiments import experiment, python
from tests.support.helpers import wait_until
from tests.support.programs import merged

PROGRAM = str(Path(sys.executable).with_name("chaosnetra"))
SECONDS = 60

HELPERS = """
import pathlib, signal, sys, time

def is_there(file):
    return pathlib.Path(file).exists()

def is_missing(file):
    return not pathlib.Path(file).exists()

def touch(file):
    pathlib.Path(file).touch()

def remove(file):
    pathlib.Path(file).unlink(missing_ok=True)

def deaf_wait_for(file):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return wait_for(file)

def says_and_knows(file, password):
    print("a line that has no end", end="", flush=True)
    return sys.stdin.read() == "" and password == "s3cr3t" + "word"

def hangs_from_the_second_time(file):
    if pathlib.Path(file).exists():
        time.sleep(60)
    touch(file)
    return True

def wait_for(file):
    until = time.monotonic() + 60
    while not pathlib.Path(file).exists() and time.monotonic() < until:
        time.sleep(0.02)
    return True
"""


def provider(function: str, file: Path, **arguments: str) -> dict[str, Any]:
    return python("gameday_helpers", function, file=str(file), **arguments)


def step(kind: str, name: str, function: str, file: Path, **arguments: str) -> dict[str, Any]:
    """An activity that does something with a file."""
    return {"type": kind, "name": name, "provider": provider(function, file, **arguments)}


@dataclass
class Bed:
    """A folder: files that helpers look at, a plan, and where its days go."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "gameday_helpers.py").write_text(HELPERS)
        self.days = self.folder / "days"
        self.fault = self.folder / "fault"
        self.release = self.folder / "release"
        self.plan_path = self.folder / "day.json"

    def plan(self, *steps: dict[str, Any], **changed: Any) -> Path:
        """Write a plan."""
        data = {
            "version": 1,
            "title": "A day",
            "environment": "local",
            "roles": [
                {"role": "conductor", "person": "Ada"},
                {"role": "observer", "person": "Ben"},
            ],
            "steps": list(steps),
            **changed,
        }
        self.plan_path.write_text(json.dumps(data, indent=1))
        return self.plan_path

    def waiting_step(self, name: str = "waiting") -> dict[str, Any]:
        """A step whose fault is a file, and whose method ends when `release` is there."""
        made = experiment(
            step("action", "break", "touch", self.fault),
            step("probe", "wait", "wait_for", self.release),
            title="A file is a fault",
            probes=[
                step("probe", "plan-is-there", "is_there", self.plan_path) | {"tolerance": True}
            ],
            rollbacks=[step("action", "mend", "remove", self.fault)],
        )
        path = self.folder / "waiting.json"
        path.write_text(json.dumps(made))
        return {"name": name, "experiment": "waiting.json"}

    def command(self, *words: str) -> list[str]:
        return [PROGRAM, "gameday", *words]

    def run_command(self, *more: str) -> list[str]:
        return self.command("run", str(self.plan_path), "--folder", str(self.days), *more)

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }

    def run(self, *more: str, answers: str | None = None) -> tuple[int, str]:
        """Lead a day to its end; exit code and output."""
        words = list(more)
        if answers is not None:
            (self.folder / "answers.txt").write_text(answers)
            words += ["--answers", str(self.folder / "answers.txt")]
        return self.call(*self.run_command(*words)[2:])

    def call(self, *words: str) -> tuple[int, str]:
        """One command of game days; exit code and output."""
        done = merged(
            self.command(*words),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            timeout=RUN_SECONDS,
        )
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout

    def start(self, *more: str) -> "subprocess.Popen[str]":
        """A conductor without a terminal, in the background."""
        return subprocess.Popen(
            self.run_command(*more),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def day(self) -> Path:
        """The folder of the only day."""
        (found,) = self.days.iterdir()
        return found

    def entries(self) -> list[Entry]:
        return read_entries(self.day)

    def kinds(self) -> list[str]:
        return [entry.kind.value for entry in self.entries()]

    def wait_for_fault(self) -> None:
        wait_until(self.fault.exists, SECONDS, "the fault")


def finished(process: "subprocess.Popen[str]") -> str:
    """The output of a conductor that ends."""
    try:
        output = process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=10)
        raise
    assert "Traceback" not in output, output
    return output


class Seat:
    """A conductor at a terminal of 80 columns, and somebody who types."""

    def __init__(self, bed: Bed, *more: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        env = {**bed.env, "TERM": "xterm-256color", **environment}
        self.process = subprocess.Popen(
            bed.run_command(*more),
            cwd=bed.folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._raw = b""
        self._seen = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def raw(self) -> bytes:
        return self._raw

    def expect(self, text: str) -> None:
        """Wait until a text comes that was not expected before."""
        wanted = text.encode()

        def came() -> bool:
            at = self._raw.find(wanted, self._seen)
            if at >= 0:
                self._seen = at + len(wanted)
            return at >= 0

        try:
            wait_until(came, SECONDS, f"{text!r} on the terminal")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._raw[-3000:].decode(errors='replace')}") from None

    def type(self, text: str | bytes) -> None:
        raw = text.encode() if isinstance(text, str) else text
        while raw:
            raw = raw[os.write(self._master, raw) :]

    def answer(self, question: str, text: str) -> None:
        self.expect(question)
        self.type(f"{text}\r")

    def hang_up(self) -> None:
        """The terminal closes, as when a connection is lost."""
        os.close(self.slave)
        self.slave = -1
        os.close(self._master)
        self._master = -1

    def ended(self) -> int:
        return self.process.wait(SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        for file in (self.slave, self._master):
            if file >= 0:
                os.close(file)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._master, 65536):
                self._raw += chunk
