"""A journal is whole, or it is the one that was there before."""

import json
from pathlib import Path

from tests.conftest import RunChaos
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "timeout_budget.json"


def test_a_run_replaces_its_journal_and_never_writes_into_it(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "journal.json").write_text("old")
    (folder / "link").hardlink_to(folder / "journal.json")
    done = run_chaos(EXPERIMENT)
    assert done.returncode == 0, done.output
    assert json.loads((folder / "journal.json").read_text())["status"] == "completed"
    assert (folder / "link").read_text() == "old"
    assert not list(folder.glob(".*"))
