"""`chaosnetra report` on journals that the real Chaos Toolkit wrote."""

import os
import shlex
from pathlib import Path

import pytest

from tests.conftest import RunChaos
from tests.support.experiments import HELD, activity, experiment
from tests.support.programs import captured, chaos_command
from tests.support.reports import read_reports

USER_MODULES = {
    "report_helpers": """
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
}


@pytest.mark.usefixtures("user_modules")
def test_a_report_can_be_made_and_its_command_runs_the_experiment_again(
    run_chaos: RunChaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = activity("probe", "report_helpers", "startups", count="${count}")
    made = experiment(
        activity("action", "report_helpers", "inject"),
        title="startups survive",
        configuration={"count": {"type": "env", "key": "REPORT_COUNT", "default": "4"}},
        probes=[probe | {"tolerance": HELD}],
        rollbacks=[activity("action", "report_helpers", "undo")],
    )
    run = run_chaos(made, REPORT_COUNT="5")
    assert run.returncode == 1
    chaosnetra = Path(chaos_command()[0]).with_name("chaosnetra")
    names = ["r.html", "r.md", "r.xml"]
    done = captured(
        [chaosnetra, "report", "journal.json", *(f"-o{name}" for name in names)], cwd=run.folder
    )
    assert done.returncode == 0, done.stderr
    page, markdown, suites = read_reports(run.folder)
    assert "3 of 5 60%" in page.text
    assert "REPORT_COUNT" in page.text
    assert suites[0].find("testcase[@name='startups after the method']/failure") is not None

    commands = markdown.split("```sh\n")[1].split("\n```")[0]
    (run.folder / "journal.json").rename(run.folder / "first.json")
    again = captured(
        ["sh", "-ec", commands.replace(" journal.json", " first.json")],
        cwd=run.folder,
        env={**os.environ, "PATH": f"{shlex.quote(str(chaosnetra.parent))}:{os.environ['PATH']}"},
        timeout=100,
    )
    assert again.returncode == 1, again.stderr
    assert (run.folder / "journal.json").exists()
    assert "3 of 5 trials" in again.stderr + again.stdout
