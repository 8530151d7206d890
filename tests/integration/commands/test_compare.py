"""`chaosnetra compare` on journals that the real Chaos Toolkit wrote."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support import experiments
from tests.support.experiments import HELD, activity
from tests.support.programs import captured, chaos_command

pytestmark = pytest.mark.usefixtures("user_modules")
USER_MODULES = {
    "compare_helpers": """
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
}


def experiment(failing: int, *, control: bool, demanded: float | None = None) -> dict[str, Any]:
    call = partial(activity, "action", "compare_helpers")
    startups = activity("probe", "compare_helpers", "startups", failing=failing, demanded=demanded)
    return experiments.experiment(
        call("inject"),
        title="startups survive",
        controls=None if control else [],
        probes=[startups | {"tolerance": HELD}],
        rollbacks=[call("undo")],
    )


def compare(before: Path, after: Path) -> subprocess.CompletedProcess[str]:
    command = Path(chaos_command()[0]).with_name("chaosnetra")
    return captured([command, "compare", "--format", "json", before, after])


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
