"""Fixtures of PostgreSQL's integration tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.running.session import end_session
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger


@pytest.fixture
def injector(tmp_path: Path) -> Iterator[Injector]:
    """Without a run; what it injected is undone at the end."""
    made = Injector(Ledger("test", tmp_path), lambda name, data: None)
    yield made
    assert made.undo_all() == []


@pytest.fixture
def small_configuration(
    small: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """A run's settings, with the small server as its database."""
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", small.url)
    yield {}
    end_session()
