"""Follows the run of a step to its end, whatever is said, asked or sent meanwhile."""

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.conduct.progress import ENDED, Progress
from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.people.interface import (
    NOTES,
    Command,
    Does,
    Interface,
    Left,
    Panel,
    Style,
)
from chaosnetra.gameday.record.events import EventTail
from chaosnetra.gameday.record.notes import said_by, take_note
from chaosnetra.gameday.record.record import Record
from chaosnetra.gameday.record.states import Kind
from chaosnetra.runner.child import ChildRun
from chaosnetra.runner.ending import PATIENCE_SECONDS, end_and_undo, undo
from chaosnetra.runner.files import RunFiles

POLL_SECONDS = 0.03


@dataclass
class Following:
    """One run, followed. Made for one call of `to_its_end`.

    Attributes:
        record: of the day.
        interface: where it is shown.
        monitor: of the day.
        signals: that ask the conductor to leave.
        people: who may say something.
        parameters: of the run, as they are shown.
        seconds_at_most: that it may take, by whatever bounds it; to be shown.
    """

    record: Record
    interface: Interface
    monitor: AbortMonitor
    signals: Signals
    people: tuple[str, ...]
    parameters: Mapping[str, str]
    seconds_at_most: float
    progress: Progress = field(default_factory=Progress)
    skipped: str | None = None
    _stopping: str | None = None
    _told: Deadline | None = None
    _killed: bool = False
    _left: Left | None = None
    _began: float = 0.0
    _events_began: float | None = None

    def to_its_end(self, run: ChildRun) -> dict[str, Any]:
        """Let a run begin, and follow it.

        Whatever goes wrong from then on, the run ends and is undone before this returns or raises.

        Returns:
            Facts for the record: `exit_code`, `stopped` (why, or None), `undone` (lines),
            `events_began` (monotonic seconds that its events count from), `seconds`.

        Raises:
            Left: nobody is there any more, or a signal came; the run has ended by then, and
                nothing of it is left.
            RecordLost: likewise, and something that was said could not be written.
        """
        self._began = time.monotonic()
        events = EventTail(RunFiles(run.identity.folder).events)
        try:
            run.let_begin(watched=False)  # the abort monitor sees to a run without a conductor
            while run.exit_code is None:
                self._read(events)
                self._wait(POLL_SECONDS)
                self._see_to_the_end(run)
            seconds = time.monotonic() - self._began
            self._read(events)
            # What came while it ended: commands that wait, keys, a criterion that ended the run.
            self.progress = replace(self.progress, phase=ENDED, activity="")
            self._wait(0.0)
        except BaseException:
            end_and_undo(run.identity)
            raise
        facts = {
            "exit_code": run.exit_code,
            "stopped": self._stopping,
            "undone": undo(run.identity.folder),
            "events_began": self._events_began,
            "seconds": round(seconds, 3),
        }
        if self._left is not None:
            self.record.write(Kind.RUN_LOST, {**facts, "why": str(self._left)})
            raise self._left
        return facts

    def tick(self) -> None:
        """Look for what ends the run."""
        if self.signals.received is not None:
            self._leave(Left(f"{self.signals.received} came"))
        if self._stopping is not None:
            return
        crossed = self.monitor.crossed
        step_seconds = self.record.step.maximum_seconds
        if crossed is not None:
            self._abort(f"abort criterion: {crossed}", "abort criteria")
        elif step_seconds is not None and time.monotonic() - self._began > step_seconds:
            self._stop(f"the step's {step_seconds:g} s are over")

    def command(self, command: Command) -> None:
        """Somebody did something.

        Raises:
            InvalidInput: it cannot be done.
        """
        if command.does in NOTES:
            self.interface.say(take_note(self.record, command, self.people), Style.QUIET)
        elif command.does is Does.PAUSE:
            paused = self.record.state.paused
            self.record.write(Kind.CONTINUED if paused else Kind.PAUSED, {"by": self.people[0]})
        elif command.does is Does.ABORT and self.record.state.ending is None:
            # Also while the run is being stopped: then the day ends after it.
            by, why = self._said(command)
            self._abort(why, by)
        elif self._stopping is not None:
            raise InvalidInput(f"the run is being stopped already: {self._stopping}")
        elif command.does is Does.SKIP:
            by, why = self._said(command)
            note = Command(Does.DECIDE, f"{by}: skip this step: {why}", command.typing_seconds)
            self.interface.say(take_note(self.record, note, self.people), Style.QUIET)
            self.skipped = f"{why} ({by})"
            self._stop(f"skipped by {by}: {why}")

    def _said(self, command: Command) -> tuple[str, str]:
        return said_by(command.text or "no reason was given", self.people)

    def _abort(self, reason: str, by: str) -> None:
        self.record.write(Kind.ABORTED, {"reason": reason, "by": by})
        self._stop(f"day aborted by {by}: {reason}")
        self.interface.say(
            f"The day is aborted by {by}: {reason}. The run undoes everything and ends.", Style.BAD
        )

    def _leave(self, left: Left) -> None:
        self._left = self._left or left
        self._stop(str(left))

    def _stop(self, reason: str) -> None:
        self._stopping = self._stopping or reason

    def _wait(self, seconds: float) -> None:
        if self._left is not None:
            time.sleep(seconds)
            return
        try:
            self.interface.during(self._panel(), seconds, self)
        except Left as left:
            self._leave(left)

    def _see_to_the_end(self, run: ChildRun) -> None:
        """Ask the run to end once it has to, and kill it when it does not."""
        if self._stopping is None:
            return
        if self._told is None:
            self._told = Deadline.after(PATIENCE_SECONDS)
            run.identity.ask_to_end()
        elif self._told.passed and not self._killed:
            self._killed = True
            run.identity.signal(signal.SIGKILL)  # its watchdog undoes what it injected

    def _read(self, events: EventTail) -> None:
        now = time.monotonic()
        for event in events.read():
            self.progress = self.progress.after(event)
            elapsed = event.get("elapsed_seconds")
            if isinstance(elapsed, (int, float)):
                # What is read late makes it later than it was; never earlier.
                began = now - elapsed
                self._events_began = min(began, self._events_began or began)

    def _panel(self) -> Panel:
        running = time.monotonic() - self._began
        state, step = self.record.state, self.record.step
        return Panel(
            step=step.name,
            number=state.step + 1,
            steps=state.steps,
            observe=step.observe,
            parameters=self.parameters,
            attempt=state.attempt,
            progress=self.progress,
            running_seconds=running,
            abort_in_seconds=max(0.0, self.seconds_at_most - running),
            paused=state.paused,
            stopping=f"stopping: {self._stopping}" if self._stopping else "",
        )
