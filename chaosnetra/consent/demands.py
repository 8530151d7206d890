"""What the activities of an experiment ask for: instances, connections, tasks. Pure.

Read from the activities' own arguments, those left out by their functions' defaults.
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.errors import InvalidInput
from chaosnetra.profiles import PoolSettings
from chaosnetra.quantities import number
from chaosnetra.task_path.faults import LEAST_SECONDS, PATIENCE_SECONDS
from chaosnetra.toxiproxy.shares import MOST_CONNECTIONS

_CLOUD_RUN = "chaosnetra.cloudrun.actions"
_ACTIONS = "chaosnetra.postgres.actions"
_PROBES = "chaosnetra.postgres.probes"
_STARTUPS = "chaosnetra.startup.probes"
_TOXIPROXY = "chaosnetra.toxiproxy.actions"
_CONNECTOR = "chaosnetra.connector."
_PATH = ("chaosnetra.toxiproxy.", _CONNECTOR)
_FOR_STANDS = (
    (_ACTIONS, "press_database"),
    (_ACTIONS, "lock_catalog"),
    (_TOXIPROXY, "create_proxy"),
    (_TOXIPROXY, "delete_proxy"),
)
# Of the path's actions, those that only take something away.
_TAKING_AWAY = ("remove_toxic", "enable_proxy", "restore_connector")
LOCKING_SESSIONS = 3
# What measures a fault opens so many connections at once, at most: one that it looks at, and one
# that looks at the server's side of it.
MEASURING = 2
# That a measurement of a fault takes, one after the other, at most.
MOST_ROUND_TRIPS = 25


@dataclass(frozen=True)
class PlannedActivity:
    """One activity of ours, as it will be called.

    Attributes:
        name: its name in the experiment.
        module: where its function is.
        function: its name.
        arguments: those given, variables replaced.
        in_method: whether it is in the method; else it is a probe of the steady state.
        in_background: whether the method goes on while it is carried out.
    """

    name: str
    module: str
    function: str
    arguments: Mapping[str, Any]
    in_method: bool
    in_background: bool = False

    @property
    def place(self) -> tuple[str, str]:
        return self.module, self.function

    @property
    def shown(self) -> str:
        return f"{self.name} ({self.function})"

    @property
    def shown_action(self) -> str:
        return f"{self.module}.{self.function}"

    def all_arguments(self) -> dict[str, Any]:
        """Its arguments, with the defaults of those left out.

        Raises:
            InvalidInput: there is no such function.
        """
        try:
            function = getattr(import_module(self.module), self.function)
        except (ImportError, AttributeError) as error:
            raise InvalidInput(f"{self.name}: {error}") from None
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        return {**defaults, **self.arguments}


def wanted_scaling(step: PlannedActivity) -> WantedScaling | None:
    """The scaling that a step asks for; None when it scales nothing."""
    if step.place != (_CLOUD_RUN, "scale_service"):
        return None
    given = step.all_arguments()
    return WantedScaling.parse(given["minimum"], given["maximum"], given["manual"])


def restores_scaling(step: PlannedActivity) -> bool:
    return step.place == (_CLOUD_RUN, "restore_service")


def judges_instances(step: PlannedActivity) -> bool:
    """Whether a step judges the startups of the service's instances."""
    return step.place == ("chaosnetra.cloudrun.probes", "instances_start")


def is_for_own_machine(step: PlannedActivity) -> bool:
    """Whether a step needs what only a stand has or may bear."""
    return step.place in _FOR_STANDS


def is_on_path(step: PlannedActivity) -> bool:
    """Whether a step puts something before the database, or looks at what stands there."""
    return step.module.startswith(_PATH) and not is_for_own_machine(step)


def puts_on_path(step: PlannedActivity) -> bool:
    """Whether it puts a fault there."""
    is_action = step.module.endswith(".actions")
    return is_on_path(step) and is_action and step.function not in _TAKING_AWAY


def fills_path(step: PlannedActivity) -> bool:
    """Whether it holds connections on the run's own path, so that others find no room there."""
    is_held = step.place == (_ACTIONS, "hold_connections")
    return is_held and step.all_arguments()["through"] == "path"


def needs_connector(step: PlannedActivity) -> bool:
    """Whether it acts on the connector emulator, or asks it."""
    return step.module.startswith(_CONNECTOR)


def measuring_seconds(steps: Sequence[PlannedActivity], scale: float) -> float:
    """How much longer an execution may take for the faults of its tasks, at most.

    Each is measured before the startup and after it, over many times what it makes one wait for;
    and as many round trips are allowed to whoever checks and ends the startup.

    Args:
        steps: of the experiment.
        scale: the time scale.

    Raises:
        InvalidInput: an argument is no number.
    """
    faults = list(filter(puts_on_path, steps))
    waited_ms = [
        number(f"{step.name}: {name}", value, minimum=0)
        for step in faults
        for name, value in step.all_arguments().items()
        if name.endswith("_ms") and value is not None
    ]
    each_seconds = 2 * (LEAST_SECONDS + PATIENCE_SECONDS)
    # Of several each is also looked for before it is there.
    round_trips = 3 * MOST_ROUND_TRIPS * (1 if len(faults) == 1 else 2)
    return len(faults) * (each_seconds + round_trips * scale * sum(waited_ms) / 1000)


@dataclass(frozen=True)
class Connections:
    """Connections that a step may open at most.

    Attributes:
        step: its name.
        count: how many.
        in_method: see `PlannedActivity`.
        is_held: whether they may be open while a later step of the method opens its own.
    """

    step: str
    count: int
    in_method: bool
    is_held: bool


def connections_of(
    steps: Sequence[PlannedActivity], pool: PoolSettings, free: int, per_startup: int
) -> list[Connections]:
    """What the steps open themselves; instances of the service are not among it.

    Args:
        steps: of the experiment.
        pool: the profile's.
        free: slots of the database that are free now.
        per_startup: what each startup that they launch opens at most, without what measures the
            faults that are beside it.

    Raises:
        InvalidInput: an argument is no number.
    """
    measuring = max(map(_measuring, steps), default=0)
    found = ((step, _connections(step, pool, free, per_startup + measuring)) for step in steps)
    return [
        Connections(step.name, count, step.in_method, _holds(step))
        for step, count in found
        if count
    ]


def total_connections(found: Sequence[Connections]) -> int:
    """At once: what the method holds, the most that another step of it opens, and a probe of the
    steady state, which may be asked meanwhile."""
    held = sum(one.count for one in found if one.is_held)
    return held + sum(
        max((one.count for one in found if one.in_method is method and not one.is_held), default=0)
        for method in (True, False)
    )


def tasks_of(steps: Sequence[PlannedActivity]) -> int:
    """Most tasks that a step starts at once."""
    return max(map(_tasks, steps), default=0)


def _holds(step: PlannedActivity) -> bool:
    """Whether its connections may be open while a later step opens its own."""
    over_at_once = step.module in (_PROBES, _STARTUPS) or is_on_path(step)
    return step.in_method and (step.in_background or not over_at_once)


def _measuring(step: PlannedActivity) -> int:
    """Connections that measure a fault on the path at once, wherever that is."""
    if not puts_on_path(step):
        return 0
    toxicity = step.all_arguments().get("toxicity")
    share = 1.0 if toxicity is None else number(f"{step.name}: toxicity", toxicity)
    return MEASURING if share >= 1 else MOST_CONNECTIONS


def _connections(step: PlannedActivity, pool: PoolSettings, free: int, per_startup: int) -> int:
    if puts_on_path(step):
        return _measuring(step)
    if step.module not in (_ACTIONS, _PROBES, _STARTUPS):
        return 0
    most = pool.connections
    given = step.all_arguments()
    match step.function:
        case "hold_connections":
            return _held(step, given, most, free)
        case "press_database":
            return _whole(step, given, "backends")
        case "lock_catalog":
            return LOCKING_SESSIONS
        case "connections_succeed":
            return _whole(step, given, "count")
        case "pool_checkouts_succeed":
            return most
    return per_startup * _tasks(step)


def _held(step: PlannedActivity, given: Mapping[str, Any], most: int, free: int) -> int:
    amount = number(f"{step.name}: amount", given["amount"], minimum=0)
    counts = {
        "count": amount,
        "instances": amount * most,
        "leave_free": max(0, free - amount),
        "share": math.floor(amount * free),
    }
    if given["by"] not in counts:
        raise InvalidInput(f"{step.name}: by must be {', '.join(counts)}, got {given['by']!r}")
    return int(counts[given["by"]])


def _tasks(step: PlannedActivity) -> int:
    given = step.all_arguments() if step.module == _STARTUPS else {}
    return _whole(step, given, "count") if "count" in given else 0


def _whole(step: PlannedActivity, given: Mapping[str, Any], name: str) -> int:
    return math.ceil(number(f"{step.name}: {name}", given[name], minimum=0))
