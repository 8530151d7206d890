"""The order that a task of a job gets, and its report. Pure.

Neither holds a secret: an order stands in the execution of the job, where whoever may read it
sees it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect
from chaosnetra.phase_patterns import parse as parse_patterns
from chaosnetra.quantities import number, some_text, whole_number
from chaosnetra.startup.kept_output import MOST_BYTES, bounded
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.text import cut, one_line
from chaosnetra.wire.observation import Observation

ORDER_VARIABLE = "CHAOSNETRA_TASK"
# Of the order; a run and the image of a job may hold different versions of this package. The
# first had no number.
ORDER_VERSION = 2
# The line on a task's standard output that holds its report, as Cloud Logging keeps it.
REPORT_KEY = "chaosnetra_startup"
TABLE = "startup_reports"
# What a task ends with that could not begin or watch its startup, for a reason of its own.
NOT_UNDERSTOOD = 64
# Of all tasks of an execution together, of what their startups printed.
MOST_REPORTED_BYTES = 16 << 20
LONGEST_SECONDS = 7 * 86_400.0
MOST_VARIABLES = 50
MOST_FAULTS = 100
# Tasks of one execution that measure at once; each by one connection, or two for a slow close.
MOST_MEASURING = 100
MOST_GROUPS = 1000
MOST_NOTES = 10
# Of one report: several times what a task makes it fit into.
MOST_REPORT_BYTES = 1 << 20
LONGEST_TEXT = 1000
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


class FaultKind(StrEnum):
    """What a fault in a task changes."""

    TOXIC = "toxic"  # the parameters are the toxic's, as `chaosnetra.toxiproxy.toxics` has it
    PROXY = "proxy"  # the parameters are `{"enabled": false}`: connections are refused
    CONNECTOR = "connector"  # they are the model's, as `chaosnetra.connector.model` has it


@dataclass(frozen=True)
class OrderedFault:
    """One fault that a task is to have on its path; values are in the run's time.

    Attributes:
        name: of the fault in the run's journal.
        kind: what it changes.
        parameters: by the kind.
    """

    name: str
    kind: FaultKind
    parameters: Mapping[str, Any]

    @classmethod
    def from_json(cls, data: Any) -> "OrderedFault":
        """What `asdict` gave.

        Raises:
            InvalidInput: it is not that.
        """
        _exactly("a fault of the path", data, cls)
        if not isinstance(data["parameters"], dict):
            raise InvalidInput(f"the parameters of fault {data['name']!r:.100} must be an object")
        if data["kind"] not in [*FaultKind]:
            raise InvalidInput(
                f"a fault in a task is {', '.join(FaultKind)}, and not {data['kind']!r:.100}"
            )
        name = some_text("name", data["name"])
        if name != _line(name):
            raise InvalidInput(f"the name of a fault must be one line, got {name!r:.100}")
        return cls(name, FaultKind(data["kind"]), data["parameters"])


@dataclass(frozen=True)
class PathOrder:
    """What is to stand between a task's startup and its database.

    Attributes:
        variables: the service's variables that name its database, and their templates, as in the
            setting `target_environment`. The task reads the database from what the job has set
            them to, and gives the service the same with another address.
        faults: in the order in which they were injected.
        measure_seconds: how long a task should take to measure all of them before the startup, and
            again after.
        groups: of the tasks, which measure one after the other, so that not all of them do at
            once; before the barrier, and once their startups are decided.
        seed: of everything that is drawn; each task draws its own.
    """

    variables: Mapping[str, str]
    faults: Sequence[OrderedFault] = ()
    measure_seconds: float = 0.0
    groups: int = 1
    seed: int = 0

    @property
    def all_measure_seconds(self) -> float:
        """How long it takes until each task has measured its faults, once."""
        return self.groups * self.measure_seconds

    def group_of(self, index: int) -> int:
        """The group of a task, from 0."""
        return index % self.groups

    @classmethod
    def from_json(cls, data: Any) -> "PathOrder":
        """What `asdict` gave.

        Raises:
            InvalidInput: it is not that.
        """
        _exactly("the path", data, cls)
        variables, faults = data["variables"], data["faults"]
        if not isinstance(variables, dict) or not 0 < len(variables) <= MOST_VARIABLES:
            raise InvalidInput(f"the path must name 1 to {MOST_VARIABLES} variables")
        for name, template in variables.items():
            if not _VARIABLE.fullmatch(name):
                raise InvalidInput(f"{name!r:.100} cannot be the name of a variable")
            some_text(name, template)
        if not isinstance(faults, list) or len(faults) > MOST_FAULTS:
            raise InvalidInput(f"the path must have at most {MOST_FAULTS} faults")
        read = tuple(map(OrderedFault.from_json, faults))
        if len({fault.name for fault in read}) != len(read):
            raise InvalidInput("two faults of the path have one name")
        return cls(
            variables,
            read,
            number("measure_seconds", data["measure_seconds"], minimum=0, maximum=LONGEST_SECONDS),
            whole_number("groups", data["groups"], minimum=1, maximum=MOST_GROUPS),
            whole_number("seed", data["seed"]),
        )


@dataclass(frozen=True)
class TaskOrder:
    """How a task launches its startup; all durations in real seconds.

    Attributes:
        barrier_at: when all startups begin, seconds since 1970 by the task's own clock.
        startup_seconds: limit of the startup.
        kill_margin_seconds: see `chaosnetra.startup.observed.Limits`.
        readiness: how it shows that it is ready; see the setting.
        readiness_seconds: limit of one readiness check.
        hold_seconds: how long after the barrier one that is ready stays up.
        report_seconds: how long it is tried to report.
        schema: PostgreSQL schema that takes the reports.
        dwell_seconds: see `chaosnetra.startup.observed.Limits`.
        output_bytes: how much of its output the report may have; 0: none.
        phase_patterns: the service's own words for its phases; see `chaosnetra.phase_patterns`.
        ordered_at: when the run gave the order, seconds since 1970 by its own clock; 0: not told.
        path: what stands between the startup and its database; None: nothing.
        version: of the order.
    """

    barrier_at: float
    startup_seconds: float
    kill_margin_seconds: float
    readiness: str
    readiness_seconds: float
    hold_seconds: float
    report_seconds: float
    schema: str
    dwell_seconds: float = 0.0
    output_bytes: int = 0
    phase_patterns: Sequence[Mapping[str, Any]] = ()
    ordered_at: float = 0.0
    path: PathOrder | None = None
    version: int = ORDER_VERSION

    @property
    def text(self) -> str:
        """As the task's environment holds it."""
        return json.dumps(asdict(self))

    @property
    def longest_seconds(self) -> float:
        """From the barrier until the task has ended, at most."""
        decided = self.startup_seconds + self.kill_margin_seconds
        if self.dwell_seconds:
            decided += 2 * self.dwell_seconds + self.readiness_seconds
        measured = self.path.all_measure_seconds if self.path else 0.0
        return max(decided, self.hold_seconds) + measured + self.report_seconds

    @classmethod
    def parse(cls, text: str) -> "TaskOrder":
        """Read what `text` gave.

        Raises:
            InvalidInput: it is not that.
        """
        try:
            data = json.loads(text)
            _same_version(data)
            path = data.get("path")
            order = cls(
                **{
                    **data,
                    "phase_patterns": tuple(data.get("phase_patterns", ())),
                    "path": None if path is None else PathOrder.from_json(path),
                }
            )
        except InvalidInput as error:
            raise InvalidInput(f"{ORDER_VARIABLE}: {error}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(f"{ORDER_VARIABLE} is no order of this version: {error}") from None
        for name, value in data.items():
            if name.endswith("_seconds"):
                number(name, value, minimum=0, maximum=LONGEST_SECONDS)
        number("barrier_at", order.barrier_at, minimum=0)
        number("ordered_at", order.ordered_at, minimum=0)
        whole_number("output_bytes", order.output_bytes, minimum=0, maximum=MOST_BYTES)
        parse_patterns("phase_patterns", order.phase_patterns)
        _plain(str(order.schema))
        return order


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
                told = f": {effect.detail}" if effect.detail else ""
                return (
                    f"{self.name} was not in effect {when} the startup: {effect.quantity} was "
                    f"{effect.observed}, {effect.expected} expected{told}"
                )
        return ""

    @classmethod
    def from_json(cls, data: Any) -> "MeasuredFault":
        """What `asdict` gave.

        Raises:
            InvalidInput: it is not that.
        """
        _exactly("a measured fault", data, cls)
        effects = [
            None if data[when] is None else Effect.from_json(data[when])
            for when in ("before", "after")
        ]
        return cls(_line(data["name"]), effects[0], effects[1], _line(data["failure"]))


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
        _exactly("the report of a path", data, cls)
        faults, ready, memory = data["faults"], data["ready_seconds"], data["memory_bytes"]
        if not isinstance(faults, list) or len(faults) > MOST_FAULTS:
            raise InvalidInput(f"a path has at most {MOST_FAULTS} faults")
        return cls(
            tuple(map(MeasuredFault.from_json, faults)),
            None if ready is None else number("ready_seconds", ready, minimum=0),
            None if memory is None else whole_number("memory_bytes", memory, minimum=0),
            _line(data["failure"]),
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
                index=int(data["index"]),
                attempt=int(data["attempt"]),
                arrived_at=number("arrived_at", data["arrived_at"]),
                begun_at=number("begun_at", data["begun_at"]),
                outcome=replace(
                    outcome,
                    output=bounded(outcome.output),
                    settled=None if settled is None else Observation.from_json(settled),
                ),
                path=None if path is None else PathReport.from_json(path),
                notes=tuple(_line(note) for note in data.get("notes", ())[:MOST_NOTES]),
            )
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidInput(f"no report of this version: {error!r}") from None


def measuring_groups(tasks: int) -> int:
    """So many groups that no more than `MOST_MEASURING` of these tasks measure at once."""
    return -(-tasks // MOST_MEASURING)


def output_bytes(tasks: int) -> int:
    """How much of its output each of so many tasks may report."""
    return min(MOST_BYTES, MOST_REPORTED_BYTES // tasks)


def report_statements(schema: str) -> list[str]:
    """SQL that makes a schema for reports.

    Tasks may run as another role than the one that makes it: everybody may add a report, and
    only its owner read them.
    """
    table = f'"{_plain(schema)}".{TABLE}'
    columns = (
        "execution text NOT NULL, task_index integer NOT NULL, attempt integer NOT NULL, "
        "report text NOT NULL, sent_at double precision NOT NULL, "
        "received_at timestamptz NOT NULL DEFAULT clock_timestamp(), "
        "PRIMARY KEY (execution, task_index, attempt)"
    )
    return [
        f'CREATE SCHEMA "{schema}"',
        f"CREATE TABLE {table} ({columns})",
        f'GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC',
        f"GRANT INSERT ON {table} TO PUBLIC",
    ]


def insert_statement(schema: str) -> str:
    """Takes execution, index, attempt, the report as JSON, and what the task's clock shows.

    Writing it again is no error. `ON CONFLICT` without a target asks for no right to read.
    """
    return (
        f'INSERT INTO "{_plain(schema)}".{TABLE} '  # noqa: S608 - a plain identifier
        "(execution, task_index, attempt, report, sent_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT DO NOTHING"
    )


def select_statement(schema: str) -> str:
    """Takes the execution, and how many bytes a report may have; answers each task's last attempt.

    Rows of `task_index`, `report`, which is null where it has more, and `behind_seconds`: by how
    much the task's clock was behind the database's.
    """
    return (
        "SELECT DISTINCT ON (task_index) task_index, "  # noqa: S608 - a plain identifier
        "CASE WHEN octet_length(report) <= $2 THEN report END AS report, "
        "extract(epoch FROM received_at)::float8 - sent_at AS behind_seconds "
        f'FROM "{_plain(schema)}".{TABLE} '
        "WHERE execution = $1 ORDER BY task_index, attempt DESC"
    )


def _plain(schema: str) -> str:
    """A name that stands for itself in SQL.

    Raises:
        InvalidInput: it does not.
    """
    if not _IDENTIFIER.fullmatch(schema):
        raise InvalidInput(f"the schema of reports must be a plain identifier, got {schema!r}")
    return schema


def _exactly(what: str, data: Any, shape: type[Any]) -> None:
    """Refuse what does not have the keys of a dataclass, and no others.

    Raises:
        InvalidInput: it has not.
    """
    if not isinstance(data, dict):
        raise InvalidInput(f"{what} must be an object")
    known = shape.__dataclass_fields__.keys()
    if unknown := sorted(data.keys() - known):
        raise InvalidInput(f"{what} has no {unknown[0]!r:.100} in this version of chaosnetra")
    if missing := sorted(known - data.keys()):
        raise InvalidInput(f"{what} has no {missing[0]}")


def _same_version(data: Any) -> None:
    """Refuse an order of another version than this one: what it asks for might be left undone.

    Raises:
        InvalidInput: it is of another version; says where to change which.
    """
    if not isinstance(data, dict):
        raise InvalidInput("it is no order")
    version = whole_number("version", data.get("version", 1), minimum=1)
    if version < ORDER_VERSION:
        raise InvalidInput(
            f"the order is of version {version}, and the image takes version {ORDER_VERSION}: "
            "install the chaosnetra of the image where the run is started"
        )
    if version > ORDER_VERSION:
        raise InvalidInput(
            f"the order is of version {version}, and the image takes version {ORDER_VERSION}: "
            "build the image with the chaosnetra that the run is started with"
        )


def _line(value: Any) -> str:
    """A text that somebody else wrote, as one short line."""
    if not isinstance(value, str):
        raise InvalidInput(f"a text must be text, got {value!r:.100}")
    return cut(one_line(value), LONGEST_TEXT)
