"""Runs startup phases in order; each is timed, and the first that fails ends the startup.

Every step is one JSON line on standard output:

    {"startup_phase": {"status": "completed", "phase": "database", "number": 3, "seconds": 0.21}}

`status` is started, completed, failed or degraded: failed, and the startup goes on without what
the phase was to bring. The last two also have `error_class`, `error`, `cause`, `budget`,
`budget_seconds` and `sqlstate`, None where they do not apply. A phase that asks a database may end
with `steps` too: `chaosnetra.orchestrator.steps` has what each holds. Anyone's service may print
such lines; the launcher reads them when they are there.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import BudgetExpired, DeterministicStartupError

EVENT_KEY = "startup_phase"
PREFIX = "CRITICAL STARTUP FAILURE: "


@dataclass(frozen=True)
class Phase:
    """A startup phase: its name, what it runs, and what the line of its end says besides."""

    name: str
    run: Callable[[], Awaitable[None]]
    details: Callable[[], Mapping[str, Any]] = dict


class PhaseDegraded(Exception):
    """A phase failed by its `__cause__`, and the service starts all the same."""


class StartupSequence:
    """Runs phases and keeps the platform's `startup_*` state on `state`.

    Args:
        phases: in order.
        state: gets `startup_complete`, `_in_progress`, `_failed`, `_error`, `_phase`,
            `_phase_timings`, `_completed_phases`, `_failed_phases`, `_degraded_phases`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        state: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._phases = phases
        self._state = state
        self._clock = clock
        state.startup_complete = False
        state.startup_in_progress = False
        state.startup_failed = False
        state.startup_error = None
        state.startup_phase = None
        state.startup_phase_timings = {}
        state.startup_completed_phases = []
        state.startup_failed_phases = []
        state.startup_degraded_phases = []

    async def run(self) -> None:
        """Run all phases.

        Raises:
            DeterministicStartupError: a phase failed; the cause is chained to it, and no later
                phase ran.
        """
        self._state.startup_in_progress = True
        try:
            for number, phase in enumerate(self._phases, start=1):
                await self._run_phase(number, phase)
        finally:
            self._state.startup_in_progress = False
        self._state.startup_complete = True

    async def _run_phase(self, number: int, phase: Phase) -> None:
        state = self._state
        state.startup_phase = phase.name
        emit(status="started", phase=phase.name, number=number)
        started = self._clock()
        try:
            await phase.run()
        except PhaseDegraded as degraded:
            error = degraded.__cause__ or degraded
            failure = _failure(number, phase.name, error)
            state.startup_degraded_phases.append(phase.name)
            self._end("degraded", number, phase, started, **_failure_details(failure, error))
        except Exception as error:
            failure = _failure(number, phase.name, error)
            state.startup_failed = True
            state.startup_error = str(failure)
            state.startup_failed_phases.append(phase.name)
            self._end("failed", number, phase, started, **_failure_details(failure, error))
            raise failure from error
        else:
            state.startup_completed_phases.append(phase.name)
            self._end("completed", number, phase, started)

    def _end(self, status: str, number: int, phase: Phase, started: float, **details: Any) -> None:
        seconds = self._clock() - started
        self._state.startup_phase_timings[phase.name] = seconds
        emit(
            status=status,
            phase=phase.name,
            number=number,
            seconds=round(seconds, 4),
            **details,
            **phase.details(),
        )


def emit(**event: Any) -> None:
    """Print a phase event."""
    sys.stdout.write(json.dumps({EVENT_KEY: event}) + "\n")
    sys.stdout.flush()


def _failure(number: int, phase: str, error: BaseException) -> DeterministicStartupError:
    text = " ".join(str(error).split()) or type(error).__name__
    expired = expired_budget(error)
    return DeterministicStartupError(
        f"{PREFIX}phase {number} ({phase}): {text}",
        phase=phase,
        budget=expired.budget if expired else None,
        sqlstate=sqlstate_of(error),
    )


def _failure_details(failure: DeterministicStartupError, error: BaseException) -> dict[str, Any]:
    """What the line of a phase that failed says."""
    expired = expired_budget(error)
    return {
        "error_class": type(error).__name__,
        "error": str(failure),
        "cause": _chain(error),
        "budget": failure.budget,
        "budget_seconds": expired.budget_seconds if expired else None,
        "sqlstate": failure.sqlstate,
    }


def _chain(error: BaseException) -> list[str]:
    """The error and what caused it, outermost first."""
    return [f"{type(one).__name__}: {' '.join(str(one).split())}" for one in _causes(error)]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, each once: a chain can be a circle."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE of the nearest error in the chain that has one."""
    states = (getattr(one, "sqlstate", None) for one in _causes(error))
    return next((state for state in states if isinstance(state, str)), None)


def expired_budget(error: BaseException) -> BudgetExpired | None:
    """The budget that ran out, whatever the error on top of it says."""
    return next((one for one in _causes(error) if isinstance(one, BudgetExpired)), None)
