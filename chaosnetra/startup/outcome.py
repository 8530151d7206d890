"""How one startup ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from chaosnetra.processes.cpu_meter import CpuUse
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
class StatedBudget:
    """A limit that a service's own words name, held against the time that there was for it.

    A message may name another limit than the one that ran out.

    Attributes:
        name: of the limit, where the words have one.
        seconds: its length as they have it.
        phase: that it is held against; None: no beginning of one is known, so the whole startup.
        elapsed_seconds: how long that had lasted.
        is_possible: whether so much time had passed at all.
    """

    name: str | None
    seconds: float | None
    phase: str | None
    elapsed_seconds: float
    is_possible: bool

    @property
    def contradiction(self) -> str:
        """Why it cannot be what ran out; empty where it can."""
        if self.is_possible or self.seconds is None:
            return ""
        named = f"the {self.name} limit of " if self.name else "a limit of "
        what = f"phase {self.phase}" if self.phase else "the startup"
        return (
            f"its log names {named}{self.seconds:g} s, which cannot be what ran out: "
            f"{what} had lasted {self.elapsed_seconds:.2f} s"
        )


@dataclass(frozen=True)
class StartupFailure:
    """Why a startup failed, as far as its output tells.

    Attributes:
        text: one line.
        error_class: name of the exception's class.
        sqlstate: the database's error code.
        causes: the chain of causes, outermost first, where the output has it; of a startup that did
            not end in time the lines that tell most.
        budget: name of the budget that ran out.
        budget_seconds: its length as it was enforced; by a pattern, as the service's words have it.
        stated_budget: what those words say, also where it cannot be true.
    """

    text: str
    error_class: str | None = None
    sqlstate: str | None = None
    causes: tuple[str, ...] = ()
    budget: str | None = None
    budget_seconds: float | None = None
    stated_budget: StatedBudget | None = None

    @property
    def told(self) -> str:
        """The text, and what is wrong in it."""
        wrong = self.stated_budget.contradiction if self.stated_budget else ""
        return f"{self.text} ({wrong})" if wrong else self.text

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StartupFailure":
        """See `StartupOutcome.from_json`."""
        stated = data.get("stated_budget")
        return cls(
            **{
                **data,
                "causes": tuple(data["causes"]),
                "stated_budget": None if stated is None else StatedBudget(**stated),
            }
        )


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
        phase_spans: of each phase its beginning and its end, in seconds from the start of the
            process; the end None where it had none. By when its lines came.
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
        late: whether one that timed out was ready after all, within the time it is let live.
        processors: what its processes had of the processors; None: the system does not tell.
        wire: what was seen of it on its way to the database, until it was ready or ended; of one
            that is degraded by what was seen, until the end of its dwell. None: it is not observed.
        settled: likewise, until the end of its dwell, where it stayed ready so long; of this
            process alone, so not in `to_json`.
        span: the start of its process, `seconds` later, and when there was nothing left to wait
            for, as readings of the monotonic clock; of this process alone too.
        output: what one that is not ready printed: the traceback of its error, and its last lines;
            see `chaosnetra.startup.kept_output`.
        output_of: number of the startup of its launch that has this output: its own; or that of
            one that printed the same, but for numbers, and then `output` is empty. None: nothing
            is kept.
    """

    number: int
    status: Status
    seconds: float
    was_ready_seconds: float | None = None
    boot_seconds: float | None = None
    phase: str | None = None
    phases_after_failure: tuple[str, ...] = ()
    phase_seconds: Mapping[str, float] = field(default_factory=dict)
    phase_spans: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
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
    late: bool = False
    processors: CpuUse | None = None
    wire: Observation | None = None
    settled: Observation | None = field(default=None, repr=False, compare=False)
    span: tuple[float, float, float] | None = field(default=None, repr=False, compare=False)
    output: tuple[str, ...] = ()
    output_of: int | None = None

    def to_json(self) -> dict[str, Any]:
        told = asdict(replace(self, settled=None))
        del told["settled"], told["span"]
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StartupOutcome":
        """What `to_json` gave.

        Raises:
            ValueError: it is not that; also `KeyError` and `TypeError`.
        """
        error, reason = data["error"], data["exit_reason"]
        processors, wire = data.get("processors"), data.get("wire")
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
                "phase_spans": {
                    phase: (float(began), None if ended is None else float(ended))
                    for phase, (began, ended) in data.get("phase_spans", {}).items()
                },
                "output": tuple(map(str, data.get("output", ()))),
                "steps": tuple(dict(step) for step in data["steps"]),
                "checks": dict(data["checks"]),
                "ended_by": EndedBy(data["ended_by"]),
                "processors": None if processors is None else CpuUse(**processors),
                "exit_reason": None if reason is None else ExitReason(reason),
                "wire": None if wire is None else Observation.from_json(wire),
                "error": None if error is None else StartupFailure.from_json(error),
            }
        )
