"""Statements of the steady state that did not hold, with their evidence, from a journal."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from chaosnetra import errors
from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.quantities import finite_or_none

LONGEST_OBSERVED = 300
# The core writes it in front of what an activity says, twice for an ActivityFailed.
_ACTIVITY_FAILED = "chaoslib.exceptions.ActivityFailed: "
# The core records what an activity's error came from, innermost first.
_OUR_ERROR = r"^chaosnetra\.errors\.(\w+): "


class Stage(StrEnum):
    """When the steady state was checked."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    RECOVERY = "recovery"


_WHEN = {
    Stage.BEFORE: "before the method",
    Stage.DURING: "during the method",
    Stage.AFTER: "after the method",
    Stage.RECOVERY: "after the rollbacks",
}


class Violation(NamedTuple):
    """One statement that did not hold.

    Attributes:
        stage: when: before, during or after the method, or after the rollbacks.
        probe: name of the probe in the experiment.
        expected: what the statement says.
        observed: what was seen.
        phase: startup phase that failed, if the probe tells.
        budget: budget that ran out, if the probe tells.
        budget_seconds: its length as it was enforced.
        sqlstate: the database's error code, if the probe tells.
        error: first error text.
        at: when the probe ended, UTC.
        exit_code: what the startup that the error is of ended with by itself, if the probe tells.
        signal: number of the signal that ended it.
    """

    stage: Stage
    probe: str
    expected: str
    observed: str
    phase: str | None
    budget: str | None
    budget_seconds: float | None
    sqlstate: str | None
    error: str | None
    at: str | None
    exit_code: int | None = None
    signal: int | None = None

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @property
    def when(self) -> str:
        """The stage for people."""
        return _WHEN[self.stage]

    @property
    def ended(self) -> str | None:
        """How the startup that the error is of ended by itself, for people."""
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        return None if self.signal is None else f"signal {self.signal}"

    @property
    def line(self) -> str:
        """The violation for people."""
        where = f", in phase {self.phase}" if self.phase else ""
        budget = ""
        if self.budget:
            length = f" of {self.budget_seconds:g} s" if self.budget_seconds is not None else ""
            budget = f", budget {self.budget}{length} expired"
        ended = f", {self.ended}" if self.ended else ""
        state = f", SQLSTATE {self.sqlstate}" if self.sqlstate else ""
        text = f": {self.error}" if self.error else ""
        return (
            f"{self.when}, {self.probe}: expected {self.expected}; "
            f"observed {self.observed}{where}{budget}{ended}{state}{text}"
        )


def find_violations(
    steady_states: Mapping[str, Any],
    recovery: Mapping[str, Any] | None,
    method: Sequence[Any] = (),
    rollbacks: Sequence[Any] = (),
) -> list[Violation]:
    """All violations in a journal.

    Args:
        steady_states: the journal's `steady_states`.
        recovery: result of the hypothesis after the rollbacks, if it was checked.
        method: the journal's `run`. A probe in it that answered outside its tolerance, or that
            says of itself that what it states did not hold, is a violation during the method:
            so an experiment can look at each of several faults.
        rollbacks: the journal's. Such a probe in them is a violation after the rollbacks.
    """
    wrong = wrong_in(steady_states, recovery, (*method, *rollbacks))
    found = [_violation(stage, run) for stage, run in not_met(steady_states, recovery)]
    for stage, runs in ((Stage.DURING, method), (Stage.RECOVERY, rollbacks)):
        found += [
            _violation(stage, run) for run in runs if is_outside(run) and _name(run) not in wrong
        ]
    return sorted(found, key=lambda violation: list(Stage).index(violation.stage))


def not_met(
    steady_states: Mapping[str, Any], recovery: Mapping[str, Any] | None
) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
    """The probes of the steady state whose tolerance was not met, by when; as `find_violations`.

    Those whose tolerance could not be met by any answer of its shape say nothing, and are left out.
    """
    wrong = wrong_in(steady_states, recovery)
    for stage, run in _checked(steady_states, recovery):
        if run.get("tolerance_met") is False and _name(run) not in wrong:
            yield stage, run


def wrong_in(
    steady_states: Mapping[str, Any],
    recovery: Mapping[str, Any] | None,
    others: Sequence[Any] = (),
) -> dict[str, str]:
    """Tolerances that are wrong; see `chaosnetra.evidence.verdict.wrong_tolerances`.

    Args:
        steady_states: see `find_violations`.
        recovery: see `find_violations`.
        others: activities of the method and the rollbacks; only the probes in them count.
    """
    probes = (run for run in others if isinstance(run, dict) and _type(run) == "probe")
    runs = [*(run for _, run in _checked(steady_states, recovery)), *probes]
    if not any(
        "tolerance" in run["activity"] and not run.get("tolerance_met")
        for run in runs
        if isinstance(run.get("activity"), dict)
    ):
        return {}
    from chaosnetra.evidence.verdict.wrong_tolerances import wrong_tolerances

    return wrong_tolerances(runs)


def _name(run: Mapping[str, Any]) -> str:
    return str((run.get("activity") or {}).get("name"))


def _type(run: Mapping[str, Any]) -> Any:
    return (run.get("activity") or {}).get("type")


def _checked(
    steady_states: Mapping[str, Any], recovery: Mapping[str, Any] | None
) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
    checked: list[tuple[Stage, Any]] = [(Stage.BEFORE, steady_states.get("before"))]
    checked += [(Stage.DURING, state) for state in steady_states.get("during") or ()]
    checked += [(Stage.AFTER, steady_states.get("after")), (Stage.RECOVERY, recovery)]
    for stage, state in checked:
        yield from ((stage, run) for run in _runs(state))


def is_unanswered(run: Mapping[str, Any]) -> bool:
    """Whether a probe failed for a reason of this package's own, so that nothing was tried."""
    return unanswered_by(run) is not None


def unanswered_by(run: Mapping[str, Any]) -> str | None:
    """Name of the error for which a probe could try nothing; None where it failed by what it saw.

    See `ChaosnetraError.tried_nothing`.
    """
    lines = run.get("exception")
    if run.get("status") != "failed" or not isinstance(lines, list):
        return None
    names = [name for line in lines for name in re.findall(_OUR_ERROR, str(line), re.MULTILINE)]
    known = getattr(errors, names[-1], None) if names else None
    return names[-1] if getattr(known, "tried_nothing", False) else None


def is_outside(run: Any) -> bool:
    """Whether an activity is a probe whose answer is outside what it or its tolerance states.

    One that gave no answer observed nothing, so it is not.
    """
    if says_not_held(run):
        return True
    if not isinstance(run, dict) or run.get("status") == "failed":
        return False
    activity = run.get("activity") or {}
    is_judged = activity.get("type") == "probe" and has_tolerance(activity)
    return is_judged and tolerance_met(run) is False


def says_not_held(run: Any) -> bool:
    """Whether an activity of the method is a probe that states something that did not hold."""
    if not isinstance(run, dict) or (run.get("activity") or {}).get("type") != "probe":
        return False
    output = run.get("output")
    return isinstance(output, dict) and output.get("held") is False and "expected" in output


def _runs(state: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(state, dict):
        yield from (run for run in state.get("probes") or () if isinstance(run, dict))


def _violation(stage: Stage, run: Mapping[str, Any]) -> Violation:
    activity = run.get("activity") or {}
    output = run.get("output")
    told: Mapping[str, Any] = output if isinstance(output, dict) else {}
    failure = failure_text(run) if run.get("status") == "failed" else None
    return Violation(
        stage=stage,
        probe=str(activity.get("name")),
        expected=_text(told.get("expected"))
        or ("an answer" if failure else f"tolerance {_short(activity.get('tolerance'))}"),
        observed="a failed probe" if failure else _text(told.get("observed")) or _short(output),
        phase=_text(told.get("phase")),
        budget=_text(told.get("budget")),
        budget_seconds=finite_or_none(told.get("budget_seconds")),
        sqlstate=_text(told.get("sqlstate")),
        error=failure or _text(told.get("error")),
        at=run.get("end"),
        exit_code=_whole(told.get("observed_exit_code")),
        signal=_whole(told.get("observed_signal")),
    )


def failure_text(run: Mapping[str, Any]) -> str:
    """Why an activity failed, as one line: what the core recorded, without its own class name."""
    lines = run.get("exception") or ["no reason was recorded"]
    text = " ".join(str(lines[-1]).split())
    while text.startswith(_ACTIVITY_FAILED):
        text = text.removeprefix(_ACTIVITY_FAILED)
    return text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_OBSERVED else f"{text[: LONGEST_OBSERVED - 1]}…"
