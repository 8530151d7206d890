"""Startups as tasks of a job: real processes, reports through a real database."""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.cloudrun import launches
from chaosnetra.cloudrun.executions import TaskEnd
from chaosnetra.cloudrun.launches import ExecutionBegun, cancel_execution
from chaosnetra.errors import CloudRunPermissionDenied, CloudRunUnanswered, UndoDenied
from chaosnetra.faults import Undo, UndoResult, play
from chaosnetra.running.session import current_session, end_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.startup.probes import startups_succeed
from tests.integration.cloudrun.conftest import JOB, MakeStage, Stage, nobody_listens
from tests.support.experiments import HELD, ours
from tests.support.helpers import alive, query, wait_until, written_pids
from tests.support.programs import chaos_command
from tests.support.staged import experiment, step
from tests.support.staging import consented

pytestmark = pytest.mark.usefixtures("nothing_left")

# An orchestrator of one file: what becomes of it, its task's index says.
SERVICE = """
import json, os, signal, socket, sys, time

def phase(status, name, **more):
    print(json.dumps({"startup_phase": {"status": status, "phase": name, **more}}), flush=True)

index = int(os.environ["CLOUD_RUN_TASK_INDEX"])
with open(os.environ["PIDS"], "a") as file:
    file.write(f"{os.getpid()}\\n")
phase("started", "database")
if index == 1:
    phase("failed", "database", seconds=0.1, error=f"no slot for {os.environ['DATABASE_URL']}",
          sqlstate="53300", error_class="TooManyConnectionsError", cause=["a", "b"])
    sys.exit(3)
if index == 2:
    os.kill(os.getpid(), signal.SIGKILL)
if index == 3:
    sys.exit(3)
if index == 4:
    time.sleep(60)
phase("completed", "database", seconds=0.2)
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
if index == 5:
    print("stage serving begins", flush=True)
    time.sleep(0.5)
    sys.exit(7)
while True:
    server.accept()[0].close()
"""
TASK = [sys.executable, "-m", "chaosnetra.startup.task", "--", sys.executable, "-S", "-c", SERVICE]


@pytest.fixture
def settings(job_settings: dict[str, Any]) -> dict[str, Any]:
    return {
        **job_settings,
        "startup_timeout_seconds": "4",
        "dwell_seconds": "1",
        "phase_patterns": {"start": "^stage (?P<phase>[a-z]+) begins$"},
    }


def started(count: int, configuration: dict[str, Any]) -> dict[str, Any]:
    """Startups as a run would ask for them: looked at, consented to, and begun."""
    consented(configuration, startups(count))
    result: dict[str, Any] = startups_succeed(count=count, configuration=configuration)
    return result


def startups(count: int) -> dict[str, Any]:
    found = step("probe", "startups_succeed", count=count)
    found["provider"]["module"] = "chaosnetra.startup.probes"
    return found


def told_of_executions() -> dict[str, Any]:
    """What the journal of the session's run would say of them."""
    calls = current_session().staging.calls
    assert calls is not None
    found: dict[str, Any] = calls.to_json()["executions"]
    return found


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


@pytest.fixture
def job(stage: Stage, postgres: PostgresServer, pids: Path) -> Stage:
    """An endpoint whose job starts the service above."""
    variables = {"DATABASE_URL": postgres.database.url, "PIDS": str(pids)}
    env = [{"name": name, "value": value} for name, value in variables.items()]
    stage.create_job(*TASK, container={"env": env})
    stage.calls.clear()
    return stage


def schemas(postgres: PostgresServer) -> int:
    count = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'chaosnetra%reports'"
    return int(query(postgres.database, count))


def test_each_task_is_a_startup_and_how_it_ended_is_told(
    job: Stage, settings: dict[str, Any], postgres: PostgresServer, pids: Path
) -> None:
    result = started(6, settings)
    ready, failed, killed, silent, late, lost = result["startups"]
    assert ready["status"] == "ready", ready
    assert ready["phase_seconds"] == {"database": 0.2}
    assert (failed["status"], failed["exit_code"], failed["exit_reason"]) == (
        "failed",
        3,
        "startup_failed",
    )
    assert (failed["phase"], failed["error"]["sqlstate"]) == ("database", "53300")
    assert failed["error"]["causes"] == ["a", "b"]
    assert (killed["status"], killed["signal"], killed["phase"]) == ("failed", 9, "database")
    assert (silent["exit_code"], silent["exit_reason"]) == (3, "unknown"), "3 alone proves nothing"
    assert (late["status"], late["error"]["budget"]) == ("timed_out", "startup")
    assert (lost["status"], lost["exit_code"]) == ("failed", 7)
    assert lost["was_ready_seconds"] < lost["seconds"]
    assert list(lost["phase_spans"]) == ["database", "serving"], "its own words reach a task"
    assert ready["output"] == []
    assert lost["output"][-1] == "stage serving begins"
    assert (late["output_of"], killed["output_of"]) == (3, 3), "they printed the same"
    assert not result["held"]
    assert result["observed"] == "1 of 6 ready, 4 failed (1 after it had been ready), 1 timed out"
    assert (result["startup_method"], result["import_seconds"]) == ("job", None)
    barrier = result["launch"]["barrier"]
    assert barrier["reports"] == 6
    assert result["launched_seconds"] >= barrier["asked_seconds"]
    assert barrier["skew_seconds"] >= 0
    tasks = list(job.jobs.tasks(result["launch"]["execution"]))
    assert [task.exit_code for task in tasks] == [0, 3, 137, 3, 124, 7]
    (counts,) = told_of_executions().values()
    assert counts == {"tasks": 6, "succeeded": 1, "failed": 5, "cancelled": 0, "retried": 0}
    text = json.dumps(result)
    assert postgres.database.password not in text
    assert "no slot for postgresql://netra:***@" in text
    assert postgres.database.password not in json.dumps([call.to_json() for call in job.calls])
    assert alive(written_pids(pids, 6)) == []
    assert schemas(postgres) == 1
    assert end_session() == []
    assert schemas(postgres) == 0


def test_what_cloud_run_counts_is_told_beside_the_reports(
    job: Stage, settings: dict[str, Any]
) -> None:
    job.rule("RunJob", failed_tasks=1)
    result = started(1, settings)
    assert (result["held"], result["failures"]) == (True, 0)
    assert told_of_executions()[result["launch"]["execution"]]["failed"] == 1


def test_an_interrupted_run_cancels_its_execution(
    job: Stage, settings: dict[str, Any], pids: Path
) -> None:
    session = consented({**settings, "job_hold_seconds": "60"}, startups(1))

    def interrupt() -> None:
        written_pids(pids, 1)
        session.run.interrupted_by = "SIGTERM"

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(ActivityFailed, match="interrupted"):
        startups_succeed(count=1, configuration=settings)
    thread.join()
    (execution,) = job.local.jobs.executions
    assert execution.message.cancelled_count == 1
    assert alive(written_pids(pids, 1)) == []
    assert not any(fault.active for fault in session.injector.faults if "execution" in fault.name)


def test_an_execution_that_outlasts_its_time_is_cancelled_and_judged(
    make_stage: MakeStage,
    settings: dict[str, Any],
    postgres: PostgresServer,
    pids: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The platform starts one task after another, and the last one hangs."""
    stage = make_stage(operation_seconds=0, most_at_once=1)
    variables = {"DATABASE_URL": postgres.database.url, "PIDS": str(pids)}
    env = [{"name": name, "value": value} for name, value in variables.items()]
    stage.create_job(*TASK, container={"env": env})
    monkeypatch.setattr("chaosnetra.running.job_launcher.REPORT_SECONDS", 1.0)
    monkeypatch.setattr("chaosnetra.running.job_launcher.LATE_SECONDS", -3.0)  # 5 s for all
    endpoint = {"cloud_run_endpoint": stage.local.endpoint, "dwell_seconds": "0"}
    result = started(5, {**settings, **endpoint})
    assert result["startups"][4]["exit_reason"] in ("cancelled", "not_started", "signalled")
    assert result["startups"][0]["status"] != "timed_out"
    assert not result["held"]
    (execution,) = stage.local.jobs.executions
    assert execution.message.HasField("completion_time")
    assert execution.message.running_count == 0
    assert end_session() == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"max_retries": 1}, "update the job with max_retries 0"),
        ({"parallelism": 1}, "update the job with parallelism 0"),
        ({"parallelism": 3}, "runs 3 tasks at once, not 5: update the job with parallelism 0"),
    ],
)
def test_a_job_that_is_not_fit_is_refused_before_anything_is_done(
    stage: Stage,
    settings: dict[str, Any],
    postgres: PostgresServer,
    what: dict[str, int],
    words: str,
) -> None:
    stage.create_job(*TASK, **what)
    stage.calls.clear()
    with pytest.raises(ActivityFailed, match=words) as caught:
        startups_succeed(count=5, configuration=settings)
    assert "\n" not in str(caught.value)
    assert stage.writes == []
    assert schemas(postgres) == 0


def test_an_execution_that_nobody_consented_to_is_not_begun(
    job: Stage, settings: dict[str, Any], postgres: PostgresServer
) -> None:
    with pytest.raises(ActivityFailed, match="nothing is touched without consent"):
        startups_succeed(count=1, configuration=settings)
    assert end_session() == []
    consented(settings)
    with pytest.raises(ActivityFailed, match=r"job startups .* is not in the plan that was cons"):
        startups_succeed(count=1, configuration=settings)
    assert end_session() == []
    consented(settings, startups(1))
    job.rule("GetJob", stale_etag=True)
    with pytest.raises(ActivityFailed, match="was changed by somebody after it was consented to"):
        startups_succeed(count=1, configuration=settings)
    assert job.writes == []
    assert schemas(postgres) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"job": "other"}, "job startups is not in the allow-list"),
        ({"label": {"chaos": "yes"}}, "job startups is not labelled chaos=yes"),
        ({"caps": {"tasks": 1}}, "2 tasks are more than the cap of 1"),
    ],
)
def test_a_job_that_its_owner_does_not_allow_is_left_alone(
    job: Stage, settings: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    path = Path(settings["allow_list"])
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ActivityFailed, match=words):
        startups_succeed(count=2, configuration=settings)
    assert job.writes == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"job": ""}, "job is not set"),
        ({"job": "other"}, "there is no job other in project staging-123"),
        ({"project": "somewhere-else"}, "is not permitted on job startups"),
        ({"database_url": ""}, "and in staging none is started; `chaosnetra stand up"),
        ({"database_state": "fresh"}, "no copy of the database is made"),
    ],
)
def test_settings_that_lead_nowhere(
    job: Stage, settings: dict[str, Any], change: dict[str, str], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words) as caught:
        startups_succeed(count=2, configuration={**settings, **change})
    assert "\n" not in str(caught.value)
    assert job.writes == []


@pytest.mark.parametrize(
    ("code", "words"),
    [("RESOURCE_EXHAUSTED", "a quota is used up"), ("PERMISSION_DENIED", "grant run.jobs.run")],
)
def test_a_job_that_may_not_be_run(
    job: Stage, settings: dict[str, Any], code: str, words: str
) -> None:
    job.rule("RunJob", refuse=code, times=100)
    with pytest.raises(ActivityFailed, match=words):
        started(2, settings)
    assert job.local.jobs.executions == []


def test_an_execution_that_was_refused_is_not_looked_for(stage: Stage) -> None:
    """Not to list executions either is no reason to say that one may run."""
    stage.create_job("true")
    stage.rule("RunJob", refuse="PERMISSION_DENIED")
    stage.rule("ListExecutions", refuse="PERMISSION_DENIED", times=1000)
    begun = ExecutionBegun(stage.jobs, stage.jobs.job(JOB), 1, 5, {}, 1)
    undo = begun.prepare()
    with pytest.raises(CloudRunPermissionDenied):
        begun.inject()
    assert play(undo).result is UndoResult.ALREADY_DONE
    assert "ListExecutions" not in stage.local.rules.calls


def test_an_execution_whose_start_had_no_answer_may_run_where_none_may_be_listed(
    stage: Stage,
) -> None:
    stage.create_job("true")
    stage.rule("RunJob", lose_answer="UNAVAILABLE")
    stage.rule("ListExecutions", refuse="PERMISSION_DENIED", times=2)
    begun = ExecutionBegun(stage.jobs, stage.jobs.job(JOB), 1, 5, {}, 1)
    undo = begun.prepare()
    with pytest.raises(CloudRunUnanswered, match="whether one was begun is not known"):
        begun.inject()
    with pytest.raises(UndoDenied) as denied:
        play(undo)
    assert "cancel it with `chaosnetra recover`, or find it with `gcloud" in str(denied.value)
    assert play(undo).result in (UndoResult.DONE, UndoResult.ALREADY_DONE)


def test_an_execution_that_was_read_as_running_is_not_told_as_uncertain(stage: Stage) -> None:
    stage.create_job("sleep", "60")
    fault, undo = begun(stage)
    fault.inject()
    stage.rule("CancelExecution", refuse="PERMISSION_DENIED")
    with pytest.raises(UndoDenied, match="still ran when it was read last: CancelExecution is not"):
        play(undo)
    stage.rule("GetExecution", refuse="PERMISSION_DENIED")
    with pytest.raises(UndoDenied, match="may still run: GetExecution is not permitted"):
        play(undo)
    assert play(undo).result is UndoResult.DONE


def test_a_job_that_does_not_run_our_program_is_no_weak_system(
    stage: Stage, settings: dict[str, Any]
) -> None:
    stage.create_job("true")
    with pytest.raises(ActivityFailed, match="the job's command must be `python -m chaosnetra"):
        started(2, settings)


def test_a_report_that_cannot_be_written_is_told_apart(
    stage: Stage, settings: dict[str, Any], postgres: PostgresServer, pids: Path
) -> None:
    """The first task's database is another one, where there is no schema to report to."""
    other = postgres.admin.named("postgres").url
    choose = "import os, sys; os.environ['CLOUD_RUN_TASK_INDEX'] == '0' and os.environ.update("
    choose += f"CHAOSNETRA_REPORT_DATABASE_URL={other!r}); os.execv(sys.argv[1], sys.argv[1:])"
    variables = {"DATABASE_URL": postgres.database.url, "PIDS": str(pids)}
    env = [{"name": name, "value": value} for name, value in variables.items()]
    stage.create_job(sys.executable, "-c", choose, *TASK, container={"env": env})
    import chaosnetra.running.job_launcher as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "REPORT_SECONDS", 1.0)
        result = started(2, settings)
    lost, failed = result["startups"]
    assert (lost["status"], lost["exit_reason"]) == ("failed", "not_reported")
    assert "its report did not arrive" in lost["error"]["text"]
    assert failed["exit_reason"] == "startup_failed"
    assert result["launch"]["barrier"]["reports"] == 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_what_passes_does_not_cost_an_execution(
    job: Stage, settings: dict[str, Any], code: str
) -> None:
    for call in ("GetExecution", "ListTasks"):
        job.rule(call, refuse=code)
    job.rule("GetJob", skip=1, refuse=code)  # the plan has read it before
    result = started(1, settings)
    assert result["ready"] == 1
    refused = [call.method for call in job.calls if call.status == code]
    assert sorted(refused) == ["GetExecution", "GetJob", "ListTasks"]


def test_a_quota_that_passes_costs_no_execution(job: Stage, settings: dict[str, Any]) -> None:
    job.rule("RunJob", refuse="RESOURCE_EXHAUSTED")
    assert started(1, settings)["ready"] == 1
    assert len(job.local.jobs.executions) == 1


def begun(stage: Stage) -> tuple[ExecutionBegun, Undo]:
    fault = ExecutionBegun(stage.jobs, stage.jobs.job(JOB), 2, 60.0, {}, 1)
    undo = fault.prepare()
    return fault, Undo.from_json(json.loads(json.dumps(undo.to_json())))


def test_another_process_finds_the_execution_by_its_mark_and_cancels_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `recover` and the watchdog do after a run was killed."""
    stage.create_job("sleep", "60")
    fault, undo = begun(stage)
    fault.inject()
    monkeypatch.setattr(launches, "_begun", {})
    report = play(undo)
    assert report.result is UndoResult.DONE
    assert "2 tasks of it had not ended" in report.detail
    assert {task.end for task in stage.jobs.tasks(fault.execution)} == {TaskEnd.CANCELLED}
    assert play(undo).result is UndoResult.ALREADY_DONE


def test_executions_of_others_are_left_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.create_job("sleep", "60")
    theirs = stage.jobs.run(stage.jobs.job(JOB), tasks=1, timeout_seconds=60, environment={})
    _, undo = begun(stage)
    arguments = {**undo.arguments, "in_flight_seconds": 0.2}
    report = cancel_execution(arguments)
    assert (report.result, stage.writes) == (UndoResult.ALREADY_DONE, ["an execution of 1 task"])
    assert not stage.jobs.execution(theirs).done


def test_a_start_that_is_still_under_way_when_it_is_undone(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was killed while the call was under way; it is carried out after that."""
    stage = make_stage(operation_seconds=0)
    stage.create_job("sleep", "60")
    fault, undo = begun(stage)
    stage.rule("RunJob", delay_seconds=0.7)
    starting = threading.Thread(target=fault.inject)
    starting.start()
    wait_until(lambda: stage.local.rules.calls.get("RunJob"), 5, "the call has arrived")
    monkeypatch.setattr(launches, "_begun", {})
    assert play(undo).result is UndoResult.DONE
    starting.join()
    assert stage.jobs.execution(fault.execution).done


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_an_undo_outlasts_what_passes(stage: Stage, code: str) -> None:
    stage.create_job("sleep", "60")
    fault, undo = begun(stage)
    fault.inject()
    stage.rule("GetExecution", refuse=code)
    stage.rule("CancelExecution", refuse=code)
    assert play(undo).result is UndoResult.DONE


def test_the_execution_of_a_local_endpoint_that_has_ended_needs_no_undo(stage: Stage) -> None:
    stage.create_job("sleep", "60")
    fault, undo = begun(stage)
    fault.inject()
    stopped_at = time.monotonic()
    stage.local.stop()  # while its tasks are just beginning
    assert time.monotonic() - stopped_at < 30, "it waited for its tasks to end by themselves"
    with nobody_listens(stage.local.port):
        report = play(undo)
    assert report.result is UndoResult.ALREADY_DONE
    assert report.detail == "the local endpoint has ended, with all it held"


def test_after_kill_9_nothing_is_left_of_an_execution_its_reports_and_its_faults(
    job: Stage, settings: dict[str, Any], postgres: PostgresServer, pids: Path, tmp_path: Path
) -> None:
    data = experiment({**settings, "job_hold_seconds": "60"})
    budgets = ours("probe", "startup", "budgets_suffice") | {"tolerance": HELD}
    data["steady-state-hypothesis"]["probes"] = [budgets]
    data["method"] = [ours("action", "toxiproxy", "add_latency", latency_ms=20), startups(1)]
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(data))
    with (tmp_path / "output").open("wb") as output:
        running = subprocess.Popen(
            [*chaos_command(), "run", str(path)], cwd=tmp_path, stdout=output, stderr=output
        )
    try:
        tasks = written_pids(pids, 1, seconds=60)
    finally:
        running.kill()
        running.wait()
    (execution,) = job.local.jobs.executions
    wait_until(lambda: execution.message.HasField("completion_time"), 30, "it is cancelled")
    assert execution.message.cancelled_count == 1
    assert alive(tasks) == []
    wait_until(lambda: schemas(postgres) == 0, 30, "the schema of reports is dropped")
    events = map(json.loads, (tmp_path / "journal.events.jsonl").read_text().splitlines())
    (toxiproxy,) = [one["address"] for one in events if one.get("kind") == "Toxiproxy"]
    wait_until(lambda: not listens(toxiproxy), 10, "what stood before the run's own connections")


def listens(url: str) -> bool:
    """Whether anybody serves a URL of this machine."""
    parts = urlsplit(url)
    with socket.socket() as trying:
        return trying.connect_ex((parts.hostname or "", parts.port or 0)) == 0
