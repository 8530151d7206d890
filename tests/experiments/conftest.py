"""Runs with the settings of issue 1263, each made once, whoever asks for it first."""

from collections.abc import Callable

import pytest

from tests.conftest import ChaosRun
from tests.remediation import EXPERIMENTS, OLD_PROFILE, run

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
