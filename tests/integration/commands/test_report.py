"""`chaosnetra report` on journals that the real Chaos Toolkit wrote."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunChaos, chaos_command
from tests.support.reports import read_reports

HELPERS = """
import os

def startups(count):
    failures = 3 if os.path.exists("fault") else 0
    listed = [
        {"number": n, "status": "failed" if n <= failures else "ready", "seconds": 1 + n / 10}
        for n in range(1, int(count) + 1)
    ]
    return {"held": failures <= 1, "expected": "at most 1 fails", "observed": f"{failures} failed",
            "attempts": int(count), "failures": failures, "startups": listed}

def inject():
    open("fault", "w").close()

def undo():
    os.remove("fault")
"""


def activity(kind: str, function: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "report_helpers", "func": function}
    return {"type": kind, "name": function, "provider": {**provider, "arguments": arguments}}


def test_a_report_can_be_made_and_its_command_runs_the_experiment_again(
    run_chaos: RunChaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report_helpers.py").write_text(HELPERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    held = {"type": "python", "module": "chaosnetra.tolerances", "func": "held", "arguments": {}}
    probe = activity("probe", "startups", count="${count}")
    tolerance = {"type": "probe", "name": "held", "provider": held}
    control = {"type": "python", "module": "chaosnetra.controls.journal"}
    experiment = {
        "title": "startups survive",
        "description": "d",
        "runtime": {"rollbacks": {"strategy": "always"}},
        "controls": [{"name": "journal", "provider": control}],
        "configuration": {"count": {"type": "env", "key": "REPORT_COUNT", "default": "4"}},
        "steady-state-hypothesis": {"title": "h", "probes": [{**probe, "tolerance": tolerance}]},
        "method": [activity("action", "inject")],
        "rollbacks": [activity("action", "undo")],
    }
    run = run_chaos(experiment, REPORT_COUNT="5")
    assert run.returncode == 1
    chaosnetra = Path(chaos_command()[0]).with_name("chaosnetra")
    names = ["r.html", "r.md", "r.xml"]
    made = subprocess.run(
        [chaosnetra, "report", "journal.json", *(f"-o{name}" for name in names)],
        cwd=run.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    page, markdown, suites = read_reports(run.folder)
    assert "3 of 5 60%" in page.text
    assert "REPORT_COUNT" in page.text
    assert suites[0].find("testcase[@name='startups after the method']/failure") is not None

    commands = markdown.split("```sh\n")[1].split("\n```")[0]
    (run.folder / "journal.json").rename(run.folder / "first.json")
    again = subprocess.run(
        ["sh", "-ec", commands.replace(" journal.json", " first.json")],
        cwd=run.folder,
        env={**os.environ, "PATH": f"{shlex.quote(str(chaosnetra.parent))}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert again.returncode == 1, again.stderr
    assert (run.folder / "journal.json").exists()
    assert "3 of 5 trials" in again.stderr + again.stdout
