"""Services: read, plan, change their scaling. Every write names its fields and rests on an etag."""

from dataclasses import dataclass
from typing import Any

from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.history import READINGS
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import PATHS, WantedScaling, Write
from chaosnetra.cloudrun.scaling_plan import ScalingPlan, plan_scaling
from chaosnetra.cloudrun.state import OurWrite, ServiceState, identity_by, service_state
from chaosnetra.cloudrun.waiting import Interrupt, never, poll
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunDrifted,
    CloudRunError,
    CloudRunOperationFailed,
    CloudRunUnanswered,
)

OPERATION_SECONDS = 300.0


@dataclass(frozen=True)
class ServiceClient:
    """Reads and scales services.

    Args:
        connection: where they are.
        operation_seconds: how long a change may take until it serves.
        interrupted: asked often while it waits for a change.

    Every call raises a `CloudRunError` whose class says what became of it.
    """

    connection: Connection
    operation_seconds: float = OPERATION_SECONDS
    interrupted: Interrupt = never

    def service(self, name: str) -> ServiceState:
        """Read a service by its full name."""
        answer = self.connection.call("Services", "GetService", {"name": name}, name)
        state = service_state(answer)
        READINGS.notify(state)
        return state

    def plan(self, name: str, wanted: WantedScaling) -> ScalingPlan:
        """Read a service and plan a change of it: see `plan_scaling`. Changes nothing."""
        return plan_scaling(self.service(name), wanted)

    def try_out(self, plan: ScalingPlan) -> str:
        """Let the server check a plan. Changes nothing.

        Returns:
            Who we are to the server, as it would name its last modifier; empty: it does not say.
        """
        from google.cloud import run_v2

        name, etag = plan.service.name, plan.service.etag
        answer = self._update(name, etag, plan.write, validate_only=True).operation
        tried = run_v2.Service.pb()()
        if not answer.response.Unpack(tried):
            return ""
        state = service_state(run_v2.Service.wrap(tried))
        return identity_by(plan.service, state, self.connection.identity)

    def send(self, name: str, etag: str, write: Write) -> str:
        """Ask for a write.

        Returns:
            Name of its operation; empty: it is done.

        Raises:
            CloudRunUnanswered: it may have been carried out, or may be later.
            CloudRunGone: likewise.
            CloudRunError: it was refused, so nothing was written.
        """
        operation = self._update(name, etag, write, validate_only=False).operation
        return "" if operation.done and not operation.HasField("error") else str(operation.name)

    def ask(self, plan: ScalingPlan, identity: str = "") -> str:
        """Ask for a plan, and find out whether it was taken where no answer comes.

        Args:
            plan: the plan.
            identity: who we are to the server; see `try_out`.

        Returns:
            Name of its operation; empty: there is none to wait for.

        Raises:
            CloudRunUnanswered: no answer, and nothing that can be read shows the write so far.
            CloudRunGone: likewise.
            CloudRunError: it was refused, so nothing was written.
        """
        try:
            return self.send(plan.service.name, plan.service.etag, plan.write)
        except CloudRunUnanswered as error:
            self._find_out(plan, identity, error)
            return ""

    def scale(self, plan: ScalingPlan) -> ServiceState:
        """Carry a plan out and wait until it serves; raises as `ask` and `follow` do."""
        return self.follow(plan, self.ask(plan))

    def follow(self, plan: ScalingPlan, operation: str) -> ServiceState:
        """Wait until a plan that was asked for serves.

        Args:
            plan: the plan.
            operation: of the write; empty: there is none to wait for.

        Returns:
            The service afterwards.

        Raises:
            CloudRunOperationFailed: it failed, or did not serve in time.
            CloudRunDrifted: somebody else has changed it since.
            CloudRunError: it was written, and cannot be read.
            Interrupted: given up while waiting.
        """
        deadline = Deadline.after(self.operation_seconds)
        name = plan.service.name
        if operation:
            self._wait_for(operation, f"the change of {shown(name)}", deadline)
        state = self.wait_until_settled(name, deadline)
        lost = [field for field in plan.write.fields if not state.scaling.holds(field, plan.after)]
        if lost:
            raise CloudRunDrifted(
                f"{shown(name)} was changed by somebody else at once: "
                + ", ".join(f"{PATHS[field]} is {getattr(state.scaling, field)}" for field in lost)
            )
        return state

    def wait_until_settled(self, name: str, deadline: Deadline) -> ServiceState:
        """Wait until a service serves what it is desired to.

        Raises:
            CloudRunOperationFailed: it came to rest otherwise, or not in time.
        """
        state = self.wait_until_still(name, deadline)
        if not state.settled:
            raise CloudRunOperationFailed(
                f"{shown(name)} does not become ready: {state.ready_text or state.ready_state}"
            )
        return state

    def wait_until_still(self, name: str, deadline: Deadline) -> ServiceState:
        """Wait until nothing changes a service, whether it is ready or not."""
        return poll(
            lambda: self.service(name),
            lambda state: not state.reconciling,
            deadline,
            f"{shown(name)} is at rest",
            self.interrupted,
        )

    def _update(self, name: str, etag: str, write: Write, *, validate_only: bool) -> Any:
        values = {name: getattr(write.values, name) for name in write.fields}
        scaling = {
            PATHS[name].removeprefix("scaling."): value
            for name, value in values.items()
            if value is not None
        }
        request = {
            "service": {"name": name, "etag": etag, "scaling": scaling},
            "update_mask": {"paths": write.mask},
            "validate_only": validate_only,
        }
        return self.connection.call(
            "Services",
            "UpdateService",
            request,
            name,
            writes=None if validate_only else write.shown,
        )

    def _wait_for(self, operation: str, what: str, deadline: Deadline) -> None:
        request = {"name": operation}
        ended = poll(
            lambda: self.connection.call("Services", "GetOperation", request, operation),
            lambda read: bool(read.done),
            deadline,
            f"{what} is done",
            self.interrupted,
        )
        if ended.HasField("error"):
            raise CloudRunOperationFailed(
                f"{what} was accepted and then failed: {ended.error.message}"
            )

    def _find_out(self, plan: ScalingPlan, identity: str, error: CloudRunUnanswered) -> None:
        """After a write without an answer: whether it was carried out.

        Raises:
            CloudRunUnanswered: it was not, or not yet.
        """
        try:
            state = poll(
                lambda: self.service(plan.service.name),
                lambda state: state.etag != plan.service.etag,
                Deadline.after(self.connection.call_seconds),
                "the write shows",  # not given up for an interruption: what is undone rests on it
            )
        except CloudRunError:
            raise error from None  # whatever it is, the write may have been carried out
        ours = OurWrite(plan.service.generation, plan.write.fields, plan.after, identity)
        held = all(state.scaling.holds(field, plan.after) for field in plan.write.fields)
        if not held or ours.is_somebody_elses(state):
            raise CloudRunUnanswered(
                f"{error}; somebody else has changed it since, so it was not written"
            ) from error
