"""Services: what an update changes, and what it changes besides.

Sources: the API's reference (field masks, etags, `generation`, `reconciling`) and "Manual
scaling" of the Cloud Run documentation (what switching the scaling mode does to the counts).
"""

import secrets
import string
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from chaosnetra.cloudrun.connection import LOCAL_CALLER
from chaosnetra.cloudrun.emulator.desired import check, fill_in, serve, set_variable, template_bytes
from chaosnetra.cloudrun.emulator.location import EmulatedLocation
from chaosnetra.cloudrun.emulator.messages import check_etag, mask, new_etag, set_condition
from chaosnetra.cloudrun.emulator.operations import Operations
from chaosnetra.cloudrun.emulator.rules import NO_RULE, Rule
from chaosnetra.cloudrun.emulator.status import Refused

Service = run_v2.Service.pb()
_State = run_v2.Condition.State
_Mode = run_v2.ServiceScaling.ScalingMode
# Without credentials every caller of the API is the same one.
CALLER = LOCAL_CALLER
SOMEBODY_ELSE = "somebody-else@local-cloud-run.example"
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


class Services:
    """All services. Not safe for threads: its owner holds a lock.

    Args:
        place: where they are.
        operations: where changes become operations.
        seconds: how long a change takes when no rule says otherwise.
        zero_is_unset: whether a minimum or maximum of 0 counts as not given when a service
            changes to automatic scaling. The documentation leaves it open.
    """

    def __init__(
        self, place: EmulatedLocation, operations: Operations, seconds: float, zero_is_unset: bool
    ) -> None:
        self._place = place
        self._operations = operations
        self._seconds = seconds
        self._zero_is_unset = zero_is_unset
        self._services: dict[str, Any] = {}
        self._revisions: dict[str, bytes] = {}
        self._deployed = 0

    @property
    def all(self) -> list[Any]:
        """Newest first, as the API lists them."""
        return list(reversed(self._services.values()))

    def get(self, name: str) -> Any:
        service = self._services.get(self._place.canonical(name))
        if service is None:
            raise Refused("NOT_FOUND", f"Resource '{name}' of kind 'SERVICE' does not exist.")
        return service

    def create(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """CreateService."""
        name = f"{self._place.canonical(request.parent)}/services/{request.service_id}"
        if name in self._services:
            raise Refused("ALREADY_EXISTS", f"Resource '{name}' already exists.")
        service = Service()
        mask(INPUT_FIELDS).MergeMessage(request.service, service, True, True)
        service.name, service.uid = name, str(uuid.uuid4())
        service.creator = service.last_modifier = CALLER
        service.create_time.GetCurrentTime()
        fill_in(service)
        check(service)
        if request.validate_only:
            return self._operations.finished(self._place.parent, service, service)
        self._services[name] = service
        return self._changed(service, rule, new_template=True)

    def update(self, request: Any, rule: Rule = NO_RULE) -> Any:
        """UpdateService."""
        current = self.get(request.service.name)
        check_etag(current, request.service.etag)
        wanted = Service()
        wanted.CopyFrom(current)
        paths = list(request.update_mask.paths) or list(INPUT_FIELDS)
        if not FieldMask(paths=paths).IsValidForDescriptor(Service.DESCRIPTOR):
            raise Refused("INVALID_ARGUMENT", f"update_mask: invalid paths: {', '.join(paths)}")
        given = Service()
        given.CopyFrom(request.service)
        for path in paths:
            # A path whose parent was not sent says: unset.
            if "." in path:
                getattr(given, path.partition(".")[0]).SetInParent()
        settable = [path for path in paths if path.partition(".")[0] in INPUT_FIELDS]
        mask(settable).MergeMessage(given, wanted, True, True)
        self._switch_mode(current, wanted, set(settable))
        fill_in(wanted)
        check(wanted)
        self._check_revision(wanted)
        if wanted == current and not request.validate_only:
            return self._operations.finished(self._place.parent, current, current)
        wanted.last_modifier = CALLER
        if request.validate_only:
            return self._operations.finished(self._place.parent, wanted, wanted)
        new_template = wanted.template != current.template
        current.CopyFrom(wanted)
        return self._changed(current, rule, new_template)

    def deploy(self, changes: Mapping[str, Any]) -> None:
        """Somebody else's change.

        Args:
            changes: `service` (its id; the only one when there is but one), `env` (variables of
                the container: a new revision), `scaling` (fields of it, as JSON), `labels`;
                `seconds` that it takes (0: at once); `fails`: the revision does not become
                ready, and says so; `by`: who changes it. Without any change a variable of the
                container is changed.
        """
        service = self._to_deploy(changes.get("service"))
        self._deployed += 1
        env = changes.get("env")
        if env is None and not {"scaling", "labels"} & set(changes):
            env = {"DEPLOYED": str(self._deployed)}
        wanted = Service()
        wanted.CopyFrom(service)
        for name, value in (env or {}).items():
            set_variable(wanted.template.containers[0], name, value)
        wanted.template.revision = ""
        paths = set()
        for name, value in (changes.get("scaling") or {}).items():
            paths.add(f"scaling.{name}")
            if value is None:
                wanted.scaling.ClearField(name)
            elif name == "scaling_mode":
                wanted.scaling.scaling_mode = _Mode[value]
            else:
                setattr(wanted.scaling, name, value)
        wanted.labels.update(changes.get("labels") or {})
        self._switch_mode(service, wanted, paths)
        wanted.last_modifier = changes.get("by", SOMEBODY_ELSE)
        new_template = wanted.template != service.template
        service.CopyFrom(wanted)
        rule = Rule(
            "deploy",
            operation_seconds=changes.get("seconds", 0),
            operation_error="FAILED_PRECONDITION" if changes.get("fails") else "",
        )
        self._changed(service, rule, new_template)
        self._operations.advance()

    def _to_deploy(self, service_id: str | None) -> Any:
        if service_id is None:
            (service,) = self._services.values()
            return service
        return self.get(f"{self._place.parent}/services/{service_id}")

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
                f"{service.name.rpartition('/')[2]}-{generation:05d}-"
                + "".join(secrets.choice(string.ascii_lowercase) for _ in range(3))
            )
            self._revisions[revision] = template_bytes(service)
            service.latest_created_revision = f"{service.name}/revisions/{revision}"
        service.reconciling = True
        set_condition(service.terminal_condition, "Ready", _State.CONDITION_RECONCILING)
        new_etag(service)

        def finish(operation: Any) -> None:
            self._reconciled(service, generation, rule, operation)

        seconds = self._seconds if rule.operation_seconds is None else rule.operation_seconds
        return self._operations.start(self._place.parent, service, seconds, finish)

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
                    _tell_conditions(service, rule.later_conditions)

            seconds = rule.later_seconds
            self._operations.start(self._place.parent, service, seconds, come)


def _tell_conditions(service: Any, conditions: Sequence[Mapping[str, str]]) -> None:
    for told in conditions:
        known = [one for one in service.conditions if one.type_ == told["type"]]
        condition = known[0] if known else service.conditions.add()
        state = _State[told["state"]]
        set_condition(condition, told["type"], state, told.get("message", ""))
        condition.severity = run_v2.Condition.Severity[told.get("severity", "ERROR")]
    new_etag(service)
