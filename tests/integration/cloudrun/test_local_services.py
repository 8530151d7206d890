"""The local endpoint, called by the real client library: what is documented of services."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from chaosnetra.cloudrun.connection import Connection
from tests.integration.cloudrun.conftest import PLACE, SERVICE, MakeStage, Stage, lasting

AUTOMATIC = run_v2.ServiceScaling.ScalingMode.AUTOMATIC
MANUAL = run_v2.ServiceScaling.ScalingMode.MANUAL


def client(stage: Stage) -> Any:
    """The library's own client, without anything of ours."""
    return stage.connection._client("Services")


def update(stage: Stage, *paths: str, etag: str = "", **service: Any) -> Any:
    """UpdateService with a mask of these paths; the service afterwards."""
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=SERVICE, etag=etag, **service),
        update_mask=FieldMask(paths=list(paths)) if paths else None,
    )
    client(stage).update_service(request, retry=None, timeout=5)
    stage.settle()
    return stage.message


def refused(error: type[Exception], stage: Stage, *paths: str, **service: Any) -> str:
    """The text of the error that an update ends with; nothing is changed by it."""
    before = stage.message
    with pytest.raises(error) as raised:
        update(stage, *paths, **service)
    assert stage.message == before
    return str(raised.value)


def test_a_new_service_gets_the_documented_defaults_and_a_revision(stage: Stage) -> None:
    service = client(stage).get_service(name=SERVICE)
    assert service.generation == service.observed_generation == 1
    assert service.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    assert not service.reconciling
    assert service.latest_ready_revision == service.latest_created_revision != ""
    assert service.traffic_statuses[0].percent == 100
    assert service.template.timeout.total_seconds() == 300
    assert "manual_instance_count" not in service.scaling
    (listed,) = client(stage).list_services(parent=PLACE.parent)
    assert listed == service


def test_a_masked_update_of_service_level_scaling_makes_no_revision(stage: Stage) -> None:
    before = stage.message
    after = update(
        stage, "scaling.min_instance_count", scaling=run_v2.ServiceScaling(min_instance_count=7)
    )
    assert after.generation == after.observed_generation == before.generation + 1
    assert after.latest_created_revision == before.latest_created_revision
    assert after.etag != before.etag
    assert after.scaling.min_instance_count == 7
    before.scaling.min_instance_count = 7
    assert lasting(after) == lasting(before)


def test_zero_is_written_only_where_the_mask_names_it(stage: Stage) -> None:
    scaling = run_v2.ServiceScaling(max_instance_count=9)
    assert update(stage, "scaling.max_instance_count", scaling=scaling).scaling == (
        run_v2.ServiceScaling.pb(run_v2.ServiceScaling(min_instance_count=1, max_instance_count=9))
    )
    assert update(stage, "scaling.min_instance_count").scaling.min_instance_count == 0


def test_without_a_mask_everything_is_replaced(stage: Stage) -> None:
    container = run_v2.Container(image="other")
    after = update(stage, template=run_v2.RevisionTemplate(containers=[container]))
    assert not after.template.vpc_access.connector
    assert after.template.scaling.max_instance_count == 100
    assert not after.labels
    assert after.scaling.min_instance_count == 0
    assert "containers" in refused(
        exceptions.InvalidArgument, stage, template=run_v2.RevisionTemplate()
    )


def test_a_change_of_the_template_makes_a_revision(stage: Stage) -> None:
    before = stage.message
    template = run_v2.RevisionTemplate(max_instance_request_concurrency=5)
    after = update(stage, "template.max_instance_request_concurrency", template=template)
    assert after.latest_ready_revision == after.latest_created_revision
    assert after.latest_created_revision != before.latest_created_revision


def test_the_name_of_a_revision_stands_for_one_configuration(stage: Stage) -> None:
    named = run_v2.RevisionTemplate(revision="orchestrator-fixed", timeout={"seconds": 100})
    update(stage, "template.revision", "template.timeout", template=named)
    text = refused(
        exceptions.AlreadyExists,
        stage,
        "template.timeout",
        template=run_v2.RevisionTemplate(timeout={"seconds": 200}),
    )
    assert "with different configuration already exists" in text


@pytest.mark.parametrize("path", ["scaling.minInstanceCount", "scaling.least", "nothing"])
def test_paths_that_are_none_are_refused(stage: Stage, path: str) -> None:
    assert "update_mask" in refused(exceptions.InvalidArgument, stage, path)


def test_a_stale_etag_is_refused_as_aborted(stage: Stage) -> None:
    stale = stage.message.etag
    scaling = run_v2.ServiceScaling(min_instance_count=3)
    update(stage, "scaling.min_instance_count", etag=stale, scaling=scaling)
    text = refused(exceptions.Aborted, stage, "labels", etag=stale, labels={"a": "b"})
    assert text.startswith("409 Conflict for resource 'orchestrator'")


def test_a_dry_run_checks_and_changes_nothing(stage: Stage) -> None:
    before = stage.message
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=SERVICE, scaling={"min_instance_count": 4}),
        update_mask=FieldMask(paths=["scaling.min_instance_count"]),
        validate_only=True,
    )
    operation = client(stage).update_service(request, retry=None, timeout=5)
    assert operation.result(timeout=5).scaling.min_instance_count == 4
    assert stage.message == before
    request.service.etag = '"old"'
    with pytest.raises(exceptions.Aborted):
        client(stage).update_service(request, retry=None, timeout=5)


def test_what_changes_nothing_is_no_new_generation(stage: Stage) -> None:
    before = stage.message
    scaling = run_v2.ServiceScaling(min_instance_count=1)
    assert update(stage, "scaling.min_instance_count", scaling=scaling) == before


def scaled(stage: Stage, *fields: str, **scaling: Any) -> Any:
    return update(
        stage,
        *(f"scaling.{name}" for name in fields or scaling),
        scaling=run_v2.ServiceScaling(**scaling),
    ).scaling


def test_manual_scaling_unsets_the_bounds(stage: Stage) -> None:
    after = scaled(stage, scaling_mode=MANUAL, manual_instance_count=5)
    assert (after.min_instance_count, after.max_instance_count) == (0, 0)
    assert after.manual_instance_count == 5


def test_manual_scaling_without_a_count_inherits_the_minimum(stage: Stage) -> None:
    assert scaled(stage, scaling_mode=MANUAL).manual_instance_count == 1


def test_manual_scaling_to_none_is_not_the_same_as_unset(stage: Stage) -> None:
    after = scaled(stage, scaling_mode=MANUAL, manual_instance_count=0)
    assert after.HasField("manual_instance_count")
    assert after.manual_instance_count == 0


def test_automatic_scaling_takes_both_bounds_or_neither(stage: Stage) -> None:
    scaled(stage, scaling_mode=MANUAL, manual_instance_count=5)
    refused(
        exceptions.InvalidArgument,
        stage,
        "scaling.scaling_mode",
        "scaling.min_instance_count",
        scaling={"scaling_mode": AUTOMATIC, "min_instance_count": 2},
    )
    both = ("scaling_mode", "min_instance_count", "max_instance_count")
    after = scaled(stage, *both, scaling_mode=AUTOMATIC, min_instance_count=0)
    assert not after.HasField("manual_instance_count")
    assert (after.min_instance_count, after.max_instance_count) == (0, 0)
    scaled(stage, scaling_mode=MANUAL, manual_instance_count=5)
    neither = scaled(stage, scaling_mode=AUTOMATIC)
    assert (neither.min_instance_count, neither.max_instance_count) == (5, 5)


def test_zero_may_count_as_unset_where_the_documentation_leaves_it_open(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(zero_is_unset=True)
    stage.create_service()
    scaled(stage, scaling_mode=MANUAL, manual_instance_count=5)
    both = ("scaling_mode", "min_instance_count", "max_instance_count")
    after = scaled(stage, *both, scaling_mode=AUTOMATIC)
    assert (after.min_instance_count, after.max_instance_count) == (5, 5)


def test_impossible_bounds_are_refused(stage: Stage) -> None:
    paths = ("scaling.min_instance_count", "scaling.max_instance_count")
    for least, most in ((9, 3), (-1, 3)):
        refused(
            exceptions.InvalidArgument,
            stage,
            *paths,
            scaling={"min_instance_count": least, "max_instance_count": most},
        )


def test_the_project_is_known_by_its_number_too_and_no_other_is(stage: Stage) -> None:
    number = SERVICE.replace(PLACE.project, PLACE.project_number)
    assert client(stage).get_service(name=number).name == SERVICE
    with pytest.raises(exceptions.PermissionDenied):
        client(stage).get_service(name=SERVICE.replace(PLACE.project, "another-project"))
    with pytest.raises(exceptions.NotFound):
        client(stage).get_service(name=SERVICE.replace(PLACE.region, "us-east1"))
    with pytest.raises(exceptions.NotFound):
        client(stage).get_service(name=f"{SERVICE}-2", retry=None)
    with pytest.raises(exceptions.InvalidArgument):
        client(stage).get_service(name="orchestrator", retry=None)


def test_it_reconciles_and_then_serves(make_stage: MakeStage) -> None:
    stage = make_stage(operation_seconds=0.4)
    stage.create_service(min_instance_count=1)
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=SERVICE, scaling={"min_instance_count": 4}),
        update_mask=FieldMask(paths=["scaling.min_instance_count"]),
    )
    operation = client(stage).update_service(request, retry=None, timeout=5)
    assert not operation.operation.done
    during = stage.message
    assert during.reconciling
    assert (during.generation, during.observed_generation) == (2, 1)
    assert during.scaling.min_instance_count == 4
    stage.settle()
    after = stage.message
    assert (after.observed_generation, after.reconciling) == (2, False)
    assert after.etag != during.etag


def test_a_failed_operation_leaves_what_serves(stage: Stage) -> None:
    stage.rule("UpdateService", operation_error="FAILED_PRECONDITION")
    before = stage.message
    template = run_v2.RevisionTemplate(max_instance_request_concurrency=5)
    after = update(stage, "template.max_instance_request_concurrency", template=template)
    assert after.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    assert (after.generation, after.observed_generation) == (2, 1)
    assert after.latest_ready_revision == before.latest_ready_revision
    assert after.latest_created_revision != before.latest_created_revision


def test_somebody_elses_deployment_makes_a_revision(stage: Stage) -> None:
    before = stage.message
    stage.local.deploy({"scaling": {"max_instance_count": 6}, "env": {"A": "b"}})
    after = stage.message
    assert after.generation == after.observed_generation == 2
    assert after.scaling.max_instance_count == 6
    assert after.latest_created_revision != before.latest_created_revision


def test_the_library_can_wait_for_an_operation_by_itself(stage: Stage) -> None:
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=SERVICE, scaling={"min_instance_count": 4}),
        update_mask=FieldMask(paths=["scaling.min_instance_count"]),
    )
    operation = client(stage).update_service(request, retry=None, timeout=5)
    assert operation.result(timeout=10).scaling.min_instance_count == 4


def test_operations_and_resources_that_do_not_exist(stage: Stage) -> None:
    from google.longrunning.operations_pb2 import GetOperationRequest

    with pytest.raises(exceptions.NotFound):
        client(stage).get_operation(
            GetOperationRequest(name=f"{PLACE.parent}/operations/none"), timeout=5
        )
    with pytest.raises(exceptions.MethodNotImplemented):
        client(stage).delete_service(name=SERVICE, timeout=5)
    assert Connection(stage.local.endpoint).shown == stage.local.endpoint
