"""`chaosnetra search` on a service of somebody else's, with a limit that nothing tells."""

import json
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from chaosnetra.evidence.journal.order import clock_was_set
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.safety.ledger import SUFFIX, runs_folder
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.record import Search, read_search
from tests.support.helpers import wait_until
from tests.support.programs import captured
from tests.support.repository import ROOT

pytestmark = pytest.mark.usefixtures("nothing_left")

PROGRAM = str(Path(sys.executable).with_name("chaosnetra"))
LIMIT_SECONDS = 0.8
QUERIES = 10
# Its own limit is around all that it asks of its database, and it says nothing.
SERVICE = f"""
import asyncio, os, sys
import asyncpg

async def start():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    for number in range({QUERIES}):
        await connection.execute("SELECT 1")
    await connection.close()

try:
    asyncio.run(asyncio.wait_for(start(), {LIMIT_SECONDS}))
except TimeoutError:
    sys.exit(3)
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "service.py").write_text(SERVICE)
    target = shlex.join([sys.executable, str(tmp_path / "service.py")])
    given = {"target": target, "readiness": "exit", "count": "3", "max_failure_rate": "0"}
    return [
        *(PROGRAM, "search", str(ROOT / "experiments" / "vpc_latency.json")),
        *("--vary", "latency_ms", "--from", "5", "--to", "150", "--precision", "0.3"),
        *("--output-folder", str(tmp_path / "found"), "--trials", "12"),
        *(word for key, value in given.items() for word in ("--var", f"{key}={value}")),
    ]


def folder_of_parts(pid: int) -> Path:
    """Where the parts of a search say where they are."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            *_, module, folder = ["", "", *child.cmdline()]
            if module == "chaosnetra.search.holder":
                return Path(folder)
    raise AssertionError("nothing holds the parts")


def killed_in_its_first_trial(command: list[str], folder: Path) -> Path:
    """Start a search, and kill it once its latency is in place; the folder of its parts."""
    events = folder / "trials" / "001" / "journal.events.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def latency_is_in_place() -> bool:
        assert process.poll() is None
        return events.exists() and "added_latency_ms" in events.read_text()

    try:
        wait_until(latency_is_in_place, 120, "the latency is in place")
        parts = folder_of_parts(process.pid)
    finally:
        process.kill()
        process.wait(30)
    return parts


def test_a_search_that_was_killed_leaves_nothing_and_goes_on_to_its_answer(
    tmp_path: Path, command: list[str]
) -> None:
    folder = tmp_path / "found"
    parts = killed_in_its_first_trial(command, folder)
    run = json.loads((folder / "trials/001/journal.events.jsonl").read_text().split("\n")[0])["run"]
    wait_until(lambda: not parts.exists(), 120, "the parts are gone")
    ledger = runs_folder() / f"{run}{SUFFIX}"
    wait_until(lambda: not ledger.exists(), 60, "the trial has undone all that it wrote down")

    done = captured(command, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it breaks at latency_ms" in done.stdout
    made = read_search(folder / "search.json")
    check(made)
    assert (folder / made.trials[-1].journal).is_file()
    check_baselines(folder, made)

    # No trial is paid twice.
    gated = captured([*command, "--at-least", "149"], timeout=120)
    assert gated.returncode == 1, gated.stdout + gated.stderr
    assert read_search(folder / "search.json").trials == made.trials


def check_baselines(folder: Path, made: Search) -> None:
    """The second trial has the baseline that the first one left: its startups after the undo."""
    journals = [read_journal(folder / trial.journal).data for trial in made.trials[:2]]
    first, second = (journal["chaosnetra"] for journal in journals)
    # Its times are of another run's clock.
    assert all(
        "started_seconds" not in one for one in journals[1]["steady_states"]["before"]["probes"]
    )
    assert not clock_was_set(journals[1])
    assert (first["baseline_of"], second["baseline_of"]) == (None, first["run"])
    assert made.trials[1].baseline_seconds == made.trials[0].recovered_seconds
    assert second["options"] == {}
    before, under, after = second["exposure"]["launches"]
    assert [bool(one["faults"]) for one in (before, under, after)] == [False, True, False]
    assert before["ready_with_session"] == 3
    assert not (folder / "baseline.json").exists()


def check(made: Search) -> None:
    """The answer is the service's limit over the round trips that were seen on the wire."""
    point, model = conclude(made).point, made.model
    assert point is not None
    assert model is not None
    assert model.round_trips >= QUERIES
    most = 1000 * LIMIT_SECONDS / model.round_trips
    assert point.low is not None
    assert point.high is not None
    # What it does by itself meanwhile takes some of the limit, on a busy machine a good part.
    assert point.low <= most
    assert point.high >= most / 2
