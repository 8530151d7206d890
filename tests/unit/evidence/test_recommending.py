"""Recommendations from the figures in journals, also where the budget cut them off."""

import copy
import json
from typing import Any

import pytest

from chaosnetra.evidence.advice.derived_profile import derived_profile
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.recommending import Advising, advise, recommend
from tests.support import measured
from tests.support.journals import GOOD, state
from tests.support.measured import READY, checked, expired, fault, read, startup, step


def advised(*journals: dict[str, Any]) -> Advising:
    return advise(read(data, f"{number}.json") for number, data in enumerate(journals))


def by_subject(*journals: dict[str, Any]) -> dict[str, Recommendation]:
    return {one.subject: one for one in recommend(map(read, journals))}


def test_round_trips_tell_what_a_budget_needs_that_cut_every_startup_off() -> None:
    """24 round trips of 50 ms more, and 0.1 s without: 13 s at time scale 1, and a quarter."""
    found = by_subject(measured.behind_latency())
    table_setup = found["table_setup_seconds"]
    assert (table_setup.current, table_setup.proposed) == ("10 s", "17 s")
    assert "24 round trips of 500 ms more each" in table_setup.evidence[0]
    assert "67% confidence (14 give 95%)" in table_setup.evidence[0]
    assert table_setup.check.endswith("chaos run experiments/vpc_latency.json")
    # No startup came so far, but its round trips are known from those without the fault.
    assert found["health_check_seconds"].proposed == "15 s"
    assert "critical_path_seconds" not in found
    assert "saves" not in found  # and what the round trips would save:
    assert found["round trips of step finalize"].proposed.startswith("6")


def test_what_was_left_to_do_tells_where_a_lock_made_statements_slow() -> None:
    data = measured.behind_latency(added=0.15, answered=1)
    effect = data["chaosnetra"]["faults"][0]["effect"]
    effect.update(quantity="added_catalog_read_ms", expected=160.0)
    # 1 s was spent, and five statements of 160 ms are left: 1.8 s, and 0.1 s without the fault.
    found = by_subject(data)
    assert found["table_setup_seconds"].proposed == "24 s"
    assert "health_check_seconds" not in found  # nobody knows what the lock does to it


def test_progress_tells_where_no_fault_adds_to_round_trips() -> None:
    data = measured.behind_latency()
    data["chaosnetra"]["faults"][0]["effect"]["added_round_trip_seconds"] = 0.0
    # Two of six statements took 0.3 s: the other four take 0.6 s more.
    assert by_subject(data)["table_setup_seconds"].proposed == "20 s"


def test_a_need_that_is_only_bounded_from_below_says_so() -> None:
    data = measured.behind_latency()
    data["chaosnetra"]["faults"] = []
    for told in data["steady_states"]["after"]["probes"][0]["output"]["startups"]:
        told["steps"][0] |= {"answered": 0, "connected_seconds": None}
    found = by_subject(data)["table_setup_seconds"]
    assert found.proposed == "20 s"  # twice what was not enough
    assert "a second run is to confirm it" in found.reason
    assert "at least 10 s (5 cut short)" in found.evidence[0]


def test_a_service_that_tells_no_steps_is_bounded_by_the_budget_that_it_names() -> None:
    cut = [startup(n, error=expired("connection", 1.5)) for n in range(1, 6)]
    found = by_subject(measured.measured(after=state(checked(*cut))))
    assert found["connection_seconds"].proposed == "30 s"
    # The outer ones are raised with it: else it could never run out.
    assert "pool 30 s" in found["order of pool_seconds and connection_seconds"].proposed
    assert "order of table_setup_seconds and pool_seconds" in found


def test_enough_startups_give_the_bound_its_confidence() -> None:
    slow = [startup(n, step("first_table_check", 1.0 + n / 100)) for n in range(1, 31)]
    found = by_subject(measured.measured(after=state(checked(*slow))))
    assert "80% quantile of 30 at most" in found["table_setup_seconds"].evidence[0]
    assert "with 95% confidence" in found["table_setup_seconds"].evidence[0]


def test_what_suffices_is_left_alone() -> None:
    nothing = advised(measured.measured(after=state(checked(*READY))))
    assert nothing.recommendations == ()
    assert "1 run kept within" in nothing.why_nothing


def test_startups_without_the_fault_need_nothing_under_it() -> None:
    slow = [startup(n, step("first_table_check", 5.0)) for n in range(1, 6)]
    before = state(checked(*slow))
    assert recommend([read(measured.measured(before=before, after=GOOD))]) == ()


def test_a_full_connector_gets_instances_and_no_budget_for_its_queue() -> None:
    found = by_subject(measured.through_a_full_connector())
    connector = found["vpc_connector.minimum_instances"]
    # 60 connections and a tenth, at 17.5 an instance below the threshold.
    assert (connector.current, connector.proposed) == ("2", "4")
    assert "60 connections at once, 10 of them waited" in connector.evidence[0]
    # 23 s are what pressure took; the 30 s of those who waited for a slot count for none.
    assert found["connection_seconds"].proposed == "29 s"
    assert "10 more found the connector full" in found["connection_seconds"].evidence[0]
    assert found["vpc_connector.scaling_buffer_seconds"].proposed == "40 s"


def test_throughput_that_others_take_counts_too() -> None:
    transfer = {"held": False, "expected": "e", "observed": "o", "size_bytes": 8_000_000}
    transfer["max_seconds"] = 0.02  # 3,200 Mbit/s
    limits = {**measured.LIMITS, "background_mbps": 1985.0}
    data = measured.measured(
        after=state(measured.probe("transfer", met=False, output=transfer)),
        faults=[fault("connector change 1", limits, quantity="slots")],
    )
    assert by_subject(data)["vpc_connector.minimum_instances"].proposed == "6"


def test_pools_leave_slots_for_others() -> None:
    found = by_subject(measured.beside_full_pools())["pool.size and pool.max_overflow"]
    # 0.9 of 197 slots less 50, among four: 31 each, in the ratio that they had.
    assert found.proposed == "size 11, max_overflow 20"
    assert "4 instances hold 160 of 197 slots" in found.evidence[0]


def test_where_others_take_all_slots_no_pool_is_small_enough() -> None:
    data = measured.beside_full_pools()
    storm = data["steady_states"]["after"]["probes"][0]["output"]
    storm.update(attempts=200, failures=163)
    found = by_subject(data)
    assert "cloud_sql.max_connections" in found
    assert "pool.size and pool.max_overflow" not in found


def test_a_pool_waits_as_long_as_the_work_of_those_before() -> None:
    found = by_subject(measured.in_a_pool_too_slow())["pool.timeout_seconds"]
    assert (found.current, found.proposed) == ("60 s", "82 s")


def test_a_pool_of_which_nobody_told_the_work_is_only_bounded() -> None:
    data = measured.in_a_pool_too_slow()
    for one in data["steady_states"]["after"]["probes"][0]["output"]["checkouts"]:
        del one["work_seconds"]
    found = by_subject(data)["pool.timeout_seconds"]
    assert found.proposed == "120 s"
    assert "second run" in found.reason


def test_an_orchestrator_that_swallows_and_hides_is_told() -> None:
    found = by_subject(measured.swallowing_and_hiding())
    swallowed = found["orchestrator.graceful_startup"]
    assert swallowed.current == "true"
    assert "1 startup serves although phase database failed: refused" in swallowed.evidence[0]
    hidden = found["orchestrator.timeout_message_names"]
    assert "table_setup ran out in 1 startup, which says" in hidden.evidence[0]


def test_a_rule_raises_every_budget_around_its_work() -> None:
    found = by_subject(measured.short_of_the_rules())
    assert {subject for subject in found if subject.endswith("_seconds")} >= {
        "table_setup_seconds",
        "pool_seconds",
        "connection_seconds",
    }
    assert all(found[f"{name}_seconds"].proposed == "25 s" for name in ("pool", "connection"))


def test_budgets_that_the_platform_would_not_wait_for_are_told() -> None:
    found = by_subject(measured.behind_latency(added=1.0))
    assert found["table_setup_seconds"].proposed == "302 s"
    deadline = found["startup_deadline_seconds"]
    assert deadline.area == "cloud_run"
    assert "gives up after 240 s" in deadline.reason


def test_the_profile_holds_every_change_and_says_where_it_comes_from() -> None:
    every = advised(*(make() for make in measured.EVERY))
    profile = derived_profile(every, "fixed", "2026-01-01")
    assert profile["budgets"]["table_setup_seconds"] >= profile["budgets"]["pool_seconds"]
    assert profile["pool"]["size"] + profile["pool"]["max_overflow"] == 31
    assert profile["pool"]["timeout_seconds"] == 82
    assert profile["infrastructure"]["vpc_connector"]["concurrent_connections"] == 100
    assert profile["infrastructure"]["vpc_connector"]["baseline_throughput_gbps"] == 4
    assert profile["orchestrator"] == {
        "graceful_startup": False,
        "timeout_message_names": "expired",
    }
    # What nothing was said of is as it was.
    assert profile["budgets"]["validation_seconds"] == 30
    assert profile["infrastructure"]["cloud_sql"] == measured.OLD.infrastructure["cloud_sql"]
    assert "6 runs with profile issue-1263: 0.json, 1.json" in profile["description"]


def test_every_recommendation_has_figures_and_a_check() -> None:
    found = advised(*(make() for make in measured.EVERY)).recommendations
    assert {one.area for one in found} == {"budgets", "pool", "connector", "orchestrator"}
    assert all(one.evidence and one.check and one.reason for one in found)
    json.dumps([one.to_json() for one in found], allow_nan=False)


def test_a_run_that_proves_nothing_teaches_nothing() -> None:
    data = measured.behind_latency()
    data["chaosnetra"]["faults"][0]["effect"]["in_effect"] = False
    found = advised(data)
    assert found.recommendations == ()
    assert "1 run: it proves nothing" in found.why_nothing


def test_runs_with_other_profiles_are_kept_apart_and_named() -> None:
    other = copy.deepcopy(measured.behind_latency())
    other["chaosnetra"]["profile"] = {**measured.PROFILE, "name": "another"}
    found = advised(measured.behind_latency(), other).recommendations
    subjects = [one for one in found if one.subject == "table_setup_seconds"]
    assert [one.reason.rpartition("(")[2] for one in subjects] == [
        "runs with profile issue-1263)",
        "runs with profile another)",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": None}, "does not hold the profile"),
        ({"time_scale": None}, "does not hold the time scale"),
        ({"time_scale": 0}, "does not hold the time scale"),
        ({"profile": {"name": "x"}}, "does not hold budgets"),
    ],
)
def test_a_journal_that_lacks_what_it_takes_says_so(change: dict[str, Any], words: str) -> None:
    data = measured.behind_latency()
    data["chaosnetra"].update(change)
    assert words in advised(data).why_nothing


@pytest.mark.parametrize("quantity", [[], {}, 5, None, "added_x_ms"], ids=str)
def test_an_effect_of_no_known_kind_is_taken_for_one_on_statements(quantity: Any) -> None:
    data = measured.behind_latency()
    data["chaosnetra"]["faults"][0]["effect"]["quantity"] = quantity
    assert "statements still to be answered" in by_subject(data)["table_setup_seconds"].evidence[0]
