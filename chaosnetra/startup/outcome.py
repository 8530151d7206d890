"""How one startup ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """ready in time; failed by itself; or not ready when its time was up."""

    READY = "ready"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class EndedBy(StrEnum):
    """Who ended the process: exit codes alone do not tell."""

    ITSELF = "itself"
    LAUNCHER = "launcher"


@dataclass(frozen=True)
class StartupError:
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
        seconds: from the start of the process until it was ready, ended, or out of time.
        boot_seconds: of these, until its first phase began (interpreter, imports); None when
            it prints no phase lines.
        phase: the phase it reached, or failed in.
        phase_seconds: seconds of each phase that ended.
        exit_code: of the process, None when a signal ended it or it was not seen to end.
        signal: number of the signal that ended it.
        ended_by: itself, or the launcher after it was ready or out of time.
        error: why, when it is not ready.
        checks: readiness checks by what they met (refused, not_ready, timed_out, foreign).
        processes_left: other processes of its tree that had to be ended.
    """

    number: int
    status: Status
    seconds: float
    boot_seconds: float | None = None
    phase: str | None = None
    phase_seconds: Mapping[str, float] = field(default_factory=dict)
    exit_code: int | None = None
    signal: int | None = None
    ended_by: EndedBy = EndedBy.ITSELF
    error: StartupError | None = None
    checks: Mapping[str, int] = field(default_factory=dict)
    processes_left: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
