"""A change of ours that was refused, or that nobody answered: what somebody else set stays."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import LOCAL_CALLER, Connection
from chaosnetra.cloudrun.faults import ServiceScaled
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Undo, UndoResult, play
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from tests.integration.cloudrun.conftest import SERVICE, Stage, lasting
from tests.support.undoing import undone

TEN = WantedScaling(minimum=10)
THEIRS = {"scaling": {"min_instance_count": 10}}
CALL_SECONDS = 0.5


@pytest.fixture
def client(stage: Stage) -> Iterator[ServiceClient]:
    connection = Connection(stage.local.endpoint, call_seconds=CALL_SECONDS)
    yield ServiceClient(connection, operation_seconds=8)
    connection.close()


@pytest.mark.parametrize(
    "code",
    [
        "",  # refused because the etag changed, as the server does by itself
        "ABORTED",
        "FAILED_PRECONDITION",
        "PERMISSION_DENIED",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
    ],
)
def test_what_somebody_else_set_to_the_same_value_is_not_undone(
    stage: Stage, client: ServiceClient, tmp_path: Path, code: str
) -> None:
    stage.rule("UpdateService", skip=1, deploy_before=THEIRS, refuse=code)
    events: list[tuple[str, dict[str, Any]]] = []
    injector = Injector(
        Ledger("run", tmp_path), lambda event, data: events.append((event, dict(data)))
    )
    with pytest.raises(InjectionFailed):
        injector.inject(ServiceScaled(client, SERVICE, TEN))
    assert (stage.local.rules.left, stage.message.scaling.min_instance_count) == (0, 10)
    assert stage.writes == ["scaling.min_instance_count=10"], "ours was asked for, and no undo"
    (undone,) = [data for event, data in events if event == "fault.undone"]
    assert undone["result"] == "already done"
    assert "our change was refused, so nothing is ours" in undone["detail"]
    assert injector.active == []


def test_what_somebody_else_set_is_not_undone_where_ours_had_no_answer(
    stage: Stage, client: ServiceClient, tmp_path: Path
) -> None:
    stage.rule("UpdateService", skip=1, deploy_before=THEIRS, refuse="UNAVAILABLE")
    injector = Injector(Ledger("run", tmp_path), lambda event, data: None)
    with pytest.raises(InjectionFailed, match="somebody else has changed it since"):
        injector.inject(ServiceScaled(client, SERVICE, TEN))
    assert stage.message.scaling.min_instance_count == 10
    assert stage.writes == ["scaling.min_instance_count=10"]


@pytest.mark.parametrize("lost", ["UNAVAILABLE", "DEADLINE_EXCEEDED"])
def test_ours_is_undone_where_its_answer_was_lost(
    stage: Stage, client: ServiceClient, tmp_path: Path, lost: str
) -> None:
    before = stage.message
    stage.rule("UpdateService", skip=1, lose_answer=lost)
    injector = Injector(Ledger("run", tmp_path), lambda event, data: None)
    fault = ServiceScaled(client, SERVICE, TEN)
    injector.inject(fault)
    assert undone(injector, fault.name).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)


def test_ours_is_undone_where_its_answer_was_lost_and_the_service_may_not_be_read(
    stage: Stage, client: ServiceClient, tmp_path: Path
) -> None:
    """That a reading is denied does not say that the write was."""
    before = stage.message
    stage.rule("UpdateService", skip=1, lose_answer="UNAVAILABLE")
    stage.rule("GetService", skip=1, refuse="PERMISSION_DENIED")
    injector = Injector(Ledger("run", tmp_path), lambda event, data: None)
    with pytest.raises(InjectionFailed, match="gave no answer to UpdateService"):
        injector.inject(ServiceScaled(client, SERVICE, TEN))
    assert stage.local.rules.left == 0
    assert lasting(stage.message) == lasting(before)
    assert stage.writes == ["scaling.min_instance_count=10", "scaling.min_instance_count=1"]


def played_elsewhere(client: ServiceClient, **earlier: Any) -> Undo:
    """The undo of a run that was killed after it had written the undo down."""
    undo = ServiceScaled(client, SERVICE, TEN).prepare()
    return replace(undo, arguments={**undo.arguments, **earlier})


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param(THEIRS, id="the same value"),
        pytest.param({"scaling": {"min_instance_count": 4}}, id="another value"),
        pytest.param(
            {"scaling": {"min_instance_count": 4, "max_instance_count": 30}, "by": LOCAL_CALLER},
            id="another value, by the same caller",
        ),
    ],
)
def test_a_run_that_was_killed_before_its_change_undoes_nobody_elses(
    stage: Stage, client: ServiceClient, caplog: pytest.LogCaptureFixture, theirs: dict[str, Any]
) -> None:
    undo = played_elsewhere(client)
    stage.local.deploy(theirs)
    before = stage.message
    report = play(undo)
    assert report.result is UndoResult.ALREADY_DONE
    assert f"it was changed by {before.last_modifier} instead" in report.detail
    assert (stage.message, stage.writes) == (before, [])
    assert any("nothing is ours" in message for message in caplog.messages)


def test_a_call_of_a_killed_run_that_is_refused_late_undoes_nobody_elses(
    stage: Stage, client: ServiceClient
) -> None:
    """Its undo is played while the call is under way, and somebody else comes first."""
    undo = played_elsewhere(client)
    plan = client.plan(SERVICE, TEN)
    late = threading.Timer(0.3, lambda: stage.local.deploy(THEIRS))
    late.start()
    report = play(undo)
    late.join()
    with pytest.raises(Exception, match="changed by somebody else meanwhile"):
        client.send(SERVICE, plan.service.etag, plan.write)
    assert report.result is UndoResult.ALREADY_DONE
    assert stage.message.scaling.min_instance_count == 10


@pytest.mark.parametrize("missing", [{"identity": ""}, {"identity": "", "fields": []}])
def test_an_undo_that_does_not_tell_who_we_are_takes_its_value_back(
    stage: Stage, client: ServiceClient, missing: dict[str, Any]
) -> None:
    """As one of an earlier version: what holds our value is taken for ours."""
    before = stage.message
    undo = played_elsewhere(client, **missing)
    client.scale(client.plan(SERVICE, TEN))
    assert play(undo).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)


def test_a_server_that_does_not_tell_who_changes_it_is_no_proof(
    stage: Stage, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dry run answers with the modifier of before, who is not us."""
    from chaosnetra.cloudrun.emulator import services

    with stage.local.lock:
        stage.local.services.get(SERVICE).last_modifier = "owner@example.com"
    monkeypatch.setattr(services, "CALLER", "owner@example.com")
    undo = played_elsewhere(client)
    assert undo.arguments["identity"] == ""
    monkeypatch.setattr(services, "CALLER", "us@example.com")
    client.scale(client.plan(SERVICE, TEN))
    assert play(undo).result is UndoResult.DONE
    assert stage.message.scaling.min_instance_count == 1
