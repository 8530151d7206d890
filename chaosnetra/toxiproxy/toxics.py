"""The toxics of Toxiproxy 2.12: what they take, within which bounds.

The server checks nothing (a negative latency or a toxicity of 7.5 is stored), so everything is
checked here. Source: the server's own documentation of its toxics, and its source.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.hints import argument
from chaosnetra.quantities import LARGEST_TIME_SCALE, fraction, number, whole_number

DIRECTIONS = ("downstream", "upstream")
HOUR_MS = 3_600_000
_LARGEST = 2**53
# What a bandwidth's rate counts a second.
BYTES_PER_KB = 1000


@dataclass(frozen=True)
class Attribute:
    """One attribute of a toxic.

    Attributes:
        name: here, with its unit.
        server_name: on the server.
        maximum: the largest value that an experiment may write; a time's at time scale 1.
        minimum: the smallest one.
    """

    name: str
    server_name: str
    maximum: int
    minimum: int = 0

    @property
    def is_time(self) -> bool:
        """Whether it is scaled with the run."""
        return self.name.endswith(("_ms", "_us"))

    @property
    def server_maximum(self) -> int:
        """The largest value that a server may get, at any time scale."""
        return self.maximum * LARGEST_TIME_SCALE if self.is_time else self.maximum

    def parse(self, value: Any) -> float:
        """A value as an experiment writes it, within the bounds; only a time may have a fraction.

        Raises:
            InvalidInput: it cannot be used.
        """
        parse = number if self.is_time else whole_number
        return argument(parse, self.name, value, minimum=self.minimum, maximum=self.maximum)

    def in_run(self, value: float, time_scale: float) -> int:
        """A value as the server gets it: whole units, and no time that is asked for rounds to 0."""
        scaled = round(value * time_scale) if self.is_time else int(value)
        return max(1, scaled) if value else 0


TOXIC_TYPES: dict[str, tuple[Attribute, ...]] = {
    "latency": (
        Attribute("latency_ms", "latency", HOUR_MS),
        Attribute("jitter_ms", "jitter", HOUR_MS),
    ),
    "bandwidth": (Attribute("rate_kb_per_second", "rate", _LARGEST // BYTES_PER_KB),),
    "slow_close": (Attribute("delay_ms", "delay", HOUR_MS),),
    "timeout": (Attribute("timeout_ms", "timeout", HOUR_MS),),
    "reset_peer": (Attribute("timeout_ms", "timeout", HOUR_MS),),
    "slicer": (
        Attribute("average_size_bytes", "average_size", _LARGEST, minimum=1),
        Attribute("size_variation_bytes", "size_variation", _LARGEST),
        Attribute("delay_us", "delay", HOUR_MS * 1000),
    ),
    "limit_data": (Attribute("limit_bytes", "bytes", _LARGEST),),
}
# What a server takes: it also has one that does nothing, which no experiment needs.
SERVER_TOXIC_TYPES: dict[str, tuple[Attribute, ...]] = {**TOXIC_TYPES, "noop": ()}

# By name here, which means the same in every toxic that has it.
ATTRIBUTES = {one.name: one for kind in TOXIC_TYPES.values() for one in kind}


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


def is_addressable(name: str) -> bool:
    """Whether the server's paths can hold a name: it creates others too, and never finds them."""
    return "/" not in name and name not in ("", ".", "..")


def make_toxic(
    name: str,
    type_: str,
    direction: str,
    toxicity: Any,
    attributes: Mapping[str, Any],
    time_scale: float = 1.0,
) -> Toxic:
    """A checked toxic.

    Args:
        name: its name on the server.
        type_: a key of `TOXIC_TYPES`.
        direction: `downstream` (database to client) or `upstream`.
        toxicity: share of the connections it applies to, 0 to 1.
        attributes: see `parse_attributes`; those left out are 0.
        time_scale: of the run.

    Raises:
        InvalidInput: something is unknown or out of bounds.
    """
    known = _server_names(type_)
    if direction not in DIRECTIONS:
        raise InvalidInput(f"direction must be {' or '.join(DIRECTIONS)}, got {direction!r}")
    _check_known(type_, attributes, known)
    values = parse_attributes({**dict.fromkeys(known, 0), **attributes}, time_scale)
    return Toxic(
        name=name,
        type=type_,
        direction=direction,
        toxicity=fraction("toxicity", toxicity),
        attributes={known[key]: value for key, value in values.items()},
    )


def change_toxic(toxic: Toxic, toxicity: float | None, values: Mapping[str, int]) -> Toxic:
    """A toxic that is in place with other values.

    Args:
        toxic: as the server has it.
        toxicity: its checked share of the connections; None: as it is.
        values: its new attributes, from `parse_attributes`; those left out stay.

    Raises:
        InvalidInput: it has no such attribute, or something is out of bounds.
    """
    known = _server_names(toxic.type)
    _check_known(toxic.type, values, known)
    kept = {key: value for key, value in toxic.attributes.items() if key in known.values()}
    changed = {known[key]: value for key, value in values.items()}
    attributes = server_attributes(toxic.type, {**kept, **changed})
    _check_proportions({key: attributes[server_name] for key, server_name in known.items()})
    share = fraction("toxicity", toxic.toxicity) if toxicity is None else toxicity
    return replace(toxic, toxicity=share, attributes=attributes)


def parse_attributes(values: Mapping[str, Any], time_scale: float = 1.0) -> dict[str, int]:
    """Attributes as an experiment writes them, checked and in the time of a run.

    Args:
        values: by the names of `ATTRIBUTES`; times at time scale 1, 0 to one hour.
        time_scale: of the run.

    Returns:
        By the same names, in whole units; times in the run's time.

    Raises:
        InvalidInput: one is unknown or out of bounds; names the value as it is written.
    """
    if unknown := sorted(set(values) - set(ATTRIBUTES)):
        raise InvalidInput(
            f"no toxic has {', '.join(unknown):.200}; known are {', '.join(ATTRIBUTES)}"
        )
    written = {name: ATTRIBUTES[name].parse(value) for name, value in values.items()}
    _check_proportions(written)
    return {name: ATTRIBUTES[name].in_run(value, time_scale) for name, value in written.items()}


def server_attributes(type_: str, attributes: Mapping[str, Any]) -> dict[str, int]:
    """Attributes as a server takes them: each within its bounds, but in any proportion.

    Args:
        type_: a key of `SERVER_TOXIC_TYPES`.
        attributes: values by the server's names; those left out are 0.

    Raises:
        InvalidInput: one is unknown or out of bounds, or a slice would have no size.
    """
    known = {one.server_name: one for one in SERVER_TOXIC_TYPES[type_]}
    _check_known(type_, attributes, known)
    return {
        key: whole_number(
            key, attributes.get(key, 0), minimum=one.minimum, maximum=one.server_maximum
        )
        for key, one in known.items()
    }


def _server_names(type_: str) -> dict[str, str]:
    """The names of a toxic's attributes on the server, by those here."""
    if type_ not in TOXIC_TYPES:
        raise InvalidInput(f"unknown toxic {type_!r}; known are {', '.join(TOXIC_TYPES)}")
    return {one.name: one.server_name for one in TOXIC_TYPES[type_]}


def _check_known(type_: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        has = ", ".join(known) or "none"
        raise InvalidInput(f"a {type_} toxic has no {', '.join(unknown):.200}; it has {has}")


def _check_proportions(values: Mapping[str, float]) -> None:
    """Values by the names of `ATTRIBUTES`, of those pairs that are given."""
    latency, size = values.get("latency_ms"), values.get("average_size_bytes")
    jitter = values.get("jitter_ms", 0)
    if latency is not None and jitter > latency:
        # The server would draw negative delays, which it treats as none.
        raise InvalidInput(
            f"jitter_ms must not be more than latency_ms, got {jitter:g} and {latency:g}"
        )
    if size is not None and values.get("size_variation_bytes", 0) >= size:
        raise InvalidInput("size_variation_bytes must be less than average_size_bytes")
