"""Undo players for these tests, and an injector of fake faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.faults import UNDO_PLAYERS
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from tests.support import fake_faults
from tests.support.fake_faults import Events
from tests.support.ledgers import KIND, mark


@pytest.fixture(autouse=True)
def player(monkeypatch: pytest.MonkeyPatch) -> None:
    """The undos of these tests can be played."""
    monkeypatch.setitem(UNDO_PLAYERS, KIND, f"{mark.__module__}:mark")
    monkeypatch.setitem(UNDO_PLAYERS, fake_faults.FAKE_UNDO, f"{fake_faults.__name__}:take_back")
    fake_faults.happened.clear()
    fake_faults.undo_ends.clear()
    fake_faults.path_ms.clear()


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """The file that the player writes to."""
    return tmp_path / "marks"


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger("run-1", tmp_path / "runs")
    yield made
    made.close()


@pytest.fixture
def injector(ledger: Ledger, events: Events) -> Injector:
    return Injector(ledger, events.record)
