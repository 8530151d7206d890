"""Actions on Cloud Run: the scaling of the service that the settings name.

Every change is planned from what the service is, checked by the server without being carried out,
written down, and rolled back by `restore_service` or at the end of the run.
"""

import logging

from chaosnetra.cloudrun.faults import ServiceScaled, scaling_fault_name
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.cloudrun.scaling_plan import ScalingPlan
from chaosnetra.cloudrun.waiting import waiting_until
from chaosnetra.errors import CloudRunDrifted
from chaosnetra.faults import UndoResult, undone_result
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.session import Session

__all__ = ["restore_service", "scale_service"]

logger = logging.getLogger("chaostoolkit")


@edge
def scale_service(
    session: Session,
    minimum: int = None,  # type: ignore[assignment]  # noqa: RUF013 - `chaos discover` knows no
    maximum: int = None,  # type: ignore[assignment]  # noqa: RUF013   `int | None`
    manual: int = None,  # type: ignore[assignment]  # noqa: RUF013
) -> Result:
    """Give the service another scaling and wait until it serves; no new revision is made.

    The settings `project`, `region` and `service` name it. What is left out stays as it is. Give
    either `manual`, or the bounds of automatic scaling.

    Args:
        minimum: instances at least, 0 to 1,000.
        maximum: instances at most, 1 to 1,000.
        manual: a fixed number of instances, 0 to 1,000.

    Returns:
        `name`, `parameters`, `effect` (what the service says of itself afterwards).

    Raises:
        ActivityFailed: it is not in place; says what to change.
    """
    wanted = WantedScaling.parse(minimum, maximum, manual)
    session.staging.require_consent()
    cloud_run = session.cloud_run
    fault = ServiceScaled(
        cloud_run.services, cloud_run.service, wanted, lambda plan: _check(session, plan)
    )
    # An exception out of a signal handler must not come between a write and its answer.
    with session.run.polled(), waiting_until(lambda: f"{shown(cloud_run.service)} is scaled"):
        injected = session.injector.inject(fault)
    effect = injected.effect
    if effect is not None and effect.in_effect:
        logger.info(f"{injected.name}: {effect.observed}; {effect.detail}")
    return injected.to_result()


def _check(session: Session, plan: ScalingPlan) -> None:
    """Hold a change against the guard once more, and against the version that was consented to.

    Raises:
        NotAllowed: it is refused; nothing was touched.
    """
    guard, consented = session.guard, session.staging.consented
    guard.check_resource(plan.service)
    guard.check_cap("instances", plan.instances_asked)
    touched = scaling_fault_name(plan.service.name) in {
        fault.name for fault in session.injector.faults
    }
    if consented is not None and not touched:
        consented.require("service", plan.service.name, plan.service.etag)


@edge
def restore_service(session: Session) -> Result:
    """Give the service its former scaling back. Doing it again, or with none changed, is no error.

    Returns:
        `result` (done, already done) and `detail`.

    Raises:
        ActivityFailed: our values may still be there; or somebody else changed them, and they
            were left alone.
    """
    service = session.cloud_run.service
    name = scaling_fault_name(service)
    with session.run.polled(), waiting_until(lambda: f"{shown(service)} is restored"):
        report = session.injector.undo(name)
    if report is not None and report.result is UndoResult.NOT_OURS:
        raise CloudRunDrifted(f"drift: {report.detail}")
    return undone_result(report, "this run holds no scaling of the service")
