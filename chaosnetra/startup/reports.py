"""The report of a task: how its startup ended, and what it measured of its path. Pure.

It holds no secret.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect
from chaosnetra.quantities import number, whole_number
from chaosnetra.startup.kept_output import MOST_BYTES, bounded
from chaosnetra.startup.orders import MOST_FAULTS, PathOrder, require_shape, short_line
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.text import effect_and_why
from chaosnetra.wire.observation import Observation

# The line on a task's standard output that holds its report, as Cloud Logging keeps it.
REPORT_KEY = "chaosnetra_startup"
# What a task ends with that could not begin or watch its startup, for a reason of its own.
NOT_UNDERSTOOD = 64
# Of all tasks of an execution together, of what their startups printed.
MOST_REPORTED_BYTES = 16 << 20
MOST_NOTES = 10
LARGEST_COUNT = 1 << 31  # of tasks and attempts: what its table holds
# Of one report: several times what a task makes it fit into.
MOST_REPORT_BYTES = 1 << 20


@dataclass(frozen=True)
class MeasuredFault:
    """What a task measured of one fault on its path.

    Attributes:
        name: see `OrderedFault`.
        before: its effect before the startup began; None: it was not measured.
        after: likewise, once the startup was decided.
        failure: why it was not measured, in one line; empty: it was.
    """

    name: str
    before: Effect | None
    after: Effect | None
    failure: str = ""

    @property
    def gap(self) -> str:
        """Why it is not known to have been in effect all the time; empty: it was."""
        if self.failure:
            return self.failure
        for effect, when in ((self.before, "before"), (self.after, "after")):
            if effect is None:
                return f"{self.name} was not measured {when} the startup"
            if not effect.in_effect:
                told = effect_and_why(effect.to_json())
                return f"{self.name} was not in effect {when} the startup: {told}"
        return ""

    @classmethod
    def from_json(cls, data: Any) -> "MeasuredFault":
        """What `asdict` gave.

        Raises:
            InvalidInput: it is not that.
        """
        require_shape("a measured fault", data, cls)
        effects = [
            None if data[when] is None else Effect.from_json(data[when])
            for when in ("before", "after")
        ]
        return cls(short_line(data["name"]), effects[0], effects[1], short_line(data["failure"]))


@dataclass(frozen=True)
class PathReport:
    """What a task says of its path.

    Attributes:
        faults: those that were ordered, in that order, as far as it came.
        ready_seconds: from when it was begun until the database could be reached through it.
        memory_bytes: most that its process had in memory.
        failure: why it did not stand all the time, in one line; empty: it did.
    """

    faults: Sequence[MeasuredFault] = ()
    ready_seconds: float | None = None
    memory_bytes: int | None = None
    failure: str = ""

    def gap(self, order: PathOrder) -> str:
        """Why the startup is no trial of the ordered faults, in one line; empty: it is one."""
        if self.failure:
            return self.failure
        measured = {fault.name: fault for fault in self.faults}
        for fault in order.faults:
            found = measured.get(fault.name) or MeasuredFault(fault.name, None, None)
            if found.gap:
                return found.gap
        return ""

    @classmethod
    def from_json(cls, data: Any) -> "PathReport":
        """What `asdict` gave.

        Raises:
            InvalidInput: it is not that.
        """
        require_shape("the report of a path", data, cls)
        faults, ready, memory = data["faults"], data["ready_seconds"], data["memory_bytes"]
        if not isinstance(faults, list) or len(faults) > MOST_FAULTS:
            raise InvalidInput(f"a path has at most {MOST_FAULTS} faults")
        return cls(
            tuple(map(MeasuredFault.from_json, faults)),
            None if ready is None else number("ready_seconds", ready, minimum=0),
            None if memory is None else whole_number("memory_bytes", memory, minimum=0),
            short_line(data["failure"]),
        )


@dataclass(frozen=True)
class TaskReport:
    """What a task says of its startup.

    Attributes:
        execution: id of the execution.
        index: which of its tasks, from 0.
        attempt: 0 for the first.
        arrived_at: when the task was there, seconds since 1970 by its own clock.
        begun_at: when its startup began.
        outcome: how that ended.
        path: what stood between it and its database; None: nothing.
        notes: what else there is to know of the task, each in one line, such as that its clock is
            off.
        behind_seconds: by how much its clock was behind the reader's, as the database's tells; None
            where the report has not been read from there. It is in no JSON.
    """

    execution: str
    index: int
    attempt: int
    arrived_at: float
    begun_at: float
    outcome: StartupOutcome
    path: PathReport | None = None
    notes: Sequence[str] = ()
    behind_seconds: float | None = None

    @property
    def brief(self) -> "TaskReport":
        """The report with brief observations."""
        wire, settled = (one and one.brief() for one in (self.outcome.wire, self.outcome.settled))
        return replace(self, outcome=replace(self.outcome, wire=wire, settled=settled))

    def fitting(self, most_bytes: int) -> "TaskReport":
        """The report, brief and with a note of it where its observations are larger as JSON."""
        seen = [one.to_json() for one in (self.outcome.wire, self.outcome.settled) if one]
        if len(json.dumps(seen)) <= most_bytes:
            return self
        note = f"what was seen of it took over {most_bytes} bytes: only its figures are kept"
        return replace(self.brief, notes=(*self.notes, note))

    def to_json(self) -> dict[str, Any]:
        settled = self.outcome.settled
        told = asdict(replace(self, outcome=replace(self.outcome, wire=None, settled=None)))
        del told["behind_seconds"]
        return {
            **told,
            "outcome": self.outcome.to_json(),
            "settled": None if settled is None else settled.to_json(),
        }

    @classmethod
    def from_json(cls, data: Any) -> "TaskReport":
        """What `to_json` gave.

        Raises:
            InvalidInput: it is not that; anybody with the right could have written it.
        """
        try:
            if not isinstance(data, Mapping):
                raise TypeError("it is no object")
            outcome = StartupOutcome.from_json(data["outcome"])
            settled, path = data.get("settled"), data.get("path")
            return cls(
                execution=str(data["execution"]),
                index=_count("index", data["index"]),
                attempt=_count("attempt", data["attempt"]),
                arrived_at=number("arrived_at", data["arrived_at"]),
                begun_at=number("begun_at", data["begun_at"]),
                outcome=replace(
                    outcome,
                    output=bounded(outcome.output),
                    settled=None if settled is None else Observation.from_json(settled),
                ),
                path=None if path is None else PathReport.from_json(path),
                notes=tuple(short_line(note) for note in data.get("notes", ())[:MOST_NOTES]),
            )
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidInput(f"no report of this version: {error!r}") from None


def _count(name: str, value: Any) -> int:
    if isinstance(value, str):
        raise InvalidInput(f"{name} must be a number, got {value!r:.100}")
    return whole_number(name, value, minimum=0, maximum=LARGEST_COUNT)


def output_bytes(tasks: int) -> int:
    """How much of its output each of so many tasks may report."""
    return min(MOST_BYTES, MOST_REPORTED_BYTES // tasks)
