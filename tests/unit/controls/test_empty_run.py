"""What an experiment costs that declares the journal control, and uses nothing else of ours.

Time cannot be measured beside other work; what is loaded can be counted, and is nearly all of it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.experiments import CONTROL, activity
from tests.support.programs import captured

# As `chaos run`; what is loaded at its end goes to standard output, which then holds nothing else.
RUN = """
import atexit, os, sys
said = os.dup(1)
os.dup2(2, 1)
atexit.register(lambda: os.write(said, " ".join(sys.modules).encode()))
sys.argv[0] = "chaos"
from chaostoolkit.cli import cli
cli()
"""
# Of the standard library, beside what the core loads.
LIGHT: set[str] = set()
MOST_MODULES = 34
PROBE = activity("probe", "os.path", "lexists", path="/") | {"tolerance": True}
EXPERIMENT: dict[str, Any] = {
    "title": "empty",
    "description": "empty",
    "steady-state-hypothesis": {"title": "empty", "probes": [PROBE]},
    "method": [PROBE],
    "rollbacks": [],
}


def loaded(folder: Path, experiment: dict[str, Any]) -> set[str]:
    (folder / "experiment.json").write_text(json.dumps(experiment))
    command = [sys.executable, "-c", RUN, "--no-version-check", "run", "experiment.json"]
    done = captured(command, cwd=folder, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Modules that a run with the control loads, and one without does not."""
    folder = tmp_path_factory.mktemp("empty-run")
    with_control = loaded(folder, {**EXPERIMENT, "controls": [CONTROL]})
    return with_control - loaded(folder, EXPERIMENT)


def test_an_empty_run_loads_no_package_of_others(added: set[str]) -> None:
    tops = {name.partition(".")[0] for name in added}
    assert tops - {"chaosnetra"} - sys.stdlib_module_names == set()


def test_an_empty_run_loads_little_of_the_standard_library(added: set[str]) -> None:
    standard = {name for name in added if name.partition(".")[0] in sys.stdlib_module_names}
    assert standard - LIGHT == set()


def test_an_empty_run_loads_few_modules_of_ours(added: set[str]) -> None:
    ours = sorted(name for name in added if name.startswith("chaosnetra"))
    assert "chaosnetra.evidence.verdict.verdict" in ours
    assert "chaosnetra.running.session" not in ours
    assert len(ours) <= MOST_MODULES, ours
