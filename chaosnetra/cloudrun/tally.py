"""The calls of a run, for its journal: how many of each, every one that asked for a change, and
what they said of the service and the job.
"""

from collections import Counter
from typing import Any

from chaosnetra.cloudrun.connection import Call
from chaosnetra.cloudrun.history import History

MOST_WRITES = 1000


class CallTally:
    """Counts calls; memory grows with those that write only, and not without end."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str]] = Counter()
        self._writes: list[dict[str, Any]] = []
        self.history = History()

    def add(self, call: Call) -> None:
        self._calls[call.method, call.status] += 1
        if call.writes is not None and len(self._writes) < MOST_WRITES:
            self._writes.append(call.to_json())

    def to_json(self) -> dict[str, Any]:
        """`calls`: count by method and status; `writes`: those for a change; see also `History`."""
        calls: dict[str, dict[str, int]] = {}
        for (method, status), count in sorted(self._calls.items()):
            calls.setdefault(method, {})[status] = count
        return {"calls": calls, "writes": list(self._writes), **self.history.to_json()}
