"""What leaves a fault in place: actions that nothing undoes, and strategies."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from chaosnetra.documents.findings import Finding, Severity, instead
from chaosnetra.lint.outline import OURS, Activity, Outline, Role, mapping, text
from chaosnetra.lint.undo_actions import NAMING, UNDONE_BY

ROLLBACKS = ("always", "default", "never", "deviated")
HYPOTHESIS = (
    "default",
    "before-method-only",
    "after-method-only",
    "during-method-only",
    "continuously",
    "continously",  # the core's own misspelling, which it accepts with a warning
    "skip",
)
_ALWAYS = '"runtime": {"rollbacks": {"strategy": "always"}}'


def check(outline: Outline) -> Iterator[Finding]:
    """`no-undo`: of ours without its undo action; of others, when there is no rollback at all."""
    rollbacks = [outline.resolved(activity) for activity in outline.of(Role.ROLLBACK)]
    undoing = [
        one
        for activity in rollbacks
        if activity is not None
        for one in (activity, *outline.meant(activity))
    ]
    others_reported = False
    for entry in outline.of(Role.METHOD):
        action = outline.resolved(entry)
        if action is None or action.data.get("type") != "action":
            continue
        undo = UNDONE_BY.get((action.module, action.function))
        if undo is not None:
            if not _is_undone(outline, action, undoing):
                yield _no_undo(outline, entry, action)
                continue
            for meant in outline.meant(action):
                if not _is_undone(outline, meant, undoing):
                    yield _no_undo(outline, meant, meant)
        elif not (
            outline.data.get("rollbacks") or others_reported or action.module.startswith(OURS)
        ):
            others_reported = True
            yield outline.finding(
                entry.place,
                "no-undo",
                f"the action {action.name!r} and those after it have no rollbacks: what they "
                "change stays",
                "add what undoes it to 'rollbacks', if it changes anything",
                Severity.WARNING,
            )


def _is_undone(outline: Outline, action: Activity, undoing: list[Activity]) -> bool:
    """Whether one of the rollbacks undoes it, or it needs none."""
    undo = UNDONE_BY.get((action.module, action.function))
    return undo is None or any(_undoes(outline, action, undo, other) for other in undoing)


def _undoes(outline: Outline, action: Activity, undo: str, other: Activity) -> bool:
    if (other.module, other.function) != (action.module, undo):
        return False
    if other.environment not in ("", action.environment):
        return False
    signature = outline.modules.signature(other.module, other.function)
    names = [name for name in NAMING if signature is None or name in signature.parameters]
    return all(
        _value(outline, action, name) == _value(outline, other, name)
        for name in names
        if _value(outline, action, name) is not None
    )


def _value(outline: Outline, activity: Activity, name: str) -> Any:
    """The argument as written, else the function's default."""
    if name in activity.arguments:
        return activity.arguments[name]
    signature = outline.modules.signature(activity.module, activity.function)
    parameter = signature.parameters.get(name) if signature is not None else None
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return None
    return parameter.default


def _no_undo(outline: Outline, entry: Activity, action: Activity) -> Finding:
    undo = UNDONE_BY[action.module, action.function]
    signature = outline.modules.signature(action.module, undo)
    parameters = signature.parameters if signature is not None else {}
    same = {
        name: _value(outline, action, name)
        for name in NAMING
        if name in parameters and _value(outline, action, name) != parameters[name].default
    }
    arguments = json.dumps(same, default=str)
    return outline.finding(
        entry.place,
        "no-undo",
        f"no rollback undoes {action.function!r}: its fault stays until the run has ended",
        f"add an action with {action.module!r}, {undo!r} and the arguments {arguments} to "
        "'rollbacks'",
    )


def check_strategies(outline: Outline) -> Iterator[Finding]:
    """`rollbacks-not-always`, `unknown-strategy`.

    An experiment of other packages that says nothing of its strategy is warned: this is how they
    are written everywhere, and only its author knows whether something is left in place.
    """
    runtime = mapping(outline.data.get("runtime"))
    strategy = text(mapping(runtime.get("rollbacks")).get("strategy")) or "default"
    place = ("runtime", "rollbacks", "strategy")
    if strategy not in ROLLBACKS:
        yield outline.finding(
            place,
            "unknown-strategy",
            f"{strategy!r} is no strategy: no rollback is played, without a word",
            instead(strategy, ROLLBACKS, "write 'always'"),
        )
    elif strategy != "always" and outline.data.get("rollbacks"):
        happens = {
            "default": "not played when a probe raises or the run is interrupted",
            "never": "never played",
            "deviated": "played only when the steady state has deviated after the method",
        }[strategy]
        yield outline.finding(
            place if strategy != "default" else ("rollbacks",),
            "rollbacks-not-always",
            f"with the strategy {strategy!r} rollbacks are {happens}: the fault stays in place",
            f"write {_ALWAYS}",
            Severity.WARNING
            if strategy == "default" and not outline.uses_our_activities
            else Severity.ERROR,
        )
    strategy = text(mapping(runtime.get("hypothesis")).get("strategy")) or "default"
    if strategy not in HYPOTHESIS:
        yield outline.finding(
            ("runtime", "hypothesis", "strategy"),
            "unknown-strategy",
            f"{strategy!r} is no strategy, and the run ends with a traceback",
            instead(strategy, HYPOTHESIS, f"write one of {', '.join(HYPOTHESIS)}"),
        )
