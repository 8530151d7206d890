"""Fixtures of the tests of the launcher."""

import pytest


@pytest.fixture
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that ignore a signal are not waited for as long."""
    monkeypatch.setattr("chaosnetra.startup.launcher.GRACE_SECONDS", 0.5)
