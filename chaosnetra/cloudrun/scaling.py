"""Scaling of a service: what is wanted, what it will change, what has to be put back. Pure.

Source of what switching the mode does to the counts: "Manual scaling" of the Cloud Run
documentation, table "Switching between automatic and manual scaling".
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import whole_number

UNSPECIFIED, AUTOMATIC, MANUAL = "SCALING_MODE_UNSPECIFIED", "AUTOMATIC", "MANUAL"
# No service of ours has more; what a project may use is for its quota and the guard to say.
MOST_INSTANCES = 1000


@dataclass(frozen=True)
class Scaling:
    """Service-level scaling as the API holds it.

    Attributes:
        mode: name of the mode; unspecified is automatic.
        minimum: instances at least; 0 is none.
        maximum: instances at most; 0 is no limit at this level.
        manual: instances in manual mode; None when it is not set, which is not 0.
    """

    mode: str
    minimum: int
    maximum: int
    manual: int | None

    @property
    def is_manual(self) -> bool:
        return self.mode == MANUAL

    def holds(self, name: str, other: "Scaling") -> bool:
        """Whether a field means the same in both; unspecified and automatic do."""
        if name == "mode":
            return self.is_manual == other.is_manual
        return bool(getattr(self, name) == getattr(other, name))

    @property
    def shown(self) -> str:
        """For people."""
        if self.is_manual:
            return f"manual, {self.manual} instances"
        return f"automatic, minimum {self.minimum}, maximum {self.maximum or 'not set'}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scaling":
        return cls(data["mode"], data["minimum"], data["maximum"], data["manual"])


# Our names to the API's, which a field mask uses on gRPC.
PATHS = {
    "mode": "scaling.scaling_mode",
    "minimum": "scaling.min_instance_count",
    "maximum": "scaling.max_instance_count",
    "manual": "scaling.manual_instance_count",
}
FIELDS = tuple(field.name for field in fields(Scaling))


@dataclass(frozen=True)
class WantedScaling:
    """What an experiment asks for: bounds for automatic scaling, or a number of instances."""

    minimum: int | None = None
    maximum: int | None = None
    manual: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Those that are given."""
        names = ("minimum", "maximum", "manual")
        return tuple(name for name in names if getattr(self, name) is not None)

    @classmethod
    def parse(cls, minimum: Any, maximum: Any, manual: Any) -> "WantedScaling":
        """Read the three; None and empty text are as left out.

        Raises:
            InvalidInput: out of bounds, or manual together with the others, or nothing at all.
        """
        wanted = cls(
            _count("minimum", minimum, 0),
            _count("maximum", maximum, 1),
            _count("manual", manual, 0),
        )
        if wanted == cls():
            raise InvalidInput("give minimum, maximum or manual: nothing is to be changed")
        if wanted.manual is not None and (wanted.minimum, wanted.maximum) != (None, None):
            raise InvalidInput(
                "manual is a fixed number of instances; give either it, or minimum and maximum"
            )
        return wanted


@dataclass(frozen=True)
class Write:
    """One masked write of a service's scaling.

    Attributes:
        values: what the fields are set to.
        fields: those of them that the mask names, by our names.
    """

    values: Scaling
    fields: tuple[str, ...]

    @property
    def mask(self) -> list[str]:
        return [PATHS[name] for name in self.fields]

    @property
    def shown(self) -> str:
        """The mask's paths and their values."""
        parts = (f"{PATHS[name]}={getattr(self.values, name)}" for name in self.fields)
        return ", ".join(parts)


def write_for(before: Scaling, wanted: WantedScaling) -> Write:
    """The smallest write that gives a service the wanted scaling.

    Raises:
        InvalidInput: it has it already, or the wanted values do not go together with it.
    """
    if wanted.manual is not None:
        values = replace(before, mode=MANUAL, manual=wanted.manual)
        names: tuple[str, ...] = ("mode", "manual")
    else:
        if before.is_manual and None in (wanted.minimum, wanted.maximum):
            raise InvalidInput(
                "the service is scaled manually: give both minimum and maximum, or manual"
            )
        values = Scaling(
            mode=AUTOMATIC if before.is_manual else before.mode,
            minimum=before.minimum if wanted.minimum is None else wanted.minimum,
            maximum=before.maximum if wanted.maximum is None else wanted.maximum,
            manual=None,
        )
        names = ("mode", "minimum", "maximum", "manual")
    if values.maximum and values.minimum > values.maximum and not values.is_manual:
        raise InvalidInput(
            f"minimum {values.minimum} is more than the maximum of {values.maximum}; give both"
        )
    switches = values.is_manual != before.is_manual
    if switches and not values.is_manual:
        changed = names  # both bounds or neither: the API refuses one alone
    else:
        changed = tuple(name for name in names if not values.holds(name, before))
    if not changed:
        raise InvalidInput("the service is scaled so already; give other values")
    return Write(values, changed)


def outcome(before: Scaling, write: Write) -> Scaling:
    """What a service's scaling is after a write, with what the mode does to the counts."""
    after = replace(before, **{name: getattr(write.values, name) for name in write.fields})
    if after.is_manual:
        manual = before.minimum if after.manual is None else after.manual
        return replace(after, minimum=0, maximum=0, manual=manual)
    return replace(after, manual=None)


@dataclass(frozen=True)
class Drift:
    """A field that holds neither our value nor its former one: somebody else's."""

    field: str
    now: Any
    ours: Any
    before: Any

    @property
    def untouched(self) -> bool:
        """Whether our change had left the field as it was."""
        return bool(self.ours == self.before)

    @property
    def shown(self) -> str:
        return (
            f"{PATHS[self.field]} is {self.now}, ours was {self.ours}, before it was {self.before}"
        )


@dataclass(frozen=True)
class Restoration:
    """How to give a service its former scaling back.

    Attributes:
        write: what is still ours, with its former values; None when there is nothing to write.
        drifts: what is somebody else's by now, and is left alone.
    """

    write: Write | None
    drifts: tuple[Drift, ...]


def restoration(now: Scaling, ours: Scaling, before: Scaling) -> Restoration:
    """Compare what a service has with what we gave it and with what it had.

    Args:
        now: its scaling.
        ours: its scaling as our change left it.
        before: its scaling before our change.
    """
    differing = [name for name in FIELDS if not now.holds(name, before)]
    foreign = [name for name in differing if not now.holds(name, ours)]
    if foreign and "mode" in differing:
        # Mode and counts go together: with one of them somebody else's, all stay.
        foreign = differing
    drifts = tuple(
        Drift(name, getattr(now, name), getattr(ours, name), getattr(before, name))
        for name in foreign
    )
    back = tuple(name for name in differing if name not in foreign)
    if "mode" in back:
        back = FIELDS  # in one write: a count that the switch sets must not stay
    return Restoration(Write(before, back) if back else None, drifts)


def _count(name: str, value: Any, least: int) -> int | None:
    if value is None or value == "":
        return None
    return whole_number(name, value, minimum=least, maximum=MOST_INSTANCES)
