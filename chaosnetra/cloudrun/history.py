"""What a run has asked of Cloud Run, and what it has read there: for its journal, by the time.

Whoever watches is notified of each call and of each reading, those of undos included. What is
read again as before is written once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from chaosnetra.cloudrun.executions import ExecutionState, JobState
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.text import utc_now

# Somebody who deploys without end must not fill the memory.
MOST_KEPT = 200
MOST_WRITES = 1000
Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Call:
    """One call that was made: what an audit needs, and no more.

    Attributes:
        method: its name, such as `UpdateService`.
        resource: full name of what it was about.
        status: name of the gRPC status code, `OK` included.
        seconds: how long it took.
        writes: what it asked to change; None for a call that changes nothing.
    """

    method: str
    resource: str
    status: str
    seconds: float
    writes: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 4)}


class Watchers(Generic[Seen]):
    """Those who want to know all that this process sees of something."""

    def __init__(self) -> None:
        self._all: list[Callable[[Seen], None]] = []

    def add(self, watcher: Callable[[Seen], None]) -> Callable[[], None]:
        """Call a function from now on; returns a function that ends it."""
        self._all.append(watcher)
        return lambda: self._all.remove(watcher)

    def notify(self, seen: Seen) -> None:
        for watcher in tuple(self._all):
            watcher(seen)


Reading = ServiceState | JobState | ExecutionState
CALLS: Watchers[Call] = Watchers()
READINGS: Watchers[Reading] = Watchers()


class History:
    """Counts the calls, and keeps those that ask for a change; and the versions, the conditions
    and the counts of tasks, in the order they were seen.
    """

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str]] = Counter()
        self._writes: list[dict[str, Any]] = []
        self._revisions: list[dict[str, Any]] = []
        self._conditions: list[dict[str, Any]] = []
        self._executions: dict[str, dict[str, Any]] = {}

    def add(self, call: Call) -> None:
        """Note a call."""
        self._calls[call.method, call.status] += 1
        if call.writes is not None and len(self._writes) < MOST_WRITES:
            self._writes.append(call.to_json())

    def see(self, seen: Reading) -> None:
        """Note a reading."""
        match seen:
            case ServiceState():
                generation = {"generation": seen.generation}
                created, serving = seen.latest_created_revision, list(seen.serving)
                version = {"created_revision": created, "serving_revisions": serving}
                self._note(self._revisions, seen.name, generation, version)
                conditions = [
                    {"kind": "Ready", "state": seen.ready_state, "text": seen.ready_text},
                    *map(asdict, seen.conditions),
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
        """`calls`: count by method and status; `writes`: those for a change; `revisions`,
        `conditions`: each once, with when it was seen first (`at`) and last (`until`);
        `executions`: counts of tasks by name.
        """
        calls: dict[str, dict[str, int]] = {}
        for (method, status), count in sorted(self._calls.items()):
            calls.setdefault(method, {})[status] = count
        return {
            "calls": calls,
            "writes": list(self._writes),
            "revisions": list(self._revisions),
            "conditions": list(self._conditions),
            "executions": dict(self._executions),
        }
