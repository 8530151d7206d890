"""The workflow is sound, and its steps do what they say when they are run."""

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from chaosnetra.stand.folders import cache_folder
from tests.support.helpers import lacking
from tests.support.programs import captured, merged
from tests.support.repository import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "steady-state.yml"
ACTIONLINT = "1.7.12"
# What `pip install .` needs of the repository.
SOURCES = ("chaosnetra", "pyproject.toml", "README.md", "LICENSE")


def workflow() -> dict[Any, Any]:
    data: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return data


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow()["jobs"]["steady-state"]["steps"]
    return found


@pytest.fixture(scope="module")
def actionlint() -> str:
    """The program: found, or built once with Go."""
    found = shutil.which("actionlint")
    if found is not None:
        return found
    go = shutil.which("go")
    if go is None:
        lacking("needs actionlint on the PATH, or Go to build it")
    folder = cache_folder() / f"actionlint-{ACTIONLINT}"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "actionlint"
    with FileLock(f"{folder}.lock", timeout=110):
        if not program.exists():
            module = f"github.com/rhysd/actionlint/cmd/actionlint@v{ACTIONLINT}"
            environment = {**os.environ, "GOBIN": str(folder)}
            subprocess.run([go, "install", module], env=environment, check=True, timeout=110)
    return str(program)


def test_actionlint_has_nothing_to_say(actionlint: str) -> None:
    done = captured([actionlint, "-no-color", str(WORKFLOW)])
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_it_may_do_little_and_ends() -> None:
    data = workflow()
    assert data["permissions"] == {"contents": "read", "actions": "read"}
    assert data["concurrency"]["cancel-in-progress"] is False
    job = data["jobs"]["steady-state"]
    assert "permissions" not in job
    assert 0 < job["timeout-minutes"] <= 60
    for step in steps():
        name, _, version = step.get("uses", "actions/none@v1").partition("@")
        assert name.startswith("actions/")
        assert version.startswith("v")
        # Whatever an input holds, it is data of a variable and no part of a script.
        assert "${{" not in step.get("run", "")


def run_steps(
    folder: Path, environment: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, str], str]:
    """Run the workflow's own steps as GitHub does.

    Returns:
        The exit code of each, its outputs, and the summary of the job.
    """
    output, summary = folder / "github-output", folder / "github-summary"
    for file in (output, summary):
        file.write_text("")
    codes: dict[str, int] = {}
    for step in steps():
        if "run" not in step or (any(codes.values()) and step.get("if") != "always()"):
            continue
        script = folder / "step.sh"
        script.write_text(step["run"])
        done = merged(
            ["bash", "-e", str(script)],
            cwd=folder,
            env={**environment, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)},
            timeout=300,
        )
        codes[step["name"]] = done.returncode
        assert done.returncode in (0, 3), done.stdout
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return codes, outputs, summary.read_text()


@pytest.mark.timeout(600)  # installs the package twice, and runs an experiment each time
def test_its_steps_run_and_gate(tmp_path: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "experiments").mkdir()
    shutil.copy(ROOT / "experiments" / "timeout_budget.json", tmp_path / "experiments")
    # The step installs the package into an environment of its own; what it depends on is there.
    environment_folder = tmp_path / "environment"
    venv.create(environment_folder)
    (site,) = environment_folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    environment = {
        **os.environ,
        "PATH": f"{environment_folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "EXPERIMENTS": "experiments",
    }
    names = [step["name"] for step in steps() if "run" in step]

    held, outputs, summary = run_steps(
        tmp_path, {**environment, "CHAOSNETRA_PROFILE": "issue-1278"}
    )
    assert held == dict.fromkeys(names, 0)
    assert outputs == {"exit-code": "0"}
    assert summary.startswith("# Steady state: held\n")
    assert "there is none in baseline yet" in summary
    assert (environment_folder / "bin" / "chaosnetra").exists()

    (tmp_path / "evidence").rename(tmp_path / "baseline")
    worse, outputs, summary = run_steps(
        tmp_path, {**environment, "CHAOSNETRA_PROFILE": "issue-1263"}
    )
    assert worse == {**dict.fromkeys(names, 0), "Validate the steady state": 3}
    assert outputs == {"exit-code": "3"}
    assert summary.startswith("# Steady state: regression\n")

    kept = next(step for step in steps() if "upload-artifact" in step.get("uses", ""))
    evidence = tmp_path / kept["with"]["path"]
    assert json.loads((evidence / "result.json").read_text())["exit_code"] == 3
    assert (evidence / "junit.xml").exists()
    assert kept["if"] == "always()"
