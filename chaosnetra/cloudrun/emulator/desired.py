"""The desired state of a service: its defaults, its limits, and how it becomes what serves."""

from typing import Any

from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.answers import Refused
from chaosnetra.cloudrun.emulator.resources import set_condition

_State = run_v2.Condition.State
DEFAULT_MAXIMUM = 100
DEFAULT_CONCURRENCY = 80
DEFAULT_TIMEOUT_SECONDS = 300


def serve(service: Any) -> None:
    """The desired state is the serving state now."""
    service.observed_generation = service.generation
    service.latest_ready_revision = service.latest_created_revision
    set_condition(service.terminal_condition, "Ready", _State.CONDITION_SUCCEEDED)
    del service.conditions[2:]
    while len(service.conditions) < 2:
        service.conditions.add()
    kinds = ("RoutesReady", "ConfigurationsReady")
    for condition, kind in zip(service.conditions, kinds, strict=True):
        set_condition(condition, kind, _State.CONDITION_SUCCEEDED)
    del service.traffic_statuses[:]
    for target in service.traffic:
        status = service.traffic_statuses.add(
            revision=target.revision, percent=target.percent, tag=target.tag
        )
        status.type_ = target.type_


def fill_in(service: Any) -> None:
    """Defaults that the server sets for what was not given."""
    template = service.template
    service.scaling.SetInParent()
    template.scaling.max_instance_count = template.scaling.max_instance_count or DEFAULT_MAXIMUM
    template.max_instance_request_concurrency = (
        template.max_instance_request_concurrency or DEFAULT_CONCURRENCY
    )
    if not template.HasField("timeout"):
        template.timeout.seconds = DEFAULT_TIMEOUT_SECONDS
    service.ingress = service.ingress or run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
    if not service.traffic:
        latest = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
        service.traffic.add(percent=100).type_ = latest


def check(service: Any) -> None:
    if not service.template.containers or not service.template.containers[0].image:
        raise Refused("INVALID_ARGUMENT", "template.containers: at least one image is required.")
    access = service.template.vpc_access
    if access.connector and access.network_interfaces:
        raise Refused(
            "INVALID_ARGUMENT", "template.vpc_access: only one of connector and network_interfaces."
        )
    for scaling, path in ((service.scaling, "scaling"), (service.template.scaling, "template")):
        least, most = scaling.min_instance_count, scaling.max_instance_count
        if least < 0 or most < 0 or (most and least > most):
            raise Refused(
                "INVALID_ARGUMENT",
                f"{path}.min_instance_count ({least}) must not be more than "
                f"max_instance_count ({most}), and neither may be negative.",
            )
    if service.scaling.manual_instance_count < 0:
        raise Refused("INVALID_ARGUMENT", "scaling.manual_instance_count must not be negative.")


def template_bytes(service: Any) -> bytes:
    return bytes(service.template.SerializeToString(deterministic=True))


def set_variable(container: Any, name: str, value: str) -> None:
    for variable in container.env:
        if variable.name == name:
            variable.value = value
            return
    container.env.add(name=name, value=value)
