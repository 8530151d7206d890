"""`chaosnetra ci` as a pipeline calls it: exit codes, and what it leaves."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.support.experiments import act, exists, states
from tests.support.helpers import wait_until
from tests.support.programs import captured

pytestmark = pytest.mark.usefixtures("nothing_left")

CI = [str(Path(sys.executable).with_name("chaosnetra")), "ci"]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(name: str, content: dict[str, Any]) -> str:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    return write


def ci(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return captured([*CI, *arguments], cwd=folder, timeout=240)


def result(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return data


def outcomes(folder: Path) -> list[str]:
    return [one["outcome"] for one in result(folder)["experiments"]]


def verdicts(folder: Path, title: str) -> set[str]:
    """Whether JUnit has a failure or an error for an experiment; it must have a case for it."""
    found = ET.parse(folder / "junit.xml").iter("testcase")
    ours = [case for case in found if title in (case.get("name"), case.get("classname"))]
    assert ours
    return {part.tag for case in ours for part in case} & {"failure", "error"}


def test_a_broken_experiment_is_told_from_a_broken_system(tmp_path: Path, write: Any) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    held = write("held.json", states("it holds", str(marker)))
    without_title = states("x")
    del without_title["title"]
    broken = write("broken.json", without_title)
    torn = write("torn.json", {})
    Path(torn).write_text('{"title": "torn",\n "method": [{"type": "probe",}]')
    Path(write("early.json", {})).write_text('{"profile": ')  # named, it is none the less told
    misspelled = write("misspelled.json", {**states("misspelled"), "steady-state-hypotesis": {}})

    first = ci(tmp_path, held, "--output-folder", "first", "--baseline", "none")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "baseline: there is none in none yet" in first.stdout
    assert outcomes(tmp_path / "first") == ["held"]
    assert verdicts(tmp_path / "first", "it holds") == set()

    named = (torn, "early.json", held, broken, misspelled)
    mixed = ci(tmp_path, *named, "--output-folder", "mixed", "--no-lint")
    assert mixed.returncode == 2
    assert outcomes(tmp_path / "mixed") == ["broken", "broken", "held", "broken", "held"]
    assert verdicts(tmp_path / "mixed", "broken") == {"error"}
    assert verdicts(tmp_path / "mixed", "torn") == {"error"}
    assert f"{torn}: broken: {torn}: line 2: not JSON" in mixed.stdout

    linted = ci(tmp_path, misspelled, held, "--output-folder", "linted")
    assert linted.returncode == 2
    assert outcomes(tmp_path / "linted") == ["broken", "held"]
    assert f"{misspelled}:" in linted.stdout
    assert not (tmp_path / "linted" / "misspelled" / "journal.json").exists()

    marker.unlink()  # the system is broken now, and nothing else is
    violated = write("held.json", {**states("it holds", str(marker)), "tags": ["x"]})
    alone = ci(tmp_path, violated, "--output-folder", "alone")
    assert alone.returncode == 1
    assert outcomes(tmp_path / "alone") == ["violated"]
    assert verdicts(tmp_path / "alone", "it holds") == {"failure"}

    worse = ci(tmp_path, violated, broken, "--output-folder", "worse", "--baseline", "first")
    assert worse.returncode == 3
    summary = (tmp_path / "worse" / "summary.md").read_text()
    assert summary.startswith("# Steady state: regression\n")
    assert "previously held, now fails" in summary
    assert "| broken |" in summary

    better = ci(tmp_path, held, "--output-folder", "same", "--baseline", "alone")
    assert better.returncode == 1
    assert not result(tmp_path / "same")["comparison"]["regressed"]


def test_a_baseline_that_was_not_met_proves_nothing(tmp_path: Path, write: Any) -> None:
    path = write("it.json", states("not there", "/no/such/path", act()))
    done = ci(tmp_path, path, "--output-folder", "out")
    assert done.returncode == 2
    assert outcomes(tmp_path / "out") == ["inconclusive"]
    assert "error" in verdicts(tmp_path / "out", "not there")


def test_a_baseline_that_cannot_be_read_is_no_first_run(tmp_path: Path, write: Any) -> None:
    baseline = tmp_path / "baseline"
    baseline.mkdir()
    (baseline / "journal.json").write_text('{"chaoslib-version": "1", "experiment": {')
    path = write("it.json", states("it holds"))
    done = ci(tmp_path, path, "--output-folder", "out", "--baseline", "baseline")
    assert done.returncode == 2
    assert "baseline: it cannot be used: baseline/journal.json: it breaks off" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no.json"], "no.json: there is no such file"),
        (["profile.json"], "profile.json is no experiment"),
        (["empty"], "empty holds no experiment"),
        (["it.json", "--output-folder", "used"], "used is there and not empty"),
        (["it.json", "--output-folder", "it.json/out"], "it.json/out cannot be made"),
        (["it.json", "--baseline", "it.json"], "Invalid value for --baseline"),
        (["it.json", "--timeout", "nan"], "Invalid value for '--timeout'"),
        (["it.json", "--timeout", "inf"], "Invalid value for '--timeout'"),
        ([""], "Invalid value for EXPERIMENT"),
    ],
)
def test_a_wrong_call_runs_nothing(
    tmp_path: Path, write: Any, arguments: list[str], said: str
) -> None:
    write("it.json", states("it holds"))
    write("profile.json", {"name": "mine"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    done = ci(tmp_path, "--output-folder", "out", *arguments)
    assert done.returncode == 2
    assert f"Error: {said}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_hostile_texts_stay_texts(tmp_path: Path, write: Any) -> None:
    title = "</testcase>|<script>alert(1)</script>\x1b[31m\x00`x`"
    write("it.json", states(title, "/no/such/path"))
    done = ci(tmp_path, "it.json", "--output-folder", "out", "--no-lint")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert "<script" not in summary.replace("\\<script", "")
    assert list(ET.parse(tmp_path / "out" / "junit.xml").iter("testcase"))


def test_a_journal_gets_the_folder_that_it_is_to_go_to(tmp_path: Path, write: Any) -> None:
    path = write("it.json", states("it holds"))
    chaos = str(Path(sys.executable).with_name("chaos"))
    done = captured(
        [chaos, "--no-version-check", "run", "--journal-path", "new/before/it.json", path],
        cwd=tmp_path,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    journal = json.loads((tmp_path / "new" / "before" / "it.json").read_text())
    assert journal["chaosnetra"]["verdict"] == "held"


def test_whoever_stops_reading_loses_no_evidence(tmp_path: Path, write: Any) -> None:
    process = subprocess.Popen(
        [*CI, write("it.json", states("it holds")), "--output-folder", "out"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(240) == 0, said
    assert "Traceback" not in said
    assert outcomes(tmp_path / "out") == ["held"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_keeps_what_there_is(
    tmp_path: Path, write: Any, number: signal.Signals
) -> None:
    first = write("first.json", states("it holds"))
    slow = write("slow.json", states("slow", "/", {**exists("/"), "pauses": {"before": 100}}))
    third = write("third.json", states("never run"))
    process = subprocess.Popen(
        [*CI, first, slow, third, "--output-folder", "out"],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        log = tmp_path / "out" / "slow" / "output.log"
        wait_until(lambda: log.exists() and "Pausing before" in log.read_text(), 60, "the pause")
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == 6, output
    assert outcomes(tmp_path / "out") == ["held", "broken", "broken"]
    journal = json.loads((tmp_path / "out" / "slow" / "journal.json").read_text())
    assert journal["chaosnetra"]["cause"] == "interrupted"
    assert not (tmp_path / "out" / "third").exists()
