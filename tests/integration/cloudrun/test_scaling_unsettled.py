"""A service that does not come to rest, calls that are denied: tried at once, and not for ever."""

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.cloudrun import undoing, waiting
from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.faults import ServiceScaled
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.errors import UndoDenied, UndoFailed
from chaosnetra.faults import Undo, UndoResult, play
from chaosnetra.running.run import current_run, end_run
from chaosnetra.safety.ledger import Ledger, runs_folder
from chaosnetra.safety.recovery import recover
from tests.integration.cloudrun.conftest import SERVICE, Stage
from tests.support.helpers import wait_until

TEN = WantedScaling(minimum=10)
NEVER = 3600
COMMAND = (
    "gcloud run services update orchestrator --project=staging-123 --region=europe-west1 "
    "--scaling=auto --min=1 --max=default"
)


@pytest.fixture
def scaled(stage: Stage) -> Iterator[Undo]:
    """The undo of a scaling after which the service never comes to rest again."""
    connection = Connection(stage.local.endpoint, call_seconds=3)
    client = ServiceClient(connection, operation_seconds=1)
    undo = ServiceScaled(client, SERVICE, TEN).prepare()
    stage.rule("UpdateService", operation_seconds=NEVER, times=20)
    client.ask(client.plan(SERVICE, TEN))
    connection.close()
    yield undo
    end_run()


def test_it_is_written_at_once_and_waited_for_afterwards(
    stage: Stage, scaled: Undo, caplog: pytest.LogCaptureFixture
) -> None:
    assert stage.message.reconciling
    started = time.monotonic()
    report = play(scaled)
    took = time.monotonic() - started
    assert report.result is UndoResult.DONE
    assert stage.message.scaling.min_instance_count == 1
    assert stage.message.reconciling
    assert "it was still being changed after" in report.detail
    assert 0.9 < took < 20
    assert stage.writes[-1] == "scaling.min_instance_count=1"
    assert any(line.startswith("drift: ") for line in caplog.messages)


@pytest.mark.parametrize("code", ["ABORTED", "FAILED_PRECONDITION", "UNAVAILABLE"])
def test_it_is_written_again_while_it_is_refused(stage: Stage, scaled: Undo, code: str) -> None:
    with stage.local.lock:
        stage.local.rules.clear()
    stage.rule("UpdateService", refuse=code, times=3)
    assert play(scaled).result is UndoResult.DONE
    assert stage.writes[-4:] == 4 * ["scaling.min_instance_count=1"]
    assert stage.message.scaling.min_instance_count == 1


def test_what_is_refused_for_good_is_told_with_the_commands_that_take_it_back(
    stage: Stage, scaled: Undo
) -> None:
    with stage.local.lock:
        stage.local.rules.clear()
    stage.rule("UpdateService", refuse="FAILED_PRECONDITION", times=1000)
    with pytest.raises(UndoFailed) as failed:
        play(scaled)
    text = str(failed.value)
    assert "still has our scaling (automatic, minimum 10, maximum not set; before: " in text
    assert f"undo it with `chaosnetra recover`, or by hand with `{COMMAND}`" in text


def test_all_undos_of_an_ending_share_one_deadline_and_a_second_signal_ends_it(
    stage: Stage, scaled: Undo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaosnetra.running.run.ENDING_SECONDS", 2)
    patient = Undo(scaled.kind, scaled.description, {**scaled.arguments, "seconds": 60})
    run = current_run()
    assert run.ends_by(60).remaining_seconds > 50, "it does not end yet"
    run.unwinding = True
    assert run.ends_by(1).at < run.ends_by(30).at == run.ends_by(60).at
    started = time.monotonic()
    assert play(patient).result is UndoResult.DONE
    assert time.monotonic() - started < 20, "not its own 60 s"
    run.signals = 2
    started = time.monotonic()
    assert play(patient).result is UndoResult.ALREADY_DONE
    assert time.monotonic() - started < 5, "tried once, and not waited for"


def test_what_is_denied_is_tried_once_by_the_watchdog_too(
    stage: Stage, scaled: Undo, tmp_path: Path
) -> None:
    stage.local.rules.clear()
    stage.rule("UpdateService", refuse="PERMISSION_DENIED", times=1000)
    with pytest.raises(UndoDenied, match=r"grant run\.services\.update"):
        play(scaled)
    ledger = Ledger("20260101t000000-abcdef", tmp_path)
    ledger.add(scaled)
    path = ledger.path
    ledger.close()
    before = stage.local.rules.calls["UpdateService"]
    subprocess.run(
        [sys.executable, "-m", "chaosnetra.safety.afterwards", str(path)],
        input=json.dumps([]),
        text=True,
        check=True,
        timeout=45,
    )
    assert stage.local.rules.calls["UpdateService"] == before + 1
    (left,) = recover(path)
    assert left.denied
    assert f"`{COMMAND}`" in left.line
    stage.local.rules.clear()
    (done,) = recover(path)
    assert not done.left
    assert not path.exists()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED", "UNAUTHENTICATED"])
def test_what_the_service_said_last_is_not_called_uncertain(
    stage: Stage, scaled: Undo, code: str
) -> None:
    """It has its former scaling back, and cannot be read any more while it comes to rest."""
    stage.rule("GetService", skip=2, refuse=code, times=1000)
    report = play(scaled)
    assert report.result is UndoResult.DONE
    assert "gave it its former scaling back" in report.detail


def test_one_that_cannot_be_read_at_all_may_still_be_scaled(stage: Stage, scaled: Undo) -> None:
    stage.rule("GetService", refuse="UNAVAILABLE", times=1000)
    with pytest.raises(UndoFailed) as failed:
        play(scaled)
    assert "may still have our scaling" in str(failed.value)
    assert "and could not be read" in str(failed.value)
    assert COMMAND in str(failed.value)


@pytest.mark.parametrize("carried_out", [True, False], ids=["carried out", "not carried out"])
def test_a_restore_without_an_answer_is_not_told_as_known(
    stage: Stage, scaled: Undo, *, carried_out: bool
) -> None:
    """What was read before it says nothing about it."""
    with stage.local.lock:
        stage.local.rules.clear()
    lost = {"lose_answer" if carried_out else "refuse": "UNAVAILABLE"}
    stage.rule("UpdateService", operation_seconds=NEVER, **lost)
    stage.rule("GetService", skip=1, refuse="UNAVAILABLE", times=1000)
    with pytest.raises(UndoFailed) as failed:
        play(scaled)
    assert "may still have our scaling" in str(failed.value)
    assert COMMAND in str(failed.value)


def test_the_command_by_hand_leaves_what_somebody_else_has_set(stage: Stage, scaled: Undo) -> None:
    with stage.local.lock:
        stage.local.rules.clear()
    stage.local.deploy({"service": "orchestrator", "scaling": {"max_instance_count": 20}})
    stage.rule("UpdateService", refuse="PERMISSION_DENIED", times=1000)
    with pytest.raises(UndoDenied) as denied:
        play(scaled)
    assert "still has our scaling" in str(denied.value)
    assert "--scaling=auto --min=1 --max=20`" in str(denied.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting_of_recover_and_it_tells_what_came_of_it(
    stage: Stage, scaled: Undo, number: signal.Signals
) -> None:
    ledger = Ledger("20260101t000000-abcdef", runs_folder())
    ledger.add(Undo(scaled.kind, scaled.description, {**scaled.arguments, "seconds": 300}))
    ledger.close()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("chaosnetra")), "recover"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: stage.message.scaling.min_instance_count == 1, 30, "it is restored")
        process.send_signal(number)
        output, _ = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, output
    assert "what is left is tried once more; another signal ends this at once" in output
    assert "it was still being changed after" in output
    assert "Aborted" not in output
    assert not ledger.path.exists()


def test_no_wait_is_silent(
    stage: Stage, scaled: Undo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also while a call has no answer."""
    assert waiting.REPORT_SECONDS + waiting.LONGEST_SECONDS < 15
    monkeypatch.setattr(waiting, "REPORT_SECONDS", 0.1)
    stage.rule("GetService", delay_seconds=0.6)
    with caplog.at_level(logging.INFO):
        play(scaled)
    told = [line for line in caplog.messages if line.startswith("Still waiting, after ")]
    assert len(told) >= 5
    assert any("is restored (it is read first)" in line for line in told)
    assert any("(it has its former scaling, and is still being changed)" in line for line in told)


def test_short_waits_in_a_row_are_not_silent_together(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each call is answered before it would be told of."""
    monkeypatch.setattr(waiting, "REPORT_SECONDS", 0.2)
    with caplog.at_level(logging.INFO), waiting.waiting_until(lambda: "all is done"):
        for number in range(6):
            text = f"call {number} is answered"
            with waiting.waiting_until(lambda text=text: text, logging.WARNING):
                time.sleep(0.15)
    told = [line for line in caplog.messages if line.startswith("Still waiting, after 0 s, until ")]
    assert len(told) >= 3
    assert any("is answered" in line for line in told)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with waiting.waiting_until(lambda: "it is done"):
                time.sleep(0.05)
    assert caplog.messages == [], "an earlier wait is told of no longer"


def test_a_write_that_may_still_come_is_looked_for_less_and_less_often(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(stage.local.endpoint, call_seconds=3)
    undo = ServiceScaled(ServiceClient(connection), SERVICE, TEN).prepare()
    connection.close()
    pauses: list[float] = []
    monkeypatch.setattr(undoing.time, "monotonic", lambda: clock() + sum(pauses))
    clock = time.perf_counter

    def pause(patience: object, waited: float) -> None:
        pauses.append(waiting.next_pause_seconds(waited))
        undo.arguments["sent_at"] -= pauses[-1]

    monkeypatch.setattr(undoing.Patience, "pause", pause)
    arguments = {**undo.arguments, "in_flight_seconds": 40, "seconds": 1000}
    undo = Undo(undo.kind, undo.description, arguments)
    assert play(undo).result is UndoResult.ALREADY_DONE
    assert sum(pauses) > 35
    assert len(pauses) < 60
    assert pauses[-1] > 1.5


def test_an_accepted_write_that_does_not_show_at_once_is_not_sent_again(
    stage: Stage, scaled: Undo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read may be a moment old."""
    read, old = ServiceClient.service, []

    def late(client: ServiceClient, name: str) -> ServiceState:
        state = read(client, name)
        old.append(state)
        return old[0] if len(old) < 6 else state

    monkeypatch.setattr(ServiceClient, "service", late)
    assert play(scaled).result is UndoResult.DONE
    assert len(old) >= 6
    assert stage.writes.count("scaling.min_instance_count=1") == 1
