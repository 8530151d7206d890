"""Every experiment fails with the settings of issue 1263 and holds with those of issue 1278."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.settings import SETTINGS
from tests.conftest import RunChaos
from tests.experiments.conftest import FailingRuns
from tests.long.remediation import run
from tests.support.repository import EXPERIMENTS

Section = dict[str, Any]

pytestmark = pytest.mark.usefixtures("nothing_left", "no_part_left")


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
    assert re.search(
        r"\d+ slow.*: 4\d% not ok, p95 (at least )?[\d.]+ s",
        violation(section, "connections-succeed")["observed"],
    )
    figures = measurements(section, "connections-succeed", "after")
    assert figures["failure_rate"] == pytest.approx(25 / 60, abs=0.1)
    assert max(sample["most_queued"] for sample in section["connector"]["samples"]) == 10


def the_connector_scaled_up_in_the_end(section: Section) -> None:
    some_connections_were_slow(section)
    events = {event["event"]: event["at_seconds"] for event in section["connector"]["events"]}
    # 30 s after it was full, at time scale 0.1.
    assert events["scaled up"] - events["scale-up begun"] == pytest.approx(3, abs=1)


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
    stages = [one["stage"] for one in figures["instances"]]
    assert (figures["attempts"], len(stages)) == (4, 4)
    assert figures["failures"] == stages.count("degraded") >= 2
    assert figures["failures"] + stages.count("ready") == 4
    # Of one that was refused the server may not have ended every session yet.
    assert figures["connected"] >= stages.count("ready")


FINDINGS: dict[str, Callable[[Section], None]] = {
    "cloudrun_scale_out.json": instances_went_on_without_their_database,
    "cloudsql_connections.json": slots_ran_out,
    "cloudsql_pool.json": five_checkouts_timed_out,
    "cloudsql_pressure.json": the_first_connection_ran_out_of_table_setup,
    "database_reset.json": a_quick_error_is_swallowed,
    "exit_code.json": the_message_names_another_budget,
    "smd_cascade.json": the_first_connection_ran_out_of_table_setup,
    "vpc_concurrency.json": the_connector_scaled_up_in_the_end,
    "vpc_scaling_delay.json": the_scale_up_came_too_late,
    "vpc_throughput.json": the_transfer_took_too_long,
}
# These have a test module of their own.
ELSEWHERE = {"vpc_latency.json", "timeout_budget.json"}


def test_every_experiment_is_run_with_both_profiles() -> None:
    assert {path.name for path in EXPERIMENTS.glob("*.json")} == set(FINDINGS) | ELSEWHERE


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


@pytest.mark.parametrize("name", FINDINGS)
def test_it_holds_with_the_remedied_settings(run_chaos: RunChaos, name: str) -> None:
    done = run_chaos(EXPERIMENTS / name, CHAOSNETRA_PROFILE="issue-1278")
    assert done.returncode == 0, done.output
    section = done.section
    assert section["verdict"] == "held", section["reason"]
    assert section["violations"] == []
    assert section["faults"]
    assert all(fault["undo"] for fault in section["faults"])


# What a service does that asks its database something, and can do without an answer.
ASKS = """
import asyncio, asyncpg, contextlib, os

async def ask():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=2)
    await opened.close()

with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
    asyncio.run(ask())
"""
# One start prepares the database. Of those in a folder the next five are the baseline, and the one
# after them fails as it is told to: the first of those under the fault.
TARGET = """
import json, os, sys

def first(number):
    try:
        os.mkdir(str(number))
    except FileExistsError:
        return first(number + 1)
    return number

def say(phase, number, status, **more):
    told = {"phase": phase, "number": number, "status": status, **more}
    print(json.dumps({"startup_phase": told}), flush=True)

if first(0) == 6:
    say("database", 3, "started")
    say("database", 3, "failed", error="no table", cause=json.loads(sys.argv[1]))
    if sys.argv[2] == "go-on":
        say("cache", 4, "started")
    sys.exit(3)
"""


@pytest.mark.parametrize(
    ("causes", "then", "spread"),
    [
        ('["TimeoutError: no answer"]', "stop", None),
        ('["TimeoutError: no answer"]', "go-on", "went on to cache: no table"),
        ("[]", "stop", "lost its cause: no table"),
    ],
    ids=["stops", "goes on", "loses its cause"],
)
def test_a_cascade_violates_however_few_startups_fail(
    run_chaos: RunChaos, tmp_path: Path, causes: str, then: str, spread: str | None
) -> None:
    (tmp_path / "target.py").write_text(ASKS + TARGET)
    done = run_chaos(
        EXPERIMENTS / "smd_cascade.json",
        CHAOSNETRA_TARGET=shlex.join([sys.executable, str(tmp_path / "target.py"), causes, then]),
        CHAOSNETRA_TIME_SCALE="0.1",
    )
    after = measurements(done.section, "startups-succeed", "after")
    assert (after["attempts"], after["failures"], after["failed_phases"]) == (5, 1, {"database": 1})
    if spread is None:
        assert (done.returncode, done.section["verdict"]) == (0, "held"), done.output
    else:
        assert (done.returncode, done.section["verdict"]) == (1, "violated"), done.output
        error = violation(done.section, "startups-succeed")["error"]
        assert re.fullmatch(rf"startup \d failed in phase database and {spread}", error)


@pytest.mark.parametrize(
    ("name", "probes"),
    [
        ("exit_code.json", ["failures-are-explained"]),
        (
            "database_reset.json",
            [
                "while-connections-are-refused",
                "while-connections-are-reset",
                "while-nothing-passes",
                "while-connections-stall",
            ],
        ),
    ],
)
def test_startups_that_a_lost_database_does_not_stop_are_a_violation(
    run_chaos: RunChaos, tmp_path: Path, name: str, probes: list[str]
) -> None:
    (tmp_path / "target.py").write_text(ASKS)
    done = run_chaos(
        EXPERIMENTS / name,
        CHAOSNETRA_TARGET=shlex.join([sys.executable, str(tmp_path / "target.py")]),
        CHAOSNETRA_TIME_SCALE="0.1",
    )
    assert (done.returncode, done.section["verdict"]) == (1, "violated"), done.output
    assert [one["probe"] for one in done.section["violations"]] == probes
    for one in done.section["violations"]:
        assert one["error"].startswith(
            "it serves although it has no session of the database: ready, but without the database "
            "session that startups had before the fault: "
        )


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("cloudsql_connections.json", "CHAOSNETRA_INSTANCES", "0"),
        ("vpc_scaling_delay.json", "CHAOSNETRA_HELD_CONNECTIONS", "300"),
        ("vpc_concurrency.json", "CHAOSNETRA_WHEN_FULL", "explode"),
    ],
)
def test_bad_input_names_the_setting_that_gave_it(
    run_chaos: RunChaos, name: str, variable: str, value: str
) -> None:
    done = run_chaos(EXPERIMENTS / name, CHAOSNETRA_CONNECTIONS="5", **{variable: value})
    assert (done.returncode, done.section["verdict"]) == (1, "inconclusive"), done.output
    assert f"in the experiment's configuration or {variable}" in done.section["reason"]
    # Refused, it was ended by no signal.
    assert "exit signal" not in done.output
    assert "as per signal" not in done.output


def test_two_different_experiments_at_once_do_not_touch_each_other(tmp_path: Path) -> None:
    names = ("exit_code.json", "vpc_latency.json")
    with ThreadPoolExecutor() as pool:
        codes = pool.map(
            lambda name: run(EXPERIMENTS / name, "issue-1278", tmp_path / name / name), names
        )
        assert list(codes) == [0, 0]
    for name in names:
        section = json.loads((tmp_path / name / name).read_text())["chaosnetra"]
        assert (section["verdict"], section["parts_lost"]) == ("held", [])
        assert all(fault["undo"] == "done" for fault in section["faults"])


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
    # Only keys of its own: settings count from the environment, and one that is named here has
    # another default than the setting's.
    for key, declared in experiment["configuration"].items():
        assert key not in SETTINGS or declared["default"] != SETTINGS[key].default, key
    acted = {
        step["provider"]["module"] for step in experiment["method"] if step["type"] == "action"
    }
    undone = {step["provider"]["module"] for step in experiment["rollbacks"]}
    assert acted == undone


def test_the_readme_of_the_experiments_names_each() -> None:
    text = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    head, _, *rows = [row.split(" | ") for row in text.splitlines() if row.startswith("|")]
    assert head[3:5] == ["it needs", "seconds"]
    for path in experiment_files():
        (row,) = (row for row in rows if row[0] == f"| `{path.name}`" and len(row) == len(head))
        assert all(cell.strip() for cell in row)


def test_the_readme_of_the_experiments_maps_the_seeds_evidence_format_and_recommendations() -> None:
    text = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    for row in (
        "execution timing",
        "failure rate percentages",
        "resource utilization",
        "error context and stack traces",
        "infrastructure response",
        "VPC connector scaling",
        "Cloud SQL connection pool",
        "timeouts",
        "SMD resilience",
    ):
        assert f"\n| {row} | " in text
