"""Services: what an update changes, and what it changes besides.

Sources: the API's reference (field masks, etags, `generation`, `reconciling`) and "Manual
scaling" of the Cloud Run documentation (what switching the scaling mode does to the counts).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from chaosnetra.cloudrun.connection import LOCAL_CALLER
from chaosnetra.cloudrun.emulator.answers import Operations, Refused
from chaosnetra.cloudrun.emulator.controls import NO_RULE, Deployment, Rule, StateCondition
from chaosnetra.cloudrun.emulator.desired import check, fill_in, serve, set_variable, template_bytes
from chaosnetra.cloudrun.emulator.resources import (
    EmulatedLocation,
    Resources,
    check_etag,
    copy_of,
    id_of,
    merge,
    new_etag,
    set_condition,
    suffix,
)

Service = run_v2.Service.pb()
_State = run_v2.Condition.State
_Mode = run_v2.ServiceScaling.ScalingMode
# Without credentials every caller of the API is the same one.
CALLER = LOCAL_CALLER
# What a client may set; an update without a mask sets all of it.
INPUT_FIELDS = (
    "description",
    "labels",
    "annotations",
    "client",
    "client_version",
    "ingress",
    "launch_stage",
    "binary_authorization",
    "template",
    "traffic",
    "scaling",
    "invoker_iam_disabled",
    "default_uri_disabled",
    "iap_enabled",
    "multi_region_settings",
    "custom_audiences",
    "build_config",
)


class Services(Resources):
    """All services.

    Args:
        location: where they are.
        operations: where changes become operations.
        seconds: how long a change takes when no rule says otherwise.
        zero_is_unset: whether a minimum or maximum of 0 counts as not given when a service
            changes to automatic scaling. The documentation leaves it open.
    """

    def __init__(
        self,
        location: EmulatedLocation,
        operations: Operations,
        seconds: float,
        zero_is_unset: bool,
    ) -> None:
        super().__init__(location, operations, "SERVICE")
        self._seconds = seconds
        self._zero_is_unset = zero_is_unset
        self._revisions: dict[str, bytes] = {}
        self._deployed = 0

    def create(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """CreateService."""
        service = self.new(Service(), request.parent, request.service_id)
        merge(INPUT_FIELDS, request.service, service)
        service.creator = service.last_modifier = CALLER
        fill_in(service)
        check(service)
        if request.validate_only:
            return self.operations.finished(service)
        self.by_name[service.name] = service
        return self._changed(service, rule, new_template=True)

    def update(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """UpdateService."""
        current = self.get(request.service.name)
        check_etag(current, request.service.etag)
        wanted = copy_of(current)
        paths = list(request.update_mask.paths) or list(INPUT_FIELDS)
        if not FieldMask(paths=paths).IsValidForDescriptor(Service.DESCRIPTOR):
            raise Refused("INVALID_ARGUMENT", f"update_mask: invalid paths: {', '.join(paths)}")
        given = copy_of(request.service)
        for path in paths:
            # A path whose parent was not sent says: unset.
            if "." in path:
                getattr(given, path.partition(".")[0]).SetInParent()
        settable = [path for path in paths if path.partition(".")[0] in INPUT_FIELDS]
        merge(settable, given, wanted)
        self._switch_mode(current, wanted, set(settable))
        fill_in(wanted)
        check(wanted)
        self._check_revision(wanted)
        if wanted == current and not request.validate_only:
            return self.operations.finished(current)
        wanted.last_modifier = CALLER
        if request.validate_only:
            return self.operations.finished(wanted)
        new_template = wanted.template != current.template
        current.CopyFrom(wanted)
        return self._changed(current, rule, new_template)

    def deploy(self, change: Deployment) -> None:
        """Somebody else's change."""
        if change.service is None:
            (service,) = self.by_name.values()
        else:
            service = self.get(self.location.service(change.service))
        self._deployed += 1
        env = change.env
        if env is None and change.scaling is None and change.labels is None:
            env = {"DEPLOYED": str(self._deployed)}
        wanted = copy_of(service)
        for name, value in (env or {}).items():
            set_variable(wanted.template.containers[0], name, value)
        wanted.template.revision = ""
        paths = set()
        for name, value in (change.scaling or {}).items():
            paths.add(f"scaling.{name}")
            if value is None:
                wanted.scaling.ClearField(name)
            elif name == "scaling_mode":
                wanted.scaling.scaling_mode = _Mode[value]
            else:
                setattr(wanted.scaling, name, value)
        wanted.labels.update(change.labels or {})
        self._switch_mode(service, wanted, paths)
        wanted.last_modifier = change.by
        new_template = wanted.template != service.template
        service.CopyFrom(wanted)
        error = "FAILED_PRECONDITION" if change.fails else ""
        rule = Rule(call="deploy", operation_seconds=change.seconds, operation_error=error)
        self._changed(service, rule, new_template)
        self.operations.advance()

    def _switch_mode(self, current: Any, wanted: Any, paths: set[str]) -> None:
        """What changing between automatic and manual scaling does to the counts."""
        before, after = current.scaling, wanted.scaling
        if after.scaling_mode == _Mode.MANUAL:
            if before.scaling_mode != _Mode.MANUAL and not after.HasField("manual_instance_count"):
                after.manual_instance_count = before.min_instance_count
            after.min_instance_count = after.max_instance_count = 0
            return
        if before.scaling_mode != _Mode.MANUAL:
            after.ClearField("manual_instance_count")
            return
        given = {
            name
            for name in ("min_instance_count", "max_instance_count")
            if getattr(after, name) or (f"scaling.{name}" in paths and not self._zero_is_unset)
        }
        if len(given) == 1:
            raise Refused(
                "INVALID_ARGUMENT",
                "Both or neither of scaling.min_instance_count and scaling.max_instance_count "
                "must be specified when switching from manual to automatic scaling.",
            )
        if not given:
            count = before.manual_instance_count
            after.min_instance_count = after.max_instance_count = count
        after.ClearField("manual_instance_count")

    def _check_revision(self, service: Any) -> None:
        """A revision's name stands for one configuration, for good."""
        named = service.template.revision
        known = self._revisions.get(named)
        if named and known is not None and known != template_bytes(service):
            raise Refused(
                "ALREADY_EXISTS",
                f"Revision named '{named}' with different configuration already exists.",
            )

    def _changed(self, service: Any, rule: Rule, new_template: bool) -> Any:
        """Begin the reconciliation of a service whose desired state was changed."""
        service.generation += 1
        generation = service.generation
        service.update_time.GetCurrentTime()
        if new_template:
            revision = service.template.revision or (
                f"{id_of(service.name)}-{generation:05d}-{suffix(3)}"
            )
            self._revisions[revision] = template_bytes(service)
            service.latest_created_revision = f"{service.name}/revisions/{revision}"
        service.reconciling = True
        set_condition(service.terminal_condition, "Ready", _State.CONDITION_RECONCILING)
        new_etag(service)
        seconds = self._seconds if rule.operation_seconds is None else rule.operation_seconds
        finish = partial(self._reconciled, service, generation, rule)
        return self.operations.start(service, seconds, finish)

    def _reconciled(self, service: Any, generation: int, rule: Rule, operation: Any) -> None:
        error = rule.operation_error
        if error:
            refused = Refused(error, f"Revision of {service.name} is not ready and cannot serve.")
            operation.error.code, operation.error.message = refused.number, refused.text
        if service.generation == generation:
            service.reconciling = False
            if error:
                set_condition(
                    service.terminal_condition, "Ready", _State.CONDITION_FAILED, refused.text
                )
            else:
                serve(service)
            new_etag(service)
        if error:
            return
        operation.response.Pack(service)
        if rule.later_conditions:

            def come(later: Any) -> None:  # noqa: ARG001 - as all operations
                if service.generation == generation:
                    _set_conditions(service, rule.later_conditions)

            self.operations.start(service, rule.later_seconds, come)


def _set_conditions(service: Any, conditions: Sequence[StateCondition]) -> None:
    for given in conditions:
        known = [one for one in service.conditions if one.type_ == given.type]
        condition = known[0] if known else service.conditions.add()
        set_condition(condition, given.type, _State[given.state], given.message)
        condition.severity = run_v2.Condition.Severity[given.severity]
    new_etag(service)
