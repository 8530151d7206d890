"""Services: read, plan, change their scaling. Every write names its fields and rests on an etag."""

from dataclasses import dataclass
from typing import Any

from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.plan import ScalingPlan, plan_scaling
from chaosnetra.cloudrun.scaling import PATHS, WantedScaling, Write
from chaosnetra.cloudrun.state import ServiceState, service_state
from chaosnetra.cloudrun.waiting import Interrupt, never, poll
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunDrifted, CloudRunOperationFailed, CloudRunUnanswered

OPERATION_SECONDS = 300.0


@dataclass(frozen=True)
class ServiceClient:
    """Reads and scales services.

    Args:
        connection: where they are.
        operation_seconds: how long a change may take until it serves.
        interrupted: asked often while it waits for a change.

    Every call raises a `CloudRunError` whose class tells what became of it.
    """

    connection: Connection
    operation_seconds: float = OPERATION_SECONDS
    interrupted: Interrupt = never

    def service(self, name: str) -> ServiceState:
        """Read a service by its full name."""
        from google.cloud import run_v2

        request = run_v2.GetServiceRequest(name=name)
        return service_state(self.connection.call("Services", "GetService", request, name))

    def plan(self, name: str, wanted: WantedScaling) -> ScalingPlan:
        """Read a service and plan a change of it: see `plan_scaling`. Changes nothing."""
        return plan_scaling(self.service(name), wanted)

    def try_out(self, plan: ScalingPlan) -> None:
        """Let the server check a plan. Changes nothing."""
        self._update(plan.service.name, plan.service.etag, plan.write, validate_only=True)

    def scale(self, plan: ScalingPlan) -> ServiceState:
        """Carry a plan out and wait until it serves.

        Returns:
            The service afterwards.

        Raises:
            CloudRunEtagChanged: somebody changed the service after the plan; nothing was written.
            CloudRunUnanswered: no answer, and nothing that can be read shows the write so far.
            CloudRunOperationFailed: it was written, and failed or did not serve in time.
            CloudRunDrifted: it was written, and somebody else has changed it since.
            Interrupted: given up while waiting; it was written.
        """
        deadline = Deadline.after(self.operation_seconds)
        name = plan.service.name
        try:
            self.write(name, plan.service.etag, plan.write, deadline)
        except CloudRunUnanswered as error:
            self._find_out(plan, error)
        state = self.wait_until_settled(name, deadline)
        lost = [field for field in plan.write.fields if not state.scaling.holds(field, plan.after)]
        if lost:
            raise CloudRunDrifted(
                f"{shown(name)} was changed by somebody else at once: "
                + ", ".join(f"{PATHS[field]} is {getattr(state.scaling, field)}" for field in lost)
            )
        return state

    def write(self, name: str, etag: str, write: Write, deadline: Deadline) -> None:
        """Write, and wait for the operation. What the service is afterwards is to be read.

        Raises:
            CloudRunUnanswered: it may have been carried out, or may be later.
            CloudRunError: as `scale`.
        """
        operation = self._update(name, etag, write, validate_only=False).operation
        if not operation.done:
            operation = self._ended(
                operation.name, f"the change of {shown(name)} is done", deadline
            )
        if operation.HasField("error"):
            raise CloudRunOperationFailed(
                f"the change of {shown(name)} was accepted and then failed: "
                f"{operation.error.message}"
            )

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
        from google.cloud import run_v2
        from google.protobuf.field_mask_pb2 import FieldMask

        scaling = run_v2.ServiceScaling()
        if "mode" in write.fields:
            scaling.scaling_mode = run_v2.ServiceScaling.ScalingMode[write.values.mode]
        if "minimum" in write.fields:
            scaling.min_instance_count = write.values.minimum
        if "maximum" in write.fields:
            scaling.max_instance_count = write.values.maximum
        if "manual" in write.fields and write.values.manual is not None:
            scaling.manual_instance_count = write.values.manual
        request = run_v2.UpdateServiceRequest(
            service=run_v2.Service(name=name, etag=etag, scaling=scaling),
            update_mask=FieldMask(paths=write.mask),
            validate_only=validate_only,
        )
        return self.connection.call(
            "Services",
            "UpdateService",
            request,
            name,
            writes=None if validate_only else write.shown,
        )

    def _ended(self, operation: str, what: str, deadline: Deadline) -> Any:
        from google.longrunning.operations_pb2 import GetOperationRequest

        request = GetOperationRequest(name=operation)
        return poll(
            lambda: self.connection.call("Services", "GetOperation", request, operation),
            lambda read: bool(read.done),
            deadline,
            what,
            self.interrupted,
        )

    def _find_out(self, plan: ScalingPlan, error: CloudRunUnanswered) -> None:
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
        except CloudRunOperationFailed:
            raise error from None
        if not all(state.scaling.holds(field, plan.after) for field in plan.write.fields):
            raise CloudRunUnanswered(
                f"{error}; somebody else has changed it since, so it was not written"
            ) from error
