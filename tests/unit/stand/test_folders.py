"""The temporary folders of a run that is gone are removed, wherever it made them."""

import tempfile
from pathlib import Path

import pytest

from chaosnetra.faults import UndoResult, play
from chaosnetra.running.resources import Resources
from chaosnetra.running.run import Run
from chaosnetra.safety.ledger import read_ledger
from chaosnetra.settings import Settings
from chaosnetra.temporary import folder_prefix


def test_they_are_found_where_the_recoverer_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI runner sets TMPDIR for each job; whoever recovers does not have it."""
    place, other = tmp_path / "of the run", tmp_path / "of the recoverer"
    for folder in (place, other):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    run = Run()
    resources = Resources(Settings.from_configuration({}), run)
    resources.expect_folders()
    (undo,) = read_ledger(resources.ledger.path).open_entries.values()
    (place / f"{folder_prefix(run.id)}stand" / "data").mkdir(parents=True)
    (place / f"{folder_prefix('20260101t000000-abcdef')}stand").mkdir()
    (place / "chaosnetra-mine").mkdir()

    monkeypatch.setattr(tempfile, "tempdir", str(other))
    assert play(undo).result is UndoResult.DONE
    assert sorted(path.name for path in place.iterdir()) == [
        "chaosnetra-20260101t000000-abcdef-stand",
        "chaosnetra-mine",
    ]
    assert play(undo).result is UndoResult.ALREADY_DONE
    resources.stop()
