"""Runs with the settings of issue 1263, made once for all who ask; and nothing left by any run."""

import fcntl
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones, which have more time, come first: no worker is left alone with one."""

    def seconds(item: pytest.Item) -> float:
        marked = item.get_closest_marker("timeout")
        return float(marked.args[0]) if marked is not None else 0.0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(scope="session")
def failing_runs(tmp_path_factory: pytest.TempPathFactory) -> FailingRuns:
    """The run of an experiment, by the name of its file; its journal has the same name.

    Each is made once for all workers: whoever asks while another one makes it waits for it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "failing" / "before"
    folder.mkdir(parents=True, exist_ok=True)

    def failing_run(name: str) -> ChaosRun:
        journal = folder / name
        ended = journal.with_suffix(".exit-code")
        with journal.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ended.exists():
                ended.write_text(str(run(EXPERIMENTS / name, OLD_PROFILE, journal)))
        output = journal.with_suffix(".log").read_text()
        text = journal.read_text() if journal.exists() else None
        return ChaosRun(int(ended.read_text()), output, folder, text)

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
