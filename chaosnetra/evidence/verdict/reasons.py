"""What makes a run invalid, and what was found in it, as reasons of its verdict.

Each reason is a cause and a sentence; all come from the journal alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chaosnetra.evidence.journal.dry import carries_out_actions, checks_hypothesis
from chaosnetra.evidence.journal.shape import Stage, states
from chaosnetra.evidence.verdict.activities import (
    METHOD,
    ROLLBACKS,
    failed_actions,
    failed_observations,
    named,
    not_injected,
    unplayed_rollbacks,
)
from chaosnetra.evidence.verdict.violations import (
    Violation,
    failure_text,
    is_unanswered,
    not_met,
    unanswered_by,
    wrong_in,
)
from chaosnetra.text import NOT_MEASURED, effect_and_why

if TYPE_CHECKING:
    from chaosnetra.evidence.verdict.bounds import ProvenBound


class Cause(StrEnum):
    """Why the verdict is what it is."""

    HELD = "steady state held"
    VIOLATED = "steady state violated"
    NOT_RECOVERED = "no recovery after the rollback"
    BASELINE = "baseline not met"
    NO_HYPOTHESIS = "no steady state was checked"
    INJECTION = "injection failed"
    NOT_MEASURED = "fault without a measured effect"
    NOT_EXPOSED = "no startup used the path that the fault is on"
    PARTLY_EXPOSED = "a startup did not use the path that the fault is on"
    UNTRIED = "no startup was tried under a fault"
    STATE = "startups met different states of the database"
    UNANSWERED = "a probe could not be asked"
    CLOUD_RUN_UNANSWERED = "Cloud Run could not be asked"
    FAULT_GONE = "a fault was gone before its undo"
    DEPLOYED = "the service or the job was changed during the run"
    CONTRADICTED = "Cloud Run contradicts the probes"
    TOO_FEW = "too few trials for the demanded confidence"
    OBSERVATION = "an observation failed"
    ROLLBACK = "rollback failed"
    INTERRUPTED = "interrupted"
    CRASHED = "run crashed"
    PART_LOST = "a part of the stand was lost"
    SESSIONS_ENDED = "sessions were ended by somebody else"
    MACHINE = "the machine and not the fault took the time"
    REFUSED = "settings refused"
    DRY = "dry run"
    CONTROL = "journal control failed"
    TOLERANCE = "a tolerance is wrong"


Reason = tuple[Cause, str]
MOST_NAMED = 5
_NOT_MET = "{} the method: the steady state was not met"


def reasons(journal: Mapping[str, Any], violations: list[Violation]) -> Iterator[Reason]:
    """Reasons, weightiest first: what makes the experiment invalid, then what was found."""
    facts = journal["chaosnetra"]
    found = [*_invalid(journal, violations), *_findings(journal, violations)]
    if facts["dry"] is not None and not facts["refused"]:
        # What was carried out and went wrong comes first; no dry run says more of the system.
        beside = {Cause.NO_HYPOTHESIS, Cause.VIOLATED, Cause.NOT_RECOVERED}
        yield from (one for one in found if one[0] not in beside)
        yield Cause.DRY, f"a dry run ({facts['dry']}) proves nothing"
        yield from (one for one in found if one[0] in beside)
        return
    yield from found
    status, deviated = journal["status"], journal["deviated"]
    if not found and not any(facts.values()) and (deviated or status != "completed"):
        # Somebody else's: nothing but the core's own word says that it did not go well.
        how = "deviated" if deviated else f"has the status {status}"
        yield Cause.CRASHED, f"by its journal the run {how}, and what was wrong is not in it"
    elif not found:
        unplayed = unplayed_rollbacks(journal)
        recovered = ", and recovered" if facts["recovery"] is not None and not unplayed else ""
        yield Cause.HELD, f"the steady state held before and after the method{recovered}"
        if unplayed:
            yield Cause.HELD, unplayed.text


def _invalid(journal: Mapping[str, Any], violations: list[Violation]) -> Iterator[Reason]:
    facts = journal["chaosnetra"]
    for text in facts["control_failures"]:
        yield Cause.CONTROL, f"the journal control failed: {text}"
    if facts["refused"]:
        yield Cause.REFUSED, facts["refused"]
        return
    if facts["unanswered"]:
        yield (
            Cause.CLOUD_RUN_UNANSWERED,
            f"Cloud Run could not be asked, so nothing was tried: {facts['unanswered']}",
        )
        return
    if facts["cloud_run"]:
        from chaosnetra.evidence.verdict.platform import deployments  # of runs that use it alone

        yield from ((Cause.DEPLOYED, text) for text in deployments(facts))
    if facts["crashed"]:
        yield Cause.CRASHED, f"the run crashed: {facts['crashed']}"
    losses = facts["part_losses"]
    for loss in losses:
        yield Cause.PART_LOST, _loss_text(loss)
    for part in () if losses else facts["parts_lost"]:
        yield Cause.PART_LOST, f"{part}, started for this run, ended before the run did"
    if _is_interrupted(journal):
        yield Cause.INTERRUPTED, interrupted_text(facts["interrupted_by"])
        return
    wrong = wrong_in(journal)
    for probe, why in wrong.items():
        yield Cause.TOLERANCE, f"the tolerance of {probe!r} is wrong, not the system: {why}"
    if wrong:
        return
    before = journal["steady_states"]["before"]
    if checks_hypothesis(facts["dry"]):
        if not_met_in(before) and not _is_the_finding(before, journal):
            yield from _gone_faults(facts["faults"])
            first = _first(violations, Stage.BEFORE) or _NOT_MET.format(Stage.BEFORE.value)
            yield Cause.BASELINE, f"baseline not met: {first}"
            return
        if not journal["experiment"]["steady-state-hypothesis"]["probes"]:
            yield Cause.NO_HYPOTHESIS, "the experiment has no steady-state-hypothesis with probes"
        elif before is None:
            yield Cause.NO_HYPOTHESIS, "the steady state was not checked before the method"
    for text in failed_actions(journal, METHOD):
        yield Cause.INJECTION, text
    missing = not_injected(journal)
    if missing is not None and missing.is_invalid:
        yield Cause.INJECTION, missing.text
    for fault in facts["faults"]:
        effect = fault["effect"]
        if effect is not None and not effect.get("in_effect"):
            said = f"no effect of {fault.get('name')} was measured"
            yield Cause.NOT_MEASURED, f"{said}: {effect_and_why(effect)}"
        yield from _gone_faults([fault])
    if facts["exposure"]:
        from chaosnetra.evidence.verdict.exposure import not_exposed  # likewise

        unused = not_exposed(facts)
        if unused:
            yield Cause.NOT_EXPOSED, unused


def interrupted_text(by: str | None) -> str:
    """That a run was interrupted, and by whom as far as its journal tells."""
    return f"interrupted by {by}" if by else "interrupted; by whom is not known"


def _loss_text(loss: Mapping[str, Any]) -> str:
    """A lost part of the test bed as a sentence: which one, when and how."""
    return (
        f"{loss.get('kind')} at {loss.get('address')} ({loss.get('source')}) was lost during the "
        f"run: {loss.get('why')}; noticed at {loss.get('noticed_at')}, last seen well at "
        f"{loss.get('last_well_at')}"
    )


def _gone_faults(faults: Iterable[Mapping[str, Any]]) -> Iterator[Reason]:
    """What the run had put in place and somebody else took away, also its own proxy."""
    for fault in faults:
        after = fault["effect_after"]
        if after is None or after.get("in_effect"):
            continue
        if after.get("observed") == NOT_MEASURED:
            why = f"{after.get('detail')}; {_last_seen(fault)}"
            again = f"{fault.get('name')} could not be measured once more before its undo"
            yield Cause.NOT_MEASURED, f"{again}: {why}"
        else:
            gone = f"{fault.get('name')} was not in effect any more before its undo"
            yield Cause.FAULT_GONE, f"{gone}: {effect_and_why(after)}; {_last_seen(fault)}"


def _last_seen(fault: Mapping[str, Any]) -> str:
    seen = fault.get("last_in_effect_at")
    return f"it was last seen in effect at {seen}" if seen else "when it went is not known"


def _findings(journal: Mapping[str, Any], violations: list[Violation]) -> Iterator[Reason]:
    facts, interrupted = journal["chaosnetra"], _is_interrupted(journal)
    if checks_hypothesis(facts["dry"]):
        may_lack_the_end = interrupted or facts["dry"] is not None
        yield from _steady_state_findings(journal, violations, may_lack_the_end)
    yield from _rollback_findings(journal, violations)
    missing = not_injected(journal)
    skipped = interrupted or facts["refused"] or not_met_in(journal["steady_states"]["before"])
    if missing is not None and not missing.is_invalid and not skipped:
        yield Cause.INJECTION, missing.text
    for text in failed_observations(journal):
        yield Cause.OBSERVATION, text


def _steady_state_findings(
    journal: Mapping[str, Any], violations: list[Violation], may_lack_the_end: bool
) -> Iterator[Reason]:
    before = journal["steady_states"]["before"]
    if not_met_in(before) and _is_the_finding(before, journal):
        yield (
            Cause.VIOLATED,
            _first(violations, Stage.BEFORE) or _NOT_MET.format(Stage.BEFORE.value),
        )
    checked = list(states(journal))
    for stage in (Stage.DURING, Stage.AFTER):
        first = _first(violations, stage)
        if first:
            yield Cause.VIOLATED, first
        elif any(not_met_in(state) for at, state in checked if at is stage):
            yield Cause.VIOLATED, _NOT_MET.format(stage.value)
    started = before is not None and before["steady_state_met"]
    if journal["steady_states"]["after"] is None and started and not may_lack_the_end:
        yield Cause.NO_HYPOTHESIS, "the steady state was not checked after the method"


def _rollback_findings(journal: Mapping[str, Any], violations: list[Violation]) -> Iterator[Reason]:
    facts = journal["chaosnetra"]
    failed = list(failed_actions(journal, ROLLBACKS))
    for text in failed:
        yield Cause.ROLLBACK, text
    for text in facts["undo_failures"]:
        # The end of the run tries again what a rollback failed at, and often fails alike.
        if not any(text in told for told in failed):
            yield Cause.ROLLBACK, text
    unplayed = unplayed_rollbacks(journal)
    if unplayed.in_place and carries_out_actions(facts["dry"], journal["experiment"]):
        yield Cause.ROLLBACK, f"{unplayed.text}; what the method did may still be in place"
    first = _first(violations, Stage.RECOVERY)
    if first or not_met_in(facts["recovery"]):
        yield Cause.NOT_RECOVERED, f"no recovery after the rollback: {first}"


def _is_interrupted(journal: Mapping[str, Any]) -> bool:
    interrupted_by = journal["chaosnetra"]["interrupted_by"]
    return bool(interrupted_by) or journal["status"] == "interrupted"


def too_few(proofs: "tuple[ProvenBound, ...]", violations: list[Violation]) -> Iterator[Reason]:
    """Claims that the trials neither prove nor refute at the confidence that was demanded.

    What another statement of the steady state violated is violated all the same.
    """
    open_claims = {proof.probe: proof.too_few for proof in proofs if proof.too_few}
    by_rate_alone = all(
        violation.probe in open_claims and violation.stage is not Stage.RECOVERY
        for violation in violations
    )
    if by_rate_alone:
        for text in open_claims.values():
            yield Cause.TOO_FEW, f"too few trials for the demanded confidence: {text}"


def unanswered(journal: Mapping[str, Any], violations: list[Violation]) -> Iterator[Reason]:
    """Probes that something of our own kept from looking, where nothing else is violated."""
    silent = list(filter(is_unanswered, not_met(journal)))
    if silent and len(silent) == len(violations):
        by_cloud_run = str(unanswered_by(silent[0])).startswith("CloudRun")
        who = "Cloud Run" if by_cloud_run else named(silent[0])
        # Not that nothing was tried: the method may have been carried out by then.
        text = f"{who} could not be asked, so the system was not looked at: "
        text += failure_text(silent[0])
        yield Cause.CLOUD_RUN_UNANSWERED if by_cloud_run else Cause.UNANSWERED, text


def not_met_in(state: Mapping[str, Any] | None) -> bool:
    """Whether a check of the steady state was made and not met."""
    return state is not None and not state["steady_state_met"]


def _is_the_finding(state: Mapping[str, Any] | None, journal: Mapping[str, Any]) -> bool:
    """Whether a check before the method is no baseline, but what the experiment is about.

    So it is where nothing is injected, and its probes gave answers.
    """
    runs = state["probes"] if state is not None else ()
    injects = any(activity.get("type") != "probe" for activity in journal["experiment"]["method"])
    return bool(runs) and not injects and not any(run["status"] == "failed" for run in runs)


def _first(violations: list[Violation], stage: Stage) -> str:
    """The stage's first violation as a line, and the names of others; empty: there is none."""
    found = [one for one in violations if one.stage is stage]
    if not found:
        return ""
    others = list(dict.fromkeys(one.probe for one in found[1:]))
    more = f"; nor did these hold: {', '.join(others[:MOST_NAMED])}" if others else ""
    left = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return f"{found[0].line}{more}{left}"
