"""Conductors that are killed, hang, or have no disk left: nothing stays, nothing said is lost."""

import json
import re
import signal
from pathlib import Path

import pytest

from chaosnetra.gameday.record.entries import run_in_progress
from chaosnetra.runner.ending import end_and_undo
from chaosnetra.runner.files import RunFiles
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.integration.controls.test_full_disk import small_disk
from tests.support.game_days import Bed, finished, provider
from tests.support.helpers import wait_until

pytestmark = pytest.mark.usefixtures("nothing_left")

ANSWERS = "present = Ada\nlatency go = go\nlatency predict Ada held = yes 70%\n"


def start(bed: Bed, client: ToxiproxyClient) -> "object":
    """A conductor whose run has its fault in place."""
    (bed.folder / "answers.txt").write_text(ANSWERS)
    conductor = bed.start("--answers", str(bed.folder / "answers.txt"))
    wait_until(lambda: toxics(client) == 1, 60, "the toxic")
    return conductor


def ignores(pid: int, number: int) -> bool:
    (mask,) = re.findall(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (number - 1) & 1)


def toxics(client: ToxiproxyClient) -> int:
    return sum(len(proxy.toxics) for proxy in client.proxies().values())


def test_a_killed_conductors_run_is_undone_at_once_and_the_day_goes_on(
    real_bed: Bed, toxiproxy: ToxiproxyClient
) -> None:
    conductor = start(real_bed, toxiproxy)
    conductor.kill()
    finished(conductor)
    wait_until(lambda: toxiproxy.proxies() == {}, 40, "the undo")
    real_bed.environment["CHAOSNETRA_TARGET"] = real_bed.environment["CHAOSNETRA_TARGET"].replace(
        "range(40)", "range(2)"
    )
    code, output = real_bed.run("--resume", answers="latency go = go\n")
    assert code == 0, output
    kinds = real_bed.kinds()
    assert kinds.count("run.begun") == 2
    assert kinds[kinds.index("day.resumed") :][:2] == ["day.resumed", "run.lost"]
    assert kinds.count("predicted") == 1
    report = (real_bed.day / "report.md").read_text()
    assert "lost: the conductor was gone before the run ended" in report
    assert toxiproxy.proxies() == {}


def test_a_hung_conductor_is_stopped_from_elsewhere(
    real_bed: Bed, toxiproxy: ToxiproxyClient
) -> None:
    conductor = start(real_bed, toxiproxy)
    conductor.send_signal(signal.SIGSTOP)
    code, output = real_bed.call("stop", str(real_bed.day))
    assert code == 0, output
    assert "its conductor was killed" in output
    assert toxiproxy.proxies() == {}
    finished(conductor)
    assert conductor.returncode == -signal.SIGKILL
    assert real_bed.kinds()[-3:] == ["day.aborted", "run.lost", "day.closed"]
    assert "predicted" in real_bed.kinds()
    assert (real_bed.day / "report.md").exists()


def test_a_run_that_hangs_is_killed_and_what_it_left_is_taken_back(
    real_bed: Bed, toxiproxy: ToxiproxyClient
) -> None:
    plan = json.loads(real_bed.plan_path.read_text())
    experiment = json.loads((real_bed.folder / plan["steps"][0]["experiment"]).read_text())
    # It does not hear the signal that asks it to end.
    wait = provider("deaf_wait_for", real_bed.release)
    deaf = {"type": "probe", "name": "deaf", "provider": wait}
    experiment["method"].append(deaf)
    (real_bed.folder / "deaf.json").write_text(json.dumps(experiment))
    plan["steps"][0]["experiment"] = "deaf.json"
    real_bed.plan_path.write_text(json.dumps(plan))
    conductor = start(real_bed, toxiproxy)
    run = run_in_progress(real_bed.entries(), real_bed.day)
    assert run is not None
    wait_until(lambda: '"deaf"' in RunFiles(run.folder).events.read_text(), 60, "the deaf probe")
    wait_until(lambda: ignores(run.pid, signal.SIGTERM), 10, "a run that does not hear")
    said = end_and_undo(run, patience_seconds=0.5)
    assert said[0] == "the run was asked to end"
    assert "it was killed" in said[1]
    output = finished(conductor)
    assert "Verdict: inconclusive: it left no journal" in output
    assert RunFiles(run.folder).events.exists()
    assert toxiproxy.proxies() == {}


def test_a_full_disk_loses_no_answer_that_was_acknowledged(
    real_bed: Bed, toxiproxy: ToxiproxyClient
) -> None:
    """The record fills the disk by itself, in the middle of a run."""
    said = "".join(f"latency during = /observe {number} {'x' * 1900}\n" for number in range(200))
    (real_bed.folder / "answers.txt").write_text(ANSWERS + said)
    with small_disk("size=192k") as disk:
        real_bed.days = disk / "days"
        conductor = real_bed.start("--answers", str(real_bed.folder / "answers.txt"))
        output = finished(conductor)
        assert conductor.returncode == 5, output
        (last,) = [line for line in output.splitlines() if "cannot be written" in line]
        assert "nothing of the day is injected" in last
        assert toxiproxy.proxies() == {}
        kept = real_bed.entries()
        noted = [entry.data["text"].split()[0] for entry in kept if entry.kind.value == "noted"]
        acknowledged = re.findall(r"noted at .*: observation of Ada: (\d+)", output)
        assert acknowledged
        assert noted == acknowledged
        for file in (real_bed.day / "steps").rglob("*.log"):
            file.unlink()  # somebody makes room
        code, output = real_bed.call("stop", str(real_bed.day))
        assert code == 0, output
        assert real_bed.entries()[: len(kept)] == kept
        assert real_bed.kinds()[-1] == "day.closed"
