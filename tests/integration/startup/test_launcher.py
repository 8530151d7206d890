"""Startups that become ready and stay so, with real targets."""

import asyncio
import json
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from chaosnetra.settings import Settings
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import EndedBy, StartupOutcome, Status
from chaosnetra.startup.target_plan import make_plan
from tests.support.helpers import present
from tests.support.launches import (
    DATABASE,
    ENOUGH,
    HTTP,
    LISTEN,
    SERVE,
    TCP,
    launched,
    nothing_left_behind,
    one,
    plan_of,
    script,
)

pytestmark = pytest.mark.usefixtures("little_grace")

# Ready


@nothing_left_behind
def test_one_that_serves_when_its_first_thread_has_ended_is_ready() -> None:
    text = SERVE + "import ctypes, threading\nthreading.Thread(target=serve).start()\n"
    outcome = one(script(text + "ctypes.CDLL(None).pthread_exit(None)"), HTTP)
    assert outcome.status is Status.READY


@nothing_left_behind
def test_each_of_several_has_its_own_port_and_outcome(tmp_path: Path) -> None:
    text = f"{SERVE}\nopen(os.environ['PORT'], 'w').write(sys.argv[1])\nserve()"
    plan = plan_of([*script(text), "{port}"], HTTP, directory=tmp_path)
    seen: list[int] = []
    outcomes = asyncio.run(
        launch(plan, [DATABASE] * 3, ENOUGH, progress=lambda outcome: seen.append(outcome.number))
    )
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 3
    assert sorted(seen) == [1, 2, 3]
    ports = [path.name for path in tmp_path.iterdir()]
    assert len(ports) == 3
    assert all((tmp_path / port).read_text() == port for port in ports)


@nothing_left_behind
def test_ready_ones_stay_up_until_all_are_decided(tmp_path: Path) -> None:
    # The first to come waits for the second before it answers: both must be up at once.
    text = f"{SERVE}\nopen(os.environ['PORT'], 'w')\nfirst = len(os.listdir('.')) == 1\n"
    text += "time.sleep(0 if first else 1)\nserve()"
    order: list[tuple[int, int]] = []

    def progress(outcome: StartupOutcome) -> None:
        listening = sum(
            link.status == psutil.CONN_LISTEN
            for link in psutil.net_connections("tcp")
            if (tmp_path / str(link.laddr.port)).exists()
        )
        order.append((outcome.number, listening))

    plan = plan_of(script(text), HTTP, directory=tmp_path)
    outcomes = asyncio.run(launch(plan, [DATABASE] * 2, ENOUGH, progress=progress))
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 2
    assert order[-1][1] == 2


@nothing_left_behind
def test_database_and_port_reach_the_target_and_our_own_settings_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "CHAOSNETRA_DATABASE_URL", "postgresql://direct:pass-of-ours@127.0.0.1/direct"
    )
    text = "import json, os, sys; json.dump(dict(os.environ), open('seen.json', 'w'))"
    (tmp_path / "target.py").write_text(text)
    settings = Settings.from_configuration(
        {
            "target": f"{sys.executable} target.py",
            "target_directory": str(tmp_path),
            "target_environment": {"DATABASE_URL": "{url}", "DB_NAME": "{database}"},
        }
    )
    assert launched(make_plan(settings, os.environ, None))[0].status is Status.READY
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["DATABASE_URL"], seen["DB_NAME"]) == (DATABASE.url, "base")
    assert int(seen["PORT"]) > 0
    assert "pass-of-ours" not in json.dumps(seen)


@nothing_left_behind
def test_page_that_answers_503_first_becomes_ready() -> None:
    text = SERVE.replace("(200 if path", "503 if number <= 3 else (200 if path") + "serve()"
    outcome = one(script(text), HTTP)
    assert outcome.status is Status.READY
    assert outcome.checks["not_ready"] == 3
    assert set(outcome.checks) <= {"refused", "not_ready"}


# Ready, and then not any more

DWELL = Limits(startup_seconds=30, kill_margin_seconds=1, readiness_seconds=2, dwell_seconds=0.8)


@nothing_left_behind
@pytest.mark.parametrize(
    ("text", "readiness"),
    [
        (SERVE + "serve()", HTTP),
        (SERVE + "serve()", TCP),
        ("import time; print('ready', flush=True); time.sleep(60)", "log:ready"),
        # As a worker that is replaced: it answers again before the second dwell is over.
        (LISTEN + "time.sleep(0.6); listening.close(); time.sleep(0.5)\n" + SERVE + "serve()", TCP),
    ],
    ids=["http", "tcp", "log", "again"],
)
def test_one_that_stays_ready_is_ready_and_its_dwell_is_not_counted(
    text: str, readiness: str
) -> None:
    began = time.monotonic()
    outcome = one(script(text), readiness, DWELL)
    assert (outcome.status, outcome.was_ready_seconds) == (Status.READY, None)
    assert time.monotonic() - began > outcome.seconds + DWELL.dwell_seconds


@nothing_left_behind
def test_readiness_by_exit_needs_no_dwell() -> None:
    began = time.monotonic()
    limits = Limits(30, 1, 2, dwell_seconds=30)
    assert one(["true"], "exit", limits).status is Status.READY
    assert time.monotonic() - began < 20


@nothing_left_behind
@pytest.mark.parametrize(
    ("end", "how", "code", "number"),
    [
        ("print('cannot reach database', flush=True); sys.exit(1)", "with exit code 1", 1, None),
        ("sys.exit(0)", "with exit code 0", 0, None),
        ("os.kill(os.getpid(), 9)", "by signal 9", None, 9),
    ],
)
@pytest.mark.parametrize("readiness", [TCP, "log:listens"])
def test_one_that_ends_after_it_was_ready_has_failed(
    end: str, how: str, code: int | None, number: int | None, readiness: str
) -> None:
    text = f"{LISTEN}print('listens', flush=True); time.sleep(0.5); {end}"
    outcome = one(script(text), readiness, DWELL)
    assert outcome.status is Status.FAILED
    assert (outcome.exit_code, outcome.signal) == (code, number)
    assert outcome.ended_by is EndedBy.ITSELF
    assert outcome.was_ready_seconds is not None
    assert outcome.seconds > outcome.was_ready_seconds + 0.3
    assert outcome.error is not None
    ready = rf"it was ready after \d+\.\d\d s, and ended {how} 0\.\d\d s later"
    assert re.match(ready, outcome.error.text)


@nothing_left_behind
def test_one_that_stops_answering_after_it_was_ready_has_failed() -> None:
    text = f"{LISTEN}time.sleep(0.4); listening.close(); time.sleep(60)"
    outcome = one(script(text), TCP, DWELL)
    assert (outcome.status, outcome.ended_by) == (Status.FAILED, EndedBy.LAUNCHER)
    assert outcome.exit_reason is None
    assert "did not answer as ready any more" in present(outcome.error).text


@nothing_left_behind
def test_one_that_leaves_its_service_behind_is_told_to_stay() -> None:
    command = script(
        f"{SERVE}\nif os.fork() == 0:\n    os.setsid()\n    serve()\ntime.sleep(1)\nsys.exit(0)"
    )
    outcome = one(command, HTTP, replace(DWELL, dwell_seconds=3))
    assert (outcome.status, outcome.exit_code, outcome.processes_left) == (Status.FAILED, 0, 1)
    assert "left 1 running: run it in the foreground" in present(outcome.error).text


@nothing_left_behind
def test_one_that_ends_while_others_still_start_is_not_ready(tmp_path: Path) -> None:
    text = "import os, sys, time\ntry: os.mkdir('first'); is_first = True\n"
    text += "except FileExistsError: is_first = False; time.sleep(2)\n"
    text += f"{LISTEN}\nif is_first: time.sleep(1.2); sys.exit(5)\ntime.sleep(60)"
    outcomes = launched(plan_of(script(text), TCP, directory=tmp_path), DWELL, count=2)
    statuses = {outcome.exit_code: outcome.status for outcome in outcomes}
    assert statuses[5] is Status.FAILED
