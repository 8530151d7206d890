"""From a failure to its remedy: what `recommend` says of failing runs makes them hold.

One experiment for each kind of remedy; `python -m tests.long.remediation` takes all of them.
"""

import shutil
from pathlib import Path

import pytest

from chaosnetra.profiles import load_profile
from tests.experiments.conftest import FailingRuns
from tests.long.remediation import compare, recommend, run
from tests.support.repository import EXPERIMENTS

# Budgets by rule and by round trips, connector, pools, and what the orchestrator says.
NAMES = (
    "timeout_budget.json",
    "vpc_latency.json",
    "vpc_scaling_delay.json",
    "cloudsql_connections.json",
    "exit_code.json",
)


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("nothing_left")
def test_what_is_recommended_makes_the_same_experiments_hold(
    failing_runs: FailingRuns, tmp_path: Path
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    for name in NAMES:
        failed = failing_runs(name)
        assert failed.returncode == 1, failed.output
        shutil.copy(failed.folder / name, before / name)

    found, path = recommend(before, tmp_path)
    assert {one["area"] for one in found} >= {"budgets", "pool", "connector", "orchestrator"}
    assert all(one["evidence"] and one["check"] for one in found)
    old, new = load_profile("issue-1263"), load_profile(str(path))
    # Every startup was cut off by a table_setup of 10 s; 24 round trips of 0.5 s take longer.
    assert 12 < new.budgets.table_setup_seconds < 60
    assert new.pool.size + new.pool.max_overflow < old.pool.size + old.pool.max_overflow
    assert new.infrastructure["vpc_connector"]["minimum_instances"] == 4

    for name in NAMES:
        code = run(EXPERIMENTS / name, str(path), after / name)
        assert code == 0, (after / name).with_suffix(".log").read_text()
    code, changes = compare(before, after)
    assert set(changes.values()) == {"previously failing, now holds"}
    assert (code, len(changes)) == (0, len(NAMES))
