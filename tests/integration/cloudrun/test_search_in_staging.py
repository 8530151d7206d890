"""A search whose trials act in staging: one consent, one lease, and nothing left afterwards."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaosnetra.search.conclusion import conclude
from chaosnetra.search.endings import End
from chaosnetra.search.record import FILE, Search, read_search
from tests.integration.cloudrun.conftest import lasting
from tests.support.experiments import CONTROL, activity, control
from tests.support.helpers import query, wait_until
from tests.support.programs import captured, unheard
from tests.support.staged import Staging, step

pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")

PROGRAM = str(Path(sys.executable).with_name("chaosnetra"))
MOST = 2
# The steady state ends above so many instances; the abort condition, when a file is there.
USER_MODULES = {
    "limits": f"""
import os

def few(value=None):
    return value["scaling"]["minimum"] <= {MOST}

def fine():
    return {{"held": not os.path.exists(os.environ["CROSSED"]), "expected": "", "observed": ""}}
"""
}
LEASES = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


class Searched:
    """A search of how many instances the service bears, in a folder of its own."""

    def __init__(self, staging: Staging, folder: Path) -> None:
        self.staging = staging
        self.place = folder
        self.folder = folder / "found"
        self.crossed = folder / "crossed"
        self.pause_seconds = 0.0
        self.environment = {**os.environ, "CROSSED": str(self.crossed)}
        self.before = staging.endpoint.message
        staging.allowed["caps"] = {"share_of_free_slots": 1}

    @property
    def experiment(self) -> dict[str, Any]:
        scaled = step("action", "scale_service", minimum="${instances}")
        scaled["pauses"] = {"after": self.pause_seconds}
        self.staging.method = [scaled]
        made = self.staging.experiment
        tolerance = activity("probe", "limits", "few")
        probe = {**step("probe", "service_state"), "tolerance": tolerance}
        made["steady-state-hypothesis"]["probes"] = [probe]
        made["configuration"]["instances"] = "2"
        condition = {"name": "fine", "provider": activity("probe", "limits", "fine")["provider"]}
        abort = control("chaosnetra.controls.abort", conditions=[condition], frequency_seconds=0.1)
        made["controls"] = [CONTROL, abort]
        return made

    def command(self, *options: str, upper: int = 3) -> list[str]:
        path = self.place / "experiment.json"
        path.write_text(json.dumps(self.experiment))
        span = ("--vary", "instances", "--from", "2", "--to", str(upper), "--trials", "8")
        return [PROGRAM, "search", str(path), *span, "--output-folder", str(self.folder), *options]

    def run(self, *options: str, consent: str = "", upper: int = 3) -> Any:
        environment = {**self.environment, "CHAOSNETRA_CONSENT": consent}
        return captured(self.command(*options, upper=upper), env=environment, timeout=200)

    @property
    def plan(self) -> dict[str, Any]:
        done = self.run("--plan", "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def begin(self) -> "subprocess.Popen[bytes]":
        environment = {**self.environment, "CHAOSNETRA_CONSENT": "yes"}
        return unheard(self.command(), env=environment)

    @property
    def search(self) -> Search:
        return read_search(self.folder / FILE)

    def section(self, number: int) -> dict[str, Any]:
        journal = json.loads((self.folder / self.search.trials[number - 1].journal).read_text())
        found: dict[str, Any] = journal["chaosnetra"]
        return found

    @property
    def leases(self) -> int:
        return int(query(self.staging.database, LEASES))

    def is_as_before(self) -> bool:
        same = lasting(self.staging.endpoint.message) == lasting(self.before)
        return same and self.leases == 0


@pytest.fixture
def searched(staging: Staging, tmp_path: Path) -> Iterator[Searched]:
    made = Searched(staging, tmp_path)
    yield made
    wait_until(made.is_as_before, 60, "everything is undone, and the lease is let go")


def ended(process: "subprocess.Popen[bytes]") -> bool:
    """False; fails the test where the process has ended."""
    assert process.poll() is None, "it has ended"
    return False


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def leases_of(process: "subprocess.Popen[bytes]", searched: Searched) -> list[bool]:
    """Whether the lease was held, each time that this changed while a process ran."""
    found = [False]
    while process.poll() is None:
        held = searched.leases > 0
        if held is not found[-1]:
            found.append(held)
        time.sleep(0.02)
    return found


def test_one_consent_covers_all_trials_and_one_lease_is_held_for_them(searched: Searched) -> None:
    plan = searched.plan
    assert plan["ranges"] == [{"key": "instances", "lower": 2.0, "upper": 3.0}]
    assert (plan["trials"], plan["seconds"], plan["executions"]) == (8, 3600.0, 0)
    assert [end["plan"]["changes"][0]["instances_after"] for end in plan["ends"]] == [2, 3]
    assert plan["connections"] == max(end["plan"]["connections"]["total"] for end in plan["ends"])
    environment = {**searched.environment, "CHAOSNETRA_CONSENT": plan["hash"]}
    process = unheard(searched.command(), env=environment)
    assert leases_of(process, searched) in ([False, True], [False, True, False])
    assert process.returncode == 0
    found = conclude(searched.search)
    assert (found.last_held, found.first_violated) == (MOST, MOST + 1)
    assert searched.search.environment == "staging"
    assert not (searched.folder / "consent.json").exists()
    sections = [searched.section(trial.number) for trial in searched.search.trials]
    assert {one["plan"]["search"] for one in sections} == {plan["hash"]}
    assert [one["baseline_of"] for one in sections] == [None, sections[0]["run"]]
    updates = searched.staging.endpoint.calls["UpdateService"]

    # What has been found is judged without consent, and without another trial.
    gated = searched.run("--at-least", "3")
    assert gated.returncode == 1, gated.stdout + gated.stderr
    assert searched.staging.endpoint.calls["UpdateService"] == updates


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        ("", "in staging nothing is touched without consent: read `chaosnetra search … --plan`"),
        ("of a run", "is for another plan than this one"),
        ("of a range", "is for another plan than this one"),
    ],
)
def test_without_consent_for_the_whole_range_nothing_is_touched(
    searched: Searched, consent: str, said: str
) -> None:
    if consent == "of a run":
        (searched.place / "one.json").write_text(json.dumps(searched.experiment))
        planned = captured([PROGRAM, "plan", str(searched.place / "one.json"), "--format", "json"])
        consent = json.loads(planned.stdout)["hash"]
    elif consent == "of a range":
        less = searched.run("--plan", "--format", "json", upper=4)
        consent = json.loads(less.stdout)["hash"]
    done = searched.run(consent=consent)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not searched.folder.exists()
    assert searched.staging.endpoint.message == searched.before


def test_what_the_allow_list_forbids_at_one_end_is_refused(searched: Searched) -> None:
    searched.staging.allowed["caps"]["instances"] = 2
    done = searched.run("--plan")
    assert done.returncode == 1
    assert "refused: at instances 3: 3 instances are more than the cap of 2" in done.stdout
    done = searched.run(consent="yes")
    assert done.returncode == 2
    assert "3 instances are more than the cap of 2" in done.stderr


def test_a_search_that_was_killed_leaves_nothing_and_goes_on(searched: Searched) -> None:
    searched.pause_seconds = 1
    process = searched.begin()
    try:
        second = searched.folder / "trials" / "002" / "journal.events.jsonl"
        wait_until(lambda: ended(process) or second.exists(), 60, "its second trial")
        wait_until(lambda: searched.staging.endpoint.state.scaling.minimum > 1, 20, "its scaling")
    finally:
        process.kill()
        process.wait()
    first = searched.search.trials
    assert len(first) == 1
    wait_until(searched.is_as_before, 60, "everything is undone, and the lease is let go")
    done = searched.run(consent="yes")
    assert done.returncode == 0, done.stdout + done.stderr
    found = searched.search
    assert found.trials[:1] == first
    assert (conclude(found).last_held, conclude(found).first_violated) == (MOST, MOST + 1)


def test_an_abort_condition_ends_the_search(searched: Searched) -> None:
    searched.pause_seconds = 1
    process = searched.begin()
    second = searched.folder / "trials" / "002" / "journal.events.jsonl"
    wait_until(lambda: ended(process) or "method.started" in read(second), 60, "its method")
    searched.crossed.touch()
    assert process.wait(60) == 2
    assert len(searched.search.trials) == 2
    assert conclude(searched.search).end is End.STOPPED
    assert "abort condition: fine" in searched.search.stopped
    assert searched.is_as_before()


def test_a_trial_that_is_killed_ends_the_search_once_it_is_undone(searched: Searched) -> None:
    searched.pause_seconds = 20
    process = searched.begin()
    wait_until(
        lambda: ended(process) or searched.staging.endpoint.state.scaling.minimum > 1,
        60,
        "what its trial scales",
    )
    (trial,) = (
        one
        for one in psutil.Process(process.pid).children()
        if "chaosnetra.runner.lifeline" in one.cmdline()
    )
    trial.kill()
    assert process.wait(90) == 2
    assert searched.is_as_before()
    assert conclude(searched.search).end is End.STOPPED
    assert searched.search.stopped.startswith("trial 1 left no journal")
