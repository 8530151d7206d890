"""Where an experiment is expected to break, from a journal alone."""

from dataclasses import replace
from typing import Any

import pytest

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.search.forecast import (
    forecast_of,
    limits_of,
    model_of,
    round_trip_seconds,
)
from chaosnetra.search.record import Limit, StartModel
from tests.support.helpers import present
from tests.support.journals import journal, startups, state
from tests.support.seen_on_the_wire import json_of, ready

STEPS = (
    {"step": "check", "budgets": ["table_setup"], "round_trips": 24, "seconds": 0.1},
    {"step": "validate", "budgets": ["table_setup"], "round_trips": 6, "seconds": 0.1},
    {
        "step": "end",
        "budgets": ["critical_path", "health_check"],
        "round_trips": 22,
        "seconds": 0.02,
    },
)


def startup(seconds: float, status: str = "ready", **told: Any) -> dict[str, Any]:
    steps = [{**step, "statements": 1, "answered": 1} for step in STEPS]
    wire = {"serial_round_trips": 52, "waited_seconds": 0.052, "complete": True}
    return {
        "number": 1, "status": status, "seconds": seconds, "boot_seconds": 0.1,
        "phase_seconds": {}, "steps": steps, "wire": wire, **told,
    }  # fmt: skip


def made(before: list[dict[str, Any]], after: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    given = {"startup_timeout_seconds": 24.0}
    checks = [
        state(
            startups(
                sum(one["status"] == "ready" for one in found), len(found), startups=found, **given
            )
        )
        for found in (before, after or before)
    ]
    found = journal(before=checks[0], after=checks[1])
    found["chaosnetra"] |= {
        "time_scale": 0.1,
        "profile": {"budgets": {"table_setup_seconds": 10.0, "health_check_seconds": None}},
    }
    return normalized(found)


BASELINE = made([startup(0.5), startup(0.7), startup(0.6)])


def test_limits_have_the_work_that_they_bound() -> None:
    found = {limit.name: limit for limit in limits_of(BASELINE)}
    assert set(found) == {"budget table_setup", "startup timeout"}
    assert found["budget table_setup"] == Limit("budget table_setup", 1.0, 0.2, 30, 0.0)
    assert found["startup timeout"] == Limit("startup timeout", 24.0, 0.6, 52)


def test_the_first_limit_decides_in_the_unit_of_the_key() -> None:
    found = present(forecast_of(limits_of(BASELINE), 0.1))
    assert found.value == pytest.approx(1000 * (1.0 - 0.2) / 30 / 0.1)
    assert found.limit.name == "budget table_setup"
    assert "30 round trips" in found.how


def test_a_baseline_that_varies_predicts_less_well() -> None:
    calm = forecast_of([Limit("l", 1.0, 0.2, 24, 0.0)], 1.0)
    noisy = forecast_of([Limit("l", 1.0, 0.2, 24, 0.16)], 1.0)
    assert calm is not None
    assert (calm.spread, present(noisy).spread) == (0.05, pytest.approx(0.2))


@pytest.mark.parametrize("limit", [Limit("l", 1.0, 0.1, 0), Limit("l", 1.0, 1.5, 5)])
def test_what_never_breaks_predicts_nothing(limit: Limit) -> None:
    assert forecast_of([limit], 1.0) is None
    assert forecast_of([], 1.0) is None


def test_what_a_start_takes_is_seen_on_the_wire() -> None:
    assert model_of(BASELINE) == StartModel(0.6, 52)


def test_one_statement_that_takes_long_says_nothing_of_the_path() -> None:
    seen = ready(each=0.001)
    slow = replace(seen, waits=(*seen.waits, (seen.seconds, seen.seconds + 3.0)))
    slow = replace(slow, waited_seconds=slow.waited_seconds + 3.0)
    data = made([startup(0.5, wire=json_of(one)) for one in (slow, slow.brief(), slow)])
    assert round_trip_seconds(data) == pytest.approx(0.001)
    brief = made([startup(0.5, wire=json_of(seen.brief()))])
    assert round_trip_seconds(brief) == pytest.approx(0.001)


@pytest.mark.parametrize("wire", [None, {}, {"serial_round_trips": "x", "complete": True}, "wire",
                                  {"serial_round_trips": 5, "complete": False}])  # fmt: skip
def test_without_it_nothing_is_known(wire: Any) -> None:
    assert model_of(made([startup(0.5, wire=wire)])) is None


def test_a_journal_without_startups_predicts_nothing() -> None:
    other = normalized(journal())
    assert (model_of(other), limits_of(other), round_trip_seconds(other)) == (None, [], None)
