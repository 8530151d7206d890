"""What the plan refuses, and a run before it touches anything."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cli import netra
from chaosnetra.running.session import end_session
from tests.conftest import RunChaos
from tests.support.experiments import ours
from tests.support.staged import Change, Staging, refused, step


def another_service(staging: Staging) -> None:
    staging.settings["service"] = "another-one"
    staging.allowed["service"] = "another-one"


def not_labelled(staging: Staging) -> None:
    staging.endpoint.service_id += "-bare"
    staging.endpoint.service_name += "-bare"
    staging.endpoint.create_service(staging.endpoint.service_id, labels={})
    staging.allowed["service"] = staging.endpoint.service_id


def looks_like_production(staging: Staging) -> None:
    staging.endpoint.service_id += "-prod"
    staging.endpoint.service_name += "-prod"
    staging.endpoint.create_service(staging.endpoint.service_id)
    staging.allowed["service"] = staging.endpoint.service_id


def being_changed(staging: Staging) -> None:
    staging.endpoint.tell("deploy", service=staging.endpoint.service_id, seconds=30)


def rule(call: str, **what: Any) -> Change:
    return lambda staging: staging.endpoint.tell("rules", call=call, **what)


def somebody_elses_project(staging: Staging) -> None:
    staging.settings["project"] = staging.allowed["project"] = "another-one"


def setting(**changes: Any) -> Change:
    return lambda staging: staging.settings.update(changes)


def listed(**changes: Any) -> Change:
    return lambda staging: staging.allowed.update(changes)


def no_tls(staging: Staging) -> None:
    staging.database = DatabaseAddress.parse(f"{staging.database.url}?sslmode=require")


def few_slots(staging: Staging) -> None:
    staging.method = [step("action", "scale_service", minimum=4)]


BAD_INPUT: dict[str, tuple[Change, str]] = {
    "no allow-list": (setting(allow_list=""), "an allow-list does not name, and there is none"),
    "wrong project": (setting(project="another-one"), "project another-one is not in the allow-l"),
    "somebody else's project": (somebody_elses_project, "not permitted on service orchestrator"),
    "no such service": (another_service, "there is no service another-one"),
    "not in the allow-list": (listed(service="other"), "is not in the allow-list"),
    "not labelled": (not_labelled, "is not labelled chaosnetra=allowed"),
    "production": (looks_like_production, "looks like production by its name"),
    "another database": (listed(database_host="10.0.0.1"), "database host 127.0.0.1 is not in"),
    "reconciling": (being_changed, "is being changed by somebody just now; wait"),
    "etag changed": (
        rule("GetService", skip=1, stale_etag=True),
        "was changed by somebody else meanwhile",
    ),
    "quota": (rule("UpdateService", refuse="RESOURCE_EXHAUSTED"), "a quota is used up for Update"),
    "permission": (rule("UpdateService", refuse="PERMISSION_DENIED"), "grant run.services.update"),
    "no TLS": (no_tls, "rejected SSL upgrade"),
    "too many connections": (few_slots, "90 connections are more than 70% of the "),
}


@pytest.mark.parametrize(("change", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_what_is_wrong_is_told_by_the_plan_in_one_line(
    staging: Staging, change: Change, message: str
) -> None:
    change(staging)
    before = staging.endpoint.message
    shown = staging.plan()
    assert shown.exit_code in (1, 2), shown.output
    told = [line for line in shown.output.splitlines() if message in line]
    assert len(told) == 1, shown.output
    assert told[0].startswith(("refused: ", "Error: "))
    assert staging.endpoint.message == before


@pytest.mark.parametrize(
    "name", ["no allow-list", "no such service", "not labelled", "etag changed", "no TLS"]
)
def test_what_is_wrong_ends_a_run_before_anything_is_touched(
    staging: Staging, run_chaos: RunChaos, name: str
) -> None:
    change, message = BAD_INPUT[name]
    change(staging)
    before = staging.endpoint.message
    refused(run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes"), message)
    assert staging.endpoint.message == before


def test_without_credentials_nothing_is_reached(
    staging: Staging, run_chaos: RunChaos, tmp_path: Path
) -> None:
    staging.settings["cloud_run_endpoint"] = ""
    done = run_chaos(
        staging.experiment,
        CHAOSNETRA_CONSENT="yes",
        NO_GCE_CHECK="true",
        CLOUDSDK_CONFIG=str(tmp_path / "nobody"),
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"),
    )
    refused(done, "there are no Google credentials: run `gcloud auth application-default login`")
    part = next(part for part in done.section["stand"] if part["kind"] == "Cloud Run")
    assert part["address"] == "run.googleapis.com"


STARTUPS = ours("probe", "startup", "startups_succeed", count=7)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"max_retries": 3}, "update the job with max_retries 0"),
        ({"parallelism": 1}, "update the job with parallelism 0"),
    ],
)
def test_a_job_whose_tasks_are_no_trials_is_refused(
    staging: Staging, task: dict[str, int], message: str
) -> None:
    staging.endpoint.create_job(**task)
    staging.method = [STARTUPS]
    shown = staging.plan()
    assert shown.exit_code == 1
    assert f"{message}" in shown.output


def test_a_job_and_its_tasks_are_in_the_plan(staging: Staging) -> None:
    staging.endpoint.create_job()
    staging.method = [STARTUPS]
    staging.settings["job_connections"] = "5"
    shown = staging.plan()
    assert shown.exit_code == 0, shown.output
    assert "tasks of the job: 7 at once" in shown.output
    assert f"job {staging.endpoint.job_id} in project" in shown.output
    staging.allowed["caps"] = {"tasks": 6}
    end_session()
    assert "refused: 7 tasks are more than the cap of 6" in staging.plan().output


def test_what_is_made_for_ones_own_machine_is_refused_by_the_plan(
    staging: Staging, run_chaos: RunChaos
) -> None:
    def called(module: str, function: str, **arguments: Any) -> dict[str, Any]:
        return {"module": f"chaosnetra.{module}.actions", "func": function, "arguments": arguments}

    latency = called("toxiproxy", "add_latency", latency_ms=5)
    scaled = called("cloudrun", "scale_service", minimum=2)
    chosen = step("action", "apply_pressure", local=latency, staging=scaled)
    chosen["provider"]["module"] = "chaosnetra.pressure.actions"
    staging.method = [chosen]
    shown = staging.plan()
    assert shown.exit_code == 0, shown.output
    assert "instances: 1 -> 2 (+1)" in shown.output
    other = {**latency, "arguments": {"latency_ms": 5, "proxy": "theirs"}}
    slow = {"type": "action", "name": "slow", "provider": {"type": "python", **other}}
    locks = called("postgres", "lock_catalog", hold_ms=5)
    load = {"type": "action", "name": "load", "provider": {"type": "python", **locks}}
    staging.method = [slow, load]
    shown = staging.plan()
    assert shown.exit_code == 1
    for name in ("the proxy 'theirs'", "load (lock_catalog)"):
        assert f"refused: {name} is for one's own machine; in staging" in shown.output
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "action 'slow': the proxy 'theirs' is for one's own machine; in staging the pre")


def test_faults_in_the_tasks_are_in_the_plan_and_its_hash(staging: Staging) -> None:
    staging.endpoint.create_job()
    staging.settings["job_connections"] = "5"
    latency = ours("action", "toxiproxy", "add_latency", latency_ms=50)
    staging.method = [STARTUPS, latency]
    shown = staging.plan()
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert "faults before the database, of each task's startup and this run's own connections " in (
        next(line for line in lines if line.startswith("faults")) + " "
    )
    assert "  add_latency: add_latency latency_ms 50" in lines
    assert any("another address in DATABASE_URL" in line for line in lines)
    assert any(line.startswith("added to each container: packages ") for line in lines)
    assert f"connections of startups_succeed: {7 * (5 + 2)}" in lines
    first = staging.hash
    end_session()
    latency["provider"]["arguments"]["latency_ms"] = 51
    assert staging.hash != first
    end_session()
    staging.settings["target_environment"] = '{"DATABASE_URL": "postgresql://{url_without_scheme}"}'
    assert staging.hash != first


@pytest.mark.parametrize(
    ("changes", "env", "message"),
    [
        (
            {"target_environment": '{"DATABASE_URL": "postgresql://me:hidden-word@{host}/db"}'},
            {},
            "refused: the template of DATABASE_URL holds a secret, which the order of a task would",
        ),
        (
            {"target_environment": '{"DATABASE": "{url}"}'},
            {},
            "warning: the job's configuration does not set DATABASE: unless its image does, no ",
        ),
        (
            {},
            {"DATABASE_URL": "postgresql://u@db.example/db?sslmode=verify-full"},
            "warning: the service checks that db.example is the name in the server's certificate",
        ),
        (
            {"target_environment": '{"DATABASE_URL": "{url}", "PGHOST": "{host}"}'},
            {"DATABASE_URL": "postgresql://u@10.0.0.3/db", "PGHOST": "10.0.0.4"},
            "refused: ",
        ),
    ],
)
def test_what_may_keep_a_path_from_standing_is_told_by_the_plan(
    staging: Staging, changes: dict[str, str], env: dict[str, str], message: str
) -> None:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    staging.endpoint.create_job(container={"env": variables})
    staging.settings |= {"job_connections": "5", **changes}
    staging.method = [STARTUPS, ours("action", "toxiproxy", "add_latency", latency_ms=50)]
    shown = staging.plan()
    told = [line for line in shown.output.splitlines() if line.startswith(message)]
    assert len(told) == 1, shown.output
    assert "hidden-word" not in shown.output.replace(str(changes), "")


def test_a_name_that_this_run_would_check_is_refused(staging: Staging) -> None:
    staging.endpoint.create_job()
    staging.database = DatabaseAddress.parse(f"{staging.database.url}?sslmode=verify-full")
    staging.method = [ours("action", "toxiproxy", "add_latency", latency_ms=50)]
    assert "refused: with sslmode=verify-full the server's name is checked" in staging.plan().output


def test_the_plan_asks_for_the_job_of_the_startups(staging: Staging) -> None:
    staging.method = [STARTUPS]
    staging.settings["job"] = ""
    assert "refused: job is not set" in staging.plan().output
    end_session()
    staging.settings["job"] = staging.endpoint.job_id
    staging.endpoint.create_job(parallelism=3)
    assert "runs 3 tasks at once, not 7" in staging.plan().output


def test_another_version_of_the_job_has_another_hash(staging: Staging) -> None:
    staging.endpoint.create_job()
    staging.method = [STARTUPS]
    first = staging.hash
    staging.endpoint.tell("rules", call="GetJob", stale_etag=True)
    assert staging.hash != first
    assert staging.hash == first


def test_a_file_that_is_no_experiment_is_told(tmp_path: Path) -> None:
    for text, message in (("[]", "is no experiment"), ("{", "JSON"), ("{}", "")):
        path = tmp_path / "experiment.json"
        path.write_text(text)
        shown = CliRunner().invoke(netra, ["plan", str(path)])
        if message:
            assert shown.exit_code == 2
            assert message in shown.output
        else:
            assert shown.exit_code == 0, shown.output
