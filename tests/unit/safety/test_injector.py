"""Faults go in and out in the only safe order."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import (
    DatabaseUnavailable,
    FaultError,
    InjectionFailed,
    NotAllowed,
    ToxiproxyRefused,
    UndoFailed,
)
from chaosnetra.evidence.journal.events import EventLog
from chaosnetra.faults import Effect, Undo, UndoReport, UndoResult
from chaosnetra.redaction import Redactor
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from tests.support.fake_faults import (
    FELT,
    Events,
    FakeFault,
    WaitsFor,
    happened,
    undo_ends,
    undone,
)
from tests.support.helpers import present


def test_the_order_is_prepare_inject_measure(injector: Injector, events: Events) -> None:
    held = injector.inject(FakeFault("slow"))
    assert happened == ["prepare slow", "inject slow", "measure slow"]
    assert events.names == ["fault.undo_written", "fault.injected"]
    assert held.effect == FELT
    assert held.active


def test_the_undo_is_on_disk_before_the_fault_is_injected(
    injector: Injector, ledger: Ledger
) -> None:
    at_injection: list[dict[str, Any]] = []

    def look() -> None:
        lines = ledger.path.read_text().splitlines()
        at_injection.extend(json.loads(line) for line in lines)

    injector.inject(FakeFault("slow", inject=look))
    undos = [Undo.from_json(record["undo"]) for record in at_injection if "undo" in record]
    assert undos == [Undo("test.take_back", "remove slow", {"name": "slow"})]


def test_without_a_ledger_nothing_is_injected(tmp_path: Path, events: Events) -> None:
    (tmp_path / "file").write_text("")
    injector = Injector(Ledger("run-1", tmp_path / "file"), events.record)
    with pytest.raises(InjectionFailed, match="nothing is injected"):
        injector.inject(FakeFault("slow"))
    assert happened == ["prepare slow"]
    assert injector.faults == []
    assert events.names == []


def test_a_fault_that_cannot_be_prepared_leaves_no_trace(
    injector: Injector, ledger: Ledger
) -> None:
    with pytest.raises(FaultError, match="no such proxy"):
        injector.inject(FakeFault("slow", prepare=FaultError("no such proxy")))
    assert happened == ["prepare slow"]
    assert injector.faults == []
    assert not ledger.path.exists()


def test_an_injection_that_fails_is_taken_back(
    injector: Injector, ledger: Ledger, events: Events
) -> None:
    refusal = ToxiproxyRefused("POST /proxies", 409, "exists")
    with pytest.raises(InjectionFailed, match=r"slow was not injected: .*HTTP 409") as caught:
        injector.inject(FakeFault("slow", inject=refusal))
    assert caught.value.__cause__ is refusal
    assert happened == ["prepare slow", "inject slow", "undo slow"]
    assert injector.faults == []
    assert events.names == ["fault.undo_written", "fault.undone"]
    ledger.close()
    assert not ledger.path.exists()


@pytest.mark.parametrize("error", [KeyError("bug"), InjectionFailed("not in place")])
def test_other_errors_of_an_injection_pass_through_after_the_undo(
    injector: Injector, error: Exception
) -> None:
    with pytest.raises(type(error)) as caught:
        injector.inject(FakeFault("slow", inject=error))
    assert caught.value is error
    assert happened[-1] == "undo slow"


def test_an_interruption_during_the_injection_takes_it_back(injector: Injector) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        injector.inject(FakeFault("slow", inject=interrupt))
    assert happened[-1] == "undo slow"
    assert injector.active == []


def test_an_injection_that_cannot_be_taken_back_stays_in_the_ledger(
    injector: Injector, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    undo_ends["slow"] = UndoFailed("slow may be left")
    with caplog.at_level(logging.ERROR, "chaostoolkit"), pytest.raises(InjectionFailed):
        injector.inject(FakeFault("slow", inject=DatabaseUnavailable("gone")))
    assert "slow may be left" in caplog.text
    assert [held.name for held in injector.active] == ["slow"]
    ledger.close()
    assert ledger.path.exists()


def test_the_same_fault_again_is_one_fault_measured_again(
    injector: Injector, ledger: Ledger
) -> None:
    first = injector.inject(FakeFault("slow"))
    again = Effect("latency_ms", 100, 99, in_effect=True)
    second = injector.inject(FakeFault("slow", again))
    assert second is first
    assert second.effect == again
    assert happened.count("inject slow") == 1
    assert len(injector.faults) == 1
    assert len(ledger.path.read_text().splitlines()) == 2


def test_the_same_name_with_other_parameters_is_refused(injector: Injector) -> None:
    injector.inject(FakeFault("slow", parameters={"latency_ms": 100}))
    with pytest.raises(InjectionFailed, match=r"other parameters \(\{'latency_ms': 100\}\)"):
        injector.inject(FakeFault("slow", parameters={"latency_ms": 200}))
    assert happened.count("inject slow") == 1


def test_after_its_undo_a_fault_can_be_injected_anew(injector: Injector) -> None:
    injector.inject(FakeFault("slow"))
    injector.undo("slow")
    injector.inject(FakeFault("slow", parameters={"size": 2}))
    assert happened.count("inject slow") == 2
    assert [held.active for held in injector.faults] == [False, True]


def test_one_fault_is_undone_by_name(injector: Injector, events: Events) -> None:
    injector.inject(FakeFault("slow"))
    injector.inject(FakeFault("cut"))
    report = injector.undo("slow")
    assert report == UndoReport(UndoResult.DONE, "slow is gone")
    assert [held.name for held in injector.active] == ["cut"]
    assert events.seen[-1] == (
        "fault.undone",
        {"name": "slow", "result": "done", "detail": "slow is gone"},
    )


def test_undoing_what_is_not_there_does_nothing(injector: Injector) -> None:
    assert injector.undo("slow") is None
    injector.inject(FakeFault("slow"))
    injector.undo("slow")
    assert injector.undo("slow") is None
    assert happened.count("undo slow") == 1


def test_everything_is_undone_last_first(injector: Injector, ledger: Ledger) -> None:
    for name in ("first", "second", "third"):
        injector.inject(FakeFault(name))
    assert injector.undo_all() == []
    assert undone() == ["third", "second", "first"]
    assert injector.active == []
    ledger.close()
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    "error", [UndoFailed("it may be left"), DatabaseUnavailable("gone"), FaultError("odd")]
)
def test_an_undo_that_fails_does_not_stop_the_others(
    injector: Injector, ledger: Ledger, events: Events, error: Exception
) -> None:
    for name in ("first", "second", "third"):
        injector.inject(FakeFault(name))
    undo_ends["second"] = error
    failures = injector.undo_all()
    assert undone() == ["third", "second", "first", "second"]
    assert [type(failure) for failure in failures] == [UndoFailed]
    assert str(error) in str(failures[0])
    assert [held.name for held in injector.active] == ["second"]
    assert "fault.undo_failed" in events.names
    ledger.close()
    kept = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert {record["entry"] for record in kept if "entry" in record} == {1, 2, 3}
    assert {record["done"] for record in kept if "done" in record} == {1, 3}


def test_an_undo_that_waits_for_another_is_tried_once_more(
    injector: Injector, events: Events
) -> None:
    """As a database cannot be dropped before the proxy of a stuck session is deleted."""
    for name in ("proxy", "database"):
        injector.inject(FakeFault(name))
    undo_ends["database"] = WaitsFor("proxy")
    assert injector.undo_all() == []
    assert undone() == ["database", "proxy", "database"]
    assert injector.active == []
    assert events.names.count("fault.undone") == 2


def test_an_undo_that_breaks_in_any_way_does_not_stop_the_others(injector: Injector) -> None:
    for name in ("first", "second", "third"):
        injector.inject(FakeFault(name))
    undo_ends["third"] = KeyError("no such key")
    undo_ends["second"] = ZeroDivisionError("by zero")
    failures = injector.undo_all()
    assert undone() == ["third", "second", "first", "third", "second"]
    assert [type(failure) for failure in failures] == [UndoFailed, UndoFailed]
    assert "remove third failed: 'no such key'" in str(failures[0])
    assert isinstance(failures[0].__cause__, KeyError)
    assert [held.name for held in injector.active] == ["second", "third"]


def test_an_undo_that_cannot_be_written_down_does_not_stop_the_others(
    injector: Injector,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(number: int, result: str) -> None:
        raise OSError("the disk is full")

    for name in ("first", "second", "third"):
        injector.inject(FakeFault(name))
    monkeypatch.setattr(ledger, "done", full)
    with caplog.at_level(logging.ERROR, "chaostoolkit"):
        assert injector.undo_all() == []
    assert undone() == ["third", "second", "first"]
    assert injector.active == []
    assert "remove first: done, but not written down: the disk is full" in caplog.text
    ledger.close()
    assert ledger.path.exists()


def test_an_undo_that_cannot_be_recorded_does_not_stop_the_others(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(event: str, data: dict[str, Any]) -> None:
        raise OSError("the disk is full")

    log = EventLog("run-1", Redactor())
    injector = Injector(ledger, log.record_if_possible)
    for name in ("first", "second", "third"):
        injector.inject(FakeFault(name))
    monkeypatch.setattr(log, "record", full)
    undo_ends["second"] = KeyError("no such key")
    with caplog.at_level(logging.ERROR, "chaostoolkit"):
        failures = injector.undo_all()
    assert undone() == ["third", "second", "first", "second"]
    assert [type(failure) for failure in failures] == [UndoFailed]
    assert [held.name for held in injector.active] == ["second"]
    assert "could not be recorded: the disk is full" in caplog.text


def test_what_failed_is_tried_again_the_next_time(injector: Injector, ledger: Ledger) -> None:
    injector.inject(FakeFault("slow"))
    undo_ends["slow"] = UndoFailed("it may be left")
    assert len(injector.undo_all()) == 1
    undo_ends["slow"] = UndoResult.ALREADY_DONE
    assert injector.undo_all() == []
    assert injector.active == []
    ledger.close()
    assert not ledger.path.exists()


def test_an_undo_of_an_unknown_kind_fails_by_its_description(injector: Injector) -> None:
    injector.inject(FakeFault("slow", kind="later.thing"))
    with pytest.raises(UndoFailed, match="remove slow failed: this version cannot undo"):
        injector.undo("slow")


def test_a_leftover_that_is_not_ours_counts_as_undone(injector: Injector, ledger: Ledger) -> None:
    injector.inject(FakeFault("slow"))
    undo_ends["slow"] = UndoResult.NOT_OURS
    report = present(injector.undo("slow"))
    assert report.result is UndoResult.NOT_OURS
    ledger.close()
    assert not ledger.path.exists()


def test_only_what_is_felt_can_be_undone_first(injector: Injector) -> None:
    injector.inject(FakeFault("proxy", None))
    injector.inject(FakeFault("slow"))
    injector.undo_all(only_in_effect=True)
    assert [held.name for held in injector.active] == ["proxy"]
    injector.undo_all()
    assert undone() == ["slow", "proxy"]


def test_an_effect_that_cannot_be_measured_is_none(
    injector: Injector, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "chaostoolkit"):
        held = injector.inject(FakeFault("slow", DatabaseUnavailable("no answer")))
    assert held.effect is not None
    assert not held.effect.in_effect
    assert held.effect.detail == "no answer"
    assert held.active
    assert "slow: no effect was measured" in caplog.text


def test_a_fault_without_effect_is_warned_about(
    injector: Injector, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = Effect("latency_ms", 100, 0.2, in_effect=False)
    with caplog.at_level(logging.WARNING, "chaostoolkit"):
        injector.inject(FakeFault("slow", nothing))
    assert "latency_ms 0.2 measured, 100 expected" in caplog.text
    assert events.seen[-1][1]["effect"]["in_effect"] is False


def test_round_trips_cost_what_the_active_faults_add(injector: Injector) -> None:
    injector.inject(FakeFault("proxy", None))
    injector.inject(FakeFault("slow"))
    injector.inject(
        FakeFault("slower", Effect("x", 1, 1, in_effect=True, added_round_trip_seconds=0.25))
    )
    assert injector.added_round_trip_seconds == pytest.approx(0.35)
    injector.undo("slower")
    assert injector.added_round_trip_seconds == pytest.approx(0.1)
    injector.undo_all()
    assert injector.added_round_trip_seconds == 0


def test_what_is_not_admitted_is_not_even_prepared(tmp_path: Path) -> None:
    def refuse() -> None:
        raise NotAllowed("not without consent")

    ledger = Ledger("run", tmp_path)
    injector = Injector(ledger, lambda event, data: None, refuse)
    with pytest.raises(NotAllowed, match="not without consent"):
        injector.inject(FakeFault("a", prepare=AssertionError("it was looked at")))
    assert injector.faults == []
    assert not ledger.path.exists()


def in_task(observed: float, *, in_effect: bool = True) -> Effect:
    return Effect("latency_ms", 100, observed, in_effect, added_round_trip_seconds=observed / 1000)


def test_what_tasks_measured_of_a_fault_is_its_effect(injector: Injector, events: Events) -> None:
    held = injector.inject(FakeFault("slow"))
    injector.measured_in_tasks("slow", [in_task(105), in_task(101)], [in_task(99)] * 2, 0)
    injector.measured_in_tasks("slow", [in_task(103)], [in_task(98)], 2)
    assert held.effect is not None
    assert (held.effect.observed, held.effect.in_effect) == (103, True)
    assert held.effect.detail == "median of 3 tasks, each before its startup"
    assert injector.added_round_trip_seconds == pytest.approx(0.103)
    assert held.in_tasks is not None
    told = held.in_tasks.to_json()
    assert told == {"counted": 3, "unmeasured": 2, "least": 101, "most": 105}
    assert events.names[-2:] == ["fault.measured_in_tasks"] * 2
    injector.undo("slow")
    assert held.effect_after is not None
    assert (held.effect_after.observed, held.effect_after.in_effect) == (99, True)


def test_a_fault_that_has_no_effect_here_has_none_by_what_tasks_measured(
    injector: Injector,
) -> None:
    held = injector.inject(FakeFault("slow", in_task(2, in_effect=False)))
    injector.measured_in_tasks("slow", [in_task(101)], [in_task(101)], 0)
    assert held.effect is not None
    assert (held.effect.observed, held.effect.in_effect) == (2, False)
    injector.measured_in_tasks("gone", [in_task(101)], [], 0)  # nothing of that name is in place


def test_what_was_no_number_is_what_was_seen_most_often(injector: Injector) -> None:
    reset = Effect("first_answer", "reset", "reset", in_effect=True)
    held = injector.inject(FakeFault("reset", reset))
    seen = [reset, reset, Effect("first_answer", "reset", "closed", in_effect=True)]
    injector.measured_in_tasks("reset", seen, seen, 0)
    assert held.effect is not None
    assert held.effect.observed == "reset"
    assert held.in_tasks is not None
    assert held.in_tasks.to_json()["least"] is None
