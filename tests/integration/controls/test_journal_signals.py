"""Runs with the journal control that a signal ends, and the files that they write.

One test a row; each runs `chaos run` as a process of its own, on the installed line.
"""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import RunChaos
from tests.support.helpers import wait_until
from tests.support.judged_runs import USER_MODULES, action, call, experiment, probe
from tests.support.programs import chaos_beside

__all__ = ["USER_MODULES"]  # for the fixture
pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")


@pytest.mark.parametrize("place", ["method", "hypothesis"])
def test_sigterm_inside_an_activity_ends_the_run(tmp_path: Path, place: str) -> None:
    """On the older line the activity swallows it, and the run goes on to exit with 0."""
    mark, rolled_back, next_step = (tmp_path / name for name in ("waiting", "back", "next"))
    waiting = call("probe", "wait", tolerance=True, seconds=100, mark=str(mark))
    made = experiment(
        [waiting] if place == "hypothesis" else [probe("value", of=True)],
        [waiting, action("touch", file=str(next_step))],
        [action("touch", file=str(rolled_back))],
    )
    process = chaos_beside(made, tmp_path)
    wait_until(mark.exists, 60, "the activity is at work")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=50) == 1
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert (journal["status"], journal["chaosnetra"]["cause"]) == ("interrupted", "interrupted")
    assert journal["chaosnetra"]["interrupted_by"] == "SIGTERM"
    assert rolled_back.exists()
    assert not next_step.exists()


def rolled_back_slowly(tmp_path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """A run whose rollbacks wait and then remove a file; it is in the first of them."""
    made = experiment(
        [probe("value", of=True)],
        [action("touch", file=str(tmp_path / "fault"))],
        [
            action("wait", seconds=seconds, mark=str(tmp_path / "in-rollbacks")),
            action("remove", file=str(tmp_path / "fault")),
        ],
    )
    process = chaos_beside(made, tmp_path)
    wait_until((tmp_path / "in-rollbacks").exists, 60, "rollbacks are played")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_rollbacks_of_anybody_are_played_to_their_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = rolled_back_slowly(tmp_path, 5.0)
    for _ in range(2):
        process.send_signal(number)
        time.sleep(0.2)
    assert process.wait(timeout=60) == 1
    assert not (tmp_path / "fault").exists()
    section = json.loads((tmp_path / "journal.json").read_text())["chaosnetra"]
    assert (section["cause"], section["interrupted_by"]) == ("interrupted", number.name)


@pytest.mark.parametrize("pause_seconds", [0.0, 0.01, 0.1])
def test_who_asks_twice_gets_the_rollbacks_of_anybody(tmp_path: Path, pause_seconds: float) -> None:
    mark, fault = tmp_path / "waiting", tmp_path / "fault"
    made = experiment(
        [probe("value", of=True)],
        [action("touch", file=str(fault)), action("wait", seconds=60, mark=str(mark))],
        [action("remove", file=str(fault))],
    )
    process = chaos_beside(made, tmp_path)
    wait_until(mark.exists, 60, "the method is at work")
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(pause_seconds)
    assert process.wait(timeout=60) == 1
    assert not fault.exists()


def test_who_insists_ends_a_rollback_that_hangs(tmp_path: Path) -> None:
    process = rolled_back_slowly(tmp_path, 100.0)
    until = time.monotonic() + 50
    while process.poll() is None and time.monotonic() < until:
        process.send_signal(signal.SIGINT)  # some may come as one
        time.sleep(0.3)
    assert process.wait(timeout=10) == 1
    section = json.loads((tmp_path / "journal.json").read_text())["chaosnetra"]
    assert section["verdict"] == "inconclusive"
    assert "rollbacks were cut short: " in section["reason"]


def test_events_that_cannot_be_written_end_the_run_before_it_begins(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "run" / "journal.events.jsonl").mkdir(parents=True)
    run = run_chaos(experiment([probe("value", of=True)], [action("touch", file=str(mark))]))
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "--journal-path" in run.section["reason"]
    assert not mark.exists()


def test_two_runs_in_one_folder_keep_their_events_apart(tmp_path: Path) -> None:
    path, both = tmp_path / "experiment.json", tmp_path / "both"
    path.write_text(
        json.dumps(
            experiment([probe("value", of=True)], [call("probe", "wait_for", file=str(both))])
        )
    )
    runs = [chaos_beside(path, tmp_path) for _ in range(2)]

    def event_files() -> list[Path]:
        return sorted(tmp_path.glob("journal.events*.jsonl"))

    try:
        wait_until(lambda: len(event_files()) == 2, 50, "both runs record events")
    finally:
        both.touch()
        codes = [run.wait(timeout=60) for run in runs]
    assert codes == [0, 0]
    files = event_files()
    assert len(files) == 2
    for file in files:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert len({line["run"] for line in lines}) == 1
        assert lines[-1]["event"] == "run.ended"


def test_secrets_are_in_neither_journal_nor_events(run_chaos: RunChaos) -> None:
    secret = "s3cret-pass-word"
    run = run_chaos(
        experiment([probe("value", of=True)], [call("probe", "value", of=f"leak {secret}")]),
        CHAOSNETRA_DATABASE_URL=f"postgresql://user:{secret}@127.0.0.1:5432/db",
    )
    assert run.returncode == 0, run.output
    assert secret not in (run.journal_text or "")
    assert secret not in (run.folder / "journal.events.jsonl").read_text()
