"""The order that a task of a job gets, and its report. Pure.

Neither holds a secret: an order stands in the execution of the job, where whoever may read it
sees it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.phase_patterns import parse as parse_patterns
from chaosnetra.quantities import number, whole_number
from chaosnetra.startup.kept_output import MOST_BYTES, bounded
from chaosnetra.startup.outcome import StartupOutcome

ORDER_VARIABLE = "CHAOSNETRA_TASK"
# The line on a task's standard output that holds its report, as Cloud Logging keeps it.
REPORT_KEY = "chaosnetra_startup"
TABLE = "startup_reports"
# What a task ends with that could not begin or watch its startup, for a reason of its own.
NOT_UNDERSTOOD = 64
# Of all tasks of an execution together, of what their startups printed.
MOST_REPORTED_BYTES = 16 << 20
LONGEST_SECONDS = 7 * 86_400.0
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


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
        return max(decided, self.hold_seconds) + self.report_seconds

    @classmethod
    def parse(cls, text: str) -> "TaskOrder":
        """Read what `text` gave.

        Raises:
            InvalidInput: it is not that.
        """
        try:
            data = json.loads(text)
            order = cls(**{**data, "phase_patterns": tuple(data.get("phase_patterns", ()))})
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(f"{ORDER_VARIABLE} is no order of this version: {error}") from None
        for name, value in data.items():
            if name.endswith("_seconds"):
                number(name, value, minimum=0, maximum=LONGEST_SECONDS)
        number("barrier_at", order.barrier_at, minimum=0)
        whole_number("output_bytes", order.output_bytes, minimum=0, maximum=MOST_BYTES)
        parse_patterns("phase_patterns", order.phase_patterns)
        _plain(str(order.schema))
        return order


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
    """

    execution: str
    index: int
    attempt: int
    arrived_at: float
    begun_at: float
    outcome: StartupOutcome

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

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
            return cls(
                execution=str(data["execution"]),
                index=int(data["index"]),
                attempt=int(data["attempt"]),
                arrived_at=number("arrived_at", data["arrived_at"]),
                begun_at=number("begun_at", data["begun_at"]),
                outcome=replace(outcome, output=bounded(outcome.output)),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidInput(f"no report of this version: {error!r}") from None


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
        "report text NOT NULL, PRIMARY KEY (execution, task_index, attempt)"
    )
    return [
        f'CREATE SCHEMA "{schema}"',
        f"CREATE TABLE {table} ({columns})",
        f'GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC',
        f"GRANT INSERT ON {table} TO PUBLIC",
    ]


def insert_statement(schema: str) -> str:
    """Takes execution, index, attempt and the report as JSON; writing it again is no error.

    `ON CONFLICT` without a target asks for no right to read.
    """
    return (
        f'INSERT INTO "{_plain(schema)}".{TABLE} '  # noqa: S608 - a plain identifier
        "(execution, task_index, attempt, report) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    )


def select_statement(schema: str) -> str:
    """Takes the execution; answers the last attempt's report of each task."""
    return (
        f'SELECT DISTINCT ON (task_index) report FROM "{_plain(schema)}".{TABLE} '  # noqa: S608
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
