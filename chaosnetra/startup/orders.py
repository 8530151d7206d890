"""The order that a task of a job gets. Pure.

It holds no secret: it stands in the execution of the job, where whoever may read it sees it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.phase_patterns import parse as parse_patterns
from chaosnetra.quantities import number, some_text, whole_number
from chaosnetra.startup.kept_output import MOST_BYTES
from chaosnetra.startup.report_table import plain_schema
from chaosnetra.text import cut, one_line

ORDER_VARIABLE = "CHAOSNETRA_TASK"
# A run and the image of a job may hold different versions of this package. The first had no number.
ORDER_VERSION = 2
LONGEST_SECONDS = 7 * 86_400.0
# Of any clock: the year 2286.
LATEST_AT = 1e10
MOST_VARIABLES = 50
MOST_FAULTS = 100
# Tasks of one execution that measure at once; each by one connection, or two for a slow close.
MOST_MEASURING = 100
MOST_GROUPS = 1000
LARGEST_SEED = 1 << 53  # what JSON holds exactly
LONGEST_TEXT = 1000
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
        require_shape("a fault of the path", data, cls)
        if not isinstance(data["parameters"], dict):
            raise InvalidInput(f"the parameters of fault {data['name']!r:.100} must be an object")
        if data["kind"] not in [*FaultKind]:
            raise InvalidInput(
                f"a fault in a task is {', '.join(FaultKind)}, and not {data['kind']!r:.100}"
            )
        name = some_text("name", data["name"])
        if name != short_line(name):
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
        require_shape("the path", data, cls)
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
            whole_number("seed", data["seed"], minimum=-LARGEST_SEED, maximum=LARGEST_SEED),
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
            return cls._checked(json.loads(text))
        except InvalidInput as error:
            raise InvalidInput(f"{ORDER_VARIABLE}: {error}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(f"{ORDER_VARIABLE} is no order of this version: {error}") from None

    @classmethod
    def _checked(cls, data: Any) -> "TaskOrder":
        """
        Raises:
            InvalidInput: it is no order; so does a TypeError.
        """
        _same_version(data)
        require_shape("the order", data, cls)
        for name, value in data.items():
            if name.endswith("_seconds"):
                number(name, value, minimum=0, maximum=LONGEST_SECONDS)
        for name in ("barrier_at", "ordered_at"):
            number(name, data[name], minimum=0, maximum=LATEST_AT)
        whole_number("output_bytes", data["output_bytes"], minimum=0, maximum=MOST_BYTES)
        patterns = tuple(data["phase_patterns"])
        parse_patterns("phase_patterns", patterns)
        plain_schema(data["schema"])
        path = None if data["path"] is None else PathOrder.from_json(data["path"])
        return cls(**{**data, "phase_patterns": patterns, "path": path})


def measuring_groups(tasks: int) -> int:
    """So many groups that no more than `MOST_MEASURING` of these tasks measure at once."""
    return -(-tasks // MOST_MEASURING)


def require_shape(what: str, data: Any, shape: type[Any]) -> None:
    """Refuse what does not have the keys of a dataclass, and no others, or not their plain types.

    Raises:
        InvalidInput: it has not; a number as text is none, nor is a truth value.
    """
    if not isinstance(data, dict):
        raise InvalidInput(f"{what} must be an object")
    known = shape.__dataclass_fields__
    if unknown := sorted(data.keys() - known.keys()):
        raise InvalidInput(f"{what} has no {unknown[0]!r:.100} in this version of chaosnetra")
    if missing := sorted(known.keys() - data.keys()):
        raise InvalidInput(f"{what} has no {missing[0]}")
    for name, field in known.items():
        value = data[name]
        if field.type in (int, float) and (isinstance(value, bool | str) or value is None):
            raise InvalidInput(f"{name} must be a number, got {value!r:.100}")
        if field.type is str and not isinstance(value, str):
            raise InvalidInput(f"{name} must be text, got {value!r:.100}")


def short_line(value: Any) -> str:
    """A text that somebody else wrote, as one short line."""
    if not isinstance(value, str):
        raise InvalidInput(f"a text must be text, got {value!r:.100}")
    return cut(one_line(value), LONGEST_TEXT)


def _same_version(data: Any) -> None:
    """Refuse an order of another version than this one: what it asks for might be left undone.

    Raises:
        InvalidInput: it is of another version; says where to change which.
    """
    if not isinstance(data, dict):
        raise InvalidInput("it is no order")
    found = data.get("version", 1)
    if isinstance(found, str):
        raise InvalidInput(f"version must be a number, got {found!r:.100}")
    version = whole_number("version", found, minimum=1)
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
