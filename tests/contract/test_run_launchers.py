"""All launchers of a run keep one contract: an order goes in, and reports come out.

Here, as processes; in staging as tasks of a Cloud Run job, and by an engine of this test's own
(`tests.support.engines`), of which a run knows no more than what an engine has to provide.
"""

import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import run_v2

from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.emulator.resources import EmulatedLocation
from chaosnetra.cloudrun.emulator.server import LocalCloudRun
from chaosnetra.errors import Interrupted
from chaosnetra.faults import UNDO_PLAYERS
from chaosnetra.running.job_launcher import JobLauncher
from chaosnetra.running.launchers import launcher_for
from chaosnetra.running.launching import Launcher, limits_of
from chaosnetra.running.session import Session, current_session, end_session
from chaosnetra.stand.postgres import PostgresServer
from tests.support.cloud_run_endpoint import OPTED_IN
from tests.support.engines import UNDO, Processes
from tests.support.experiments import ours
from tests.support.helpers import alive, wait_until, written_pids
from tests.support.staging import NAMES, consented, staging_settings

pytestmark = pytest.mark.usefixtures("nothing_left")

COUNT = 4
PLACE = EmulatedLocation(**NAMES)
# What becomes of a startup, its place among those that came says. None goes on before all are
# there, so they have to be launched at once.
SERVICE = """
import json, os, signal, socket, sys, time

pids = os.environ["PIDS"]
mine = os.open(pids, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(mine, b"%d\\n" % os.getpid())
def lines():
    return open(pids).read().split()
while len(lines()) < int(os.environ["ALL"]):
    time.sleep(0.01)
place = lines().index(str(os.getpid()))
print(json.dumps({"startup_phase": {"status": "started", "phase": "database"}}), flush=True)
if place == 0:
    error = {"status": "failed", "phase": "database", "seconds": 0.1, "error": "no slot"}
    print(json.dumps({"startup_phase": error}), flush=True)
    sys.exit(3)
if place == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if place == 2 or "ALL_LATE" in os.environ:
    time.sleep(100)
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    server.accept()[0].close()
"""
COMMAND = [sys.executable, "-S", "-c", SERVICE]
TASK = [sys.executable, "-m", "chaosnetra.startup.task", "--", *COMMAND]
SHARED = {
    "readiness": "tcp://127.0.0.1:{port}",
    "time_scale": "1",
    "startup_timeout_seconds": "4",
    "dwell_seconds": "0.2",
}

MakeLauncher = Callable[[], Launcher]


class Bed:
    """Where startups are launched, and what they are told."""

    def __init__(self, kind: str, postgres: PostgresServer, folder: Path) -> None:
        self.kind, self.postgres, self.folder = kind, postgres, folder
        self.pids = folder / "pids"
        self.engine: Processes | None = None
        self.variables = {
            "DATABASE_URL": postgres.database.url,
            "PIDS": str(self.pids),
            "ALL": str(COUNT),
        }

    def launcher(self, local: LocalCloudRun | None) -> Launcher:
        """As a run would get it, looked at and consented to where it has to be."""
        if local is None:
            given = {**self.variables, "DATABASE_URL": "{url}"}
            settings = {
                **SHARED,
                "target": shlex.join(COMMAND),
                "target_environment": json.dumps(given),
                "database_url": self.postgres.database.url,
                "database_state": "shared",
                "toxiproxy_server": "embedded",
            }
            return launcher_for(current_session(settings), COUNT)
        create_job(local, self.variables)
        settings = {
            **SHARED,
            **staging_settings(self.folder, self.postgres.database, job="startups"),
            "cloud_run_endpoint": local.endpoint,
            **{name: NAMES[name] for name in ("project", "region")},
            "job": "startups",
            "job_hold_seconds": "0",
            "barrier_seconds": "1",
            "job_connections": "2",
        }
        session = consented(settings, ours("probe", "startup", "startups_succeed", count=COUNT))
        if self.kind == "job":
            return launcher_for(session, COUNT)
        _ = session.stored.report_schema
        limits = limits_of(session, session.settings.readiness_timeout_seconds)
        self.engine = Processes(TASK, self.variables)
        return JobLauncher(session, self.engine, COUNT, limits)


def create_job(local: LocalCloudRun, variables: dict[str, str]) -> None:
    """A job of these tasks."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    container = {"image": "startup", "name": "startup", "command": TASK, "env": env}
    template = {"max_retries": 0, "containers": [container]}
    job = run_v2.Job(template={"template": template}, labels=OPTED_IN)
    request = run_v2.CreateJobRequest(parent=PLACE.parent, job_id="startups", job=job)
    connection = Connection(local.endpoint, call_seconds=5)
    connection.call("Jobs", "CreateJob", request, f"{PLACE.parent}/jobs/startups")
    connection.close()


@pytest.fixture
def local(request: pytest.FixtureRequest) -> Iterator[LocalCloudRun | None]:
    if request.getfixturevalue("kind") == "processes here":
        yield None
        return
    made = LocalCloudRun(PLACE, operation_seconds=0)
    made.start()
    yield made
    assert end_session() == []
    made.stop()


@pytest.fixture(params=["processes here", "job", "another engine"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bed(
    kind: str, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bed]:
    monkeypatch.setitem(UNDO_PLAYERS, UNDO, "tests.support.engines:end_containers")
    made = Bed(kind, postgres, tmp_path)
    yield made
    if made.engine is not None:
        made.engine.reap()


def begun(bed: Bed, local: LocalCloudRun | None) -> tuple[Session, Launcher]:
    launcher = bed.launcher(local)
    session = current_session()
    session.run.events.open(bed.folder / "events.jsonl")
    return session, launcher


def test_each_startup_has_one_outcome_and_all_begin_at_once(
    bed: Bed, local: LocalCloudRun | None
) -> None:
    session, launcher = begun(bed, local)
    found = launcher.launched()
    assert [outcome.number for outcome in found.outcomes] == [1, 2, 3, 4]
    ended = {
        (one.status.value, one.exit_code, one.signal, one.exit_reason and one.exit_reason.value)
        for one in found.outcomes
        if one.status.value != "timed_out"
    }
    assert ended == {
        ("failed", 3, None, "startup_failed"),
        ("failed", None, 9, "unknown"),
        ("ready", None, 15, None),
    }
    (late,) = (one for one in found.outcomes if one.status.value == "timed_out")
    assert late.error is not None
    assert (late.error.budget, late.error.budget_seconds) == ("startup", 4.0)
    assert {one.phase for one in found.outcomes if one.status.value == "failed"} == {"database"}
    assert alive(written_pids(bed.pids, COUNT)) == []
    circumstances = found.circumstances
    assert circumstances["startup_timeout_seconds"] == 4.0
    assert circumstances["target"]
    assert ("launch" in circumstances) is (bed.kind != "processes here")
    json.dumps(circumstances)
    lines = [json.loads(line) for line in (bed.folder / "events.jsonl").read_text().splitlines()]
    decided = [line["number"] for line in lines if line["event"] == "startup.decided"]
    assert sorted(decided) == [1, 2, 3, 4]
    # Nothing but the lease, the schema that takes reports, and the path to the database.
    kept = ("lease", "schema", "proxy")
    assert all(one.name.startswith(kept) for one in session.injector.active)


def test_an_interruption_ends_all_of_them_at_once(bed: Bed, local: LocalCloudRun | None) -> None:
    bed.variables["ALL_LATE"] = "yes"
    session, launcher = begun(bed, local)

    def interrupt() -> None:
        written_pids(bed.pids, COUNT, 30)
        session.run.interrupted_by = "SIGTERM"

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted):
        launcher.launched()
    thread.join()
    wait_until(lambda: not alive(written_pids(bed.pids, COUNT)), 5, "none of them runs")
