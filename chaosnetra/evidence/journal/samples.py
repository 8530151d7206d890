"""The series in a journal: what its probes answered, counted and tried.

Each reads what `chaosnetra.evidence.journal.reading` returned. An element that lacks what makes
it one, for example a startup without a time, is left out.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chaosnetra.evidence.journal.order import Period, began, ended
from chaosnetra.evidence.journal.packed import PackedPhases, PackedSteps
from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.timeline import in_place
from chaosnetra.evidence.journal.values import (
    int_or_none,
    object_or_empty,
    objects,
    seconds_or_none,
    text_or_none,
)
from chaosnetra.quantities import finite_or_none

if TYPE_CHECKING:
    from chaosnetra.wire.observation import Observation

# When a fault may be in place. Where the journal says when it was, that decides.
UNDER_FAULT = (Stage.METHOD, Stage.DURING, Stage.AFTER)
ATTEMPT_LISTS = ("connections", "checkouts")
READY, DEGRADED = "ready", "degraded"
ANSWERED = ("ok", "slow")
MOST_ATTEMPTS = 10**9
# What is looked at of a startup.
STARTUP_KEYS = (
    *("number", "status", "seconds", "boot_seconds", "ended_by"),
    *("phase", "phase_seconds", "error", "steps", "exit_code"),
    *("phase_spans", "wire", "output", "output_of", "late", "processors", "unsaid"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One answer of a probe.

    Attributes:
        stage: when it was asked.
        probe: its name in the experiment.
        held: whether it was within tolerance; None where none was judged.
        output: what it returned, an object.
        under_fault: whether a fault was in place meanwhile; see `checks`.
        period: when it was asked.
    """

    stage: Stage
    probe: str
    held: bool | None
    output: Mapping[str, Any]
    under_fault: bool
    period: Period


@dataclass(frozen=True, slots=True)
class Trials:
    """What one check counted.

    Attributes:
        stage: see `Check`.
        probe: see `Check`.
        attempts: how many, at least one.
        failures: of these, how many failed.
        max_failure_rate: that may fail, if the probe says.
        under_fault: see `Check`.
    """

    stage: Stage
    probe: str
    attempts: int
    failures: int
    max_failure_rate: float | None
    under_fault: bool


class Startup(NamedTuple):
    """One startup; see `chaosnetra.startup.outcome.StartupOutcome`.

    Attributes:
        stage: see `Check`.
        probe: see `Check`.
        number: of its launch, from 1.
        status: ready, degraded, failed or timed_out.
        seconds: until it was ready, ended, or out of time.
        boot_seconds: of these, until its first phase began.
        phase: the phase it reached, or failed in.
        phases: seconds by phase, as the journal has them; see `phase_seconds`.
        error: why it is not ready: `text`, `error_class`, `sqlstate`, `budget`,
            `budget_seconds`, as far as known.
        steps: as it told them; see `chaosnetra.evidence.journal.steps`.
        under_fault: see `Check`.
        exit_code: what it ended with by itself.
        wire: what was seen of it on the wire, as the journal has it; see `observation`.
        ended_itself: whether its process ended by itself.
        delayed_seconds: in which it waited for a core; 0 where the system does not tell.
    """

    stage: Stage
    probe: str
    number: int
    status: str
    seconds: float
    boot_seconds: float | None
    phase: str | None
    phases: Mapping[str, Any]
    error: Mapping[str, Any]
    steps: Sequence[Any]
    under_fault: bool = False
    exit_code: int | None = None
    wire: Any = None
    ended_itself: bool = False
    delayed_seconds: float = 0.0

    @property
    def observation(self) -> "Observation | None":
        """What was seen of it on the wire; None: it was not looked at, or nobody can read that."""
        if self.wire is None:
            return None
        from chaosnetra.evidence.journal.observed import observation_of  # of most journals none

        return observation_of(self.wire)

    @property
    def ready(self) -> bool:
        """Whether it was, and with all that it was to bring."""
        return self.status == READY

    @property
    def phase_seconds(self) -> dict[str, float]:
        """Of each phase that ended, also of the one that it failed in."""
        return {
            phase: seconds
            for phase, value in self.phases.items()
            if (seconds := seconds_of(value)) is not None
        }

    def time_in_phase(self, phase: str) -> tuple[float, bool] | None:
        """Seconds that it spent in a phase, and whether the phase did its work.

        Where it failed or ran out of time in the phase, that is the time until the phase failed,
        else what is left when boot and the phases before are taken off; None where it never
        reached the phase.
        """
        seconds = self.phase_seconds.get(phase)
        if self.ready or self.phase != phase:
            return None if seconds is None else (seconds, True)
        if seconds is None:
            before = (self.boot_seconds or 0.0) + sum(self.phase_seconds.values())
            seconds = max(0.0, self.seconds - before)
        return seconds, False


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """One attempt to use the database; see `chaosnetra.postgres.attempts.Attempt`.

    Attributes:
        stage: see `Check`.
        probe: see `Check`.
        kind: `connections` or `checkouts`.
        number: which one, from 1.
        at_seconds: when it was to begin, since the first was.
        outcome: ok, slow, refused, reset, timed_out, pool_timeout or failed.
        seconds: until it was answered, failed, or was given up.
        censored: whether an answer would have taken longer.
        sqlstate: the database's error code.
        error: one line.
        under_fault: see `Check`.
    """

    stage: Stage
    probe: str
    kind: str
    number: int
    at_seconds: float
    outcome: str
    seconds: float
    censored: bool
    sqlstate: str | None
    error: str | None
    under_fault: bool

    @property
    def answered(self) -> bool:
        """Whether the database answered it, soon or late."""
        return self.outcome in ANSWERED


def checks(journal: Mapping[str, Any]) -> Iterator[Check]:
    """Every answer of a probe that is an object, stage by stage.

    A check after the baseline and before the rollbacks is one under the fault; where the journal
    says when faults were in place, it has to overlap with one: a check of the method may come
    before any was injected, and one after the method when all are gone.

    Args:
        journal: `data` of a `chaosnetra.evidence.journal.reading.Journal`.
    """
    spans = in_place(journal)
    for stage, run in (*((Stage.METHOD, run) for run in journal["run"]), *checked_probes(journal)):
        if isinstance(run["output"], dict):
            met = run.get("tolerance_met")
            ran = Period(began(run), ended(run))
            yield Check(
                stage,
                str(run["activity"].get("name")),
                met if isinstance(met, bool) else None,
                run["output"],
                # So it is too where nothing is known of when a fault was in place.
                stage in UNDER_FAULT and (spans is None or any(map(ran.may_overlap, spans))),
                ran,
            )


def trials(journal: Mapping[str, Any]) -> Iterator[Trials]:
    """What each check counted, of the probes that count."""
    for check in checks(journal):
        attempts, failures = counted(check.output)
        if attempts:
            most = finite_or_none(check.output.get("max_failure_rate"))
            yield Trials(check.stage, check.probe, attempts, failures, most, check.under_fault)


def counted(output: Mapping[str, Any]) -> tuple[int, int]:
    """Attempts and failures that an output counts; (0, 0) for one that does not count."""
    attempts, failures = output.get("attempts"), output.get("failures")
    if type(attempts) is not int or type(failures) is not int:
        return 0, 0
    return (attempts, failures) if 0 <= failures <= attempts <= MOST_ATTEMPTS else (0, 0)


def startups(
    journal: Mapping[str, Any], among: Callable[[Mapping[str, Any]], Any] | None = None
) -> Iterator[Startup]:
    """Each startup, stage by stage.

    Args:
        journal: see `checks`.
        among: which are wanted, by what the journal has of each; there may be very many.
    """
    for check in checks(journal):
        yield from startups_of(check, among)


def startups_of(
    check: Check, among: Callable[[Mapping[str, Any]], Any] | None = None
) -> Iterator[Startup]:
    """Each startup of one check; see `startups`."""
    for data in objects(check.output.get("startups")):
        if among is None or among(data):
            found = startup_of(check, data)
            if found is not None:
                yield found


def startup_of(check: Check, data: Mapping[str, Any]) -> Startup | None:
    """One element of a check's `startups`; None when it lacks what makes it a startup."""
    seconds = seconds_of(data.get("seconds"))
    status = data.get("status")
    if seconds is None or not isinstance(status, str):
        return None
    steps, phases = data.get("steps"), data.get("phase_seconds")
    code = data.get("exit_code") if data.get("ended_by", "itself") == "itself" else None
    return Startup(
        check.stage,
        check.probe,
        int_or_none(data.get("number")) or 0,
        status,
        seconds,
        seconds_of(data.get("boot_seconds")),
        text_or_none(data.get("phase")),
        phases if isinstance(phases, (dict, PackedPhases)) else {},
        object_or_empty(data.get("error")),
        steps if isinstance(steps, (list, PackedSteps)) else (),
        check.under_fault,
        int_or_none(code),
        data.get("wire"),
        data.get("ended_by") == "itself" and status != READY,
        seconds_or_none(object_or_empty(data.get("processors")).get("delayed_seconds")) or 0.0,
    )


def attempts(journal: Mapping[str, Any]) -> Iterator[RecordedAttempt]:
    """Each attempt that is listed; of a large storm a journal lists only some, failed ones first.

    So count with `trials`, and take quantiles from the check's own figures where it lists fewer
    than it made.
    """
    for check in checks(journal):
        for kind in ATTEMPT_LISTS:
            yield from attempts_of(check, kind)


def attempts_of(check: Check, kind: str) -> Iterator[RecordedAttempt]:
    """Each attempt that a check lists, of one of `ATTEMPT_LISTS`; see `attempts`."""
    for data in objects(check.output.get(kind)):
        seconds = seconds_of(data.get("seconds"))
        outcome = data.get("outcome")
        if seconds is None or not isinstance(outcome, str):
            continue
        yield RecordedAttempt(
            check.stage,
            check.probe,
            kind,
            int_or_none(data.get("number")) or 0,
            seconds_of(data.get("intended_seconds")) or 0.0,
            outcome,
            seconds,
            data.get("censored") is True,
            text_or_none(data.get("sqlstate")),
            text_or_none(data.get("error")),
            check.under_fault,
        )


def seconds_of(value: Any) -> float | None:
    """A time in a startup: finite, and not negative; None for what is none."""
    if type(value) is float and 0 <= value < math.inf:  # as nearly all of very many are
        return value
    number = finite_or_none(value)
    return number if number is not None and number >= 0 else None
