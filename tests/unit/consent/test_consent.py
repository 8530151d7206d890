"""What an experiment asks for, and the hash of its plan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.consent.demands import (
    Connections,
    PlannedActivity,
    connections_of,
    tasks_of,
    total_connections,
    wanted_scaling,
)
from chaosnetra.consent.inspect import content_digest
from chaosnetra.consent.plan import digest
from chaosnetra.controls.consent import steps_of
from chaosnetra.errors import InvalidInput
from chaosnetra.profiles import PoolSettings

POOL = PoolSettings(size=12, max_overflow=18, timeout_seconds=90, recycle_seconds=1800)
FREE = 100
PER_STARTUP = 30


def step(area: str, function: str, in_method: bool = True, **arguments: Any) -> PlannedActivity:
    kind = "actions" if in_method else "probes"
    return PlannedActivity("step", f"chaosnetra.{area}.{kind}", function, arguments, in_method)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (step("postgres", "hold_connections", by="count", amount="7"), 7),
        (step("postgres", "hold_connections", by="instances", amount=4), 120),
        (step("postgres", "hold_connections", amount=20), 80),
        (step("postgres", "hold_connections", by="share", amount="0.505"), 50),
        (step("postgres", "press_database", backends=3), 3),
        (step("postgres", "press_database"), 8),
        (step("postgres", "lock_catalog", hold_ms=1), 3),
        (step("postgres", "connections_succeed", in_method=False), 50),
        (step("postgres", "connections_succeed", in_method=False, count="60"), 60),
        (step("postgres", "pool_checkouts_succeed", in_method=False), 30),
        (step("startup", "startups_succeed", in_method=False, count=9), 270),
        (step("postgres", "release_connections"), 0),
        (step("postgres", "free_connection_slots", in_method=False), 0),
        (step("startup", "budgets_suffice", in_method=False), 0),
        (step("toxiproxy", "add_latency"), 2),
        (step("toxiproxy", "add_latency", toxicity="0.5"), 60),
        (step("toxiproxy", "remove_toxic"), 0),
        (step("connector", "limit_connector"), 2),
        (step("cloudrun", "scale_service", minimum=4), 0),
    ],
)
def test_what_a_step_opens_itself(asked: PlannedActivity, count: int) -> None:
    assert [one.count for one in connections_of([asked], POOL, FREE, PER_STARTUP)] == [count] * (
        count > 0
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (step("postgres", "hold_connections", by="all", amount=1), "by must be count, instances"),
        (step("postgres", "hold_connections", amount="${amount}"), "amount must be a number"),
        (step("postgres", "press_database", backends=[]), "backends must be a number"),
        (step("postgres", "no_such_function"), "has no attribute 'no_such_function'"),
    ],
)
def test_what_cannot_be_read_is_told(asked: PlannedActivity, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        connections_of([asked], POOL, FREE, PER_STARTUP)


COUNTS = st.lists(st.tuples(st.integers(1, 100), st.booleans(), st.booleans()))


@given(COUNTS)
def test_what_is_held_adds_up_and_of_what_is_over_at_once_the_greatest_counts(
    counts: list[tuple[int, bool, bool]],
) -> None:
    found = [Connections("step", *one) for one in counts]
    held = sum(count for count, _, is_held in counts if is_held)
    over = {
        method: [
            count for count, in_method, is_held in counts if in_method is method and not is_held
        ]
        for method in (True, False)
    }
    assert total_connections(found) == held + max([0, *over[True]]) + max([0, *over[False]])


def test_a_probe_of_the_method_holds_nothing_but_in_the_background() -> None:
    probes = [
        PlannedActivity(
            "step", "chaosnetra.startup.probes", "startups_succeed", {"count": 2}, True, b
        )
        for b in (False, True)
    ]
    held = [one.is_held for one in connections_of(probes, POOL, FREE, PER_STARTUP)]
    assert held == [False, True]


def test_what_measures_a_fault_is_counted_for_each_startup() -> None:
    steps = [
        step("startup", "startups_succeed", in_method=False, count=3),
        step("toxiproxy", "add_latency"),
    ]
    counts = [one.count for one in connections_of(steps, POOL, FREE, PER_STARTUP)]
    assert counts == [3 * (PER_STARTUP + 2), 2]


def test_scalings_and_tasks() -> None:
    assert wanted_scaling(step("cloudrun", "scale_service", minimum="4")) == WantedScaling(4)
    assert wanted_scaling(step("cloudrun", "restore_service")) is None
    startups = [step("startup", "startups_succeed", in_method=False, count=n) for n in (3, 9, 5)]
    assert tasks_of([*startups, step("postgres", "press_database")]) == 9
    assert tasks_of([]) == 0


def test_steps_are_our_activities_with_their_variables_replaced() -> None:
    def activity(module: str, **arguments: Any) -> dict[str, Any]:
        provider = {"type": "python", "module": module, "func": "f", "arguments": arguments}
        return {"type": "action", "name": module, "provider": provider}

    experiment = {
        "steady-state-hypothesis": {"probes": [activity("chaosnetra.a.probes", count="${n}")]},
        "method": [
            activity("somebody.else"),
            {"type": "action", "name": "p", "provider": {"type": "process", "path": "true"}},
            activity("chaosnetra.a.actions", plain=3, text="at ${n} or ${unknown}"),
        ],
    }
    probe, action = steps_of(experiment, {"n": "4"})
    assert (probe.arguments, probe.in_method) == ({"count": "4"}, False)
    assert (action.arguments["plain"], action.in_method) == (3, True)
    assert "4" in action.arguments["text"]


@pytest.mark.parametrize(
    ("environment", "function"), [("staging", "scale_service"), ("local", "add_latency")]
)
def test_of_an_action_for_each_environment_that_of_this_one_counts(
    environment: str, function: str
) -> None:
    by_environment = {
        "local": {"module": "chaosnetra.toxiproxy.actions", "func": "add_latency"},
        "staging": {
            "module": "chaosnetra.cloudrun.actions",
            "func": "scale_service",
            "arguments": {"minimum": "${n}"},
        },
    }
    provider = {
        "type": "python",
        "module": "chaosnetra.pressure.actions",
        "func": "apply_pressure",
        "arguments": by_environment,
    }
    experiment = {"method": [{"type": "action", "name": "press", "provider": provider}]}
    (found,) = steps_of(experiment, {"n": "4"}, environment=environment)
    assert (found.name, found.function) == ("press", function)
    if environment == "staging":
        assert wanted_scaling(found) == WantedScaling(4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.text(max_size=4), JSON)
def test_a_digest_is_of_the_content_and_not_of_the_order(
    data: dict[str, Any], key: str, value: Any
) -> None:
    assert digest(data) == digest(dict(reversed(data.items())))
    changed = {**data, key: [value]}
    assert (digest(changed) == digest(data)) == (data.get(key, ...) == [value])


def test_what_the_command_line_changes_is_no_content() -> None:
    experiment = {"title": "${t}", "method": [], "configuration": {"a": 1}}
    changed = {**experiment, "title": "t", "dry": None, "runtime": {}}
    assert content_digest(experiment) == content_digest(changed)
    assert content_digest(experiment) != content_digest({**experiment, "method": [1]})
