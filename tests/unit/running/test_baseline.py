"""A baseline passed on from one run to the next."""

from dataclasses import replace
from pathlib import Path

import pytest

from chaosnetra.running.baseline import Baseline, leave_baseline, read_baseline
from chaosnetra.running.exposure import FreeLaunch, LaunchUse

USE = LaunchUse(
    startups=2, faults=(), connected=2, answered=2, welcomed=2, refused_with=None, ready=2,
    ready_with_session=2, ready_without=0, connections=2, sessions=2, round_trips=20, killed=None,
    tables_before=3, tables_after=3,
)  # fmt: skip
BASELINE = Baseline(
    "run-1", {"steady_state_met": True}, (FreeLaunch(USE, True, None, 7, ("42P01",)),)
)


def test_what_one_run_leaves_the_next_one_has(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    leave_baseline(path, BASELINE)
    assert read_baseline(path) == BASELINE
    assert path.stat().st_mode & 0o077 == 0
    leave_baseline(path, replace(BASELINE, run="run-2"))
    found = read_baseline(path)
    assert found is not None
    assert found.run == "run-2"


def test_one_that_did_not_recover_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    leave_baseline(path, BASELINE)
    leave_baseline(path, None)
    assert read_baseline(path) is None
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"run": 1, "state": {}, "launches": [{}]}'])
def test_a_damaged_one_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(content)
    assert read_baseline(path) is None
