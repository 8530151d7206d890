"""Statements of the steady state that did not hold, with their evidence, from a journal."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from chaosnetra import errors
from chaosnetra.evidence.journal.dry import carried_out, checks_hypothesis
from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import int_or_none, object_or_empty, text_or_none
from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import cut, how_many

LONGEST_OBSERVED = 300
# What is observed of a probe that gave no answer.
FAILED_PROBE = "a failed probe"
# The core writes it in front of what an activity says, twice for an ActivityFailed.
_ACTIVITY_FAILED = "chaoslib.exceptions.ActivityFailed: "
# The core records what an activity's error came from, innermost first.
_OUR_ERROR = r"^chaosnetra\.errors\.(\w+): "
# Texts that a probe's result has under the names that a violation has for them.
_TEXTS = (
    *("phase", "budget", "sqlstate", "waited_for", "own_limit"),
    *("on_the_wire", "named_limit_refuted", "phase_on_the_wire"),
)
_Asked = tuple[Stage, Mapping[str, Any]]


class Violation(NamedTuple):
    """One statement that did not hold.

    Attributes:
        stage: when: before, during or after the method, or after the rollbacks.
        probe: name of the probe in the experiment.
        expected: what the statement says.
        observed: what was seen.
        phase: startup phase that failed, if the probe tells.
        budget: budget that ran out, or is too short, if the probe tells.
        budget_seconds: its length as it was enforced.
        sqlstate: the database's error code, if the probe tells.
        error: first error text.
        at: when the probe ended, UTC.
        exit_code: what the startup that the error is of ended with by itself, if the probe tells.
        signal: number of the signal that ended it.
        waited_for: what that startup waited for last, as it was seen on the wire.
        own_limit: how long it and others waited before they gave up, where that was the same.
        on_the_wire: all that it met there; see `chaosnetra.evidence.wire.blame`.
        named_limit_refuted: that the limit which its output names cannot be what ended it.
        phase_on_the_wire: the round trips that it made in the phase that it failed in.
        machine: how the machine's own share explains it, without the fault; None: it does not, or
            that is not known.
        budget_needs_seconds: what the budget would have to be, of one that is too short by
            arithmetic; None: it ran out.
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
    waited_for: str | None = None
    own_limit: str | None = None
    on_the_wire: str | None = None
    named_limit_refuted: str | None = None
    phase_on_the_wire: str | None = None
    machine: str | None = None
    budget_needs_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @property
    def when(self) -> str:
        """The stage for people."""
        return self.stage.when

    @property
    def ended(self) -> str | None:
        """How the startup that the error is of ended by itself, for people."""
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        return None if self.signal is None else f"signal {self.signal}"

    @property
    def line(self) -> str:
        """The violation for people."""
        is_told = bool(self.ended and self.ended in (self.error or ""))
        ended = f", {self.ended}" if self.ended and not is_told else ""
        state = f", SQLSTATE {self.sqlstate}" if self.sqlstate else ""
        text = f": {self.error}" if self.error else ""
        seen = f"; {self.wire}" if self.wire else ""
        return (
            f"{self.when}, {self.probe}: expected {self.expected}; "
            f"observed {self.observed}{self._place}{ended}{state}{text}{seen}"
        )

    @property
    def observation(self) -> str:
        """When, what was observed, and the phase and the budget: the violation in short.

        Of a startup that names no phase, its own limit or else what it met; of a probe that gave
        no answer, why it gave none.
        """
        if self.observed == FAILED_PROBE:
            return f"{self.when}, {self.probe} failed: {self.error}"
        met = None if self.phase else self.own_limit or self.on_the_wire or self.error
        seen = f": {met}" if met else ""
        return f"{self.when}, {self.probe}: {self.observed}{self._place}{seen}"

    @property
    def _place(self) -> str:
        where = f", in phase {self.phase}" if self.phase else ""
        if not self.budget:
            return where
        length = f" of {self.budget_seconds:g} s" if self.budget_seconds is not None else ""
        needs = self.budget_needs_seconds
        how = "expired" if needs is None else f"is too short, {needs:g} s needed"
        return f"{where}, budget {self.budget}{length} {how}"

    @property
    def wire(self) -> str | None:
        """What the wire adds to what the startup says of itself; None: nothing."""
        return wire_text(self._asdict())


def wire_text(told: Mapping[str, Any]) -> str | None:
    """What the wire adds to what a startup says of itself; None: nothing.

    Where it names a phase, that is what it did in that; and all that it met, where nothing else
    tells which budget ran out, or which error of the server it met.

    Args:
        told: a violation, or the result of a probe.
    """
    phase, seen, in_phase, refuted = (
        text_or_none(told.get(key))
        for key in ("phase", "on_the_wire", "phase_on_the_wire", "named_limit_refuted")
    )
    if phase and refuted:
        return refuted  # which has the round trips of the phase
    is_told = bool(phase and (told.get("budget") or told.get("sqlstate")))
    met = f"on the wire: {seen}" if seen and not is_told else None
    return "; ".join(filter(None, (in_phase if phase else None, met, refuted))) or None


def find_violations(journal: Mapping[str, Any]) -> list[Violation]:
    """All violations in a journal.

    A probe of the method that answered outside its tolerance, or that says of itself that what it
    states did not hold, is a violation during the method: so an experiment can look at each of
    several faults. Such a probe of the rollbacks is a violation after them.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
    """
    violations = [_violation(stage, run) for stage, run in _outside(journal)]
    return sorted(violations, key=lambda violation: list(Stage).index(violation.stage))


def undecided(journal: Mapping[str, Any]) -> str | None:
    """Why nothing that did not hold is a violation, as a sentence; None: something is, or all held.

    It depends on startups that count for nothing, since their fault was not measured; a probe
    that could not be asked says nothing either.
    """
    asked = [run for _, run in _outside(journal) if not is_unanswered(run)]
    left = [object_or_empty(object_or_empty(run["output"]).get("uncounted")) for run in asked]
    if not left or not all(one.get("undecided") is True for one in left):
        return None
    first = left[0]
    of = how_many(int_or_none(first.get("of")) or 0, "startup")
    count, depends = ("counts", "it") if first.get("startups") == 1 else ("count", "them")
    return (
        f"{_name(asked[0])}: {first.get('startups')} of {of} {count} for nothing, and whether it "
        f"held depends on {depends}: {first.get('why')}"
    )


def _outside(journal: Mapping[str, Any]) -> Iterator[_Asked]:
    """Each answer that is not what its probe or its tolerance states, with its stage."""
    asked = [
        (stage, run)
        for stage, run in checked_probes(journal)
        if stage is Stage.RECOVERY or checks_hypothesis(journal["chaosnetra"]["dry"])
    ]
    others = [
        *((Stage.DURING, run) for run in carried_out(journal, "run")),
        *((Stage.RECOVERY, run) for run in carried_out(journal, "rollbacks")),
    ]
    wrong = _wrong_in(asked, others)
    found = [(stage, run) for stage, run in asked if run.get("tolerance_met") is False]
    found += [(stage, run) for stage, run in others if is_outside(run)]
    return ((stage, run) for stage, run in found if _name(run) not in wrong)


def not_met(journal: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The probes of the steady state whose tolerance was not met.

    Those whose tolerance could not be met by any answer of its shape say nothing, and are left out.
    """
    asked = list(checked_probes(journal))
    wrong = _wrong_in(asked)
    return [
        run for _, run in asked if run.get("tolerance_met") is False and _name(run) not in wrong
    ]


def wrong_in(journal: Mapping[str, Any]) -> dict[str, str]:
    """Tolerances that are wrong; see `chaosnetra.evidence.verdict.wrong_tolerances`."""
    others = (*carried_out(journal, "run"), *carried_out(journal, "rollbacks"))
    return _wrong_in(checked_probes(journal), [(Stage.METHOD, run) for run in others])


def _wrong_in(asked: Iterable[_Asked], others: Iterable[_Asked] = ()) -> dict[str, str]:
    runs = [*(run for _, run in asked), *(run for _, run in others if is_probe(run))]
    if not any("tolerance" in run["activity"] and not run.get("tolerance_met") for run in runs):
        return {}  # as in most runs, for which what judges tolerances is not even loaded
    from chaosnetra.evidence.verdict.wrong_tolerances import wrong_tolerances

    return wrong_tolerances(runs)


def is_probe(run: Mapping[str, Any]) -> bool:
    """Whether an activity that was carried out is a probe."""
    return bool(run["activity"].get("type") == "probe")


def _name(run: Mapping[str, Any]) -> str:
    return str(run["activity"].get("name"))


def is_unanswered(run: Mapping[str, Any]) -> bool:
    """Whether a probe failed for a reason of this package's own, so that nothing was tried."""
    return unanswered_by(run) is not None


def unanswered_by(run: Mapping[str, Any]) -> str | None:
    """Name of the error for which a probe could try nothing; None where it failed by what it saw.

    See `ChaosnetraError.tried_nothing`.
    """
    if run["status"] != "failed":
        return None
    lines = run["exception"]
    names = [name for line in lines for name in re.findall(_OUR_ERROR, line, re.MULTILINE)]
    known = getattr(errors, names[-1], None) if names else None
    return names[-1] if getattr(known, "tried_nothing", False) else None


def is_outside(run: Mapping[str, Any]) -> bool:
    """Whether an activity is a probe whose answer is outside what it or its tolerance states.

    One that gave no answer observed nothing, so it is not.
    """
    if says_not_held(run):
        return True
    is_judged = is_probe(run) and has_tolerance(run["activity"]) and run["status"] != "failed"
    return is_judged and tolerance_met(run) is False


def says_not_held(run: Mapping[str, Any]) -> bool:
    """Whether an activity of the method is a probe that states something that did not hold."""
    output = run["output"]
    states = is_probe(run) and isinstance(output, dict) and "expected" in output
    return states and output.get("held") is False


def _violation(stage: Stage, run: Mapping[str, Any]) -> Violation:
    tolerance, told = run["activity"].get("tolerance"), object_or_empty(run["output"])
    observed = text_or_none(told.get("observed")) or _short(run["output"])
    failure = failure_text(run) if run["status"] == "failed" else None
    return Violation(
        stage=stage,
        probe=_name(run),
        expected=text_or_none(told.get("expected"))
        or ("an answer" if failure else f"tolerance {_short(tolerance)}"),
        observed=FAILED_PROBE if failure else observed,
        budget_seconds=finite_or_none(told.get("budget_seconds")),
        budget_needs_seconds=finite_or_none(told.get("budget_needs_seconds")),
        error=failure or text_or_none(told.get("error")),
        at=run["end"],
        exit_code=int_or_none(told.get("observed_exit_code")),
        signal=int_or_none(told.get("observed_signal")),
        **{key: text_or_none(told.get(key)) for key in _TEXTS},
    )


def failure_text(run: Mapping[str, Any]) -> str:
    """Why an activity failed, as one line: what the core recorded, without its own class name."""
    lines = run["exception"] or ["no reason was recorded"]
    text = " ".join(lines[-1].split())
    while text.startswith(_ACTIVITY_FAILED):
        text = text.removeprefix(_ACTIVITY_FAILED)
    return text


def _short(value: Any) -> str:
    return cut(json.dumps(value, default=str), LONGEST_OBSERVED)
