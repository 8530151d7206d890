"""The run of one step: `chaos run` as a process of its own, and its events as they come."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.errors import PartUnavailable
from chaosnetra.gameday.conduct.progress import is_in_effect
from chaosnetra.gameday.conduct.stopping import EVENTS, JOURNAL, RunIdentity
from chaosnetra.gameday.plan.parameters import Passed
from chaosnetra.processes.identity import started
from chaosnetra.report.safe_text import visible

OUTPUT = "output.log"
LOG = "chaostoolkit.log"
MOST_BYTES_AT_ONCE = 2**20
GATE_SECONDS = 10.0
MOST_TAIL = 4000


# The run's program takes the place of a shell that waits for a line: so its number is in the record
# before it does anything, and it ends when the conductor does before that.
GATE = ("sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


class StepRun:
    """A run in progress; it does nothing before `let_begin`.

    Args:
        experiment: its file.
        folder: where its journal, events and output go; made here.
        passed: its parameters.

    Raises:
        PartUnavailable: it cannot be started.
    """

    def __init__(self, experiment: Path, folder: Path, passed: Passed) -> None:
        program = [sys.executable, "-m", "chaostoolkit", "--no-version-check"]
        options = [
            word for key, value in passed.variables.items() for word in ("--var", f"{key}={value}")
        ]
        try:
            folder.mkdir(parents=True)
            with (folder / OUTPUT).open("wb") as output:
                self._process = subprocess.Popen(
                    [
                        *GATE,
                        *program,
                        "--log-file",
                        str(folder / LOG),
                        "run",
                        "--journal-path",
                        str(folder / JOURNAL),
                        *options,
                        str(experiment),
                    ],
                    env={**os.environ, **passed.environment},
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # What the terminal sends is for the conductor, who then ends the run in order.
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            raise PartUnavailable(f"the run cannot be started: {error}") from None
        pid = self._process.pid
        self.identity = RunIdentity(pid, started(pid), folder)
        self._events = EventTail(folder / EVENTS)

    def let_begin(self) -> None:
        """Let it do its work."""
        self._answer(b"begin\n")

    def give_up(self) -> None:
        """Let it end before it has begun."""
        self._answer(b"")
        self._process.wait(GATE_SECONDS)

    def _answer(self, line: bytes) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it has ended; its exit code will say so
                self._process.stdin.write(line)
                self._process.stdin.close()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the number of a signal that ended it, negative."""
        return self._process.poll()

    def new_events(self) -> list[dict[str, Any]]:
        """Events since the last call."""
        return self._events.read()

    def ask_to_end(self) -> None:
        """Ask it to undo everything and end; asking again does no harm."""
        self.identity.ask_to_end()

    def kill(self) -> None:
        """End it at once; its watchdog, or `stopping.undo`, takes back what it injected."""
        self.identity.signal(signal.SIGKILL)

    @property
    def last_lines(self) -> list[str]:
        """The end of what it printed, for a run that left no journal."""
        try:
            with (self.identity.folder / OUTPUT).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_TAIL))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line for line in visible(text, MOST_TAIL).splitlines() if line.strip()][-3:]


class EventTail:
    """Reads what is appended to an event file, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[dict[str, Any]]:
        """What came since the last call, at most 1 MiB; lines that are no events are left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                raw = file.read(MOST_BYTES_AT_ONCE)
        except OSError:
            return []
        end = raw.rfind(b"\n") + 1
        if not end and len(raw) == MOST_BYTES_AT_ONCE:
            end = len(raw)  # a line longer than any event: passed over
        self._at += end
        return [event for line in raw[:end].splitlines() if (event := _event(line)) is not None]


@dataclass(frozen=True)
class RunResult:
    """What a run showed, as its journal says.

    Attributes:
        verdict: held, violated or inconclusive.
        reason: of it.
        proofs: what its trials prove; see `chaosnetra.evidence.verdict.verdict.Proof`.
        startup_seconds: median time under the fault until a startup was ready; None when none was,
            or no fault was felt.
    """

    verdict: str
    reason: str
    proofs: tuple[Mapping[str, Any], ...] = ()
    startup_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "proofs": list(self.proofs)}


def result_of(folder: Path) -> RunResult:
    """What the run in a folder showed; inconclusive when it left no journal."""
    from chaosnetra.errors import Unreadable
    from chaosnetra.evidence.journal.reading import read_journal
    from chaosnetra.evidence.journal.samples import startups

    path = folder / JOURNAL
    try:
        journal = read_journal(path)
    except Unreadable as error:
        # The file is named from the day's folder, which may be moved.
        why = str(error).replace(str(path), f"{folder.name}/{JOURNAL}")
        return RunResult("inconclusive", f"it left no journal: {why}")
    section = journal.section
    verdict: Any = section.get("verdict")
    reason: Any = section.get("reason")
    proofs: Any = section.get("proofs")
    if not isinstance(verdict, str) or not isinstance(reason, str):
        # Somebody else's experiment: the journal alone says it.
        from chaosnetra.evidence.verdict.verdict import judge

        judged, _ = judge(journal.data)
        verdict, reason = judged.outcome.value, judged.reason
        proofs = judged.to_json()["proofs"]
    in_effect = any(
        event["event"] == "fault.injected" and is_in_effect(event)
        for event in _events(folder / EVENTS)
    )
    ready = sorted(
        startup.seconds
        for startup in startups(journal.data)
        if in_effect and startup.under_fault and startup.ready
    )
    listed = proofs if isinstance(proofs, list) else []
    return RunResult(
        verdict,
        reason,
        tuple(proof for proof in listed if isinstance(proof, dict)),
        ready[(len(ready) - 1) // 2] if ready else None,
    )


def _events(path: Path) -> Iterator[dict[str, Any]]:
    tail = EventTail(path)
    while events := tail.read():
        yield from events


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("event"), str) else None
