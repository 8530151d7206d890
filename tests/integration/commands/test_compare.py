"""`chaosnetra compare` on journals that the real Chaos Toolkit wrote."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos, chaos_command

HELPERS = """
import os

def startups(failing, demanded=None):
    failures = failing if os.path.exists("fault") else 0
    listed = [
        {"number": n, "status": "failed" if n <= failures else "ready", "seconds": 1 + n / 10}
        for n in range(1, 11)
    ]
    return {
        "held": failures <= 2,
        "expected": "at most 2 of 10 fail",
        "observed": f"{failures} of 10 failed",
        "attempts": 10,
        "max_failure_rate": 0.2,
        "min_confidence": demanded,
        "failures": failures,
        "startups": listed,
    }

def inject():
    open("fault", "w").close()

def undo():
    os.remove("fault")
"""


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compare_helpers.py").write_text(HELPERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def activity(kind: str, function: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "compare_helpers", "func": function}
    return {"type": kind, "name": function, "provider": {**provider, "arguments": arguments}}


def experiment(failing: int, *, control: bool, demanded: float | None = None) -> dict[str, Any]:
    journal = {"type": "python", "module": "chaosnetra.controls.journal"}
    held = {"type": "python", "module": "chaosnetra.tolerances", "func": "held", "arguments": {}}
    return {
        "title": "startups survive",
        "description": "d",
        "runtime": {"rollbacks": {"strategy": "always"}},
        "controls": [{"name": "journal", "provider": journal}] if control else [],
        "steady-state-hypothesis": {
            "title": "h",
            "probes": [
                {
                    **activity("probe", "startups", failing=failing, demanded=demanded),
                    "tolerance": {"type": "probe", "name": "held", "provider": held},
                }
            ],
        },
        "method": [activity("action", "inject")],
        "rollbacks": [activity("action", "undo")],
    }


def compare(before: Path, after: Path) -> subprocess.CompletedProcess[str]:
    command = Path(chaos_command()[0]).with_name("chaosnetra")
    return subprocess.run(
        [command, "compare", "--format", "json", before, after],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kept(run: ChaosRun, name: str) -> Path:
    """The run's journal under a name of its own: the next run writes to the same place."""
    return Path(shutil.copy(run.folder / "journal.json", run.folder.parent / f"{name}.json"))


@pytest.mark.parametrize("control", [True, False], ids=["with our control", "without"])
def test_a_remediation_is_told_from_a_regression(run_chaos: RunChaos, control: bool) -> None:
    bad = run_chaos(experiment(10, control=control))
    assert bad.returncode == 1
    before = kept(bad, "before")
    good = run_chaos(experiment(0, control=control))
    assert good.returncode == 0
    after = kept(good, "after")

    better = compare(before, after)
    assert better.returncode == 0, better.stderr
    (found,) = json.loads(better.stdout)["experiments"]
    assert found["change"] == "previously failing, now holds"
    assert found["rates"][0]["before"] == {"failures": 10, "trials": 10}
    assert found["rates"][0]["after"] == {"failures": 0, "trials": 10}
    under = next(time for time in found["times"] if time["when"] == "under the fault")
    assert under["before"]["is_lower_bound"]
    assert under["test"]["cliffs_delta"] == -1

    worse = compare(after, before)
    assert worse.returncode == 1
    assert json.loads(worse.stdout)["regressed"]


@pytest.mark.parametrize(
    ("failing", "demanded", "verdict"),
    [(0, None, "held"), (0, 0.8, "held"), (0, 0.95, "inconclusive"), (3, 0.95, "inconclusive")],
)
def test_a_run_whose_trials_are_too_few_for_its_demand_proves_nothing(
    run_chaos: RunChaos, failing: int, demanded: float | None, verdict: str
) -> None:
    """Ten failure-free trials prove at most 20 % with 89 % confidence, three failures nothing."""
    done = run_chaos(experiment(failing, control=True, demanded=demanded))
    assert done.section["verdict"] == verdict, done.output
    assert done.returncode == (0 if verdict == "held" else 1)
    if verdict == "inconclusive":
        assert "Verdict: inconclusive: too few trials for the demanded confidence" in done.output
        assert done.section["proofs"][0]["min_confidence"] == demanded
