"""The shape of a journal: every part in its place, whatever was written; and its stages in order.

All that judges or reports a journal works on what `normalized` returns, and checks nothing again.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from chaosnetra.evidence.journal.dry import carries_out, dry_of
from chaosnetra.evidence.journal.values import object_or_empty, objects, text_or_none

# Facts of our section that are lists of texts, and of objects.
_TEXTS = ("control_failures", "undo_failures", "parts_lost", "corrections")
_OBJECTS = ("faults", "part_losses", "stand", "violations", "measurements")
# Facts that are objects, each with what in it is a list of objects.
_PARTS = {
    "exposure": ("launches",),
    "database_state": ("launches",),
    "cloud_run": ("revisions", "conditions"),
}
_EFFECTS = ("effect", "effect_after")


class Stage(StrEnum):
    """When a probe was asked; during the method is the steady state's, not the method's own."""

    BEFORE = "before"
    METHOD = "method"
    DURING = "during"
    AFTER = "after"
    RECOVERY = "recovery"

    @property
    def when(self) -> str:
        """The stage for people."""
        return _WHEN[self]


_WHEN = {
    Stage.BEFORE: "before the method",
    Stage.METHOD: "in the method",
    Stage.DURING: "during the method",
    Stage.AFTER: "after the method",
    Stage.RECOVERY: "after the rollbacks",
}


def normalized(data: Mapping[str, Any]) -> dict[str, Any]:
    """A journal with every part in its shape.

    Args:
        data: a journal; not changed.

    Returns:
        `experiment` (object, with a hypothesis, a method and rollbacks), `status` (text or None),
        `deviated` (bool), `start` and `end` (text or None); `steady_states` with `before` and
        `after` (a state or None) and `during` (states), a state being `steady_state_met` and
        `probes`; `run` and `rollbacks`; each run with `activity` (object), `output`, `status`,
        `exception` (texts), `tolerance_met`, `start`, `end`; and `chaosnetra`: our section, with
        its lists as lists, its objects as objects (empty where there was none) and `recovery` a
        state or None. Whatever else there was is kept.
    """
    states = object_or_empty(data.get("steady_states"))
    experiment = _experiment(object_or_empty(data.get("experiment")))
    return {
        **data,
        "experiment": experiment,
        "status": text_or_none(data.get("status")),
        "deviated": data.get("deviated") is True,
        "start": text_or_none(data.get("start")),
        "end": text_or_none(data.get("end")),
        "steady_states": {
            "before": _state(states.get("before")),
            "after": _state(states.get("after")),
            "during": list(filter(None, map(_state, objects(states.get("during"))))),
        },
        "run": list(map(_run, objects(data.get("run")))),
        "rollbacks": list(map(_run, objects(data.get("rollbacks")))),
        "chaosnetra": _section(data, experiment),
    }


def states(journal: Mapping[str, Any]) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
    """Each check of the steady state that was made, with its stage, in order.

    Of a dry run the core lists probes that it did not ask, as if they had held.

    Args:
        journal: as `normalized` returns it; so it is for all that walks through a journal.
    """
    found = journal["steady_states"]
    checked = [
        (Stage.BEFORE, found["before"]),
        *((Stage.DURING, state) for state in found["during"]),
        (Stage.AFTER, found["after"]),
        (Stage.RECOVERY, journal["chaosnetra"]["recovery"]),
    ]
    dry = journal["chaosnetra"].get("dry")
    for stage, state in checked:
        if state is None:
            continue
        asked = [run for run in state["probes"] if carries_out(dry, run["activity"])]
        if asked or not state["probes"]:
            yield stage, {**state, "probes": asked}


def checked_probes(journal: Mapping[str, Any]) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
    """Each answer of a probe of the steady state, with its stage, in order."""
    return ((stage, run) for stage, state in states(journal) for run in state["probes"])


def _section(data: Mapping[str, Any], experiment: Mapping[str, Any]) -> dict[str, Any]:
    found = object_or_empty(data.get("chaosnetra"))
    section: dict[str, Any] = dict(found)
    for key in _TEXTS:
        texts = found.get(key)
        section[key] = list(map(str, texts)) if isinstance(texts, (list, tuple)) else []
    for key in _OBJECTS:
        section[key] = list(objects(found.get(key)))
    for key in ("crashed", "refused", "unanswered", "interrupted_by"):
        section[key] = text_or_none(found.get(key))
    for key, parts in _PARTS.items():
        fact = object_or_empty(found.get(key))
        section[key] = fact and {**fact, **{part: list(objects(fact.get(part))) for part in parts}}
    if section["database_state"]:
        section["database_state"]["prepared"] = object_or_empty(
            section["database_state"].get("prepared")
        )
    section["faults"] = [
        {
            **fault,
            "parameters": object_or_empty(fault.get("parameters")),
            **{key: object_or_empty(fault.get(key)) or None for key in (*_EFFECTS, "tried")},
        }
        for fault in section["faults"]
    ]
    section["recovery"] = _state(found.get("recovery"))
    section["dry"] = dry_of(found.get("dry")) or dry_of(experiment.get("dry"))
    interruption = object_or_empty(data.get("interruption"))
    section["interrupted_by"] = section["interrupted_by"] or text_or_none(interruption.get("name"))
    if found and "cause" not in found and "reason" in found:
        # All that the control could write when it failed itself.
        section["control_failures"].append(str(found["reason"]))
    return section


def _experiment(value: Mapping[str, Any]) -> dict[str, Any]:
    hypothesis = object_or_empty(value.get("steady-state-hypothesis"))
    return {
        **value,
        "steady-state-hypothesis": {
            **hypothesis,
            "probes": list(objects(hypothesis.get("probes"))),
        },
        "method": list(objects(value.get("method"))),
        "rollbacks": list(objects(value.get("rollbacks"))),
    }


def _state(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    return {
        **value,
        "steady_state_met": value.get("steady_state_met") is True,
        "probes": list(map(_run, objects(value.get("probes")))),
    }


def _run(value: Mapping[str, Any]) -> dict[str, Any]:
    exception = value.get("exception")
    lines = exception if isinstance(exception, list) else [exception] if exception else []
    return {
        **value,
        "activity": object_or_empty(value.get("activity")),
        "output": _output(value.get("output")),
        "status": text_or_none(value.get("status")),
        "exception": list(map(str, lines)),
        "start": text_or_none(value.get("start")),
        "end": text_or_none(value.get("end")),
    }


def _output(output: Any) -> Any:
    """A result; older ones count what was ready and not what failed."""
    if isinstance(output, dict) and "failures" not in output:
        attempts, ready = output.get("attempts"), output.get("ready")
        if type(attempts) is int and type(ready) is int:
            return {**output, "failures": attempts - ready}
    return output
