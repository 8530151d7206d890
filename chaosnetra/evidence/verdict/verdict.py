"""The verdict on a run: held, violated or inconclusive; from the journal alone.

It can be computed again from any journal of this package, because its evidence is nothing but the
journal's own fields and the facts that the journal control put under `chaosnetra`.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from chaosnetra.evidence.journal.shape import checked_probes
from chaosnetra.evidence.verdict.activities import counts_attempts
from chaosnetra.evidence.verdict.reasons import (
    Cause,
    Reason,
    not_met_in,
    reasons,
    too_few,
    unanswered,
)
from chaosnetra.evidence.verdict.violations import Violation, find_violations, undecided
from chaosnetra.text import how_many, one_line, plain_names

if TYPE_CHECKING:
    from chaosnetra.evidence.verdict.bounds import ProvenBound

__all__ = ["Cause", "Outcome", "Verdict", "judge"]


class Outcome(StrEnum):
    """What a run showed. An experiment that was not valid is inconclusive, whatever was seen."""

    HELD = "held"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


class Verdict(NamedTuple):
    """The verdict.

    Attributes:
        outcome: held, violated or inconclusive.
        cause: the first reason.
        reason: all reasons as one line.
        proofs: evidence, one for each probe that counts trials.
    """

    outcome: Outcome
    cause: Cause
    reason: str
    proofs: "tuple[ProvenBound, ...]" = ()

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "proofs": [proof._asdict() for proof in self.proofs]}

    @property
    def line(self) -> str:
        """The verdict for people, with evidence and what that proves."""
        text = one_line(f"{self.outcome.value}: {self.reason}")
        if self.outcome is Outcome.INCONCLUSIVE or not self.proofs:
            return text
        return f"{text} ({'; '.join(self._said(proof) for proof in self.proofs)})"

    def _said(self, proof: "ProvenBound") -> str:
        """What a proof says for this outcome; its probe is named where there are several."""
        name = f"{proof.probe}: " if len(self.proofs) > 1 else ""
        said = f"{name}{proof_text(proof, self.outcome)}"
        most, needed = proof.max_failure_rate, proof.clean_trials_needed
        if most is None or needed is None:
            return said
        if self.outcome is not Outcome.HELD or proof.claim_is_proven:
            return said
        trials = how_many(needed, "failure-free trial")
        return f"{said}; that it is at most {100 * most:.3g}% takes {trials}"


def proof_text(proof: "ProvenBound", outcome: Outcome) -> str:
    """What the trials of a probe prove, as a sentence.

    Of a violated run, and where all of them failed, that is how often it fails at the least.
    """
    from chaosnetra.evidence.verdict.bounds import at_least, at_most

    low, high = proof.failure_rate_bounds
    # Without a failure the lower bound says nothing; without a success the upper one does not.
    all_failed = proof.failures == proof.trials
    says_least = proof.failures > 0 and (outcome is Outcome.VIOLATED or all_failed)
    return (
        f"{proof.failures:,} of {how_many(proof.trials, 'trial')} under the fault failed, "
        f"which proves a failure rate of {at_least(low) if says_least else at_most(high)} with "
        f"{proof.confidence:.0%} confidence"
    )


def judge(journal: Mapping[str, Any]) -> tuple[Verdict, list[Violation]]:
    """Judge a journal.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it; under `chaosnetra`
            the facts that only the run knew.

    Returns:
        The verdict, and the violations that are its evidence.
    """
    facts = journal["chaosnetra"]
    violations = find_violations(journal)
    knows_machine = _knows_machine(journal)
    if knows_machine and violations:
        from chaosnetra.evidence.verdict.machine import marked

        violations = marked(journal, violations)
    found = list(reasons(journal, violations))
    contradicted = list(_contradictions(journal))
    held = found[0][0] is Cause.HELD
    found = [*contradicted, *found] if held else [*found, *contradicted]
    proofs: tuple[ProvenBound, ...] = ()
    if counts_attempts(journal):
        from chaosnetra.evidence.verdict.bounds import bounds_of

        proofs = bounds_of(journal)
    if found[0][0] is Cause.HELD:
        found = [*((cause, text) for cause, text in _not_alike(facts) if text), *found]
    if found[0][0] in (Cause.HELD, Cause.VIOLATED):
        found = [*too_few(proofs, violations), *found]
    if found[0][0] in (Cause.VIOLATED, Cause.NOT_RECOVERED):
        from chaosnetra.evidence.verdict.ended_sessions import sessions_ended  # of these alone

        found = [*unanswered(journal, violations), *found]
        unmeasured = undecided(journal)
        if unmeasured:
            found = [(Cause.NOT_MEASURED, unmeasured), *found]
        by_machine = [violation.machine for violation in violations if violation.machine]
        if by_machine and len(by_machine) == len(violations):
            found = [(Cause.MACHINE, by_machine[0]), *found]
        ended = sessions_ended(journal)
        if ended:
            found = [(Cause.SESSIONS_ENDED, ended), *found]
    cause, _ = found[0]
    if facts["faults"]:
        from chaosnetra.evidence.journal.timeline import order_is_unknown

        found += [(cause, _NO_ORDER)] if order_is_unknown(journal) else []
    outcome = _OUTCOMES.get(cause, Outcome.INCONCLUSIVE)
    texts = [text for _, text in found]
    if knows_machine:
        texts += _machine_said(journal, outcome, texts)
    if outcome is Outcome.HELD and facts["exposure"]:
        from chaosnetra.evidence.verdict.exposure import fewer_sessions
        from chaosnetra.evidence.verdict.hidden_errors import hidden_errors

        texts += filter(None, (fewer_sessions(facts), hidden_errors(journal)))
    if outcome is Outcome.VIOLATED and facts["exposure"]:
        from chaosnetra.evidence.verdict.exposure import untried

        texts += filter(None, (untried(facts, _ended_at(journal)),))
    texts += _state_said(journal, outcome)
    return Verdict(outcome, cause, plain_names("; ".join(texts)), proofs), violations


def _ended_at(journal: Mapping[str, Any]) -> str | None:
    """The probe that ended the check after the method before all were asked; None: none did.

    The core asks no more probes after the first that does not hold.
    """
    asked = (journal["steady_states"]["after"] or {}).get("probes") or []
    if 0 < len(asked) < len(journal["experiment"]["steady-state-hypothesis"]["probes"]):
        return str(asked[-1]["activity"].get("name"))
    return None


_NO_ORDER = (
    "the clock was set while the run went on, so every trial between the baseline and the "
    "rollbacks counts as one under the fault"
)
_OUTCOMES = {
    Cause.HELD: Outcome.HELD,
    Cause.VIOLATED: Outcome.VIOLATED,
    Cause.NOT_RECOVERED: Outcome.VIOLATED,
}


# What only some runs tell of is loaded for them alone: an empty run pays for every module.


def _contradictions(journal: Mapping[str, Any]) -> Iterator[Reason]:
    if journal["chaosnetra"]["cloud_run"]:
        from chaosnetra.evidence.verdict.platform import contradictions

        yield from ((Cause.CONTRADICTED, text) for text in contradictions(journal))


def _not_alike(facts: Mapping[str, Any]) -> Iterator[tuple[Cause, str | None]]:
    """Why not all startups met the fault, or not the same database; a text for what is so."""
    if facts["exposure"]:
        from chaosnetra.evidence.verdict.exposure import partly_exposed, untried

        yield Cause.UNTRIED, untried(facts)
        yield Cause.PARTLY_EXPOSED, partly_exposed(facts)
    if facts["database_state"]:
        from chaosnetra.evidence.verdict.start_state import differing_states

        yield Cause.STATE, differing_states(facts)


def _state_said(journal: Mapping[str, Any], outcome: Outcome) -> Iterator[str]:
    """Which state of the database was tested, and what to do where the baseline met a wrong one."""
    facts = journal["chaosnetra"]
    if facts["database_state"]:
        from chaosnetra.evidence.verdict.start_state import baseline_advice, state_tested

        tested = state_tested(facts) if outcome is not Outcome.INCONCLUSIVE else None
        wrong = not_met_in(journal["steady_states"]["before"])
        yield from filter(None, (tested, baseline_advice(journal) if wrong else None))


def _knows_machine(journal: Mapping[str, Any]) -> bool:
    """Whether any activity launched startups and knows what the machine took of their time."""
    checked = (run for _, run in checked_probes(journal))
    runs = (*checked, *journal["run"], *journal["rollbacks"])
    outputs = (run["output"] for run in runs)
    return any(isinstance(output, dict) and output.get("machine_share") for output in outputs)


def _machine_said(
    journal: Mapping[str, Any], outcome: Outcome, texts: Sequence[str]
) -> Iterator[str]:
    """What the machine took of the startups' time, where that is worth a word and was not said."""
    from chaosnetra.evidence.verdict.machine import machine_said

    share = machine_said(journal)
    if share is None or any(share.text in text for text in texts):
        return
    also = {
        Outcome.HELD: ": the machine and not the fault took that time",
        Outcome.VIOLATED: ", which does not explain the failures",
        Outcome.INCONCLUSIVE: f": the machine and not the fault took that time; {share.advice}",
    }
    yield f"{share.text}{also[outcome]}"
