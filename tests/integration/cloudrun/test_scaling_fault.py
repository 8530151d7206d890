"""Scaling as a fault: whatever happens, the service ends as it was, or somebody is told."""

import contextlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.faults import ServiceScaled
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunDrifted,
    CloudRunGone,
    InjectionFailed,
    UndoFailed,
)
from chaosnetra.faults import Effect, UndoReport, UndoResult, play
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from tests.integration.cloudrun.conftest import SERVICE, MakeStage, Stage, lasting, nobody_listens
from tests.support.helpers import present, wait_until
from tests.support.undoing import undone

# Far more than a call takes, however busy the machine is; and less than what never answers takes.
CALL_SECONDS = 3.0
UNANSWERED_CALL_SECONDS = 0.5
TEN = WantedScaling(minimum=10)


@dataclass
class GameDay:
    """What came of one injection and its restoration."""

    error: ChaosnetraError | None = None
    effect: Effect | None = None
    report: UndoReport | None = None
    undo_error: UndoFailed | None = None
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger("run", tmp_path)


def game_day(
    stage: Stage,
    ledger: Ledger,
    wanted: WantedScaling = TEN,
    seconds: float = 30,
    call_seconds: float = CALL_SECONDS,
) -> GameDay:
    """Inject and restore through the injector, as a run does."""
    day = GameDay()
    injector = Injector(ledger, lambda event, data: day.events.append((event, data)))
    client = ServiceClient(
        Connection(stage.local.endpoint, call_seconds=call_seconds), operation_seconds=seconds
    )
    fault = ServiceScaled(client, SERVICE, wanted)
    try:
        day.effect = injector.inject(fault).effect
        day.report = injector.undo(fault.name)
    except UndoFailed as error:
        day.undo_error = error
    except ChaosnetraError as error:
        day.error = error
    finally:
        client.connection.close()
        ledger.close()
    return day


def patience(what: dict[str, Any]) -> float:
    """The limit of a call that leaves time for every answer, but for one that is held back."""
    return UNANSWERED_CALL_SECONDS if "delay_seconds" in what else CALL_SECONDS


def drifts(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if message.startswith("drift:")]


def test_it_is_injected_measured_and_restored_exactly(stage: Stage, ledger: Ledger) -> None:
    before = stage.message
    day = game_day(stage, ledger)
    assert day.error is None
    assert day.effect is not None
    assert day.effect.in_effect
    assert (day.effect.expected, day.effect.observed) == ({"minimum": 10}, {"minimum": 10})
    assert present(day.report).result is UndoResult.DONE
    after = stage.message
    assert lasting(after) == lasting(before)
    assert after.generation == after.observed_generation == before.generation + 2
    assert stage.writes == ["scaling.min_instance_count=10", "scaling.min_instance_count=1"]
    assert not ledger.path.exists()


def test_the_undo_is_on_disk_before_anything_is_written(stage: Stage, ledger: Ledger) -> None:
    stage.rule("UpdateService", skip=1, refuse="RESOURCE_EXHAUSTED")
    before = stage.message
    day = game_day(stage, ledger)
    written = next(data for event, data in day.events if event == "fault.undo_written")
    arguments = written["undo"]["arguments"]
    assert (arguments["uid"], arguments["etag"]) == (before.uid, before.etag)
    assert arguments["generation"] == before.generation
    assert arguments["traffic"] == {"latest": 100}
    assert arguments["before"] == {
        "mode": "SCALING_MODE_UNSPECIFIED",
        "minimum": 1,
        "maximum": 0,
        "manual": None,
    }
    assert arguments["ours"] == {**arguments["before"], "minimum": 10}
    assert isinstance(day.error, InjectionFailed)
    assert "a quota is used up" in str(day.error)
    assert stage.message == before


SCALINGS = [
    pytest.param({}, {"minimum": 4}, id="from nothing"),
    pytest.param({"min_instance_count": 2}, {"minimum": 0}, id="to none"),
    pytest.param({"max_instance_count": 9}, {"minimum": 3, "maximum": 12}, id="both bounds"),
    pytest.param({"min_instance_count": 2, "max_instance_count": 9}, {"manual": 5}, id="to manual"),
    pytest.param({}, {"manual": 5}, id="from nothing to manual"),
    pytest.param({"min_instance_count": 2}, {"manual": 0}, id="to manual, no instance"),
    pytest.param(
        {"scaling_mode": "MANUAL", "manual_instance_count": 3}, {"manual": 8}, id="within manual"
    ),
    pytest.param(
        {"scaling_mode": "MANUAL", "manual_instance_count": 0},
        {"minimum": 2, "maximum": 5},
        id="to automatic",
    ),
]


@pytest.mark.parametrize("zero_is_unset", [False, True], ids=["zero is a value", "zero is unset"])
@pytest.mark.parametrize(("scaling", "wanted"), SCALINGS)
def test_every_scaling_comes_back_with_its_mode_and_presence(
    make_stage: MakeStage,
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
    scaling: dict[str, Any],
    wanted: dict[str, int],
    zero_is_unset: bool,
) -> None:
    stage = make_stage(operation_seconds=0.01, zero_is_unset=zero_is_unset)
    stage.create_service(**scaling)
    before = stage.message
    day = game_day(stage, ledger, WantedScaling(**wanted))
    assert day.error is None
    assert present(day.effect).in_effect
    assert present(day.report).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)
    assert stage.message.scaling.HasField("manual_instance_count") == before.scaling.HasField(
        "manual_instance_count"
    )
    assert drifts(caplog) == []


# Where in a run a call stands: its method, and how many calls of it come before.
READS = {
    "when it is planned": ("GetService", 0),
    "after the change": ("GetService", 1),
    "when it is measured": ("GetService", 2),
    "before the restoration": ("GetService", 3),
    "after the restoration": ("GetService", 4),
}
WRITES = {
    "at the dry run": ("UpdateService", 0),
    "at the change": ("UpdateService", 1),
    "at the restoration": ("UpdateService", 2),
}
WAITS = {"while it changes": ("GetOperation", 0)}
UNREADABLE = {
    "503": {"refuse": "UNAVAILABLE"},
    "429": {"refuse": "RESOURCE_EXHAUSTED"},
    "dropped connection": {"drop": "before"},
    "no answer in time": {"delay_seconds": 2 * UNANSWERED_CALL_SECONDS},
}
UNWRITABLE = {
    **UNREADABLE,
    "conflict": {"refuse": "ABORTED"},
    "503 although it was done": {"lose_answer": "UNAVAILABLE"},
    "dropped connection although it was done": {"drop": "after"},
    "slow operation": {"operation_seconds": 0.6},
    "failing operation": {"operation_error": "FAILED_PRECONDITION"},
}
CASES = [
    pytest.param(*at, what, id=f"{name} {place}")
    for places, whats in (
        (READS, {**UNREADABLE, "stale etag": {"stale_etag": True}}),
        (WRITES, UNWRITABLE),
        (WAITS, UNREADABLE),
    )
    for place, at in places.items()
    for name, what in whats.items()
] + [
    pytest.param(
        "UpdateService", 2, {"refuse": code, "times": 7}, id=f"{name} at seven restorations"
    )
    for name, code in (("503", "UNAVAILABLE"), ("429", "RESOURCE_EXHAUSTED"), ("409", "ABORTED"))
]


@pytest.mark.parametrize(("call", "skip", "what"), CASES)
def test_whatever_goes_wrong_the_service_ends_as_it_was(
    stage: Stage,
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
    call: str,
    skip: int,
    what: dict[str, Any],
) -> None:
    before = stage.message
    stage.rule(call, skip=skip, **what)
    day = game_day(stage, ledger, call_seconds=patience(what))
    assert stage.local.rules.left == 0, "the misbehaviour never came about"
    assert day.undo_error is None
    stage.settle()
    after = stage.message
    if stage.services.service(SERVICE).ready:
        assert lasting(after) == lasting(before)
        assert drifts(caplog) == []
    else:
        # What serves is as it was, and the change back to it failed: nothing is left to undo.
        assert (call, skip) == ("UpdateService", 2)
        assert "it is not ready: Revision of" in drifts(caplog)[0]
        for message in (before, after):
            message.ClearField("terminal_condition")
        assert lasting(after) == lasting(before)
    assert not ledger.path.exists()
    if day.error is None:
        assert present(day.report).result is UndoResult.DONE
    else:
        assert "\n" not in str(day.error)


@pytest.mark.parametrize("zero_is_unset", [False, True], ids=["zero is a value", "zero is unset"])
@pytest.mark.parametrize("before", [{}, {"min_instance_count": 2, "max_instance_count": 9}])
@pytest.mark.parametrize("what", UNWRITABLE.values(), ids=UNWRITABLE)
def test_whatever_goes_wrong_the_mode_comes_back_with_its_counts(
    make_stage: MakeStage,
    ledger: Ledger,
    before: dict[str, int],
    what: dict[str, Any],
    zero_is_unset: bool,
) -> None:
    stage = make_stage(operation_seconds=0, zero_is_unset=zero_is_unset)
    stage.create_service(**before)
    scaling = stage.message.scaling
    stage.rule("UpdateService", skip=2, **what)
    day = game_day(stage, ledger, WantedScaling(manual=5), call_seconds=patience(what))
    assert stage.local.rules.left == 0
    assert day.undo_error is None
    assert stage.message.scaling == scaling
    assert present(day.report).result is UndoResult.DONE


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_one_reading_without_an_answer_does_not_cost_the_effect(
    stage: Stage, ledger: Ledger, code: str
) -> None:
    stage.rule("GetService", skip=2, refuse=code)
    day = game_day(stage, ledger)
    assert stage.local.rules.left == 0
    assert present(day.effect).in_effect


THEIRS = {
    "a new revision": {"env": {"VERSION": "2"}},
    "another minimum": {"scaling": {"min_instance_count": 3}},
    "another maximum": {"scaling": {"max_instance_count": 30}},
    "manual scaling": {"scaling": {"scaling_mode": "MANUAL", "manual_instance_count": 2}},
    "a broken revision": {"env": {"VERSION": "2"}, "fails": True},
    "a slow revision": {"env": {"VERSION": "2"}, "seconds": 0.5},
}
DEPLOYMENTS = [
    pytest.param(*at, when, theirs, id=f"{name} {when} the call {place}")
    for place, at in {**READS, **WRITES, **WAITS}.items()
    for when in ("before", "after")
    for name, theirs in THEIRS.items()
    # A call that only reads makes no difference between the two for most of these.
    if when == "before" or at[0] == "UpdateService"
]


@pytest.mark.parametrize(("call", "skip", "when", "theirs"), DEPLOYMENTS)
def test_somebody_elses_change_stays_ours_goes_and_it_is_told(
    stage: Stage,
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
    call: str,
    skip: int,
    when: str,
    theirs: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = stage.message
    seen: list[Any] = []
    stage.rule(call, skip=skip, **{f"deploy_{when}": theirs})
    deploy = stage.local.services.deploy
    # What the service is with their change alone is what has to be left of both.

    def deploying(changes: Any) -> None:
        deploy(changes)
        seen.append(stage.message)

    monkeypatch.setattr(stage.local.services, "deploy", deploying)
    day = game_day(stage, ledger)
    assert len(seen) == 1, "nobody deployed"
    stage.settle()
    after = stage.message
    if "scaling" in theirs:
        wanted = seen[0].scaling
        for name, value in theirs["scaling"].items():
            got = getattr(after.scaling, name)
            assert got == getattr(wanted, name), (name, value)
        if "scaling_mode" not in theirs["scaling"]:
            others = {"min_instance_count", "max_instance_count"} - set(theirs["scaling"])
            for name in others:
                assert getattr(after.scaling, name) == getattr(before.scaling, name)
    else:
        assert after.scaling == before.scaling
    assert after.template == seen[0].template
    for name in ("labels", "description", "traffic", "uid", "ingress"):
        assert getattr(after, name) == getattr(before, name)
    told = [*drifts(caplog), *([str(day.error)] if day.error else [])]
    came_before_the_plan = (call, skip, when) == ("GetService", 0, "before")
    came_last = (call, skip, when) in {("GetService", 4, "before"), ("UpdateService", 2, "after")}
    fields_differ = after.scaling != before.scaling
    if not came_before_the_plan and (fields_differ or not came_last):
        assert told, day
    assert day.undo_error is None
    assert not ledger.path.exists()


def test_a_change_that_came_instead_of_our_lost_restoration_stays(
    stage: Stage, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = {"scaling": {"max_instance_count": 30}}
    stage.rule("UpdateService", skip=2, deploy_before=theirs, refuse="UNAVAILABLE")
    day = game_day(stage, ledger)
    assert day.report is not None
    scaling = stage.message.scaling
    assert (scaling.min_instance_count, scaling.max_instance_count) == (1, 30)
    assert "scaling.max_instance_count is 30" in drifts(caplog)[0]


def test_a_deleted_service_is_told(stage: Stage, ledger: Ledger) -> None:
    injector = Injector(ledger, lambda event, data: None)
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    injector.inject(fault)
    with stage.local.lock:
        stage.local.services.by_name.clear()
    report = undone(injector, fault.name)
    assert report.result is UndoResult.NOT_OURS
    assert "there is no service orchestrator" in report.detail


def test_another_service_of_the_same_name_is_left_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    undo = fault.prepare()
    fault.inject()
    with stage.local.lock:
        stage.local.services.by_name.clear()
    stage.create_service(min_instance_count=10)
    before = stage.message
    report = play(undo)
    assert report.result is UndoResult.NOT_OURS
    assert "another service orchestrator" in report.detail
    assert stage.message == before
    assert len(drifts(caplog)) == 1


def test_a_permission_that_was_taken_away_leaves_an_undo_for_recovery(
    stage: Stage, ledger: Ledger
) -> None:
    before = stage.message
    stage.rule("UpdateService", skip=2, refuse="PERMISSION_DENIED")
    day = game_day(stage, ledger)
    assert day.undo_error is not None
    text = str(day.undo_error)
    assert "still has our scaling (automatic, minimum 10, maximum not set; before: a" in text
    assert "grant run.services.update" in text
    assert ledger.path.exists()
    from chaosnetra.safety.recovery import recover

    (recovered,) = recover(ledger.path)
    assert present(recovered.report).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)
    assert not ledger.path.exists()


def test_an_operation_that_never_ends_is_given_up_and_taken_back_when_it_does(
    stage: Stage, ledger: Ledger
) -> None:
    before = stage.message
    stage.rule("UpdateService", skip=1, operation_seconds=2)
    day = game_day(stage, ledger, seconds=1)
    assert day.error is None or "were not enough until" in str(day.error)
    assert day.undo_error is None
    if ledger.path.exists():  # the undo's own time was over before the service was at rest
        from chaosnetra.safety.recovery import recover

        stage.settle()
        for recovered in recover(ledger.path):
            assert recovered.report is not None
    assert lasting(stage.message) == lasting(before)


def test_an_undo_is_played_twice_without_harm(stage: Stage) -> None:
    before = stage.message
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    undo = fault.prepare()
    fault.inject()
    assert play(undo).result is UndoResult.DONE
    restored = stage.message
    assert play(undo).result is UndoResult.ALREADY_DONE
    assert stage.message == restored
    assert lasting(restored) == lasting(before)


def test_a_write_of_a_dead_run_that_comes_late_is_taken_back_too(stage: Stage) -> None:
    """A run is killed while its call is under way; its undo is played at once."""
    import threading

    before = stage.message
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    undo = fault.prepare()
    stage.rule("UpdateService", delay_seconds=0.5)

    def inject() -> None:
        with contextlib.suppress(CloudRunDrifted):  # it may find its write undone already
            fault.inject()

    late = threading.Thread(target=inject)
    late.start()
    report = play(undo)
    late.join()
    assert report.result is UndoResult.DONE
    stage.settle()
    assert lasting(stage.message) == lasting(before)


def test_a_scaling_that_is_in_place_is_measured_again_and_not_written_again(
    stage: Stage, ledger: Ledger
) -> None:
    injector = Injector(ledger, lambda event, data: None)
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    injector.inject(fault)
    injector.inject(ServiceScaled(stage.services, SERVICE, TEN))
    assert len(stage.writes) == 1
    with pytest.raises(InjectionFailed, match="in place with other parameters"):
        injector.inject(ServiceScaled(stage.services, SERVICE, WantedScaling(minimum=11)))
    injector.undo(fault.name)


def test_an_effect_that_somebody_else_took_away_is_none(stage: Stage, ledger: Ledger) -> None:
    injector = Injector(ledger, lambda event, data: None)
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    injector.inject(fault)
    stage.local.deploy({"scaling": {"min_instance_count": 4}})
    assert fault.measure().in_effect is False
    stage.local.deploy({"scaling": {"min_instance_count": 10}, "seconds": 5})
    assert fault.measure().in_effect is False, "it does not serve yet"


def test_instances_that_crash_while_the_operation_succeeds_leave_the_service_as_it_was(
    make_stage: MakeStage, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(operation_seconds=0.05)
    stage.create_service(container={"command": ["sh", "-c", "echo no database; exit 3"]})
    before = stage.message
    injector = Injector(ledger, lambda event, data: None)
    fault = ServiceScaled(stage.services, SERVICE, WantedScaling(minimum=2))
    effect = present(injector.inject(fault).effect)
    assert effect.in_effect, "the service says that it serves"
    wait_until(lambda: stage.local.listed_instances(SERVICE), 20, "an instance has begun")
    wait_until(
        lambda: any(one["exit_code"] == 3 for one in stage.local.listed_instances(SERVICE)),
        20,
        "an instance has crashed",
    )
    (first, *_) = stage.local.listed_instances(SERVICE)
    assert first["output"] == "no database\n"
    assert (first["running"], first["asked"]) == (False, False)
    assert undone(injector, fault.name).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)
    assert drifts(caplog) == []


def test_a_local_endpoint_that_has_ended_has_nothing_left_to_undo(stage: Stage) -> None:
    """Its process is gone, and will not come back as Google does: tried far less than 60 s."""
    undo = ServiceScaled(stage.services, SERVICE, TEN).prepare()
    assert undo.arguments["seconds"] == stage.services.operation_seconds
    stage.local.stop()
    started = time.monotonic()
    with nobody_listens(stage.local.port):
        report = play(replace(undo, arguments={**undo.arguments, "seconds": 60}))
    assert report.result is UndoResult.ALREADY_DONE
    assert report.detail == "the local endpoint has ended, with all it held"
    assert time.monotonic() - started < 50


def test_one_that_is_refused_for_a_moment_only_is_undone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has come back: what it held is still there."""
    before = stage.message
    fault = ServiceScaled(stage.services, SERVICE, TEN)
    undo = fault.prepare()
    fault.inject()
    read, asked = Connection.call, []

    def refused_first(self: Connection, *arguments: Any, **named: Any) -> Any:
        asked.append(arguments[1])
        if len(asked) == 1:
            raise CloudRunGone("nobody listens")
        return read(self, *arguments, **named)

    monkeypatch.setattr(Connection, "call", refused_first)
    assert play(undo).result is UndoResult.DONE
    assert lasting(stage.message) == lasting(before)
