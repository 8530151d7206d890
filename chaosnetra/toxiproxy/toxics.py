"""The toxics of Toxiproxy 2.12: what they take, within which bounds.

The server checks nothing (a negative latency or a toxicity of 7.5 is stored), so everything is
checked here. Source: the server's own documentation of its toxics, and its source.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import LARGEST_TIME_SCALE, fraction, number, whole_number

DIRECTIONS = ("downstream", "upstream")
# The longest time that an experiment may write, and that a server may get at any time scale.
HOUR_MS = 3_600_000
LONGEST_MS = HOUR_MS * LARGEST_TIME_SCALE
_LARGEST = 2**53
# What a bandwidth's rate counts a second.
BYTES_PER_KB = 1000


@dataclass(frozen=True)
class Attribute:
    """One attribute of a toxic: its name here, with unit, and on the server; its upper bound."""

    name: str
    server_name: str
    maximum: int

    @property
    def is_time(self) -> bool:
        """Whether it is scaled with the run."""
        return self.name.endswith(("_ms", "_us"))


TOXIC_TYPES: dict[str, tuple[Attribute, ...]] = {
    "latency": (
        Attribute("latency_ms", "latency", LONGEST_MS),
        Attribute("jitter_ms", "jitter", LONGEST_MS),
    ),
    "bandwidth": (Attribute("rate_kb_per_second", "rate", _LARGEST // BYTES_PER_KB),),
    "slow_close": (Attribute("delay_ms", "delay", LONGEST_MS),),
    "timeout": (Attribute("timeout_ms", "timeout", LONGEST_MS),),
    "reset_peer": (Attribute("timeout_ms", "timeout", LONGEST_MS),),
    "slicer": (
        Attribute("average_size_bytes", "average_size", _LARGEST),
        Attribute("size_variation_bytes", "size_variation", _LARGEST),
        Attribute("delay_us", "delay", LONGEST_MS * 1000),
    ),
    "limit_data": (Attribute("limit_bytes", "bytes", _LARGEST),),
}
# What a server takes: it also has one that does nothing, which no experiment needs.
SERVER_TOXIC_TYPES: dict[str, tuple[Attribute, ...]] = {**TOXIC_TYPES, "noop": ()}

_TIMES = {one.name: one for kind in TOXIC_TYPES.values() for one in kind if one.is_time}


@dataclass(frozen=True)
class Toxic:
    """A toxic as the server knows it; `attributes` has the server's names.

    `direction` is the server's stream: downstream is from the database to the client.
    """

    name: str
    type: str
    direction: str
    toxicity: float
    attributes: Mapping[str, int]

    @classmethod
    def from_server(cls, data: Mapping[str, Any]) -> "Toxic":
        return cls(
            name=data["name"],
            type=data["type"],
            direction=data["stream"],
            toxicity=float(data["toxicity"]),
            attributes={key: int(value) for key, value in data["attributes"].items()},
        )

    def to_server(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.direction,
            "toxicity": self.toxicity,
            "attributes": dict(self.attributes),
        }

    def same_as(self, other: "Toxic") -> bool:
        """Equal, up to how a server stores a toxicity (32 bits)."""
        return (
            (self.name, self.type, self.direction) == (other.name, other.type, other.direction)
            and abs(self.toxicity - other.toxicity) < 1e-6
            and dict(self.attributes) == dict(other.attributes)
        )


def make_toxic(
    name: str, type_: str, direction: str, toxicity: Any, attributes: Mapping[str, Any]
) -> Toxic:
    """A checked toxic.

    Args:
        name: its name on the server.
        type_: a key of `TOXIC_TYPES`.
        direction: `downstream` (database to client) or `upstream`.
        toxicity: share of the connections it applies to, 0 to 1.
        attributes: values by the names of `TOXIC_TYPES`, with units; those left out are 0.

    Raises:
        InvalidInput: something is unknown or out of bounds.
    """
    if type_ not in TOXIC_TYPES:
        raise InvalidInput(f"unknown toxic {type_!r}; known are {', '.join(TOXIC_TYPES)}")
    if direction not in DIRECTIONS:
        raise InvalidInput(f"direction must be {' or '.join(DIRECTIONS)}, got {direction!r}")
    return Toxic(
        name=name,
        type=type_,
        direction=direction,
        toxicity=fraction("toxicity", toxicity),
        attributes=checked_attributes(type_, attributes),
    )


def scaled_attributes(
    values: Mapping[str, Any], time_scale: float, hint: Callable[[str], str]
) -> dict[str, Any]:
    """Attributes as an experiment writes them, in the time of a run.

    Args:
        values: by the names of `TOXIC_TYPES`; times at time scale 1, 0 to one hour.
        time_scale: of the run.
        hint: how to change the value of a name, for the message.

    Returns:
        Times in the run's time, in whole units; everything else as it is, unchecked.

    Raises:
        InvalidInput: a time is none, or out of bounds; names the value as it is written.
    """
    written = {
        name: number(
            name,
            value,
            minimum=0,
            maximum=_TIMES[name].maximum / LARGEST_TIME_SCALE,
            setting=hint(name),
        )
        for name, value in values.items()
        if name in _TIMES
    }
    if "latency_ms" in written and written.get("jitter_ms", 0) > written["latency_ms"]:
        raise InvalidInput(
            f"jitter_ms must not be more than latency_ms, "
            f"got {written['jitter_ms']:g} and {written['latency_ms']:g}"
        )
    # The server takes whole units; a delay that is asked for must not round to none.
    times = {
        name: max(1, round(value * time_scale)) if value else 0 for name, value in written.items()
    }
    return {**values, **times}


def named_attributes(toxic: Toxic) -> dict[str, int]:
    """A toxic's attributes by the names that `make_toxic` takes."""
    return {
        attribute.name: toxic.attributes[attribute.server_name]
        for attribute in TOXIC_TYPES.get(toxic.type, ())
        if attribute.server_name in toxic.attributes
    }


def server_attributes(type_: str, attributes: Mapping[str, Any]) -> dict[str, int]:
    """Attributes as a server takes them: each within its bounds, but in any proportion.

    Args:
        type_: a key of `SERVER_TOXIC_TYPES`.
        attributes: values by the server's names; those left out are 0.

    Raises:
        InvalidInput: one is unknown or out of bounds, or a slice would have no size.
    """
    names = {
        attribute.server_name: attribute.server_name for attribute in SERVER_TOXIC_TYPES[type_]
    }
    return _bounded(type_, attributes, names)


def checked_attributes(type_: str, attributes: Mapping[str, Any]) -> dict[str, int]:
    """Attributes by the server's names, from those that `make_toxic` takes; see there."""
    names = {attribute.server_name: attribute.name for attribute in TOXIC_TYPES[type_]}
    checked = _bounded(type_, attributes, names)
    if type_ == "latency" and checked["jitter"] > checked["latency"]:
        # The server would draw negative delays, which it treats as none.
        raise InvalidInput(
            f"{names['jitter']} must not be more than {names['latency']}, "
            f"got {checked['jitter']} and {checked['latency']}"
        )
    if type_ == "slicer" and checked["size_variation"] >= checked["average_size"]:
        raise InvalidInput(f"{names['size_variation']} must be less than {names['average_size']}")
    return checked


def _bounded(type_: str, attributes: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, int]:
    """Values by the server's names; `names` says what each is called in `attributes`."""
    known = {attribute.server_name: attribute for attribute in SERVER_TOXIC_TYPES[type_]}
    unknown = sorted(set(attributes) - set(names.values()))
    if unknown:
        has = ", ".join(names.values()) or "none"
        raise InvalidInput(f"a {type_} toxic has no {', '.join(unknown):.200}; it has {has}")
    checked = {
        key: whole_number(
            names[key], attributes.get(names[key], 0), minimum=0, maximum=attribute.maximum
        )
        for key, attribute in known.items()
    }
    if type_ == "slicer" and checked["average_size"] < 1:
        raise InvalidInput(f"{names['average_size']} must be at least 1")
    return checked
