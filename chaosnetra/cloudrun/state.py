"""What a service is at one moment, without the library's types, and whose change it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import FIELDS, Scaling
from chaosnetra.errors import CloudRunReconciling

SUCCEEDED, FAILED = "CONDITION_SUCCEEDED", "CONDITION_FAILED"
# Of a condition that tells something and fails nothing.
INFORMATION = "INFO"


@dataclass(frozen=True)
class Condition:
    """What the service says of a part of it: of its routes, its configurations, its instances.

    Attributes:
        kind: which condition it is.
        state: name of its state.
        severity: how its failure is to be taken, by the API: ERROR, WARNING or INFO.
        text: what it says.
    """

    kind: str
    state: str
    severity: str
    text: str

    @property
    def failed(self) -> bool:
        return self.state == FAILED and self.severity != INFORMATION

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.kind}: {self.text or self.state}"


@dataclass(frozen=True)
class ResourceState:
    """What a service and a job say of themselves alike.

    Attributes:
        name: full name, as the server writes it.
        uid: distinguishes it from another one that got its name later.
        etag: of this version; a write that rests on it is refused when there is a newer one.
        generation: counts changes of the desired state.
        reconciling: whether it is being brought into the desired state.
        ready_state: state of the condition `Ready`.
        ready_text: what it says.
    """

    name: str
    uid: str
    etag: str
    generation: int
    reconciling: bool
    ready_state: str
    ready_text: str


def resource_state(resource: Any) -> dict[str, Any]:
    """These, from the library's `Service` or `Job`."""
    return {
        **{name: getattr(resource, name) for name in ("name", "uid", "etag", "generation")},
        "reconciling": resource.reconciling,
        "ready_state": resource.terminal_condition.state.name,
        "ready_text": resource.terminal_condition.message,
    }


@dataclass(frozen=True)
class ServiceState(ResourceState):
    """A service as it was read.

    Attributes:
        observed_generation: the generation that serves.
        scaling: service-level scaling.
        revision_minimum: instances at least, of the revision's template.
        revision_maximum: instances at most, of the revision's template.
        concurrency: requests at once that one instance takes.
        connector: the VPC connector; empty for none.
        latest_created_revision: id of the newest revision.
        latest_ready_revision: id of the newest that serves.
        traffic: percent by revision, `latest` for the newest.
        labels: its labels.
        conditions: what it says of its parts, beside `Ready`.
        modifier: who changed it last; empty where the server does not say.
    """

    observed_generation: int
    scaling: Scaling
    revision_minimum: int
    revision_maximum: int
    concurrency: int
    connector: str
    latest_created_revision: str
    latest_ready_revision: str
    traffic: tuple[tuple[str, int], ...]
    labels: Mapping[str, str]
    conditions: tuple[Condition, ...] = ()
    modifier: str = ""

    @property
    def failing(self) -> str:
        """The conditions of its parts that failed, for people; empty when none did.

        Its readiness alone does not say it: an operation succeeds, and then the instances crash.
        """
        return ", ".join(one.shown for one in self.conditions if one.failed)

    @property
    def serving(self) -> tuple[str, ...]:
        """Ids of the revisions that traffic goes to."""
        latest = self.latest_ready_revision
        found = {latest if name == "latest" else name for name, percent in self.traffic if percent}
        return tuple(sorted(found))

    @property
    def lasting(self) -> dict[str, Any]:
        """What a scaling of ours leaves as it was once it is undone: all but times and counters."""
        return {
            "scaling": self.scaling.to_json(),
            "revision": self.latest_created_revision,
            "traffic": dict(self.traffic),
            "labels": dict(self.labels),
        }

    @property
    def ready(self) -> bool:
        return self.ready_state == SUCCEEDED

    @property
    def settled(self) -> bool:
        """Nothing is being changed, and what is desired is what serves."""
        return not self.reconciling and self.ready and self.observed_generation == self.generation

    @property
    def instance_bounds(self) -> tuple[int, int | None]:
        """How many instances it is bound to have: at least, and at most (None: no limit)."""
        if self.scaling.is_manual:
            count = self.scaling.manual or 0
            return count, count  # what the revision says is ignored then
        limits = [limit for limit in (self.scaling.maximum, self.revision_maximum) if limit]
        at_most = min(limits, default=None)
        at_least = max(self.scaling.minimum, self.revision_minimum)
        return (at_least if at_most is None else min(at_least, at_most)), at_most

    def require_settled(self) -> None:
        """Refuse to change a service that somebody changes, or that does not serve.

        Raises:
            CloudRunReconciling: it is not settled; says what it waits for.
        """
        if self.reconciling:
            raise CloudRunReconciling(
                f"{shown(self.name)} is being changed by somebody just now; wait until it is ready"
            )
        if not self.settled:
            raise CloudRunReconciling(
                f"{shown(self.name)} is not ready ({self.ready_state}: {self.ready_text}; "
                f"generation {self.generation}, serving {self.observed_generation}); "
                "repair it first"
            )
        if self.failing:
            raise CloudRunReconciling(
                f"{shown(self.name)} is ready, but a part of it failed ({self.failing}); repair "
                "it first"
            )

    def to_json(self) -> dict[str, Any]:
        """As a probe answers it: without the last modifier, whom nobody judges."""
        data = asdict(self)
        del data["modifier"]
        at_least, at_most = data.pop("revision_minimum"), data.pop("revision_maximum")
        return {
            **data,
            "ready": self.ready,
            "revision_scaling": {"minimum": at_least, "maximum": at_most},
            "traffic": dict(self.traffic),
            "conditions": list(data["conditions"]),
        }


def service_state(service: Any) -> ServiceState:
    """From the library's `Service`."""
    scaling, template = service.scaling, service.template
    return ServiceState(
        **resource_state(service),
        observed_generation=service.observed_generation,
        scaling=Scaling(
            mode=scaling.scaling_mode.name,
            minimum=scaling.min_instance_count,
            maximum=scaling.max_instance_count,
            manual=scaling.manual_instance_count if "manual_instance_count" in scaling else None,
        ),
        revision_minimum=template.scaling.min_instance_count,
        revision_maximum=template.scaling.max_instance_count,
        concurrency=template.max_instance_request_concurrency,
        connector=template.vpc_access.connector,
        latest_created_revision=_id(service.latest_created_revision),
        latest_ready_revision=_id(service.latest_ready_revision),
        traffic=tuple(
            (_id(target.revision) or "latest", target.percent)
            for target in service.traffic_statuses
        ),
        labels=dict(service.labels),
        conditions=tuple(
            Condition(one.type_, one.state.name, one.severity.name, one.message)
            for one in service.conditions
        ),
        modifier=service.last_modifier,
    )


def _id(name: str) -> str:
    return name.rpartition("/")[2]


@dataclass(frozen=True)
class OurWrite:
    """A write of ours, of which it is not known whether it was carried out.

    A write rests on an etag, so of two that rest on the same one only the first is carried out. A
    service whose generation is the next one shows that first change, and nobody's after it.

    Attributes:
        generation: of the service that it rests on.
        fields: what it sets, by our names.
        ours: the scaling that the service has once it was carried out.
        identity: who we are to the server, as it would name its last modifier; empty: not known.
    """

    generation: int
    fields: Sequence[str]
    ours: Scaling
    identity: str = ""

    @classmethod
    def from_undo(cls, arguments: Mapping[str, Any]) -> "OurWrite":
        """From an undo's data; that of earlier versions has neither `fields` nor `identity`."""
        before = Scaling.from_json(arguments["before"])
        ours = Scaling.from_json(arguments["ours"])
        changed = [name for name in FIELDS if not ours.holds(name, before)]
        return cls(
            arguments["generation"],
            arguments.get("fields") or changed,
            ours,
            arguments.get("identity") or "",
        )

    def is_somebody_elses(self, now: ServiceState) -> bool:
        """Whether what a service shows proves that somebody else's change came instead of ours."""
        if now.generation != self.generation + 1:
            return False
        if not all(now.scaling.holds(name, self.ours) for name in self.fields):
            return True
        return bool(self.identity and now.modifier and now.modifier != self.identity)


def identity_by(before: ServiceState, tried: ServiceState, known: str) -> str:
    """Who we are to the server, by its answer to a dry run; empty where that does not say.

    Args:
        before: the service as it was read.
        tried: the service as the dry run would leave it.
        known: who we are by our credentials; empty: not known.
    """
    # A server that does not fill it in answers with the modifier of before.
    named = tried.modifier
    return named if named and (named != before.modifier or named == known) else ""
