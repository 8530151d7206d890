"""Scaling of a service as a fault: instances that all start and connect at once."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.cloudrun.scaling_plan import ScalingPlan
from chaosnetra.cloudrun.undoing import noting_refusal, undo_data, was_answered
from chaosnetra.cloudrun.waiting import poll
from chaosnetra.durations import Deadline
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Effect, Undo

# How long its effect is asked for where Cloud Run gives no answer, in limits of one call.
MEASURE_CALLS = 3


@dataclass
class ServiceScaled:
    """Another service-level scaling, which needs no new revision.

    What counts as measured is what the service itself says: it holds our values, and the
    generation that serves is the one that has them. Instances show in Cloud Monitoring only,
    minutes later; whether they started well, their own traces show.

    Attributes:
        client: reads and scales it.
        service: its full name.
        wanted: the scaling.
        check: asked with the plan before the server is; raises when it may not be carried out.
    """

    client: ServiceClient
    service: str
    wanted: WantedScaling
    check: Callable[[ScalingPlan], None] = lambda plan: None
    _plan: ScalingPlan | None = field(default=None, init=False)
    _identity: str = field(default="", init=False)
    _write: str = field(default_factory=lambda: secrets.token_hex(8), init=False)

    @property
    def name(self) -> str:
        return scaling_fault_name(self.service)

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "cloud run scaling",
            "server": self.client.connection.shown,
            "service": self.service,
            "minimum": self.wanted.minimum,
            "maximum": self.wanted.maximum,
            "manual": self.wanted.manual,
        }

    def prepare(self) -> Undo:
        plan = self.client.plan(self.service, self.wanted)
        self.check(plan)
        self._identity = self.client.try_out(plan)
        self._plan = plan
        before = plan.service
        return Undo(
            "cloudrun.restore_service",
            f"give {shown(self.service)} its former scaling back ({before.scaling.shown})",
            {
                **undo_data(self.client.connection, self.client.operation_seconds),
                "name": self.service,
                "uid": before.uid,
                "etag": before.etag,
                "generation": before.generation,
                "revision": before.latest_created_revision,
                "traffic": dict(before.traffic),
                "before": before.scaling.to_json(),
                "ours": plan.after.to_json(),
                "fields": list(plan.write.fields),
                "identity": self._identity,
                "write": self._write,
            },
        )

    def inject(self) -> None:
        plan = self._plan
        if plan is None:
            raise InjectionFailed(f"{self.name} was not prepared")
        with noting_refusal(self._write):
            operation = self.client.ask(plan, self._identity)
        was_answered(self._write)
        self.client.follow(plan, operation)

    def measure(self) -> Effect:
        state = poll(
            lambda: self.client.service(self.service),
            lambda state: True,
            Deadline.after(MEASURE_CALLS * self.client.connection.call_seconds),
            f"{shown(self.service)} is read",
            self.client.interrupted,
        )
        asked = self.wanted.fields
        failing = f"; of its parts failed {state.failing}" if state.failing else ""
        expected = {name: getattr(self.wanted, name) for name in asked}
        observed = {name: getattr(state.scaling, name) for name in asked}
        return Effect(
            "service_scaling",
            expected,
            observed,
            in_effect=observed == expected and state.settled,
            detail=(
                f"as {shown(self.service)} says of itself: generation {state.observed_generation} "
                f"of {state.generation} serves, {state.ready_state}; its instances show in Cloud "
                f"Monitoring only, minutes later{failing}"
            ),
        )


def scaling_fault_name(service: str) -> str:
    """What the injector calls it: one scaling a service at a time."""
    return f"scaling of {service}"
