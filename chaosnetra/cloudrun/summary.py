"""What the tasks of an execution came to; memory does not grow with their number. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.cloudrun.executions import TaskEnd, TaskState

MOST_SHOWN = 10
SHOWN_OF_FAILURE = ("index", "end", "exit_code", "signal", "text", "seconds")


@dataclass
class TaskSummary:
    """Counts of tasks by how they ended, and the first of those that did not succeed."""

    tasks: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[int] = field(default_factory=Counter)
    retried: int = 0
    first_start: float | None = None
    last_start: float | None = None
    longest_seconds: float | None = None
    failures: list[TaskState] = field(default_factory=list)

    def add(self, task: TaskState) -> None:
        self.tasks += 1
        self.ends[task.end] += 1
        self.retried += task.retried > 0
        if task.exit_code is not None:
            self.exit_codes[task.exit_code] += 1
        if task.started_at is not None:
            start = task.started_at
            self.first_start = min(start, self.first_start or start)
            self.last_start = max(start, self.last_start or start)
        if task.seconds is not None:
            self.longest_seconds = max(task.seconds, self.longest_seconds or 0.0)
        failed = task.end not in (TaskEnd.SUCCEEDED, TaskEnd.RUNNING)
        if failed and len(self.failures) < MOST_SHOWN:
            self.failures.append(task)

    @property
    def succeeded(self) -> int:
        return self.ends[TaskEnd.SUCCEEDED]

    @property
    def start_spread_seconds(self) -> float | None:
        """From the first start to the last; None when none has started."""
        if self.first_start is None or self.last_start is None:
            return None
        return round(self.last_start - self.first_start, 3)

    def to_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "ends": {end.value: self.ends[end] for end in TaskEnd},
            "exit_codes": {str(code): count for code, count in sorted(self.exit_codes.items())},
            "retried": self.retried,
            "start_spread_seconds": self.start_spread_seconds,
            "longest_seconds": self.longest_seconds,
            "failures": [
                {name: getattr(task, name) for name in SHOWN_OF_FAILURE} for task in self.failures
            ],
        }


def summarize(tasks: Iterable[TaskState]) -> TaskSummary:
    """Go through the tasks once."""
    summary = TaskSummary()
    for task in tasks:
        summary.add(task)
    return summary
