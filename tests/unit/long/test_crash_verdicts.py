"""The crash campaign sees a verdict that what was done makes untrue."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.long.crash.verdicts import contradictions

FELT = {"quantity": "added_latency_ms", "in_effect": True}


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def event(event_: str, second: int, **data: Any) -> dict[str, Any]:
    return {"event": event_, "at": at(second).isoformat(), **data}


EVENTS = [
    event("stand.part", 1, kind="Toxiproxy", source="configured"),
    event("hypothesis.started", 2),
    event("hypothesis.ended", 3, met=True),
    event("fault.injected", 4, name="slow", effect=FELT, parameters={"kind": "toxic"}),
    event("hypothesis.started", 5),
    event("hypothesis.ended", 7, met=True),
    event("fault.undone", 9, name="slow"),
    event("hypothesis.started", 10),
    event("hypothesis.ended", 12, met=True),
]
CHECKS: list[list[str]] = [[], [], []]


def found(verdict: str, **lost: Any) -> list[str]:
    section = {"verdict": verdict}
    returncode = 0 if verdict == "held" else 1
    return contradictions(section, EVENTS, returncode, CHECKS, None, None, **lost)


@pytest.mark.parametrize("verdict", ["held", "violated"])
def test_a_fault_taken_away_before_its_undo_allows_no_verdict(verdict: str) -> None:
    assert found(verdict, fault_taken_at=at(6)) == [
        f"{verdict}, and a fault was taken away before its undo"
    ]
    assert found("inconclusive", fault_taken_at=at(6)) == []


@pytest.mark.parametrize("second", [3, 10])
def test_what_is_taken_when_nothing_is_in_effect_changes_nothing(second: int) -> None:
    assert found("held", fault_taken_at=at(second)) == []


@pytest.mark.parametrize("verdict", ["held", "violated"])
def test_a_part_lost_while_it_was_used_allows_no_verdict(verdict: str) -> None:
    assert found(verdict, part_lost=("Toxiproxy", at(11))) == [
        f"{verdict}, and Toxiproxy was lost while it was used"
    ]
    assert found("inconclusive", part_lost=("Toxiproxy", at(11))) == []


def test_a_part_that_is_not_used_may_go() -> None:
    assert found("held", part_lost=("Toxiproxy", at(0))) == []
    assert found("held", part_lost=("Toxiproxy", at(13))) == []
    assert found("held", part_lost=("PostgreSQL", at(6))) == []
