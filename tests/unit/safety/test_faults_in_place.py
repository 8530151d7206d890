"""Faults are looked at while they are in place, and measured once more before their undo."""

import pytest

from chaosnetra.errors import (
    ChaosnetraError,
    DatabaseUnavailable,
    UndoFailed,
)
from chaosnetra.faults import Effect, UndoResult
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from tests.support.fake_faults import FELT, Events, FakeFault, LookedAt, happened, undo_ends
from tests.support.helpers import present

NOTHING = Effect("latency_ms", 100, 0.2, in_effect=False)
SILENT = Effect("first_answer", "silent", "silent", in_effect=True)


def after(injector: Injector, name: str) -> Effect:
    """As the fault was measured once more before its undo."""
    return present(next(held for held in injector.faults if held.name == name).effect_after)


def test_a_fault_is_measured_again_before_its_undo(injector: Injector, events: Events) -> None:
    injector.inject(FakeFault("slow"))
    injector.undo("slow")
    assert happened[-2:] == ["measure slow", "undo slow"]
    assert after(injector, "slow") == FELT
    assert injector.faults[0].last_in_effect_at is not None
    assert events.names[-2:] == ["fault.measured_again", "fault.undone"]


def test_what_is_not_in_effect_any_more_is_told_with_when_it_was(
    injector: Injector, events: Events
) -> None:
    injector.inject(LookedAt("slow", FELT, NOTHING))
    seen = injector.faults[0].last_in_effect_at
    injector.undo("slow")
    found = after(injector, "slow")
    assert (found.expected, found.observed, found.in_effect) == (100, 0.2, False)
    told = dict(events.seen)["fault.gone"]
    assert (told["name"], told["last_in_effect_at"]) == ("slow", seen)


@pytest.mark.parametrize("gone", ["somebody removed it", ChaosnetraError("no answer")])
def test_what_is_not_listed_any_more_is_not_measured(
    injector: Injector, gone: str | ChaosnetraError
) -> None:
    fault = LookedAt("slow")
    injector.inject(fault)
    fault.gone = gone
    injector.undo("slow")
    assert happened.count("measure slow") == 1
    found = after(injector, "slow")
    assert not found.in_effect
    assert str(gone) in found.detail


@pytest.mark.parametrize("result", [UndoResult.ALREADY_DONE, UndoResult.NOT_OURS])
def test_an_undo_that_finds_nothing_to_undo_says_that_the_fault_was_gone(
    injector: Injector, result: UndoResult
) -> None:
    injector.inject(FakeFault("slow"))
    undo_ends["slow"] = result
    injector.undo("slow")
    found = after(injector, "slow")
    assert not found.in_effect
    assert "slow is gone" in found.detail


def test_an_undo_that_was_tried_before_may_find_nothing(injector: Injector) -> None:
    injector.inject(FakeFault("slow"))
    undo_ends["slow"] = UndoFailed("the answer was lost")
    assert len(injector.undo_all()) == 1
    undo_ends["slow"] = UndoResult.ALREADY_DONE
    assert injector.undo_all() == []
    assert after(injector, "slow") == FELT


def test_nothing_is_measured_again_in_a_hurry(ledger: Ledger, events: Events) -> None:
    hurried = Injector(ledger, events.record, hurried=lambda: True)
    hurried.inject(FakeFault("slow"))
    hurried.undo_all()
    assert happened[-2:] == ["measure slow", "undo slow"]
    assert happened.count("measure slow") == 1
    assert hurried.faults[0].effect_after is None


def test_what_was_never_in_effect_is_not_measured_again(injector: Injector) -> None:
    injector.inject(FakeFault("slow", NOTHING))
    injector.inject(FakeFault("proxy", None))
    injector.undo_all()
    assert (happened.count("measure slow"), happened.count("measure proxy")) == (1, 1)


def test_a_fault_that_is_replaced_is_measured_before_that(injector: Injector) -> None:
    injector.inject(LookedAt("slow"))
    injector.inject(LookedAt("slow update 1", subject="slow", within=("slow",)))
    assert happened == [
        *("prepare slow", "inject slow", "measure slow", "measure slow"),
        *(f"{what} slow update 1" for what in ("prepare", "inject", "measure")),
    ]
    happened.clear()
    # Its undo ends the update too, which is what is in effect now.
    undo_ends["slow update 1"] = UndoResult.NOT_OURS
    injector.undo("slow")
    injector.undo_all()
    assert happened == ["measure slow update 1", "undo slow", "undo slow update 1"]
    assert after(injector, "slow update 1") == FELT


def test_a_fault_counts_again_once_what_replaced_it_is_undone(injector: Injector) -> None:
    injector.inject(LookedAt("slow"))
    injector.inject(LookedAt("slow update 1", subject="slow", within=("slow",)))
    happened.clear()
    injector.undo_all()
    assert happened == [
        *("measure slow update 1", "undo slow update 1", "measure slow", "undo slow")
    ]


def test_behind_a_fault_that_lets_nothing_through_nothing_is_measured(injector: Injector) -> None:
    injector.inject(LookedAt("slow", place="database"))
    injector.inject(LookedAt("hole", SILENT, place="database"))
    injector.inject(LookedAt("elsewhere", FELT, place="other"))
    happened.clear()
    injector.undo("slow")
    assert happened == ["undo slow"]
    found = after(injector, "slow")
    assert (found.in_effect, found.observed) == (True, "not measured")
    assert "measured no more under hole" in found.detail
    injector.undo("elsewhere")
    assert happened[1:] == ["measure elsewhere", "undo elsewhere"]


def test_what_a_later_fault_hides_counts_as_its_server_lists_it(injector: Injector) -> None:
    injector.inject(LookedAt("slow", FELT, NOTHING))
    injector.inject(LookedAt("cut"))
    injector.undo("slow")
    found = after(injector, "slow")
    assert found.in_effect
    assert "in place as its server lists it" in found.detail


def test_one_look_at_a_busy_machine_is_not_believed(injector: Injector) -> None:
    injector.inject(LookedAt("slow", FELT, NOTHING, FELT))
    injector.undo("slow")
    assert after(injector, "slow") == FELT


def test_a_fault_that_comes_back_was_gone_all_the_same(injector: Injector, events: Events) -> None:
    fault = LookedAt("slow")
    injector.inject(fault)
    [held] = injector.watched()
    injector.look(held)
    assert not held.is_gone
    fault.gone = "somebody removed it"
    injector.look(held)
    fault.gone = None
    injector.undo("slow")
    found = after(injector, "slow")
    assert (found.in_effect, found.detail) == (False, "somebody removed it")
    assert events.names.count("fault.gone") == 1
    assert injector.watched() == []


def test_a_look_that_cannot_be_taken_tells_nothing(injector: Injector) -> None:
    fault = LookedAt("slow")
    fault.gone = DatabaseUnavailable("no answer")
    injector.inject(fault)
    [held] = injector.watched()
    injector.look(held)
    assert not held.is_gone


def test_what_is_seen_in_the_middle_of_an_undo_tells_nothing(injector: Injector) -> None:
    fault = LookedAt("slow")
    held = injector.inject(fault)
    fault.gone = "it is just being removed"
    with injector._changing():
        injector.look(held)
    assert not held.is_gone


def test_what_others_roll_back_is_measured_before(injector: Injector) -> None:
    fault = LookedAt("slow")
    injector.inject(fault)
    injector.settle()
    fault.gone = "it was rolled back by other means"
    assert injector.watched() == []
    undo_ends["slow"] = UndoResult.ALREADY_DONE
    injector.undo("slow")
    assert happened.count("measure slow") == 2
    assert after(injector, "slow") == FELT
