"""What was observed of one startup, and what it came to. Pure."""

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chaosnetra.processes.cpu_meter import CpuUse
from chaosnetra.startup.causes import Found
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.startup.readiness import Check, Readiness
from chaosnetra.text import PRINTED_NOTHING, how_many

# Who says the same so often tries for ever.
TIMES_OF_A_LOOP = 3
# An exit code alone proves nothing. uvicorn ends with 3 when a startup failed; from some version
# after 0.30 on (seen in 0.54) also when the application cannot be imported or the port is in use,
# where it was 1 before. So exit code, phase and text are taken together.
# These are words of uvicorn's, of the ASGI servers that run on it, and of the system.
_STARTUP_FAILED = "Application startup failed"
_PORT_IN_USE = re.compile(r"address already in use|EADDRINUSE|Connection in use", re.IGNORECASE)
_NOT_IMPORTED = re.compile(r"Error loading ASGI app|Could not import module")
_IMPORT_ERRORS = {"ModuleNotFoundError", "ImportError", "SyntaxError"}


@dataclass(frozen=True)
class Limits:
    """Time limits of one launch, in real seconds.

    Attributes:
        startup_seconds: when a startup must be ready.
        kill_margin_seconds: how long after that it is let live, to end by itself and say why.
            A service's own limit overruns on a slow link, by some round trips.
        readiness_seconds: limit of one readiness check.
        dwell_seconds: how long one that is ready must stay so; not counted in its seconds.
    """

    startup_seconds: float
    kill_margin_seconds: float
    readiness_seconds: float
    dwell_seconds: float = 0.0


@dataclass(frozen=True)
class Exit:
    """How a process ended, when by the monotonic clock, and whether it was asked to."""

    code: int | None
    signal: int | None
    asked: bool
    at: float

    @property
    def text(self) -> str:
        if self.signal is not None:
            return f"by signal {self.signal}"
        return f"with exit code {self.code}"


@dataclass
class Observed:
    """What was observed so far; moments are readings of the monotonic clock.

    Attributes:
        readiness: how it shows that it is ready.
        limits: its time limits.
        output: what it printed.
        started_at: when its process was started.
        ready_at: when it was first ready.
        silent_at: when it was found not to be ready any more.
        decided_at: when there was nothing left to wait for.
        exit: how its process ended.
        processes_left: other processes of its tree that had to be ended.
        checks: readiness checks that it did not pass, by what they met.
        start_error: why its process could not be started.
        processors: what its processes had of the processors until it was ready, ended or out of
            time.
    """

    readiness: Readiness
    limits: Limits
    output: Output
    started_at: float = 0.0
    ready_at: float | None = None
    silent_at: float | None = None
    decided_at: float = 0.0
    exit: Exit | None = None
    processes_left: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    start_error: str = ""
    processors: CpuUse | None = None

    @property
    def is_in_time(self) -> bool:
        """Whether it was ready within its limit."""
        return (
            self.ready_at is not None and self._after(self.ready_at) <= self.limits.startup_seconds
        )

    @property
    def status(self) -> Status:
        if self._gone_at is not None:
            return Status.FAILED
        if self.ready_at is None:
            return Status.FAILED if self._own_exit else Status.TIMED_OUT
        if not self.is_in_time:
            return Status.TIMED_OUT
        return Status.READY if self.output.phases.degraded is None else Status.DEGRADED

    def outcome(self, number: int, keeping: Keeping) -> StartupOutcome:
        """What is known of it now.

        Args:
            number: which of the startups of its launch.
            keeping: how its output is kept, where it is not ready.
        """
        status, output, phases = self.status, self.output, self.output.phases
        failed = status is Status.FAILED
        error = None if status is Status.READY else self._error(status)
        # Where it failed or lost something, whatever it did later; else how far it came.
        lost = {Status.DEGRADED: phases.degraded, Status.FAILED: phases.failed}
        own = self._own_exit
        ends = (self._gone_at, self.ready_at, own.at if own else None, self.decided_at or None)
        end = next((at for at in ends if at is not None), time.monotonic())
        error = None if error is None else self._with_stated_budget(error, end)
        return StartupOutcome(
            number=number,
            status=status,
            seconds=round(self._after(end), 4),
            was_ready_seconds=round(self._after(self.ready_at), 4)
            if failed and self.ready_at is not None
            else None,
            boot_seconds=None
            if phases.began_at is None
            else max(0.0, round(self._after(phases.began_at), 4)),
            phase=lost.get(status) or phases.phase,
            phases_after_failure=phases.after_failure,
            phase_seconds=phases.seconds,
            phase_spans=phases.spans(self.started_at),
            steps=phases.steps,
            exit_code=self.exit.code if self.exit else None,
            signal=self.exit.signal if self.exit else None,
            ended_by=EndedBy.ITSELF if own else EndedBy.LAUNCHER,
            exit_reason=exit_reason(output.lines, error, phases.failed) if failed and own else None,
            error=error,
            cause_kept=None if error is None or status is Status.TIMED_OUT else bool(error.causes),
            answered=Check.NOT_READY in self.checks
            or (self.readiness.is_network and self.ready_at is not None),
            checks=dict(self.checks),
            processes_left=self.processes_left,
            late=status is Status.TIMED_OUT and self.ready_at is not None,
            processors=self.processors,
            span=(self.started_at, end, max(end, self.decided_at)),
            output=() if status is Status.READY else output.kept(keeping),
        )

    def _with_stated_budget(self, error: StartupFailure, end: float) -> StartupFailure:
        """With the limit that its output names, which is the one that ran out where it can be."""
        stated = self.output.phases.stated_budget(self.started_at, end)
        if stated is None:
            return error
        error = replace(error, stated_budget=stated)
        if error.budget is not None or not stated.is_possible:
            return error
        return replace(error, budget=stated.name, budget_seconds=stated.seconds)

    @property
    def _own_exit(self) -> Exit | None:
        """How it ended by itself."""
        return None if self.exit is None or self.exit.asked else self.exit

    @property
    def _gone_at(self) -> float | None:
        """When it was not ready any more although it had been: it ended, or stopped answering."""
        if not self.is_in_time or self.readiness.on_exit or not self.limits.dwell_seconds:
            return None
        return self._own_exit.at if self._own_exit else self.silent_at

    def _after(self, at: float) -> float:
        """Seconds from its start."""
        return at - self.started_at

    def _error(self, status: Status) -> StartupFailure:
        if self.start_error:
            return StartupFailure(text=f"the process could not be started: {self.start_error}")
        found = self.output.found
        if status is Status.TIMED_OUT:
            limit = self.limits.startup_seconds
            last = found if found is not None and found.is_error else None
            return StartupFailure(
                text=self._lateness(last),
                error_class=last.error.error_class if last else None,
                sqlstate=last.error.sqlstate if last else None,
                budget="startup",
                budget_seconds=limit,
                causes=self.output.lines_that_matter,
            )
        error = found.error if found else None
        if self._gone_at is not None:
            loss = self._loss(self._gone_at)
            return replace(error, text=f"{loss}: {error.text}") if error else StartupFailure(loss)
        ended = self.exit.text if self.exit else "with no exit code"
        return error or StartupFailure(text=f"it ended {ended} and {PRINTED_NOTHING}")

    def _loss(self, gone_at: float) -> str:
        """How one that was ready did not stay so."""
        ready_at = self.ready_at or gone_at
        after = f"{max(0.0, gone_at - ready_at):.2f} s later"
        text = f"it was ready after {self._after(ready_at):.2f} s, and"
        if self._own_exit is None:
            return f"{text} did not answer as ready any more {after}"
        text = f"{text} ended {self._own_exit.text} {after}"
        if self._own_exit.code == 0 and self.processes_left:
            # As a container does: it ends with its first process.
            text += f", and left {self.processes_left} running: run it in the foreground"
        return text

    def _lateness(self, found: Found | None) -> str:
        """Why it is late, and for what limit; `found` is the error that it printed."""
        limit = f"{self.limits.startup_seconds:g} s"
        if self.ready_at is not None:
            after = self._after(self.ready_at)
            return f"ready only after {after:.2f} s, past its limit of {limit}"
        return f"{self._unready(found)} (limit {limit})"

    def _unready(self, found: Found | None) -> str:
        on_exit = self.readiness.on_exit
        if found is not None and (found.is_named or not on_exit):
            tries = found.times >= TIMES_OF_A_LOOP
            how = "it tries for ever" if tries else "it did not end by itself"
            times = f" {how_many(found.times, 'time')}" if tries else ""
            return f"not ready: {how}, and said{times}: {found.error.text}"
        if on_exit:
            return "still running; a service that keeps running needs the setting readiness"
        if not self.readiness.is_network:
            return "no line of its output matched readiness"
        met = ", ".join(f"{count} {kind}" for kind, count in self.checks.items()) or "none"
        return f"not ready, and it named no cause; readiness checks: {met}"


def exit_reason(
    lines: Sequence[str], error: StartupFailure | None, failed_phase: str | None
) -> ExitReason:
    """Why a process that failed by itself ended.

    Args:
        lines: what it printed.
        error: the error found in that.
        failed_phase: the phase that failed by its own lines.
    """
    if failed_phase is not None or any(_STARTUP_FAILED in line for line in lines):
        return ExitReason.STARTUP_FAILED
    if any(_PORT_IN_USE.search(line) for line in lines):
        return ExitReason.PORT_IN_USE
    imports = error is not None and error.error_class in _IMPORT_ERRORS
    if imports or any(_NOT_IMPORTED.search(line) for line in lines):
        return ExitReason.NOT_IMPORTED
    return ExitReason.UNKNOWN
