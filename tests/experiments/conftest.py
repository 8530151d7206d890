"""Runs with the settings of issue 1263, made once for all who ask; and nothing left by any run."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ChaosRun
from tests.long.remediation import OLD_PROFILE, run
from tests.support.repository import EXPERIMENTS

FailingRuns = Callable[[str], ChaosRun]


@pytest.fixture(scope="session")
def failing_runs(tmp_path_factory: pytest.TempPathFactory) -> FailingRuns:
    """The run of an experiment, by the name of its file; its journal has the same name."""
    folder = tmp_path_factory.mktemp("failing") / "before"
    made: dict[str, ChaosRun] = {}

    def failing_run(name: str) -> ChaosRun:
        if name not in made:
            journal = folder / name
            code = run(EXPERIMENTS / name, OLD_PROFILE, journal)
            output = journal.with_suffix(".log").read_text()
            text = journal.read_text() if journal.exists() else None
            made[name] = ChaosRun(code, output, folder, text)
        return made[name]

    return failing_run


@pytest.fixture
def no_part_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No folder, process or ledger of a stand is left by the runs of this test."""
    # Not under pytest's own folder: that is private, and as root PostgreSQL is another user.
    temporary = Path(tempfile.mkdtemp(prefix="test-"))
    temporary.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield
    assert list(temporary.iterdir()) == []
    temporary.rmdir()
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(temporary) in word for word in process.info["cmdline"] or ())
    ]
    assert left == []
    ledgers = Path(os.environ["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    assert not ledgers.exists() or list(ledgers.iterdir()) == []
