"""What an experiment declares, against what its journal says was carried out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.values import objects

OURS = "chaosnetra."


def not_in(declared: Any, runs: Any) -> list[Mapping[str, Any]]:
    """The declared activities, or references to one, that no run is of.

    Args:
        declared: `method` or `rollbacks` of an experiment.
        runs: `run` or `rollbacks` of its journal.
    """
    carried_out = Counter(_name(run.get("activity") or {}) for run in objects(runs))
    missing = []
    for activity in objects(declared):
        name = _name(activity)
        if carried_out[name] > 0:
            carried_out[name] -= 1
        else:
            missing.append(activity)
    return missing


def without_end(runs: Any) -> list[Mapping[str, Any]]:
    """The activities that began and whose end the core did not record: they were cut short."""
    return [run["activity"] for run in objects(runs) if _is_cut_short(run)]


def _is_cut_short(run: Mapping[str, Any]) -> bool:
    return run.get("status") is None and isinstance(run.get("activity"), dict)


class Unplayed(NamedTuple):
    """Rollbacks that did not happen.

    Attributes:
        missing: those that were not played, by name.
        cut_short: those that were not played to their end.
        in_place: whether something of the method may be in place for want of them.
        acted: whether the method carried out any action.
        undone: whether this package undid whatever it had injected.
    """

    missing: Sequence[str]
    cut_short: Sequence[str]
    in_place: bool
    acted: bool
    undone: bool

    def __bool__(self) -> bool:
        return bool(self.missing or self.cut_short)

    @property
    def text(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"declared rollbacks were not played: {', '.join(self.missing)}")
        if self.cut_short:
            parts.append(f"rollbacks were cut short: {', '.join(self.cut_short)}")
        if not self.acted:
            parts.append("the method injected nothing")
        elif self.undone and not self.in_place:
            parts.append("what the method injected was undone all the same")
        return "; ".join(parts)


def unplayed_rollbacks(journal: Mapping[str, Any], faults: Any) -> Unplayed:
    """The declared rollbacks that a run did not play, and whether that leaves anything in place.

    Nothing is left of a method without actions. What this package injected and undid is not left
    either; of any other action only its rollback proves that.

    Args:
        journal: Chaos Toolkit's journal.
        faults: of our section, with their `undo`; None where there is no section.
    """
    declared = (journal.get("experiment") or {}).get("rollbacks")
    runs = journal.get("rollbacks")
    missing, cut = not_in(declared, runs), without_end(runs)
    acted = any(
        (run.get("activity") or {}).get("type") != "probe" for run in objects(journal.get("run"))
    )
    undone = [
        fault.get("undo") is not None
        for fault in objects(faults)
        if fault.get("effect") is not None
    ]
    all_undone = bool(undone) and all(undone)
    left = [activity for activity in (*missing, *cut) if not (all_undone and _is_ours(activity))]
    return Unplayed(
        [repr(_name(activity)) for activity in missing],
        [repr(_name(activity)) for activity in cut],
        in_place=acted and any(activity.get("type") != "probe" for activity in left),
        acted=acted,
        undone=all_undone,
    )


def _is_ours(activity: Mapping[str, Any]) -> bool:
    provider = activity.get("provider")
    return isinstance(provider, dict) and str(provider.get("module", "")).startswith(OURS)


def _name(activity: Mapping[str, Any]) -> str:
    """By which a declared activity and its run find each other; a reference has no other."""
    return str(activity.get("ref") or activity.get("name"))
