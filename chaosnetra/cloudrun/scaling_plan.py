"""What scaling a service would change, field by field, before anything is changed. Pure."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from chaosnetra.cloudrun.scaling import (
    FIELDS,
    PATHS,
    Scaling,
    WantedScaling,
    Write,
    outcome,
    write_for,
)
from chaosnetra.cloudrun.state import ServiceState


@dataclass(frozen=True)
class Row:
    """One field; `written` is false where it only changes along with what the update mask names."""

    path: str
    before: Any
    after: Any
    written: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ScalingPlan:
    """A change of one version of one service.

    Attributes:
        service: the service as it was read; its etag pins the version.
        write: what is written.
        after: its scaling afterwards, with what the documentation says changes along with it.
    """

    service: ServiceState
    write: Write
    after: Scaling

    @property
    def rows(self) -> tuple[Row, ...]:
        """The fields that are written or change."""
        before = self.service.scaling
        return tuple(
            Row(
                PATHS[name],
                getattr(before, name),
                getattr(self.after, name),
                written=name in self.write.fields,
            )
            for name in FIELDS
            if name in self.write.fields or getattr(before, name) != getattr(self.after, name)
        )

    @property
    def instances(self) -> int:
        """Instances that the service is bound to have afterwards at least."""
        return replace(self.service, scaling=self.after).instance_bounds[0]

    @property
    def instances_asked(self) -> int:
        """As `instances`; where a maximum is written, that is how many traffic may ask for."""
        at_least, at_most = replace(self.service, scaling=self.after).instance_bounds
        return max(at_least, at_most or 0) if "maximum" in self.write.fields else at_least

    @property
    def warnings(self) -> tuple[str, ...]:
        """What keeps the change from doing what it says."""
        limit, wanted = self.service.revision_maximum, self.after.minimum
        if self.after.is_manual or not limit or wanted <= limit:
            return ()
        return (
            f"the revision's own maximum of {limit} instances is less than the minimum of {wanted}",
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "service": self.service.name,
            "uid": self.service.uid,
            "etag": self.service.etag,
            "generation": self.service.generation,
            "update_mask": self.write.mask,
            "rows": [row.to_json() for row in self.rows],
            "warnings": list(self.warnings),
        }


def plan_scaling(service: ServiceState, wanted: WantedScaling) -> ScalingPlan:
    """Plan a change of a service.

    Raises:
        CloudRunReconciling: the service is being changed, or is not ready.
        InvalidInput: it has that scaling already, or the values do not go together.
    """
    service.require_settled()
    write = write_for(service.scaling, wanted)
    return ScalingPlan(service, write, outcome(service.scaling, write))
