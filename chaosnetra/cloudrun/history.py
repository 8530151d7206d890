"""What a run has read of its service, its job and its executions: for its journal, by the time.

Each reading is told to whoever watches; what is the same as before is written once.
"""

from collections.abc import Callable
from typing import Any

from chaosnetra.cloudrun.executions import ExecutionState, JobState
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.text import utc_now

Seen = ServiceState | JobState | ExecutionState
OnSeen = Callable[[Seen], None]
_watchers: list[OnSeen] = []
# Somebody who deploys without end must not fill the memory.
MOST_KEPT = 200


def watch(on_seen: OnSeen) -> Callable[[], None]:
    """Be told of everything that this process reads, for undos included.

    Returns:
        A function that ends it.
    """
    _watchers.append(on_seen)
    return lambda: _watchers.remove(on_seen)


def tell(seen: Seen) -> None:
    """Tell whoever watches of a reading."""
    for watcher in tuple(_watchers):
        watcher(seen)


class History:
    """Keeps the versions, the conditions and the counts of tasks, in the order they were seen."""

    def __init__(self) -> None:
        self._revisions: list[dict[str, Any]] = []
        self._conditions: list[dict[str, Any]] = []
        self._executions: dict[str, dict[str, Any]] = {}

    def see(self, seen: Seen) -> None:
        """Note a reading."""
        version: dict[str, Any]
        match seen:
            case ServiceState():
                version = {
                    "created_revision": seen.latest_created_revision,
                    "serving_revisions": list(seen.serving),
                }
                self._note(self._revisions, seen.name, {"generation": seen.generation}, version)
                conditions = [
                    {"kind": "Ready", "state": seen.ready_state, "text": seen.ready_text},
                    *(condition.to_json() for condition in seen.conditions),
                ]
                told = {"conditions": conditions, "failing": seen.failing}
                if not seen.reconciling:
                    self._note(self._conditions, seen.name, {"generation": seen.generation}, told)
            case JobState():
                version = {"job_generation": seen.generation, "image": seen.image}
                self._note(self._revisions, seen.name, {}, version)
            case ExecutionState():
                self._executions[seen.name] = {
                    "tasks": seen.task_count,
                    "succeeded": seen.succeeded,
                    "failed": seen.failed,
                    "cancelled": seen.cancelled,
                    "retried": seen.retried,
                }

    def _note(
        self, kept: list[dict[str, Any]], name: str, more: dict[str, Any], what: dict[str, Any]
    ) -> None:
        former = next((one for one in reversed(kept) if one["resource"] == name), None)
        now = utc_now()
        if former is not None and all(former[key] == value for key, value in what.items()):
            former["until"] = now
        elif len(kept) < MOST_KEPT:
            kept.append({"resource": name, "at": now, "until": now, **more, **what})

    def to_json(self) -> dict[str, Any]:
        """`revisions`, `conditions`: each once, with when it was seen first (`at`) and last
        (`until`); `executions`: counts of tasks by name.
        """
        return {
            "revisions": list(self._revisions),
            "conditions": list(self._conditions),
            "executions": dict(self._executions),
        }
