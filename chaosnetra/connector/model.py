"""The model of a connector, as data.

The figures are assumptions of the model, taken from what the platform of issue 1278 assumed of
its connector; the real one publishes none of them. Each can be replaced by a measured one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import partial
from typing import Any

from chaosnetra.documents.shapes import entry, parsers, refuse_unknown
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import argument
from chaosnetra.quantities import (
    LARGEST_TIME_SCALE,
    choice,
    fraction,
    number,
    optional,
    whole_number,
)

MOST_INSTANCES = 1000
MOST_CONNECTIONS = 100_000
# The longest time that an experiment may write, and that it may be at any time scale.
HOUR_SECONDS = 3600.0
LONGEST_SECONDS = HOUR_SECONDS * LARGEST_TIME_SCALE
MOST_MBPS = 1_000_000.0
LEAST_MBPS = 0.001


class WhenFull(StrEnum):
    """What happens to a new client when every slot is taken."""

    QUEUE = "queue"  # it waits its turn, first come, first served, up to a deadline
    REFUSE = "refuse"  # it is reset
    IGNORE = "ignore"  # it is not accepted: its SYN gets no answer


@dataclass(frozen=True)
class Range:
    """A length of time that is drawn anew each time, evenly from `shortest` to `longest`."""

    shortest: float
    longest: float

    def to_json(self) -> float | list[float]:
        """One number, or both."""
        if self.shortest == self.longest:
            return self.shortest
        return [self.shortest, self.longest]


def _seconds(name: str, value: Any, *, longest: float = LONGEST_SECONDS) -> float:
    return number(name, value, minimum=0, maximum=longest)


def _range(name: str, value: Any, *, longest: float = LONGEST_SECONDS) -> Range:
    parts = value if isinstance(value, (list, tuple)) else [value, value]
    if len(parts) != 2:
        raise InvalidInput(f"{name} must be one number or [shortest, longest], got {value!r}")
    made = Range(*(_seconds(name, part, longest=longest) for part in parts))
    if made.longest < made.shortest:
        raise InvalidInput(f"{name}: the longest must not be less than the shortest, got {value}")
    return made


_mbps = partial(number, maximum=MOST_MBPS)


def _when_full(name: str, value: Any) -> WhenFull:
    return WhenFull(choice(name, value, allowed=[*WhenFull]))


@dataclass(frozen=True)
class ConnectorModel:
    """How a connector behaves; durations in seconds, as they are in this run.

    Attributes:
        instances: instances that it has now; it never has fewer by itself.
        maximum_instances: it scales up to this many, one at a time.
        connections_per_instance: connections that one instance carries.
        pressure_threshold: share of the slots from which on it is under pressure, 0 to 1: it
            then delays new connections and scales up.
        scale_up_delay_seconds: from the beginning of the pressure until there is one more
            instance.
        pressure_delay_seconds: what a new connection waits under pressure, after it has a slot.
        throughput_mbps_per_instance: megabits a second of one instance, both directions
            together, shared by all its connections; None is as much as the machine can.
        background_mbps: what other services' traffic takes of the throughput.
        when_full: what happens to a new client when every slot is taken.
        queue_timeout_seconds: how long a client may wait for a slot.
    """

    instances: int = entry(partial(whole_number, minimum=1, maximum=MOST_INSTANCES))
    maximum_instances: int = entry(partial(whole_number, minimum=1, maximum=MOST_INSTANCES))
    connections_per_instance: int = entry(
        partial(whole_number, minimum=1, maximum=MOST_CONNECTIONS)
    )
    pressure_threshold: float = entry(fraction)
    scale_up_delay_seconds: Range = entry(_range)
    pressure_delay_seconds: Range = entry(_range)
    throughput_mbps_per_instance: float | None = entry(optional(partial(_mbps, above=0), None))
    background_mbps: float = entry(partial(_mbps, minimum=0))
    when_full: WhenFull = entry(_when_full)
    queue_timeout_seconds: float = entry(_seconds)

    @property
    def slots(self) -> int:
        """Connections that `instances` carry."""
        return self.instances * self.connections_per_instance

    def throughput_mbps(self, instances: int) -> float | None:
        """What so many instances leave to the clients: at least one kilobit a second, so that
        what is on its way arrives; None is as much as the machine can."""
        if self.throughput_mbps_per_instance is None:
            return None
        whole = instances * self.throughput_mbps_per_instance
        return max(LEAST_MBPS, whole - self.background_mbps)

    def to_json(self) -> dict[str, Any]:
        return {
            field.name: value.to_json() if isinstance(value, Range) else value
            for field in fields(self)
            for value in (getattr(self, field.name),)
        }

    def changed(
        self,
        changes: Mapping[str, Any],
        *,
        as_written: bool = False,
    ) -> "ConnectorModel":
        """The model with some values replaced.

        Args:
            changes: values by key.
            as_written: whether an experiment has written them: a time of up to an hour then, and
                the message names the argument.

        Raises:
            InvalidInput: a key is unknown, or a value out of bounds.
        """
        known = parsers(ConnectorModel)
        refuse_unknown("a connector", changes, known)
        parsed = {}
        for key, value in changes.items():
            is_time = known[key] in (_seconds, _range)
            longest = {"longest": HOUR_SECONDS} if as_written and is_time else {}
            parse = partial(argument, known[key]) if as_written else known[key]
            parsed[key] = parse(key, value, **longest)
        model = replace(self, **parsed)
        if model.maximum_instances < model.instances:
            raise InvalidInput(
                f"maximum_instances must be at least instances, got {model.maximum_instances} "
                f"and {model.instances}"
            )
        return model

    def scaled(self, time_scale: float) -> "ConnectorModel":
        """The model with every duration multiplied."""

        def scaled(range_: Range) -> Range:
            return Range(range_.shortest * time_scale, range_.longest * time_scale)

        return replace(
            self,
            scale_up_delay_seconds=scaled(self.scale_up_delay_seconds),
            pressure_delay_seconds=scaled(self.pressure_delay_seconds),
            queue_timeout_seconds=self.queue_timeout_seconds * time_scale,
        )


def parse_model(data: Mapping[str, Any]) -> ConnectorModel:
    """A model from JSON data; what is left out is `OPEN_CONNECTOR`'s. See `changed`."""
    return OPEN_CONNECTOR.changed(data)


def model_of_profile(figures: Mapping[str, Any]) -> ConnectorModel:
    """The model that a profile's `infrastructure.vpc_connector` describes.

    Its `concurrent_connections` and `baseline_throughput_gbps` are those of `minimum_instances`.
    What it leaves out is as in the seed of the experiments: 2 to 10 instances, 50 connections,
    scale-up after 10 to 30 s, pressure from 70 % on, 10 to 20 s more for a connection under
    pressure. `when_full` and `queue_timeout_seconds` may be given too; `queue` and 60 s else.

    Raises:
        InvalidInput: a figure cannot be used.
    """
    instances = whole_number(
        "minimum_instances", figures.get("minimum_instances", 2), minimum=1, maximum=MOST_INSTANCES
    )
    connections = whole_number(
        "concurrent_connections", figures.get("concurrent_connections", 50), minimum=instances
    )
    gbps = number("baseline_throughput_gbps", figures.get("baseline_throughput_gbps", 2), above=0)
    return OPEN_CONNECTOR.changed(
        {
            "instances": instances,
            "maximum_instances": figures.get("maximum_instances", 10),
            "connections_per_instance": connections // instances,
            "pressure_threshold": figures.get("pressure_threshold", 0.7),
            "scale_up_delay_seconds": figures.get("scale_up_delay_seconds", [10, 30]),
            "pressure_delay_seconds": figures.get("pressure_delay_seconds", [10, 20]),
            "throughput_mbps_per_instance": 1000 * gbps / instances,
            "when_full": figures.get("when_full", WhenFull.QUEUE),
            "queue_timeout_seconds": figures.get("queue_timeout_seconds", 60),
        }
    )


# Holds nobody back: what a connector is before an experiment limits it.
OPEN_CONNECTOR = ConnectorModel(
    instances=1,
    maximum_instances=1,
    connections_per_instance=MOST_CONNECTIONS,
    pressure_threshold=1.0,
    scale_up_delay_seconds=Range(0.0, 0.0),
    pressure_delay_seconds=Range(0.0, 0.0),
    throughput_mbps_per_instance=None,
    background_mbps=0.0,
    when_full=WhenFull.QUEUE,
    queue_timeout_seconds=60.0,
)
