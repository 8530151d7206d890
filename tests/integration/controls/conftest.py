"""A user's own activities, for runs with the journal control."""

from pathlib import Path

import pytest

from tests.support.judged_runs import HELPERS


@pytest.fixture
def row_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of a user's own activities."""
    (tmp_path / "row_helpers.py").write_text(HELPERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
