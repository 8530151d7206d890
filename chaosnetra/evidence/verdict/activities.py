"""What the activities of a method and of its rollbacks came to, from a journal.

The core calls an activity that does not raise a success, judges no tolerance outside the steady
state, and does not look at what an experiment declared and what was carried out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.dry import carried_out, carries_out
from chaosnetra.evidence.journal.shape import Stage, states
from chaosnetra.evidence.verdict.answers import LONGEST_TOLD, own_failure
from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.evidence.verdict.violations import failure_text, is_probe, says_not_held

OURS = "chaosnetra."
METHOD, ROLLBACKS = "run", "rollbacks"
# `chaosnetra.faults.UndoResult.ALREADY_DONE`, as a journal has it.
NOTHING_TO_UNDO = "already done"
_PLACES = {METHOD: "method", ROLLBACKS: "rollbacks"}
Activity = Mapping[str, Any]


def failed_actions(journal: Mapping[str, Any], part: str) -> Iterator[str]:
    """Actions that did not work, by what the core says, or by their own answer; each as a line."""
    for run in carried_out(journal, part):
        if not is_probe(run):
            where = f"{named(run)} in the {_PLACES[part]}"
            answer = own_failure(run)
            if _failed(run):
                yield f"{where} failed: {failure_text(run)}"
            elif answer is not None:
                yield f"{where} did not work: {answer}"


def failed_observations(journal: Mapping[str, Any]) -> Iterator[str]:
    """Probes outside the steady state that gave no answer, or one that nobody could judge."""
    for part, place in _PLACES.items():
        for run in filter(is_probe, carried_out(journal, part)):
            where = f"{named(run)} in the {place}"
            if _failed(run):
                yield f"{where} failed: {failure_text(run)}"
            elif run["status"] is None or says_not_held(run) or not has_tolerance(run["activity"]):
                continue
            elif tolerance_met(run) is None:
                tolerance = json.dumps(run["activity"]["tolerance"], default=str)[:LONGEST_TOLD]
                yield f"{where} answered, and its tolerance {tolerance} could not be judged"


class NotInjected(NamedTuple):
    """Declared actions of a method that were not carried out.

    Attributes:
        text: which, as a line.
        is_invalid: whether that is every action, or one that was cut short, or whether those that
            were carried out did nothing, so that whatever was seen says nothing of the method.
    """

    text: str
    is_invalid: bool


def not_injected(journal: Mapping[str, Any]) -> NotInjected | None:
    """The declared actions that were not carried out, or not to their end, or did nothing.

    None without any.
    """
    dry = journal["chaosnetra"]["dry"]
    missing = [
        one
        for one in _not_in(journal["experiment"]["method"], journal[METHOD])
        if carries_out(dry, one) and _is_action(one)
    ]
    cut_short = list(filter(_is_action, _without_end(journal[METHOD])))
    if not missing and not cut_short:
        return _nothing_to_undo(journal)
    acted = not all(map(is_probe, carried_out(journal, METHOD)))
    parts = []
    if missing:
        begin = "of the method" if acted else "nothing was injected: of the method"
        parts.append(f"{begin} declared and not carried out: {_listed(missing)}")
    if cut_short:
        parts.append(f"actions in the method whose end is not known: {_listed(cut_short)}")
    return NotInjected("; ".join(parts), bool(cut_short) or not acted)


def _nothing_to_undo(journal: Mapping[str, Any]) -> NotInjected | None:
    """That a method does nothing but undo what is not there."""
    actions = [run for run in carried_out(journal, METHOD) if not is_probe(run)]
    injected = any(fault["effect"] is not None for fault in journal["chaosnetra"]["faults"])
    if injected or not actions or not all(map(_found_nothing, actions)):
        return None
    return NotInjected(
        "nothing was injected: each action of the method undoes a fault, and none was in place",
        is_invalid=True,
    )


def _found_nothing(run: Mapping[str, Any]) -> bool:
    """Whether an undo action of ours answered that there was nothing to undo."""
    output = run["output"]
    return (
        is_ours(run["activity"])
        and isinstance(output, dict)
        and output.get("result") == NOTHING_TO_UNDO
    )


class Unplayed(NamedTuple):
    """Rollbacks that did not happen.

    Attributes:
        missing: those that were not played.
        cut_short: those that were not played to their end.
        in_place: whether something of the method may be in place for want of them.
        acted: whether the method carried out any action.
        undone: whether this package undid whatever it had injected.
    """

    missing: Sequence[Activity]
    cut_short: Sequence[Activity]
    in_place: bool
    acted: bool
    undone: bool

    def __bool__(self) -> bool:
        return bool(self.missing or self.cut_short)

    @property
    def text(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"declared rollbacks were not played: {_listed(self.missing)}")
        if self.cut_short:
            parts.append(f"rollbacks were cut short: {_listed(self.cut_short)}")
        if not self.acted:
            parts.append("the method injected nothing")
        elif self.undone and not self.in_place:
            parts.append("what the method injected was undone all the same")
        return "; ".join(parts)


def unplayed_rollbacks(journal: Mapping[str, Any]) -> Unplayed:
    """The declared rollbacks that a run did not play, and whether that leaves anything in place.

    Nothing is left of a method without actions. What this package injected and undid is not left
    either; of any other action only its rollback proves that.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
    """
    missing = _not_in(journal["experiment"]["rollbacks"], journal[ROLLBACKS])
    cut_short = _without_end(journal[ROLLBACKS])
    acted = not all(map(is_probe, journal[METHOD]))
    undone = [
        fault.get("undo") is not None
        for fault in journal["chaosnetra"]["faults"]
        if fault["effect"] is not None
    ]
    all_undone = bool(undone) and all(undone)
    left = [one for one in (*missing, *cut_short) if not (all_undone and is_ours(one))]
    in_place = acted and any(map(_is_action, left))
    return Unplayed(missing, cut_short, in_place, acted, all_undone)


def named(run: Mapping[str, Any]) -> str:
    """An activity for people."""
    return f"{run['activity'].get('type')} {run['activity'].get('name')!r}"


def is_ours(activity: Activity) -> bool:
    """Whether an activity calls this package."""
    provider = activity.get("provider")
    return isinstance(provider, dict) and str(provider.get("module", "")).startswith(OURS)


def counts_attempts(journal: Mapping[str, Any]) -> bool:
    """Whether any activity that may have run under a fault counts its attempts."""
    checked = (
        state["probes"] for stage, state in states(journal) if stage in (Stage.DURING, Stage.AFTER)
    )
    outputs = (run["output"] for run in chain(journal[METHOD], *checked))
    return any(isinstance(output, dict) and "attempts" in output for output in outputs)


def _not_in(declared: Sequence[Activity], runs: Sequence[Mapping[str, Any]]) -> list[Activity]:
    """The declared activities, or references to one, that no run is of."""
    played = Counter(_name(run["activity"]) for run in runs)
    missing = []
    for activity in declared:
        name = _name(activity)
        if played[name] > 0:
            played[name] -= 1
        else:
            missing.append(activity)
    return missing


def _without_end(runs: Sequence[Mapping[str, Any]]) -> list[Activity]:
    """The activities that began and whose end the core did not record: they were cut short."""
    return [run["activity"] for run in runs if run["status"] is None]


def _is_action(activity: Activity) -> bool:
    return activity.get("type") != "probe"


def _failed(run: Mapping[str, Any]) -> bool:
    """Whether the core calls an activity that ended anything else than a success."""
    return run["status"] not in ("succeeded", None)


def _listed(activities: Sequence[Activity]) -> str:
    return ", ".join(repr(_name(one)) for one in activities)


def _name(activity: Activity) -> str:
    """By which a declared activity and its run find each other; a reference has no other."""
    return str(activity.get("ref") or activity.get("name"))
