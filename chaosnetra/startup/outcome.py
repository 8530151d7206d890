"""How one startup ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from chaosnetra.wire.observation import Observation


class Status(StrEnum):
    """ready in time, and stayed so; ready, but without what a phase failed to bring, or without
    the database session that startups had before the fault; failed by itself, before it was ready
    or after; or not ready when its time was up."""

    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class ExitReason(StrEnum):
    """Why a process ended by itself: one exit code stands for several.

    The last six only a task of a job has: it was never begun; begun again, so that an earlier
    attempt had failed; ended by a signal, or without an exit code of its own; cancelled; or its
    report did not arrive.
    """

    STARTUP_FAILED = "startup_failed"
    NOT_IMPORTED = "not_imported"
    PORT_IN_USE = "port_in_use"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"
    RETRIED = "retried"
    SIGNALLED = "signalled"
    UNCLEAN = "unclean"
    CANCELLED = "cancelled"
    NOT_REPORTED = "not_reported"


class EndedBy(StrEnum):
    """Who ended the process: exit codes alone do not tell."""

    ITSELF = "itself"
    LAUNCHER = "launcher"


@dataclass(frozen=True)
class StartupFailure:
    """Why a startup failed, as far as its output tells.

    Attributes:
        text: one line.
        error_class: name of the exception's class.
        sqlstate: the database's error code.
        causes: the chain of causes, outermost first, where the output has it.
        budget: name of the budget that ran out.
        budget_seconds: its length as it was enforced.
    """

    text: str
    error_class: str | None = None
    sqlstate: str | None = None
    causes: tuple[str, ...] = ()
    budget: str | None = None
    budget_seconds: float | None = None


@dataclass(frozen=True)
class StartupOutcome:
    """One startup.

    Attributes:
        number: which of the startups of one launch, from 1.
        status: how it ended.
        seconds: from the start of the process until it was ready, ended, or out of time; of one
            that did not stay ready, until it was seen not to be.
        was_ready_seconds: when one that did not stay ready had been ready; else None.
        boot_seconds: of these, until its first phase began (interpreter and imports, where they
            are not forked); None when it prints no phase lines.
        phase: the phase it reached, or failed in, or lost something in.
        phases_after_failure: phases that began after one had failed; none, where a failure
            stops the startup.
        phase_seconds: seconds of each phase that ended.
        steps: of those phases, as far as its lines have them; see `chaosnetra.orchestrator.steps`.
        exit_code: of the process, None when a signal ended it or it was not seen to end.
        signal: number of the signal that ended it.
        ended_by: itself, or the launcher after it was ready or out of time.
        exit_reason: why it ended, where it failed by itself.
        error: why, when it is not ready, or ready without something.
        cause_kept: whether its output has the chain of causes of that error; None without one.
        answered: whether its port answered a readiness check, ready or not.
        checks: readiness checks by what they met (refused, not_ready, timed_out, foreign).
        processes_left: other processes of its tree that had to be ended.
        wire: what was seen of it on its way to the database; None where it is not observed.
        span: from the start of its process until `seconds` later, as readings of the monotonic
            clock; of this process alone, so not in `to_json`.
    """

    number: int
    status: Status
    seconds: float
    was_ready_seconds: float | None = None
    boot_seconds: float | None = None
    phase: str | None = None
    phases_after_failure: tuple[str, ...] = ()
    phase_seconds: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    ended_by: EndedBy = EndedBy.ITSELF
    exit_reason: ExitReason | None = None
    error: StartupFailure | None = None
    cause_kept: bool | None = None
    answered: bool = False
    checks: Mapping[str, int] = field(default_factory=dict)
    processes_left: int = 0
    wire: Observation | None = None
    span: tuple[float, float] | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["span"]
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StartupOutcome":
        """What `to_json` gave.

        Raises:
            ValueError: it is not that; also `KeyError` and `TypeError`.
        """
        error, reason, wire = data["error"], data["exit_reason"], data.get("wire")
        return cls(
            **{
                **data,
                "number": int(data["number"]),
                "status": Status(data["status"]),
                "seconds": float(data["seconds"]),
                "phases_after_failure": tuple(data["phases_after_failure"]),
                "phase_seconds": {
                    phase: float(seconds) for phase, seconds in data["phase_seconds"].items()
                },
                "steps": tuple(dict(step) for step in data["steps"]),
                "checks": dict(data["checks"]),
                "ended_by": EndedBy(data["ended_by"]),
                "exit_reason": None if reason is None else ExitReason(reason),
                "wire": None if wire is None else Observation.from_json(wire),
                "error": None
                if error is None
                else StartupFailure(**{**error, "causes": tuple(error["causes"])}),
            }
        )
