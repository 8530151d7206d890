"""Dry runs of the Chaos Toolkit: what each of their kinds leaves out."""

from collections.abc import Mapping
from typing import Any

# It only leaves out pauses, so it is judged as any other run.
PAUSE = "pause"
ALL = "activities"
_LEFT_OUT = {"actions": ("action",), "probes": ("probe",), ALL: ("action", "probe")}


def dry_of(value: Any) -> str | None:
    """The kind of a dry run; None for a run in which every activity is carried out.

    Args:
        value: `dry` of an experiment or of our section: text, the core's own enumeration, or
            true, with which older cores carried out nothing.
    """
    value = getattr(value, "value", value)
    if value is True:
        return ALL
    if not isinstance(value, str):
        return None
    kind = value.removeprefix("Dry.").lower()
    return None if kind in ("", PAUSE) else kind


def carries_out(dry: str | None, activity: Mapping[str, Any]) -> bool:
    """Whether a run of this kind carries an activity out.

    An activity with a `dry` of its own is carried out in every dry run: the core compares that
    text with its enumeration. Of a kind that is not known nothing is.
    """
    if dry is None or activity.get("dry") is not None:
        return True
    return activity.get("type") not in _LEFT_OUT.get(dry, _LEFT_OUT[ALL])


def checks_hypothesis(dry: str | None) -> bool:
    """Whether a run of this kind asks the probes of the steady state, and judges their answers."""
    return carries_out(dry, {"type": "probe"})


def carries_out_actions(dry: str | None, experiment: Mapping[str, Any]) -> bool:
    """Whether a run of this kind carries out any action of an experiment."""
    activities = (*(experiment.get("method") or ()), *(experiment.get("rollbacks") or ()))
    return carries_out(dry, {"type": "action"}) or any(
        carries_out(dry, activity) and activity.get("type") != "probe" for activity in activities
    )


def carried_out(journal: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    """The activities that a run carried out: in a dry run the core lists others as well.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
        part: `run` or `rollbacks`.
    """
    dry = journal["chaosnetra"]["dry"]
    return [run for run in journal[part] if carries_out(dry, run["activity"])]
