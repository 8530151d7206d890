"""What the activities of a method and of its rollbacks came to, from a journal.

The core calls an activity that does not raise a success, judges no tolerance outside the steady
state, and does not look at what an experiment declared and what was carried out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.answers import LONGEST_TOLD, own_failure
from chaosnetra.evidence.declared import not_in, without_end
from chaosnetra.evidence.dry import carries_out, dry_of_journal
from chaosnetra.evidence.tolerance import has_tolerance, tolerance_met
from chaosnetra.evidence.violations import failure_text, says_not_held

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
            if run.get("status") == "failed":
                yield f"{where} failed: {failure_text(run)}"
            elif answer is not None:
                yield f"{where} did not work: {answer}"


def not_injected(journal: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Declared actions of the method that were not carried out, or not to their end.

    Returns:
        What was not, as a line; and whether that is every action.
    """
    dry = dry_of_journal(journal)
    declared = (journal.get("experiment") or {}).get("method")
    missing = [
        one
        for one in not_in(declared, journal.get(METHOD))
        if carries_out(dry, one) and one.get("type") != "probe"
    ]
    cut_short = [one for one in without_end(journal.get(METHOD)) if one.get("type") != "probe"]
    parts = []
    if missing:
        parts.append(f"declared and not carried out: {_listed(missing)}")
    if cut_short:
        parts.append(f"its end is not known: {_listed(cut_short)}")
    acted = any(not _is_probe(run) for run in carried_out(journal, METHOD))
    nothing = bool(missing) and not acted
    return f"of the method {'; '.join(parts)}" if parts else None, nothing


def failed_observations(journal: Mapping[str, Any]) -> Iterator[str]:
    """Probes outside the steady state that gave no answer, or one that nobody could judge."""
    for part, place in _PLACES.items():
        for run in carried_out(journal, part):
            if not _is_probe(run):
                continue
            where = f"{named(run)} in the {place}"
            if run.get("status") == "failed":
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


def _is_probe(run: Mapping[str, Any]) -> bool:
    return (run.get("activity") or {}).get("type") == "probe"


def _listed(activities: list[Mapping[str, Any]]) -> str:
    return ", ".join(repr(str(one.get("ref") or one.get("name"))) for one in activities)
