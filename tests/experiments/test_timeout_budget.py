"""The arithmetic on budgets, run as its users run it: no part of a stand is brought."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra import profiles
from tests.conftest import ChaosRun, RunChaos
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "timeout_budget.json"
NOTHING_BROUGHT = {"stand", "faults"}

pytestmark = pytest.mark.usefixtures("nothing_left", "no_part_left")


def findings_of(run: ChaosRun) -> dict[str, dict[str, Any]]:
    output = run.journal["steady_states"]["before"]["probes"][0]["output"]
    return {finding["rule"]: finding for finding in output["findings"]}


def own_profile(folder: Path, name: str = "issue-1278", **budgets: float | None) -> str:
    data = json.loads((Path(profiles.__file__).parent / "data" / f"{name}.json").read_text())
    data["budgets"] |= budgets
    path = folder / "mine.json"
    path.write_text(json.dumps(data))
    return str(path)


@pytest.mark.parametrize("time_scale", ["0.1", "1"])
def test_the_remediated_profile_holds(run_chaos: RunChaos, time_scale: str) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_TIME_SCALE=time_scale)
    assert run.returncode == 0, run.output
    section = run.section
    assert (section["verdict"], section["violations"]) == ("held", [])
    assert all(section[part] == [] for part in NOTHING_BROUGHT)
    assert all(finding["holds"] for finding in findings_of(run).values())
    assert "stand.part" not in [event["event"] for event in run.events]


@pytest.mark.parametrize("time_scale", ["0.1", "1"])
def test_the_older_profile_deviates_and_names_the_budgets(
    run_chaos: RunChaos, time_scale: str
) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_PROFILE="issue-1263", CHAOSNETRA_TIME_SCALE=time_scale)
    assert run.returncode == 1
    assert run.journal["deviated"] is True
    section = run.section
    assert (section["verdict"], section["cause"]) == ("violated", "steady state violated")
    (violation,) = section["violations"]
    assert (violation["budget"], violation["budget_seconds"]) == ("initialization", 25)
    assert "initialization has 25 s, needs 45 s" in violation["error"]
    assert "table_setup has 10 s, needs 20 s" in violation["error"]
    failing = [rule for rule, finding in findings_of(run).items() if not finding["holds"]]
    assert failing == [
        "initialization-under-load",
        "initialization-with-connector-pressure",
        "first-connection",
        "first-table-check",
        "health-check",
    ]
    assert all(section[part] == [] for part in NOTHING_BROUGHT)
    assert "Verdict: violated" in run.output


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("CHAOSNETRA_REQUIRED_UNDER_LOAD_SECONDS", "91", "initialization-under-load"),
        ("CHAOSNETRA_BASE_SECONDS", "70.5", "initialization-with-connector-pressure"),
        ("CHAOSNETRA_LATENCY_MS", "1255", "first-table-check"),
    ],
)
def test_each_figure_can_be_changed(
    run_chaos: RunChaos, variable: str, value: str, rule: str
) -> None:
    run = run_chaos(EXPERIMENT, **{variable: value})
    assert (run.returncode, run.section["verdict"]) == (1, "violated")
    assert findings_of(run)[rule]["holds"] is False


def test_a_profile_that_lacks_a_budget_does_not_pass(run_chaos: RunChaos, tmp_path: Path) -> None:
    run = run_chaos(
        EXPERIMENT, CHAOSNETRA_PROFILE=own_profile(tmp_path, critical_path_seconds=None)
    )
    assert (run.returncode, run.section["verdict"]) == (1, "violated")
    assert "the profile has no critical_path" in run.section["reason"]


def test_a_budget_that_must_be_there_is_asked_for(run_chaos: RunChaos, tmp_path: Path) -> None:
    run = run_chaos(
        EXPERIMENT, CHAOSNETRA_PROFILE=own_profile(tmp_path, initialization_seconds=None)
    )
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    assert "initialization_seconds must be a number" in run.section["reason"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CHAOSNETRA_PROFILE": "nope"}, "CHAOSNETRA_PROFILE"),
        ({"CHAOSNETRA_BASE_SECONDS": "-1"}, "CHAOSNETRA_BASE_SECONDS"),
        ({"CHAOSNETRA_REQUIRED_UNDER_LOAD_SECONDS": "long"}, "REQUIRED_UNDER_LOAD_SECONDS"),
        ({"CHAOSNETRA_LATENCY_MS": "nan"}, "CHAOSNETRA_LATENCY_MS"),
    ],
)
def test_bad_input_is_inconclusive_and_names_the_setting(
    run_chaos: RunChaos, environment: dict[str, str], expected: str
) -> None:
    run = run_chaos(EXPERIMENT, **environment)
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    assert expected in run.section["reason"]
    assert "Traceback" not in run.output
