"""Jobs: tasks as real processes, run, watched, read and cancelled through the client."""

import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.resources import set_condition
from chaosnetra.cloudrun.executions import ExecutionState, TaskEnd, TaskState, summarize
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunEtagChanged,
    CloudRunNotFound,
    CloudRunOperationFailed,
    CloudRunRefused,
    CloudRunUnanswered,
    Interrupted,
    InvalidInput,
)
from chaosnetra.stand.postgres import PostgresServer
from tests.integration.cloudrun.conftest import JOB, MakeStage, Stage
from tests.support.helpers import alive, wait_until, written_pids

pytestmark = pytest.mark.usefixtures("nothing_left")
PYTHON = [sys.executable, "-S", "-c"]


def run(stage: Stage, tasks: int = 1, **options: Any) -> str:
    settings = {"timeout_seconds": 30.0, "environment": {}, **options}
    return stage.jobs.run(stage.jobs.job(JOB), tasks=tasks, **settings)


def ended(stage: Stage, execution: str) -> ExecutionState:
    return stage.jobs.watch(execution, Deadline.after(30))


def finished(
    stage: Stage, tasks: int = 1, **options: Any
) -> tuple[ExecutionState, list[TaskState]]:
    execution = run(stage, tasks, **options)
    state = ended(stage, execution)
    return state, list(stage.jobs.tasks(execution))


def test_tasks_end_as_their_processes_do(stage: Stage) -> None:
    code = """
import os, signal
index = os.environ["CLOUD_RUN_TASK_INDEX"]
if index == "1":
    os._exit(3)
if index == "2":
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    stage.create_job(*PYTHON, code)
    state, tasks = finished(stage, 3)
    assert [task.index for task in tasks] == [0, 1, 2]
    assert [task.end for task in tasks] == [TaskEnd.SUCCEEDED, TaskEnd.EXITED, TaskEnd.SIGNALLED]
    assert [task.exit_code for task in tasks] == [0, 3, None]
    assert tasks[2].signal == 11
    assert all(task.seconds is not None and task.seconds < 30 for task in tasks)
    assert (state.succeeded, state.failed, state.running, state.cancelled) == (1, 2, 0, 0)
    assert (state.state, state.text) == ("CONDITION_FAILED", "2 of 3 tasks failed.")
    job = stage.jobs.job(JOB)
    assert job.latest_execution == state.name


def test_a_task_gets_the_documented_environment_and_the_overrides(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", "postgresql://direct")
    code = """
import json, os, sys
path = os.environ["OUT"] + os.environ["CLOUD_RUN_TASK_INDEX"]
json.dump([dict(os.environ), sys.argv[1:]], open(path, "w"))
"""
    stage.create_job(
        *PYTHON, code, container={"args": ["one"], "env": [{"name": "KEPT", "value": "k"}]}
    )
    state, _ = finished(stage, 2, environment={"OUT": f"{tmp_path}/"}, arguments=["two"])
    import json

    environment, arguments = json.loads((tmp_path / "1").read_text())
    assert arguments == ["two"]
    assert (environment["KEPT"], environment["CLOUD_RUN_TASK_INDEX"]) == ("k", "1")
    assert environment["CLOUD_RUN_TASK_COUNT"] == "2"
    assert environment["CLOUD_RUN_TASK_ATTEMPT"] == "0"
    assert environment["CLOUD_RUN_JOB"] == "startups"
    assert environment["CLOUD_RUN_EXECUTION"] == state.name.rpartition("/")[2]
    assert "CHAOSNETRA_DATABASE_URL" not in environment
    finished(stage, 2, environment={"OUT": f"{tmp_path}/"}, arguments=[])
    assert json.loads((tmp_path / "0").read_text())[1] == []


def test_a_task_reaches_the_real_database(stage: Stage, postgres: PostgresServer) -> None:
    code = """
import asyncio, asyncpg, os
async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    print(await connection.fetchval("SELECT 41 + 1"))
    await connection.close()
asyncio.run(main())
"""
    stage.create_job(sys.executable, "-c", code)
    execution = run(stage, environment={"DATABASE_URL": postgres.database.url})
    assert ended(stage, execution).succeeded == 1
    task = f"{execution}/tasks/{execution.rpartition('/')[2]}-task0"
    assert stage.local.output(task) == b"42\n"


def test_attempts_are_repeated_as_the_job_says(stage: Stage, tmp_path: Path) -> None:
    code = """
import os, sys
if os.environ["CLOUD_RUN_TASK_INDEX"] == "0":
    sys.exit(int(os.environ["CLOUD_RUN_TASK_ATTEMPT"]) < 2)
sys.exit(1)
"""
    stage.create_job(*PYTHON, code, max_retries=2)
    with pytest.raises(InvalidInput, match="max_retries 0"):
        run(stage, 2)
    request = run_v2.RunJobRequest(name=JOB, overrides={"task_count": 2})
    operation = stage.connection.call("Jobs", "RunJob", request, JOB)
    state = ended(stage, operation.metadata.name)
    tasks = list(stage.jobs.tasks(state.name))
    assert [task.end for task in tasks] == [TaskEnd.SUCCEEDED, TaskEnd.EXITED]
    assert [task.retried for task in tasks] == [2, 2]
    assert (state.succeeded, state.failed, state.retried) == (1, 1, 2)


def test_a_job_that_runs_one_task_after_another_is_refused(stage: Stage) -> None:
    stage.create_job("true", parallelism=1)
    with pytest.raises(InvalidInput, match="update the job with parallelism 0"):
        run(stage, 2)
    assert stage.writes == []


def test_parallelism_is_kept(stage: Stage, tmp_path: Path) -> None:
    code = """
import os, time
path = os.environ["OUT"]
open(f"{path}/{os.getpid()}", "w").close()
time.sleep(0.2)
assert len(os.listdir(path)) <= 2
os.remove(f"{path}/{os.getpid()}")
"""
    stage.create_job(*PYTHON, code, parallelism=2)
    state, _ = finished(stage, 5, environment={"OUT": str(tmp_path)})
    assert state.succeeded == 5


def test_a_task_that_takes_too_long_is_ended_with_all_that_it_started(
    stage: Stage, tmp_path: Path
) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
with open(os.environ["PIDS"], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""
    stage.create_job(*PYTHON, code)
    pids = tmp_path / "pids"
    state, (task,) = finished(stage, timeout_seconds=5.0, environment={"PIDS": str(pids)})
    assert state.failed == 1
    assert task.end is TaskEnd.SIGNALLED
    assert task.text == "The configured timeout was reached."
    assert alive(written_pids(pids, 2)) == []


def test_an_execution_is_cancelled_and_nothing_of_it_runs_on(stage: Stage, tmp_path: Path) -> None:
    code = """
import os, time
with open(os.environ["PIDS"], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""
    stage.create_job(*PYTHON, code, parallelism=2)
    pids = tmp_path / "pids"
    execution = run(stage, 4, environment={"PIDS": str(pids)})
    started = written_pids(pids, 2)
    state = stage.jobs.cancel(execution, Deadline.after(20))
    assert alive(started) == []
    assert (state.cancelled, state.running, state.succeeded) == (4, 0, 0)
    assert state.text == "The execution was cancelled."
    assert {task.end for task in stage.jobs.tasks(execution)} == {TaskEnd.CANCELLED}
    assert stage.jobs.cancel(execution, Deadline.after(5)) == state
    with pytest.raises(exceptions.FailedPrecondition):
        stage.connection._client("Executions").cancel_execution(name=execution)


@pytest.mark.parametrize(
    "what", [{"lose_answer": "UNAVAILABLE"}, {"refuse": "UNAVAILABLE"}, {"drop": "after"}]
)
def test_a_cancellation_is_tried_again_when_its_answer_is_lost(
    stage: Stage, what: dict[str, str]
) -> None:
    stage.create_job("sleep", "60")
    execution = run(stage, 2)
    stage.rule("CancelExecution", **what)
    assert stage.jobs.cancel(execution, Deadline.after(20)).cancelled == 2


@pytest.mark.parametrize("what", [{"lose_answer": "DEADLINE_EXCEEDED"}, {"drop": "after"}])
def test_an_execution_whose_start_had_no_answer_is_found_by_its_mark(
    stage: Stage, what: dict[str, str]
) -> None:
    stage.create_job("true")
    run(stage)
    stage.rule("RunJob", **what)
    execution = run(stage, 2)
    assert ended(stage, execution).task_count == 2
    assert len(stage.local.jobs.executions) == 2, "it was begun once"


def test_an_execution_that_was_not_begun_is_not_begun_twice(stage: Stage) -> None:
    stage.create_job("true")
    stage.rule("RunJob", drop="before")
    with pytest.raises(CloudRunUnanswered, match="no execution was begun"):
        run(stage)
    assert stage.local.jobs.executions == []


def test_only_the_version_of_a_job_that_was_read_is_run(stage: Stage) -> None:
    stage.create_job("true")
    job = stage.jobs.job(JOB)
    run(stage)  # which changes the job, as its etag tells
    with pytest.raises(CloudRunEtagChanged, match="job startups"):
        stage.jobs.run(job, tasks=1, timeout_seconds=5, environment={})
    assert len(stage.local.jobs.executions) == 1


def test_an_exit_code_that_is_not_set_is_no_success(stage: Stage) -> None:
    stage.create_job("true")
    stage.rule("RunJob", unset_exit_code=True)
    state, tasks = finished(stage, 2)
    assert [task.end for task in tasks] == [TaskEnd.UNCLEAN] * 2
    assert [task.exit_code for task in tasks] == [None, None]
    assert state.failed == 2
    message = stage.local.jobs.execution(state.name).tasks[0]
    assert message.last_attempt_result.exit_code == 0, "which is what an unset one looks like"


def test_a_command_that_does_not_exist(stage: Stage) -> None:
    stage.create_job("/no/such/program")
    _, (task,) = finished(stage)
    assert task.end is TaskEnd.UNCLEAN
    assert "No such file" in task.text


def test_an_image_alone_is_not_run(stage: Stage) -> None:
    stage.create_job()
    _, (task,) = finished(stage)
    assert "runs commands, not images" in task.text


def test_the_operation_of_a_run_fails_with_its_tasks(stage: Stage) -> None:
    """Which is why nobody judges by it."""
    stage.create_job("false")
    request = run_v2.RunJobRequest(name=JOB)
    operation = stage.connection.call("Jobs", "RunJob", request, JOB)
    assert operation.metadata.name.startswith(f"{JOB}/executions/startups-")
    with pytest.raises(exceptions.GoogleAPICallError, match=r"1 of 1 tasks failed\."):
        operation.result(timeout=20)


def test_watching_tells_how_it_goes_and_can_be_given_up(stage: Stage) -> None:
    stage.create_job("sleep", "30")
    execution = run(stage, 2)
    wait_until(lambda: stage.jobs.execution(execution).running == 2, 20, "both tasks run")
    seen: list[ExecutionState] = []
    with pytest.raises(CloudRunOperationFailed, match="has ended"):
        stage.jobs.watch(execution, Deadline.after(0.5), seen.append)
    assert (seen[-1].running, seen[-1].decided) == (2, 0)
    assert not seen[-1].done
    tasks = list(stage.jobs.tasks(execution))
    assert {task.end for task in tasks} == {TaskEnd.RUNNING}
    stop = threading.Event()
    from dataclasses import replace

    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Interrupted):
        replace(stage.jobs, interrupted=stop.is_set).watch(execution, Deadline.after(20))
    stage.jobs.cancel(execution, Deadline.after(20))


def test_names_that_do_not_exist(stage: Stage) -> None:
    with pytest.raises(CloudRunNotFound, match="there is no job startups in project"):
        stage.jobs.job(JOB)
    stage.create_job("true")
    with pytest.raises(CloudRunNotFound, match="there is no execution startups-none in project"):
        stage.jobs.execution(f"{JOB}/executions/startups-none")
    with pytest.raises(CloudRunNotFound):
        list(stage.jobs.tasks(f"{JOB}/executions/startups-none"))


@pytest.mark.parametrize(
    "wrong", [{"tasks": 0}, {"tasks": 10_001}, {"timeout_seconds": 0}, {"timeout_seconds": "x"}]
)
def test_numbers_are_checked_before_anything_is_asked(stage: Stage, wrong: Any) -> None:
    stage.create_job("true")
    job = stage.jobs.job(JOB)
    stage.calls.clear()
    options: dict[str, Any] = {"tasks": 1, "timeout_seconds": 5, "environment": {}, **wrong}
    with pytest.raises(InvalidInput):
        stage.jobs.run(job, **options)
    assert stage.calls == []


def test_an_unknown_container_is_refused(stage: Stage) -> None:
    from dataclasses import replace

    stage.create_job("true")
    job = replace(stage.jobs.job(JOB), container="sidecar")
    with pytest.raises(CloudRunRefused, match="There is no container 'sidecar'"):
        stage.jobs.run(job, tasks=1, timeout_seconds=5, environment={})


def test_when_the_endpoint_stops_no_task_runs_on(make_stage: MakeStage, tmp_path: Path) -> None:
    stage = make_stage()
    pids = tmp_path / "pids"
    code = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    stage.create_job(*PYTHON, code)
    run(stage, 2)
    started = written_pids(pids, 2)
    stage.local.stop()
    assert alive(started) == []


def with_many_tasks(stage: Stage, count: int) -> str:
    """An execution that has ended, of so many tasks that a machine like this could not run."""
    stage.create_job("true")
    execution = run(stage)
    ended(stage, execution)
    with stage.local.lock:
        (first,) = stage.local.jobs.execution(execution).tasks
        state = run_v2.Condition.State.CONDITION_SUCCEEDED
        for index in range(1, count):
            task = type(first)()
            task.CopyFrom(first)
            task.index, task.name = index, f"{first.name}{index}"
            if index % 10 == 0:
                task.last_attempt_result.exit_code = 3
                task.last_attempt_result.status.code = 2
            set_condition(task.conditions[0], "Completed", state)
            stage.local.jobs.execution(execution).tasks.append(task)
    return execution


def test_a_thousand_tasks_are_listed_and_classified_in_two_seconds(stage: Stage) -> None:
    execution = with_many_tasks(stage, 1000)
    took = []
    for _ in range(3):  # somebody else may use the machine meanwhile
        started = time.monotonic()
        summary = summarize(stage.jobs.tasks(execution))
        took.append(time.monotonic() - started)
        assert (summary.tasks, summary.ends[TaskEnd.EXITED]) == (1000, 99)
        assert len(summary.failures) == 10
    assert min(took) < 2


def test_memory_does_not_grow_with_the_number_of_tasks(stage: Stage) -> None:
    execution = with_many_tasks(stage, 5000)
    summarize(stage.jobs.tasks(execution))
    peaks = []
    for count in (5000, 1000):
        with stage.local.lock:
            del stage.local.jobs.execution(execution).tasks[count:]
        tracemalloc.start()
        assert summarize(stage.jobs.tasks(execution)).tasks == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    many, few = peaks
    assert many < 2 * few


def test_calls_of_pages_are_bounded(stage: Stage) -> None:
    execution = with_many_tasks(stage, 1000)
    stage.calls.clear()
    tasks = stage.jobs.tasks(execution)
    next(tasks)
    assert len(stage.calls) == 1, "the next page is asked for when it is needed"
    assert sum(1 for _ in tasks) == 999
    assert len(stage.calls) == 2
