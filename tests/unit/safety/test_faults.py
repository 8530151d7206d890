"""The protocol of faults: undos as data, and playing them."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from chaosnetra.errors import FaultError
from chaosnetra.faults import UNDO_PLAYERS, Effect, Injected, Undo, UndoReport, UndoResult, play


def take_back(arguments: Mapping[str, Any]) -> UndoReport:
    """The player of the undos of this module."""
    return UndoReport(UndoResult.DONE, f"took back {arguments['what']}")


def test_an_undo_survives_json() -> None:
    undo = Undo("test.take_back", "take it back", {"what": "x", "count": 3, "list": [1, None]})
    assert Undo.from_json(json.loads(json.dumps(undo.to_json()))) == undo


def test_an_effect_is_json() -> None:
    effect = Effect("added_latency_ms", 100, 99.5, in_effect=True, added_round_trip_seconds=0.1)
    assert json.loads(json.dumps(effect.to_json())) == {
        "quantity": "added_latency_ms",
        "expected": 100,
        "observed": 99.5,
        "in_effect": True,
        "added_round_trip_seconds": 0.1,
        "detail": "",
    }


def test_an_injected_fault_is_active_until_there_is_a_report() -> None:
    fault = Injected("x", {}, Undo("k", "d", {}), 1)
    assert fault.active
    fault.report = UndoReport(UndoResult.DONE, "")
    assert not fault.active


def test_playing_calls_the_player_with_the_undos_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNDO_PLAYERS, "test.take_back", f"{__name__}:take_back")
    report = play(Undo("test.take_back", "take it back", {"what": "the latency"}))
    assert report == UndoReport(UndoResult.DONE, "took back the latency")


def test_a_kind_of_another_version_is_refused() -> None:
    with pytest.raises(FaultError, match=r"cannot undo 'later.thing' \(remove the thing\)"):
        play(Undo("later.thing", "remove the thing", {}))


@pytest.mark.parametrize("kind", UNDO_PLAYERS)
def test_every_kind_of_undo_has_its_player(kind: str) -> None:
    module, _, name = UNDO_PLAYERS[kind].partition(":")
    assert callable(getattr(import_module(module), name))
