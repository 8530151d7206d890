"""What a search in staging is consented to, and which runs are its trials."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chaosnetra.consent.demands import PlannedActivity
from chaosnetra.consent.plan import ExperimentPlan, PathPlan
from chaosnetra.consent.search_plan import (
    End,
    Range,
    SearchConsent,
    SearchPlan,
    executions_a_trial,
    frame_of,
)
from chaosnetra.errors import NotAllowed

KEYS = ("instances",)
STARTUPS = PlannedActivity(
    "s", "chaosnetra.startup.probes", "startups_succeed", {"count": 4}, False
)


def scaled(minimum: Any) -> PlannedActivity:
    given = {"minimum": minimum}
    return PlannedActivity("scale", "chaosnetra.cloudrun.actions", "scale_service", given, True)


def planned(minimum: int, **changes: Any) -> ExperimentPlan:
    values: dict[str, Any] = {
        "title": "a test's",
        "content": "c",
        "environment": "staging",
        "target": {"service": {"name": "s", "uid": "u", "etag": "1"}, "database": "d"},
        "steps": [STARTUPS, scaled(minimum)],
        "changes": [],
        "arithmetic": None,
        "path": None,
        "tasks": 4,
        "task_settings": {"time_scale": 1.0},
        "pool": {"size": 1, "max_overflow": 2, "per_startup": 3},
        "seconds": 3600.0,
        "allowed": None,
        "lasting": {"service": {"revision": "r1"}},
        "execution_seconds": 100.0,
    }
    return ExperimentPlan(**{**values, **changes})


def framed(plan: ExperimentPlan, steps: Sequence[PlannedActivity] = ()) -> dict[str, Any]:
    return frame_of(plan, steps or [STARTUPS, scaled("${instances}")], KEYS)


def searched(**changes: Any) -> SearchPlan:
    ends = [End({"instances": value}, planned(int(value))) for value in (2.0, 8.0)]
    values: dict[str, Any] = {
        "ranges": [Range("instances", 2.0, 8.0)],
        "trials": 5,
        "executions": 3,
        "seconds": 3600.0,
        "frame": framed(planned(2)),
        "ends": ends,
    }
    return SearchPlan(**{**values, **changes})


def told(plan: SearchPlan) -> SearchConsent:
    """As a trial reads it from a file."""
    return SearchConsent(json.loads(json.dumps(plan.rests_on)), "chaosnetra_1_lease")


def test_a_run_within_the_range_is_a_trial_whatever_the_etag_is() -> None:
    consent = told(searched())
    assert consent.hash == searched().hash
    assert consent.keys == ["instances"]
    now = planned(5, target={"service": {"name": "s", "uid": "u", "etag": "7"}, "database": "d"})
    consent.require(replace(now, seconds=100.0), framed(now), {"instances": "5"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content": "other"}, "another experiment than"),
        ({"environment": "local"}, "another environment than"),
        ({"path": PathPlan([], {"DB": "{url}"})}, "another set of the job's variables"),
        ({"target": {"service": {"name": "s", "uid": "v"}, "database": "d"}}, "another target"),
        ({"lasting": {"service": {"revision": "r2"}}}, "another version of the service or the job"),
        ({"pool": {"size": 9, "max_overflow": 2, "per_startup": 3}}, "another connection pool"),
        ({"task_settings": {"time_scale": 0.5}}, "another set of settings of the tasks"),
        ({"pool": {"size": 1, "max_overflow": 2, "per_startup": 4}}, "another set of settings"),
    ],
)
def test_a_run_that_differs_in_anything_else_is_none(changes: dict[str, Any], said: str) -> None:
    now = planned(5, **changes)
    with pytest.raises(NotAllowed, match=said) as raised:
        told(searched()).require(now, framed(now), {"instances": 5})
    assert "\n" not in str(raised.value)


def test_a_run_with_other_activities_is_none() -> None:
    other = [STARTUPS, scaled("${instances}"), scaled(100)]
    with pytest.raises(NotAllowed, match="another set of activities"):
        told(searched()).require(planned(5), framed(planned(5), other), {"instances": 5})


@pytest.mark.parametrize("value", ["1", 9, 8.01, "many", None, float("nan")])
def test_a_value_outside_of_the_range_is_none(value: Any) -> None:
    with pytest.raises(NotAllowed, match="consented to for other values: instances must be"):
        told(searched()).require(planned(5), framed(planned(5)), {"instances": value})


def test_a_run_may_not_take_longer_than_the_search() -> None:
    now = planned(5, seconds=3601.0)
    with pytest.raises(NotAllowed, match="may take 3601 s, and the search was consented to for"):
        told(searched()).require(now, framed(now), {"instances": 5})


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": 6},
        {"seconds": 1800.0},
        {"ranges": [Range("instances", 2.0, 7.0)]},
        {"frame": framed(planned(2, content="other"))},
        {"ends": [End({"instances": 2.0}, planned(2)), End({"instances": 8.0}, planned(9))]},
        {"ends": [End({"instances": 2.0}, planned(2, seconds=5.0))]},
    ],
)
def test_the_hash_is_over_experiment_range_and_most_trials(changes: dict[str, Any]) -> None:
    assert searched(**changes).hash != searched().hash


def test_a_varied_setting_of_the_tasks_is_no_difference() -> None:
    plans = [planned(2, task_settings={"time_scale": scale}) for scale in (1.0, 0.5)]
    first, second = (frame_of(plan, [STARTUPS], ("time_scale",)) for plan in plans)
    assert first == second
    assert framed(plans[0]) != framed(plans[1])


def test_it_states_what_all_trials_may_take_at_most() -> None:
    plan = searched()
    assert (plan.tasks, plan.trial_seconds) == (4, 360.0)
    assert plan.task_seconds == 4 * 5 * 3 * 100.0
    assert searched(trials=50).task_seconds == 4 * 3600.0, "one execution after another"
    assert "executions of the job: 15 at most, 3 a trial, of 4 tasks each at most" in plan.text
    assert "deadline: 3600 s for the whole search; a trial is reckoned to take up to" in plan.text
    assert "360 s, so none begins after 3240 s" in plan.text
    assert plan.text.endswith(f"hash: {plan.hash}")
    assert plan.refusals == []
    (refused,) = searched(seconds=300.0).refusals
    assert "one trial may take 360 s, and the whole search has 300 s" in refused


def test_what_is_said_at_one_end_alone_is_told_with_its_values() -> None:
    lower = End({"instances": 2.0}, planned(2, warnings=["cost"], refusals=["no label"]))
    upper = End({"instances": 8.0}, planned(8, warnings=["cost", "it may grow"]))
    plan = searched(ends=[lower, upper])
    assert plan.warnings == ["cost", "at instances 8: it may grow"]
    assert plan.refusals == ["at instances 2: no label"]


def test_executions_of_a_trial_are_those_of_its_checks_and_its_method() -> None:
    in_method = replace(STARTUPS, in_method=True)
    assert executions_a_trial([scaled(3)], 1) == 0
    assert executions_a_trial([STARTUPS, scaled(3)], 1) == 3
    assert executions_a_trial([STARTUPS, STARTUPS, in_method], 1) == 7
    assert executions_a_trial([STARTUPS], 4) == 6, "the recovery is waited for"
