"""One file, two environments: on the local stand, and against a rehearsal of Cloud Run."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
COMMAND = str(Path(sys.executable).with_name("chaosnetra"))
STAGING = {
    "CHAOSNETRA_ENVIRONMENT": "staging",
    "CHAOSNETRA_TIME_SCALE": "0.1",
    "CHAOSNETRA_JOB_HOLD_SECONDS": "0",
    "CHAOSNETRA_BARRIER_SECONDS": "1",
}
# What one of them has and the other cannot: how simultaneous tasks were, and what they measured.
ONLY_STAGING = {"launch"}


def chaosnetra(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=100)


@pytest.fixture
def rehearsal() -> Iterator[dict[str, str]]:
    """A persistent stand with a local Cloud Run endpoint, as `stand up` tells of it."""
    up = chaosnetra("stand", "up", "--cloud-run")
    assert up.returncode == 0, up.stderr
    yield {
        "CHAOSNETRA_CLOUD_RUN_ENDPOINT": told(r"Cloud Run, local: ([^,]+),", up.stdout),
        "CHAOSNETRA_ALLOW_LIST": told(r"allow-list to rehearse staging with: (.+)", up.stdout),
    }
    assert chaosnetra("stand", "down").returncode == 0


def told(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def shape(value: Any) -> Any:
    """Names and kinds of a value, without the value; of a list, its first."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "other"


def saved(done: ChaosRun, path: Path) -> Path:
    assert done.journal_text is not None, done.output
    path.write_text(done.journal_text)
    return path


@pytest.mark.timeout(500)
@pytest.mark.usefixtures("nothing_left")
def test_journals_of_both_environments_are_comparable(
    run_chaos: RunChaos, rehearsal: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"CHAOSNETRA_COUNT": "2"}
    with monkeypatch.context() as patch:
        for name, value in {**STAGING, **rehearsal, **options}.items():
            patch.setenv(name, value)
        planned = chaosnetra("plan", "--format", "json", str(EXPERIMENT))
        assert planned.returncode == 0, planned.stderr + planned.stdout
        plan = json.loads(planned.stdout)
        there = run_chaos(EXPERIMENT, CHAOSNETRA_CONSENT=plan["hash"])
        older = run_chaos(
            EXPERIMENT,
            CHAOSNETRA_CONSENT="yes",
            CHAOSNETRA_PROFILE="issue-1263",
            CHAOSNETRA_COUNT="1",
        )
    assert there.returncode == 0, there.output
    assert older.section["verdict"] == "violated", older.output
    (violation,) = older.section["violations"]
    assert (violation["phase"], violation["budget"]) == ("database", "table_setup")
    assert plan["tasks"] == 2
    assert plan["path"]["variables"] == {"DATABASE_URL": "{url}"}
    assert plan["target"]["job"]["etag"]
    staging, staged = there.journal, saved(there, tmp_path / "staging.json")
    here = run_chaos(EXPERIMENT, **options)
    assert here.returncode == 0, here.output
    local, locally = here.journal, saved(here, tmp_path / "local.json")

    assert local["chaosnetra"]["environment"] == "local"
    assert staging["chaosnetra"]["environment"] == "staging"
    for journal in (local, staging):
        assert journal["chaosnetra"]["verdict"] == "held", journal["chaosnetra"]["reason"]
        in_effect = [fault for fault in journal["chaosnetra"]["faults"] if fault["effect"]]
        assert [fault["effect"]["in_effect"] for fault in in_effect] == [True]
        assert [fault["undo"] for fault in in_effect] == ["done"]
        assert [fault["effect"]["quantity"] for fault in in_effect] == ["added_latency_ms"]
        assert (in_effect[0]["tasks"] is None) == (journal is local)
    assert set(staging["chaosnetra"]) - set(local["chaosnetra"]) == {"plan", "cloud_run"}
    assert set(local["chaosnetra"]) <= set(staging["chaosnetra"])
    assert staging["chaosnetra"]["plan"]["hash"] == plan["hash"]

    one, other = (
        journal["steady_states"]["after"]["probes"][0]["output"] for journal in (local, staging)
    )
    assert set(other) - set(one) == ONLY_STAGING
    assert set(one) <= set(other)
    assert set(one["startups"][0]) == set(other["startups"][0])
    assert set(one["phase_seconds_p50"]) == set(other["phase_seconds_p50"])
    for key in ("attempts", "failure_rate", "ready_seconds_p50", "boot_seconds_p50"):
        assert shape(one[key]) == shape(other[key]) == "number"
    for part in ("run", "rollbacks"):
        (mine,), (theirs,) = local[part], staging[part]
        assert mine["activity"] == theirs["activity"]
        assert set(mine["output"]) == set(theirs["output"])
    actions = [journal["run"][0]["output"]["action"] for journal in (local, staging)]
    assert actions == ["chaosnetra.toxiproxy.actions.add_latency"] * 2

    compared = chaosnetra("compare", "--format", "json", str(locally), str(staged))
    assert compared.returncode == 0, compared.stderr + compared.stdout
    (experiment,) = json.loads(compared.stdout)["experiments"]
    assert experiment["change"] == "still holds"
    told, trips = experiment["notes"][-2:]
    assert told == (
        "the environment was local before and staging after: other machines, the same pressure"
    )
    assert trips.startswith("round trips agree: ")
    whats = [difference["what"] for difference in experiment["differences"]]
    assert "the path of the startups to their database" in whats
    assert [change["when"] for change in experiment["wire"]] == [
        "without the fault",
        "under the fault",
    ]
    assert [rate["probe"] for rate in experiment["rates"]] == ["startups-succeed"]
    assert experiment["times"]
