"""What one run of an experiment says at one value: from its outcome and its journal alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.journal.samples import Startup, startups
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.verdict.bounds import ProvenBound
from chaosnetra.evidence.verdict.verdict import Outcome, Verdict, judge
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.runner.outcome import Kind, RunOutcome
from chaosnetra.search.record import BUDGET, SearchTrial
from chaosnetra.text import cut, one_line

LONGEST_TEXT = 300
LONGEST_CAUSE = 120
# How a journal says that a condition of the abort control, or its time, ended the run.
ABORTED = "abort condition"


def trial_of(
    number: int, value: float, journal: str, ran: RunOutcome, latency: bool
) -> SearchTrial:
    """A run as a trial.

    Args:
        number: of the trial, from 1.
        value: that was asked for.
        journal: of the run, as a path from the search's folder.
        ran: how it ended.
        latency: whether the value is a latency, whose fault says what was in place.
    """
    data = _read(ran.journal)
    says_something = ran.kind in (Kind.HELD, Kind.VIOLATED)
    attempts, failures, most = int(says_something), int(ran.kind is Kind.VIOLATED), None
    breaks_first = None
    if data is not None and says_something:
        verdict, violations = judge(data)
        attempts, failures, most = counted(verdict)
        breaks_first = what_broke(violations) if ran.kind is Kind.VIOLATED else None
    return SearchTrial(
        number=number,
        value=value,
        applied=_applied(data, value) if latency and data is not None else value,
        outcome=ran.kind.value,
        attempts=attempts,
        failures=failures,
        max_failure_rate=most,
        line=cut(one_line(ran.line), LONGEST_TEXT),
        breaks_first=breaks_first,
        journal=journal,
        seconds=round(ran.seconds, 3),
        baseline_seconds=_ready_seconds(data, lambda one: one.stage is Stage.BEFORE),
        under_fault_seconds=_ready_seconds(data, lambda one: one.under_fault),
        recovered_seconds=_ready_seconds(data, lambda one: one.stage is Stage.RECOVERY),
    )


def counted(verdict: Verdict) -> tuple[int, int, float | None]:
    """Attempts, failures and the failure rate that is allowed, of a trial that says something.

    Attempts count where one probe counts them, and they alone explain the verdict; else the trial
    itself is one attempt, which failed where the steady state was violated.
    """
    violated = verdict.outcome is Outcome.VIOLATED
    if len(verdict.proofs) == 1:
        proof = verdict.proofs[0]
        if proof.max_failure_rate is not None and _too_many(proof) == violated:
            return proof.trials, proof.failures, proof.max_failure_rate
    return 1, int(violated), None


def what_broke(violations: Sequence[Violation]) -> str | None:
    """What ended the startups of a violated trial, shortly: a budget, a phase, an error."""
    for violation in violations:
        if violation.stage is Stage.BEFORE:
            continue
        if violation.budget:
            return f"{BUDGET}{violation.budget}"
        if violation.error:
            phase = f"phase {violation.phase}: " if violation.phase else ""
            return cut(one_line(f"{phase}{violation.error}"), LONGEST_CAUSE)
        if violation.phase:
            return f"phase {violation.phase}"
        return cut(one_line(violation.observed), LONGEST_CAUSE)
    return None


def why_stopped(data: Mapping[str, Any] | None, trial: SearchTrial, in_staging: bool) -> str:
    """Why no trial may follow one; empty: another may.

    Args:
        data: its journal; None: it left none that can be read.
        trial: what it says.
        in_staging: whether it acted on what is not the search's own: then nothing follows where it
            is not known for sure that the trial was let in, came to its end and left nothing.
    """
    section = data["chaosnetra"] if data is not None else {}
    ended_by = str(section.get("interrupted_by") or "")
    if ended_by.startswith(ABORTED):
        return cut(one_line(ended_by), LONGEST_TEXT)
    if not in_staging:
        return ""
    if data is None:
        return f"trial {trial.number} left no journal ({trial.line})"
    if section.get("refused"):
        return cut(one_line(str(section["refused"])), LONGEST_TEXT)
    if ended_by:
        return f"trial {trial.number} was ended by {cut(one_line(ended_by), LONGEST_TEXT)}"
    failures = section.get("undo_failures")
    if failures:
        return f"trial {trial.number} left something: {cut(one_line(failures[0]), LONGEST_TEXT)}"
    return ""


def journal_of(path: Path) -> Mapping[str, Any] | None:
    """A trial's journal; None: there is none that can be read."""
    return _read(path)


def _read(path: Path | None) -> Mapping[str, Any] | None:
    try:
        return read_journal(path).data if path is not None else None
    except Unreadable:
        return None


def _too_many(proof: ProvenBound) -> bool:
    most = proof.max_failure_rate
    return most is not None and proof.failures > most * proof.trials + 1e-9


def _applied(data: Mapping[str, Any], value: float) -> float:
    """The latency that was in place at time scale 1: a server takes whole milliseconds."""
    scale = data["chaosnetra"].get("time_scale")
    if not isinstance(scale, (int, float)) or not scale > 0:
        return value
    for fault in data["chaosnetra"]["faults"]:
        parameters = fault.get("parameters") or {}
        attributes = parameters.get("attributes") or {}
        if parameters.get("type") == "latency" and isinstance(attributes.get("latency"), int):
            applied = float(attributes["latency"]) / scale
            # Of several latencies it is the one that the value was rounded to.
            if abs(applied - value) <= 1 / scale:
                return round(applied, 9)
    return value


def _ready_seconds(
    data: Mapping[str, Any] | None, wanted: Callable[[Startup], bool]
) -> tuple[float, ...]:
    if data is None:
        return ()
    return tuple(
        round(startup.seconds, 4) for startup in startups(data) if startup.ready and wanted(startup)
    )[:200]
