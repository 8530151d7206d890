"""What a run has read of its service, its job and its executions: for its journal, by the time.

Whoever watches is notified of each reading; what is the same as before is written once.
"""

from typing import Any

from chaosnetra.cloudrun.executions import ExecutionState, JobState
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.cloudrun.watchers import Watchers
from chaosnetra.text import utc_now

Seen = ServiceState | JobState | ExecutionState
_watchers: Watchers[Seen] = Watchers()
# To be notified of everything that this process reads, and to notify of a reading.
watch, notify = _watchers.add, _watchers.notify
# Somebody who deploys without end must not fill the memory.
MOST_KEPT = 200


class History:
    """Keeps the versions, the conditions and the counts of tasks, in the order they were seen."""

    def __init__(self) -> None:
        self._revisions: list[dict[str, Any]] = []
        self._conditions: list[dict[str, Any]] = []
        self._executions: dict[str, dict[str, Any]] = {}

    def see(self, seen: Seen) -> None:
        """Note a reading."""
        match seen:
            case ServiceState():
                generation = {"generation": seen.generation}
                created, serving = seen.latest_created_revision, list(seen.serving)
                version = {"created_revision": created, "serving_revisions": serving}
                self._note(self._revisions, seen.name, generation, version)
                conditions = [
                    {"kind": "Ready", "state": seen.ready_state, "text": seen.ready_text},
                    *(condition.to_json() for condition in seen.conditions),
                ]
                if not seen.reconciling:
                    details = {"conditions": conditions, "failing": seen.failing}
                    self._note(self._conditions, seen.name, generation, details)
            case JobState():
                job_version = {"job_generation": seen.generation, "image": seen.image}
                self._note(self._revisions, seen.name, {}, job_version)
            case ExecutionState():
                self._executions[seen.name] = seen.counts

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
