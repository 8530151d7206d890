"""What the activities of a method and of its rollbacks came to, from a journal.

The core calls an activity that does not raise a success, judges no tolerance outside the steady
state, and does not look at what an experiment declared and what was carried out.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from chaosnetra.evidence.verdict.answers import LONGEST_TOLD, own_failure
from chaosnetra.evidence.verdict.declared import not_in, without_end
from chaosnetra.evidence.verdict.dry import carries_out, dry_of_journal
from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.evidence.verdict.violations import failure_text, says_not_held

METHOD, ROLLBACKS = "run", "rollbacks"
_PLACES = {METHOD: "method", ROLLBACKS: "rollbacks"}


def carried_out(journal: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    """The activities that a run carried out: in a dry run the core lists others as well.

    Args:
        journal: Chaos Toolkit's journal.
        part: `run` or `rollbacks`.
    """
    dry = dry_of_journal(journal)
    return [
        run
        for run in journal.get(part) or ()
        if isinstance(run, dict) and carries_out(dry, run.get("activity") or {})
    ]


def failed_actions(journal: Mapping[str, Any], part: str) -> Iterator[str]:
    """Actions that did not work, by what the core says, or by their own answer; each as a line."""
    for run in carried_out(journal, part):
        if not _is_probe(run):
            where = f"{named(run)} in the {_PLACES[part]}"
            answer = own_failure(run)
            if _failed(run):
                yield f"{where} failed: {failure_text(run)}"
            elif answer is not None:
                yield f"{where} did not work: {answer}"


class NotInjected(NamedTuple):
    """Declared actions of a method that were not carried out.

    Attributes:
        text: which, as a line.
        is_invalid: whether that is every action, or one that was cut short, so that whatever was
            seen says nothing of the method.
    """

    text: str
    is_invalid: bool


def not_injected(journal: Mapping[str, Any]) -> NotInjected | None:
    """The declared actions that were not carried out, or not to their end; None without any."""
    dry = dry_of_journal(journal)
    declared = (journal.get("experiment") or {}).get("method")
    missing = [
        one
        for one in not_in(declared, journal.get(METHOD))
        if carries_out(dry, one) and one.get("type") != "probe"
    ]
    cut_short = [one for one in without_end(journal.get(METHOD)) if one.get("type") != "probe"]
    if not missing and not cut_short:
        return None
    acted = any(not _is_probe(run) for run in carried_out(journal, METHOD))
    parts = []
    if missing:
        begin = "of the method" if acted else "nothing was injected: of the method"
        parts.append(f"{begin} declared and not carried out: {_listed(missing)}")
    if cut_short:
        parts.append(f"actions in the method whose end is not known: {_listed(cut_short)}")
    return NotInjected("; ".join(parts), bool(cut_short) or not acted)


def failed_observations(journal: Mapping[str, Any]) -> Iterator[str]:
    """Probes outside the steady state that gave no answer, or one that nobody could judge."""
    for part, place in _PLACES.items():
        for run in carried_out(journal, part):
            if not _is_probe(run):
                continue
            where = f"{named(run)} in the {place}"
            if _failed(run):
                yield f"{where} failed: {failure_text(run)}"
            elif _is_unjudged(run):
                tolerance = json.dumps(run["activity"]["tolerance"], default=str)[:LONGEST_TOLD]
                yield f"{where} answered, and its tolerance {tolerance} could not be judged"


def _is_unjudged(run: Mapping[str, Any]) -> bool:
    answered = run.get("status") == "succeeded" and not says_not_held(run)
    return answered and has_tolerance(run["activity"]) and tolerance_met(run) is None


def named(run: Mapping[str, Any]) -> str:
    """An activity for people."""
    activity = run.get("activity") or {}
    return f"{activity.get('type')} {activity.get('name')!r}"


def _failed(run: Mapping[str, Any]) -> bool:
    """Whether the core calls an activity that ended anything else than a success."""
    return run.get("status") not in ("succeeded", None)


def _is_probe(run: Mapping[str, Any]) -> bool:
    return (run.get("activity") or {}).get("type") == "probe"


def _listed(activities: list[Mapping[str, Any]]) -> str:
    return ", ".join(repr(str(one.get("ref") or one.get("name"))) for one in activities)


def counts_attempts(journal: Mapping[str, Any]) -> bool:
    """Whether any activity that may have run under a fault counts its attempts."""
    states = journal.get("steady_states") or {}
    checked = [state or {} for state in (*(states.get("during") or ()), states.get("after"))]
    runs = chain(journal.get("run") or (), *(state.get("probes") or () for state in checked))
    outputs = (run.get("output") for run in runs if isinstance(run, dict))
    return any(isinstance(output, dict) and "attempts" in output for output in outputs)
