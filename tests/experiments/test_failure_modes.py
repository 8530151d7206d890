"""Every experiment fails with the settings of issue 1263 and holds with those of issue 1278."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunChaos
from tests.experiments.conftest import FailingRuns

EXPERIMENTS = Path(__file__).parents[2] / "experiments"

Section = dict[str, Any]


def violation(section: Section, probe: str) -> dict[str, Any]:
    """The violation of that probe under the fault."""
    found = [
        one
        for one in section["violations"]
        if one["probe"] == probe and one["stage"] in ("after", "during")
    ]
    assert len(found) == 1, section["violations"]
    return dict(found[0])


def measurements(section: Section, probe: str, stage: str) -> dict[str, Any]:
    """What that probe measured in that stage."""
    (found,) = (
        one for one in section["measurements"] if one["probe"] == probe and one["stage"] == stage
    )
    return dict(found)


def the_first_connection_ran_out_of_table_setup(section: Section) -> None:
    found = violation(section, "startups-succeed")
    assert (found["phase"], found["budget"]) == ("database", "table_setup")
    assert found["budget_seconds"] == 1
    assert found["error"]


def some_connections_were_slow(section: Section) -> None:
    assert "slow" in violation(section, "connections-succeed")["observed"]
    figures = measurements(section, "connections-succeed", "after")
    assert figures["failure_rate"] == pytest.approx(25 / 60, abs=0.1)
    assert max(sample["most_queued"] for sample in section["connector"]["samples"]) == 10


def the_scale_up_came_too_late(section: Section) -> None:
    the_first_connection_ran_out_of_table_setup(section)
    events = [event["event"] for event in section["connector"]["events"]]
    assert "scale-up begun" in events
    assert max(sample["in_use"] for sample in section["connector"]["samples"]) == 50


def the_transfer_took_too_long(section: Section) -> None:
    assert "Mbit/s" in violation(section, "transfer-succeeds")["observed"]


def slots_ran_out(section: Section) -> None:
    found = violation(section, "connections-succeed")
    assert found["sqlstate"] == "53300"
    assert "13 refused" in found["observed"]


def five_checkouts_timed_out(section: Section) -> None:
    assert "5 timed out in the pool" in violation(section, "pool-checkouts-succeed")["observed"]


def the_message_names_another_budget(section: Section) -> None:
    found = violation(section, "failures-are-explained")
    assert found["budget"] == "table_setup"
    assert "which its message does not name" in found["error"]


def a_quick_error_is_swallowed(section: Section) -> None:
    for probe in ("while-connections-are-refused", "while-connections-are-reset"):
        assert "it serves although phase database failed" in violation(section, probe)["error"]
    for probe in ("while-nothing-passes", "while-connections-stall"):
        assert "which its message does not name" in violation(section, probe)["error"]


def instances_went_on_without_their_database(section: Section) -> None:
    found = violation(section, "instances-start")
    assert (found["phase"], found["sqlstate"]) == ("database", "53300")
    figures = measurements(section, "instances-start", "after")
    assert figures["attempts"] == 4
    assert figures["failures"] >= 2
    assert figures["connected"] + figures["failures"] == 4


FINDINGS: dict[str, Callable[[Section], None]] = {
    "cloudrun_scale_out.json": instances_went_on_without_their_database,
    "cloudsql_connections.json": slots_ran_out,
    "cloudsql_pool.json": five_checkouts_timed_out,
    "cloudsql_pressure.json": the_first_connection_ran_out_of_table_setup,
    "database_reset.json": a_quick_error_is_swallowed,
    "exit_code.json": the_message_names_another_budget,
    "smd_cascade.json": the_first_connection_ran_out_of_table_setup,
    "vpc_concurrency.json": some_connections_were_slow,
    "vpc_scaling_delay.json": the_scale_up_came_too_late,
    "vpc_throughput.json": the_transfer_took_too_long,
}
# These have a test module of their own.
ELSEWHERE = {"vpc_latency.json", "timeout_budget.json"}


def test_every_experiment_is_run_with_both_profiles() -> None:
    assert {path.name for path in EXPERIMENTS.glob("*.json")} == set(FINDINGS) | ELSEWHERE


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", FINDINGS)
def test_it_fails_with_the_old_settings_and_says_why(failing_runs: FailingRuns, name: str) -> None:
    done = failing_runs(name)
    assert done.returncode == 1, done.output
    section = done.section
    assert section["verdict"] == "violated", section["reason"]
    assert section["profile"]["name"] == "issue-1263"
    FINDINGS[name](section)
    assert all(fault["undo"] for fault in section["faults"])
    assert all(fault["effect"]["in_effect"] for fault in section["faults"] if fault["effect"])


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", FINDINGS)
def test_it_holds_with_the_remedied_settings(run_chaos: RunChaos, name: str) -> None:
    done = run_chaos(EXPERIMENTS / name, CHAOSNETRA_PROFILE="issue-1278")
    assert done.returncode == 0, done.output
    section = done.section
    assert section["verdict"] == "held", section["reason"]
    assert section["violations"] == []
    assert section["faults"]
    assert all(fault["undo"] for fault in section["faults"])


def test_the_throughput_curve_is_recorded(failing_runs: FailingRuns) -> None:
    done = failing_runs("vpc_throughput.json")
    curve = [
        step["output"]["megabits_per_second"]
        for step in done.journal["run"]
        if step["activity"]["provider"]["func"] == "throughput"
    ]
    assert len(curve) == 3
    assert curve[2] < 20 < curve[0]


def experiment_files() -> list[Path]:
    return sorted(EXPERIMENTS.glob("*.json"))


@pytest.mark.parametrize("path", experiment_files(), ids=lambda path: path.name)
def test_every_experiment_declares_what_it_must(path: Path) -> None:
    experiment = json.loads(path.read_text(encoding="utf-8"))
    assert experiment["title"]
    assert len(experiment["description"]) > 100
    assert "issue-1278" in experiment["tags"]
    assert set(experiment["contributions"]) == {
        "reliability",
        "availability",
        "performance",
        "security",
    }
    modules = [control["provider"]["module"] for control in experiment["controls"]]
    assert "chaosnetra.controls.journal" in modules
    assert experiment["runtime"]["rollbacks"]["strategy"] == "always"
    assert experiment["configuration"]["profile"]["default"] == "issue-1278"
    acted = {
        step["provider"]["module"] for step in experiment["method"] if step["type"] == "action"
    }
    undone = {step["provider"]["module"] for step in experiment["rollbacks"]}
    assert acted == undone


def test_the_readme_of_the_experiments_names_each() -> None:
    text = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    for path in experiment_files():
        assert f"`{path.name}`" in text
