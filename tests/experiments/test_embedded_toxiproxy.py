"""The first experiment on the embedded Toxiproxy: where it is asked for, and where there is no
other."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support.programs import chaos_beside
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
PLACE = "The embedded Toxiproxy takes the real one's place"

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def no_real_server(tmp_path: Path) -> dict[str, str]:
    """A machine with no Go, no Toxiproxy and no program from an earlier run."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return {"PATH": str(empty), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def toxiproxy_part(run: ChaosRun) -> dict[str, Any]:
    (part,) = [part for part in run.section["stand"] if part["kind"] == "Toxiproxy"]
    return part


def held_on_the_embedded_server(run: ChaosRun) -> None:
    assert run.returncode == 0, run.output
    assert run.section["verdict"] == "held"
    part = toxiproxy_part(run)
    assert part["version"].startswith("2.12.0+chaosnetra-embedded-")
    assert part["source"] == "started for this run"
    (fault,) = [fault for fault in run.section["faults"] if fault["effect"]]
    assert fault["effect"]["in_effect"] is True
    assert 40 <= fault["effect"]["observed"] < 75
    assert fault["undo"] == "done"


def test_a_machine_without_go_and_toxiproxy_runs_the_experiment(
    run_chaos: RunChaos, no_real_server: dict[str, str]
) -> None:
    run = run_chaos(EXPERIMENT, **no_real_server)
    held_on_the_embedded_server(run)
    (line,) = [line for line in run.output.splitlines() if PLACE in line]
    assert "WARNING" in line


def test_the_embedded_server_can_be_asked_for(run_chaos: RunChaos) -> None:
    run = run_chaos(
        EXPERIMENT,
        CHAOSNETRA_TOXIPROXY_SERVER="embedded",
        CHAOSNETRA_COUNT="2",
        CHAOSNETRA_SEED="3",
    )
    held_on_the_embedded_server(run)
    assert PLACE not in run.output


def test_the_real_server_can_be_insisted_on(
    run_chaos: RunChaos, no_real_server: dict[str, str]
) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_TOXIPROXY_SERVER="real", **no_real_server)
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    assert "CHAOSNETRA_TOXIPROXY_URL" in run.section["reason"]
    assert "install Go" in run.section["reason"]
    assert PLACE not in run.output


def test_a_persistent_stand_with_another_server_than_asked_for_lends_only_its_database(
    run_chaos: RunChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_SERVER", "embedded")
    command = [str(Path(sys.executable).with_name("chaosnetra")), "stand"]
    subprocess.run([*command, "up"], check=True, capture_output=True, timeout=60)
    try:
        used = run_chaos(EXPERIMENT, CHAOSNETRA_COUNT="1", CHAOSNETRA_LATENCY_MS="100")
        assert used.returncode == 0, used.output
        assert toxiproxy_part(used)["source"] == "persistent stand"
        assert "embedded" in toxiproxy_part(used)["version"]
        own = run_chaos(
            EXPERIMENT,
            CHAOSNETRA_COUNT="1",
            CHAOSNETRA_LATENCY_MS="100",
            CHAOSNETRA_TOXIPROXY_SERVER="real",
        )
        assert own.returncode == 0, own.output
        assert toxiproxy_part(own)["source"] == "started for this run"
        assert "v2.12.0" in toxiproxy_part(own)["version"]
        sources = {part["kind"]: part["source"] for part in own.section["stand"]}
        assert sources["PostgreSQL"] == "persistent stand"
    finally:
        subprocess.run([*command, "down"], check=True, capture_output=True, timeout=60)


def test_a_value_that_is_none_is_told(run_chaos: RunChaos) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_TOXIPROXY_SERVER="fake")
    assert run.returncode == 1
    assert "CHAOSNETRA_TOXIPROXY_SERVER" in run.section["reason"]
    assert "auto or real or embedded" in run.section["reason"]


def test_the_embedded_server_that_dies_makes_the_run_prove_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = chaos_beside(
        EXPERIMENT, folder, CHAOSNETRA_COUNT="1", CHAOSNETRA_TOXIPROXY_SERVER="embedded"
    )
    events = folder / "journal.events.jsonl"
    deadline = time.monotonic() + 60
    while not (events.exists() and "vpc-latency" in events.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.cmdline()[1:4] == ["-P", "-m", "chaosnetra.toxiproxy.embedded"]:
            child.kill()
            break
    else:
        raise AssertionError("there is no embedded server")
    assert process.wait(timeout=60) == 1
    section = json.loads((folder / "journal.json").read_text())["chaosnetra"]
    assert section["verdict"] == "inconclusive"
    assert section["cause"] == "a part of the stand was lost"
