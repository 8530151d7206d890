"""What a run is doing now, from its events. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaosnetra.text import one_line

_RUN_NAME = re.compile(r"chaosnetra_\d{8}t\d{6}_[0-9a-f]{6}[_/]?")
LONGEST_NAME = 60
ENDED = "ended"


@dataclass(frozen=True)
class Progress:
    """A run as its events show it.

    Attributes:
        phase: starting, baseline, method, under the fault (after the method, without one),
            rollbacks, recovery, undoing or ended.
        activity: the activity that it is at; empty between two.
        faults: in place now, those whose effect was measured, by their short names.
        ready: startups that became ready, in this check.
        failed: those that did not.
        budgets: how often each budget expired, in this run.
    """

    phase: str = "starting"
    activity: str = ""
    faults: tuple[str, ...] = ()
    ready: int = 0
    failed: int = 0
    budgets: Mapping[str, int] = field(default_factory=dict)

    def after(self, event: Mapping[str, Any]) -> "Progress":
        """The progress once an event has come; one that is not known changes nothing."""
        change = _CHANGES.get(str(event.get("event")))
        return self if change is None else change(self, event)


def fault_label(name: Any) -> str:
    """A fault's name for people, without the id of its run; a long one is cut in its middle."""
    text = one_line(_RUN_NAME.sub("", str(name))).strip()
    end = LONGEST_NAME // 2  # which tells long names apart
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - end - 1]}…{text[-end:]}"


def is_in_effect(event: Mapping[str, Any]) -> bool:
    """Whether an injected fault acts on the system; a run's own schema is none."""
    return isinstance(event.get("effect"), dict)


def _hypothesis(progress: Progress, _: Mapping[str, Any]) -> Progress:
    after = "under the fault" if progress.faults else "after the method"
    following = {"starting": "baseline", "method": after, "rollbacks": "recovery"}
    phase = following.get(progress.phase, progress.phase)
    return replace(progress, phase=phase, ready=0, failed=0)


def _activity(progress: Progress, event: Mapping[str, Any]) -> Progress:
    counts = event.get("type") == "probe"
    return replace(
        progress,
        activity=one_line(str(event.get("name") or ""))[:LONGEST_NAME],
        ready=0 if counts else progress.ready,
        failed=0 if counts else progress.failed,
    )


def _startup(progress: Progress, event: Mapping[str, Any]) -> Progress:
    if event.get("status") == "ready":
        return replace(progress, ready=progress.ready + 1)
    error = event.get("error")
    budget = error.get("budget") if isinstance(error, dict) else None
    budgets = dict(progress.budgets)
    if isinstance(budget, str) and budget:
        budgets[budget] = budgets.get(budget, 0) + 1
    return replace(progress, failed=progress.failed + 1, budgets=budgets)


def _observed(progress: Progress, event: Mapping[str, Any]) -> Progress:
    """One that was taken for ready, and had no session of the database, is not."""
    if event.get("decided") != "ready" or event.get("status") == "ready":
        return progress
    return replace(progress, ready=progress.ready - 1, failed=progress.failed + 1)


def _injected(progress: Progress, event: Mapping[str, Any]) -> Progress:
    if not is_in_effect(event):
        return progress
    label = fault_label(event.get("name"))
    return replace(progress, faults=tuple(dict.fromkeys([*progress.faults, label])))


def _undone(progress: Progress, event: Mapping[str, Any]) -> Progress:
    label = fault_label(event.get("name"))
    return replace(progress, faults=tuple(name for name in progress.faults if name != label))


def _phase(phase: str) -> Any:
    return lambda progress, _: replace(progress, phase=phase, activity="")


_CHANGES: Mapping[str, Any] = {
    "hypothesis.started": _hypothesis,
    "activity.started": _activity,
    "activity.ended": lambda progress, _: replace(progress, activity=""),
    "startup.decided": _startup,
    "startup.observed": _observed,
    "fault.injected": _injected,
    "fault.undone": _undone,
    "method.started": _phase("method"),
    "rollbacks.started": _phase("rollbacks"),
    "session.closing": _phase("undoing"),
    "run.ended": _phase(ENDED),
}
