"""An undo player for these tests, and the file that it writes to."""

from pathlib import Path

import pytest

from chaosnetra.faults import UNDO_PLAYERS
from tests.support.ledgers import KIND, mark


@pytest.fixture(autouse=True)
def player(monkeypatch: pytest.MonkeyPatch) -> None:
    """The undos of these tests can be played."""
    monkeypatch.setitem(UNDO_PLAYERS, KIND, f"{mark.__module__}:mark")


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """The file that the player writes to."""
    return tmp_path / "marks"
