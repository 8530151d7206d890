"""Faults in the tasks of a job: by a run's own actions, measured in each task, felt by no other."""

import json
import os
import signal
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.cloudrun.actions import restore_service, scale_service
from chaosnetra.controls.facts import faults_of
from chaosnetra.pressure.actions import apply_pressure, relieve_pressure
from chaosnetra.running.session import current_session
from chaosnetra.stand.cloudrun import start_cloud_run
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.startup.probes import startups_succeed
from chaosnetra.toxiproxy.actions import add_latency
from tests.integration.cloudrun.conftest import PLACE, MakeStage, Stage
from tests.support.cloud_run_endpoint import Endpoint
from tests.support.experiments import ours
from tests.support.helpers import alive, wait_until, written_pids
from tests.support.staged import step
from tests.support.staging import consented

pytestmark = pytest.mark.usefixtures("nothing_left")

LATENCY_MS = 60.0
# A service that asks its database three things, one after the other, and serves. Which of its
# tasks loses its path, or is killed itself, the setting of the test says.
SERVICE = """
import asyncio, os, socket
import asyncpg, psutil

if "PIDS" in os.environ:
    with open(os.environ["PIDS"], "a") as pids:
        pids.write(f"{os.getpid()}\\n{os.getppid()}\\n")

async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"])
    for _ in range(3):
        await opened.execute("SELECT 1")
    await opened.close()

asyncio.run(main())
index = os.environ["CLOUD_RUN_TASK_INDEX"]
task = next(one for one in psutil.Process().parents() if "chaosnetra.startup.task" in one.cmdline())
if index in os.environ.get("LOSES_ITS_PATH", "").split(","):
    for one in task.children(recursive=True):
        if "chaosnetra.task_path" in one.cmdline():
            one.kill()
if index in os.environ.get("IS_KILLED", "").split(","):
    task.kill()
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    server.accept()[0].close()
"""
TASK = [sys.executable, "-m", "chaosnetra.startup.task", "--", sys.executable, "-c", SERVICE]
# Somebody else's: an instance of the service or of another one, or a task of another job. Writes of
# each round trip to the same database how long it took, and by which session: it has one alone, and
# ends where that one does.
NEIGHBOUR = """
import asyncio, os, socket, sys, time
import asyncpg

if "PORT" in os.environ:
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))

async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"])
    with open(f"{os.environ['SEEN']}.{os.getpid()}", "a", buffering=1) as seen:
        while not os.path.exists(os.environ["ENOUGH"]):
            began = time.monotonic()
            session = await opened.fetchval("SELECT pg_backend_pid()")
            print(began, time.monotonic() - began, session, file=seen)
            await asyncio.sleep(0.02)

asyncio.run(main())
while "PORT" in os.environ:
    server.accept()[0].close()
"""


@pytest.fixture
def settings(job_settings: dict[str, Any]) -> dict[str, Any]:
    return {
        **job_settings,
        "service": "orchestrator",
        "startup_timeout_seconds": "10",
        "dwell_seconds": "0.2",
    }


def make_job(stage: Stage, postgres: PostgresServer, **variables: str) -> None:
    given = {"DATABASE_URL": postgres.database.url, **variables}
    env = [{"name": name, "value": value} for name, value in given.items()]
    stage.create_job(*TASK, container={"env": env})


def startups(count: int) -> dict[str, Any]:
    return ours("probe", "startup", "startups_succeed", count=count)


def latency(**arguments: Any) -> dict[str, Any]:
    return ours("action", "toxiproxy", "add_latency", latency_ms=LATENCY_MS, **arguments)


def called(action: dict[str, Any]) -> dict[str, Any]:
    """An action as another one names it."""
    provider = action["provider"]
    return {key: provider[key] for key in ("module", "func", "arguments") if key in provider}


def in_effect(session: Any) -> dict[str, Any]:
    """What the journal says of the only fault with an effect on the path."""
    (found,) = [one for one in faults_of(session) if one["name"].startswith("toxic ")]
    return found


def round_trips_ms(
    folder: Path, began: float, ended: float
) -> list[tuple[list[float], list[float], set[str]]]:
    """Of each neighbour, until a time by the monotonic clock, and from then to another one.

    And the sessions that it had in all.
    """
    seen = []
    for path in folder.glob("seen.*"):
        lines = [line.split() for line in path.read_text().splitlines() if len(line.split()) == 3]
        trips = [(float(at), 1000 * float(took)) for at, took, _ in lines]
        before = [took for at, took in trips if at < began]
        under = [took for at, took in trips if began <= at <= ended]
        seen.append((before, under, {session for *_, session in lines}))
    return seen


def test_each_task_has_the_fault_while_the_service_is_scaled_and_nobody_else_feels_it(
    make_stage: MakeStage, settings: dict[str, Any], postgres: PostgresServer, tmp_path: Path
) -> None:
    stage = make_stage(operation_seconds=0)
    enough = tmp_path / "enough"
    theirs = {
        "DATABASE_URL": postgres.database.url,
        "SEEN": str(tmp_path / "seen"),
        "ENOUGH": str(enough),
    }
    env = [{"name": name, "value": value} for name, value in theirs.items()]
    command = [sys.executable, "-c", NEIGHBOUR]
    for service_id in ("orchestrator", "another-service"):
        container = {"command": command, "env": env}
        stage.create_service_without_waiting(container, service_id, min_instance_count=1)
        stage.settle(service_id)
    stage.create_job(*command, job_id="neighbours", container={"env": env})
    neighbours = stage.jobs.job(f"{PLACE.parent}/jobs/neighbours")
    stage.jobs.run(neighbours, tasks=1, timeout_seconds=120, environment={})
    make_job(stage, postgres)
    configuration = {**settings, "cloud_run_endpoint": stage.local.endpoint}
    put = called(latency())
    session = consented(
        configuration,
        startups(2),
        step("action", "scale_service", minimum=2),
        ours("action", "pressure", "apply_pressure", local=put, staging=put),
    )
    before = startups_succeed(count=2, configuration=configuration)
    assert before["held"], before["observed"]
    scaled = scale_service(minimum=2, configuration=configuration)
    assert scaled["effect"]["in_effect"], scaled
    applied = apply_pressure(local=put, staging=put, configuration=configuration)
    assert (applied["environment"], applied["effect"]["in_effect"]) == ("staging", True)
    began = time.monotonic()
    under = startups_succeed(count=2, configuration=configuration)
    ended = time.monotonic()
    assert (under["held"], under["uncounted"]) == (True, None), under["observed"]
    fault = in_effect(session)
    assert fault["tasks"]["counted"] == 2
    assert fault["tasks"]["unmeasured"] == 0
    assert 0.8 * LATENCY_MS <= fault["tasks"]["least"] <= fault["effect"]["observed"]
    assert "median of 2 tasks, each before its startup" in fault["effect"]["detail"]

    one, other = (result["startups"][0]["wire"] for result in (before, under))
    trips = one["serial_round_trips"]
    assert trips == other["serial_round_trips"] > 3, "the same work"
    assert other["waited_seconds"] - one["waited_seconds"] >= 0.8 * trips * LATENCY_MS / 1000
    launches = session.exposure.facts()["launches"]
    assert [launch["answered"] for launch in launches] == [2, 2]
    assert any("latency" in name for name in launches[1]["faults"])

    seen = round_trips_ms(tmp_path, began, ended)
    enough.touch()
    assert len(seen) == 4, "two instances of the service, one of another, a task of another job"
    for calm, times, sessions in seen:
        assert len(times) > 20
        felt = statistics.median(times) - statistics.median(calm or [0.0])
        assert felt < LATENCY_MS / 4, "a neighbour feels it"
        assert len(sessions) == 1, "a neighbour lost its session"

    undo = called(ours("action", "toxiproxy", "remove_toxic", name="latency"))
    relieved = relieve_pressure(local=undo, staging=undo, configuration=configuration)
    assert relieved["result"] == "done"
    assert restore_service(configuration=configuration)["result"] == "done"
    fault = in_effect(session)
    assert fault["effect_after"]["in_effect"]
    assert "each after its startup" in fault["effect_after"]["detail"]
    assert postgres.database.password not in json.dumps([call.to_json() for call in stage.calls])


def test_tasks_that_lose_their_path_or_are_killed_count_for_nothing(
    stage: Stage, settings: dict[str, Any], postgres: PostgresServer
) -> None:
    make_job(stage, postgres, LOSES_ITS_PATH="1", IS_KILLED="2")
    session = consented(settings, startups(4), latency())
    add_latency(latency_ms=LATENCY_MS, configuration=settings)
    result = startups_succeed(count=4, max_failure_rate=0.2, configuration=settings)
    uncounted = result["uncounted"]
    assert (uncounted["startups"], uncounted["of"], uncounted["undecided"]) == (2, 4, True)
    assert (result["held"], result["attempts"], result["failures"]) == (False, 2, 0)
    assert [one["number"] for one in result["startups"]] == [1, 4]
    assert "path was lost" in uncounted["why"]
    tasks = in_effect(session)["tasks"]
    assert (tasks["counted"], tasks["unmeasured"]) == (2, 2)
    assert session.exposure.facts()["launches"][0]["startups"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"target_environment": {"DATABASE": "{url}"}},
            r"2 of 2 startups count for nothing: .*does not set DATABASE",
        ),
        ({"order": 1}, r"could not launch their startup .* another version of chaosnetra "),
    ],
)
def test_what_keeps_every_task_from_its_path_is_one_line(
    stage: Stage,
    settings: dict[str, Any],
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    words: str,
) -> None:
    if "order" in change:
        monkeypatch.setattr("chaosnetra.running.job_launcher.TaskOrder", _of_another_version)
    else:
        settings |= change
    make_job(stage, postgres)
    consented(settings, startups(2), latency())
    with pytest.raises(ActivityFailed, match=words) as caught:
        startups_succeed(count=2, configuration=settings)
    assert "\n" not in str(caught.value)


def _of_another_version(**fields: Any) -> Any:
    from chaosnetra.startup.orders import ORDER_VERSION, TaskOrder

    return TaskOrder(**fields, version=ORDER_VERSION + 1)


def test_an_endpoint_that_is_killed_under_a_fault_leaves_nothing_said_and_nothing_there(
    settings: dict[str, Any], postgres: PostgresServer, tmp_path: Path
) -> None:
    server = start_cloud_run(PLACE.project, PLACE.region)
    pids = tmp_path / "pids"
    given = {"DATABASE_URL": postgres.database.url, "PIDS": str(pids)}
    env = [{"name": name, "value": value} for name, value in given.items()]
    Endpoint(server, 1).create_job("startups", container={"command": TASK, "env": env})
    settings |= {"cloud_run_endpoint": server.endpoint, "job_hold_seconds": "60"}
    consented(settings, startups(1), latency())
    add_latency(latency_ms=LATENCY_MS, configuration=settings)
    processes: list[int] = []

    def kill() -> None:
        processes.extend(written_pids(pids, 2, seconds=30))
        os.kill(server.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ActivityFailed, match="Cloud Run"):
        startups_succeed(count=1, configuration=settings)
    thread.join()
    server.stop()
    wait_until(lambda: alive(processes) == [], 10, "the task and its startup end with it")
    assert current_session().exposure.launches == [], "what it left unsaid is no trial"
