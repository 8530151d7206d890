"""Staging, rehearsed: nothing is touched that was not allowed, looked at and consented to."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cli import netra
from chaosnetra.postgres.lease import LeaseTaken
from chaosnetra.running.session import end_session
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.folders import state_folder
from chaosnetra.stand.postgres import PostgresServer
from tests.conftest import ChaosRun, RunChaos, chaos_command
from tests.integration.cloudrun.conftest import experiment, lasting, step
from tests.support.cloud_run_endpoint import Endpoint, writes
from tests.support.helpers import query, wait_until
from tests.support.tls import Authority, TlsFront, server_context


class Staging:
    """An endpoint and a database under the rules of staging."""

    def __init__(self, endpoint: Endpoint, database: DatabaseAddress, folder: Path) -> None:
        self.endpoint = endpoint
        self.database = database
        self.folder = folder
        self.allowed: dict[str, Any] = {
            "version": 1,
            "project": endpoint.server.project,
            "project_number": endpoint.server.project_number,
            "region": endpoint.server.region,
            "service": endpoint.service_id,
            "job": endpoint.job_id,
            "database_host": database.host,
            "database_name": database.database,
        }
        self.settings: dict[str, Any] = {}
        self.method = [step("action", "scale_service", minimum=3)]

    @property
    def experiment(self) -> dict[str, Any]:
        path = self.folder / "allow.json"
        path.write_text(json.dumps(self.allowed))
        made = experiment(
            self.endpoint.configuration(
                **{
                    "environment": "staging",
                    "allow_list": str(path),
                    "database_url": self.database.url,
                    **self.settings,
                }
            ),
            *self.method,
        )
        made["configuration"]["consent"] = {
            "type": "env",
            "key": "CHAOSNETRA_CONSENT",
            "default": "",
        }
        return made

    def plan(self, *options: str) -> Result:
        """`chaosnetra plan`."""
        path = self.folder / "planned.json"
        path.write_text(json.dumps(self.experiment))
        return CliRunner().invoke(netra, ["plan", str(path), *options])

    @property
    def hash(self) -> str:
        found = json.loads(self.plan("--format", "json").output)
        return str(found["hash"])


@pytest.fixture
def staging(endpoint: Endpoint, postgres: PostgresServer, tmp_path: Path) -> Staging:
    return Staging(endpoint, postgres.database, tmp_path)


def refused(done: ChaosRun, message: str) -> None:
    """It says why in one line, and its journal proves that nothing was touched."""
    assert done.returncode == 1, done.output
    section = done.section
    assert section["verdict"] == "inconclusive"
    assert message in section["reason"]
    assert message in done.output
    assert "Traceback" not in done.output
    assert writes(done) == []
    assert section.get("faults", []) == []
    assert done.journal["run"] == []


def test_a_plan_shows_what_would_change_and_changes_nothing(staging: Staging) -> None:
    before = staging.endpoint.message
    shown = staging.plan()
    assert shown.exit_code == 0, shown.output
    assert "scaling.min_instance_count: 1 -> 3" in shown.output
    assert "instances: 1 -> 3 (+2)" in shown.output
    assert "pool 12 + 18, x 3 instances = 90, of them 60 new" in shown.output
    assert "connections in all: 60 at most;" in shown.output
    assert "of 100 slots are free (3 reserved)" in shown.output
    assert "warning: cost: 2 more instances are billed" in shown.output
    assert "connectors/staging may grow under it, and does not shrink" in shown.output
    assert f"allow-list: {staging.folder}" in shown.output
    assert "deadline: 3600 s" in shown.output
    assert "\nallowed\nhash: " in shown.output
    assert staging.database.password not in shown.output
    assert staging.endpoint.message == before


def test_the_hash_rests_on_everything_that_is_consented_to(staging: Staging) -> None:
    first = staging.hash
    assert staging.hash == first
    seen = {first}

    def differs(what: str) -> None:
        found = staging.hash
        assert found not in seen, what
        seen.add(found)

    staging.method = [step("action", "scale_service", minimum=2)]
    differs("another value")
    staging.method += [step("probe", "service_instances", minimum=2)]
    differs("another step")
    staging.allowed["caps"] = {"instances": 5}
    differs("another cap")
    staging.settings["profile"] = "issue-1263"
    staging.allowed["caps"]["connections"] = 90
    differs("other pools")
    staging.endpoint.tell("deploy", service=staging.endpoint.service_id, env={"VERSION": "2"})
    differs("another etag")


def test_the_hash_of_tasks_rests_on_what_they_are_told_and_not_on_free_slots(
    staging: Staging, postgres: PostgresServer
) -> None:
    """`hold_connections` by a share takes more or less of them with every look."""
    hold = step("action", "hold_connections", amount=0.2)
    hold["provider"]["module"] = "chaosnetra.postgres.actions"
    hold["provider"]["arguments"]["by"] = "share"
    startups = step("probe", "startups_succeed", count=1)
    startups["provider"]["module"] = "chaosnetra.startup.probes"
    staging.method = [startups, hold]
    staging.endpoint.create_job()
    first = staging.hash
    taken = LeaseTaken(postgres.database, "chaosnetra_other_session", 60)
    injector = Injector(Ledger("other", staging.folder), lambda event, data: None)
    injector.inject(taken)
    try:
        assert staging.hash == first
    finally:
        injector.undo(taken.name)
    seen = {first}
    for name, value in {
        "job_hold_seconds": "600",
        "time_scale": "1",
        "startup_timeout_seconds": "900",
        "barrier_seconds": "5",
        "readiness": "tcp://127.0.0.1:{port}",
        "readiness_timeout_seconds": "7",
        "job_connections": "12",
        "profile": "issue-1263",
    }.items():
        staging.settings[name] = value
        found = staging.hash
        assert found not in seen, name
        seen.add(found)


@pytest.mark.parametrize(("each", "allowed"), [("auto", False), ("5", True)])
def test_the_connections_of_tasks_count_by_their_pools(
    staging: Staging, each: str, allowed: bool
) -> None:
    startups = step("probe", "startups_succeed", count=4)
    startups["provider"]["module"] = "chaosnetra.startup.probes"
    staging.method = [startups]
    staging.endpoint.create_job()
    staging.settings["job_connections"] = each
    shown = staging.plan().output
    assert ("120 connections are more than the cap of 100: ask for less" in shown) is not allowed
    assert f"each opens up to {30 if each == 'auto' else 5} connections (job_connections)" in shown
    assert f"connections in all: {120 if each == 'auto' else 20} at most" in shown


def test_a_wrong_value_is_told_with_the_step_that_has_it(staging: Staging) -> None:
    hold = step("action", "hold_connections", amount="many", by="count")
    hold["provider"]["module"] = "chaosnetra.postgres.actions"
    staging.method = [step("action", "scale_service", minimum="x"), hold]
    refusals = [line for line in staging.plan().output.splitlines() if "refused" in line]
    scaling, amount = refusals
    assert scaling.startswith("refused: scale_service: minimum must be a number, got 'x'")
    assert amount.startswith("refused: hold_connections: amount must be a number, got 'many'")
    assert "set minimum" not in scaling, "no such setting"


def test_a_scaling_to_nothing_is_refused_where_startups_are_judged(staging: Staging) -> None:
    staging.method = [step("action", "scale_service", minimum=0)]
    assert "\nallowed\n" in staging.plan().output
    staging.method += [step("probe", "instances_start")]
    told = "refused: scale_service: it binds the service to no instance"
    assert told in staging.plan().output


def test_a_run_with_the_plans_hash_scales_restores_exactly_and_tells_all_of_it(
    staging: Staging, run_chaos: RunChaos
) -> None:
    before = staging.endpoint.message
    consent = staging.hash
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    assert done.returncode == 0, done.output
    assert lasting(staging.endpoint.message) == lasting(before)
    section = done.section
    assert (section["verdict"], section["environment"]) == ("held", "staging")
    assert section["rehearsal"] is True
    assert "A rehearsal of staging, against a local Cloud Run endpoint" in done.output
    assert section["plan"]["hash"] == consent
    assert writes(done) == ["scaling.min_instance_count=3", "scaling.min_instance_count=1"]
    assert section["cloud_run"]["calls"]["UpdateService"] == {"OK": 4}, "two of them only try"
    lease, scaling = section["faults"]
    assert lease["parameters"]["kind"] == "lease"
    assert (lease["undo"], scaling["undo"]) == ("done", "done")
    made = next(event for event in done.events if event["event"] == "plan.made")
    assert made["hash"] == consent
    everything = done.output + str(done.journal_text) + json.dumps(done.events)
    assert staging.database.password not in everything
    for call in (event for event in done.events if event["event"] == "cloudrun.call"):
        told = {"method", "resource", "status", "seconds", "writes"}
        assert set(call) - {"event", "at", "elapsed_seconds", "run"} == told
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert query(staging.database, held) == 0


def test_yes_is_consent_within_the_allow_list_only(staging: Staging, run_chaos: RunChaos) -> None:
    staging.allowed["caps"] = {"instances": 2}
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "3 instances are more than the cap of 2")
    staging.allowed["caps"] = {"instances": 3}
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    assert done.returncode == 0, done.output


@pytest.mark.parametrize("options", [(), ("--dry", "probes")], ids=str)
def test_without_consent_nothing_is_touched(
    staging: Staging, run_chaos: RunChaos, options: tuple[str, ...]
) -> None:
    """Not by a dry run either, of which some kinds carry actions out."""
    before = staging.endpoint.message
    done = run_chaos(staging.experiment, *options)
    refused(done, "nothing is touched without consent: read `chaosnetra p")
    assert staging.endpoint.message == before


@pytest.mark.parametrize(
    ("call", "code"),
    [("GetService", "UNAVAILABLE"), ("UpdateService", "RESOURCE_EXHAUSTED")],
    ids=["503", "429 at the dry run"],
)
def test_an_outage_before_the_consent_is_no_refusal(
    staging: Staging, run_chaos: RunChaos, call: str, code: str
) -> None:
    before = staging.endpoint.message
    staging.endpoint.tell("rules", call=call, refuse=code, times=2)
    assert staging.plan().exit_code == 2
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "Cloud Run could not be asked, so nothing was tried: ")
    assert done.section["cause"] == "Cloud Run could not be asked"
    assert done.section["refused"] is None
    assert "consent.unanswered" in {event["event"] for event in done.events}
    assert staging.endpoint.message == before


def test_a_service_that_changed_makes_the_consent_stale(
    staging: Staging, run_chaos: RunChaos
) -> None:
    consent = staging.hash
    staging.endpoint.tell("deploy", service=staging.endpoint.service_id, env={"VERSION": "2"})
    before = staging.endpoint.message
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    refused(done, f"the consent {consent} is for another plan than this one")
    assert staging.endpoint.message == before


def test_a_change_between_consent_and_action_is_seen(staging: Staging, run_chaos: RunChaos) -> None:
    consent = staging.hash
    # Read by the plan and by the two probes of the baseline; then somebody deploys.
    staging.endpoint.tell(
        "rules",
        call="GetService",
        skip=3,
        deploy_before={
            "service": staging.endpoint.service_id,
            "scaling": {"max_instance_count": 9},
        },
    )
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    assert done.returncode == 1
    assert "was changed by somebody after it was consented to" in done.output
    assert writes(done) == []
    scaling = staging.endpoint.state.scaling
    assert (scaling.minimum, scaling.maximum) == (1, 9)


def in_background(made: dict[str, Any]) -> None:
    del made["steady-state-hypothesis"]
    made["method"][0]["background"], made["rollbacks"] = True, []


def without_allow_list(made: dict[str, Any]) -> None:
    del made["steady-state-hypothesis"]
    made["configuration"]["allow_list"] = ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda made: None, id="by a probe"),
        pytest.param(in_background, id="by an action in the background"),
        pytest.param(without_allow_list, id="without an allow-list"),
    ],
)
def test_without_the_journal_control_nothing_is_touched_and_the_run_fails(
    staging: Staging, run_chaos: RunChaos, change: Callable[[dict[str, Any]], None]
) -> None:
    forgetful = staging.experiment
    forgetful["controls"] = []
    forgetful["configuration"]["consent"] = "yes"
    change(forgetful)
    calls, before = staging.endpoint.calls, staging.endpoint.message
    done = run_chaos(forgetful)
    assert "which the control chaosnetra.controls.journal asks for" in done.output
    assert done.returncode == 1
    assert staging.endpoint.message == before
    assert {**staging.endpoint.calls, "GetService": 0} == {**calls, "GetService": 0}
    assert staging.endpoint.calls["GetService"] == calls["GetService"] + 2, "of this test alone"


def test_a_lease_that_another_run_holds_is_respected(
    staging: Staging, run_chaos: RunChaos, tmp_path: Path
) -> None:
    injector = Injector(Ledger("other", tmp_path), lambda event, data: None)
    other = LeaseTaken(staging.database, "chaosnetra_other_lease", 60)
    injector.inject(other)
    before = staging.endpoint.message
    try:
        done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    finally:
        injector.undo(other.name)
    refused(done, "another run holds the lease on ")
    assert "chaosnetra_other_lease" in done.output
    assert staging.endpoint.message == before


def test_whatever_keeps_the_lease_from_being_taken_ends_the_run(
    staging: Staging, run_chaos: RunChaos
) -> None:
    """Also what no error of ours tells: here the file of the lock cannot be opened."""
    in_the_way = state_folder() / "staging.lock"
    in_the_way.mkdir(parents=True)
    before = staging.endpoint.message
    try:
        refused(run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes"), "staging.lock")
    finally:
        in_the_way.rmdir()
    assert staging.endpoint.message == before


def test_without_a_database_nothing_is_scaled(staging: Staging, run_chaos: RunChaos) -> None:
    staging.settings["database_url"] = ""
    message = "no database is named, so no lease would keep other runs away; set database_url"
    assert f"refused: {message}" in staging.plan().output
    refused(run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes"), message)


def test_one_run_of_a_user_acts_in_staging_also_where_no_database_is_named(
    staging: Staging, run_chaos: RunChaos
) -> None:
    staging.settings["database_url"] = ""
    staging.method = []
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "staging.lock"):
        done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "another run of this user acts in staging just now")


def test_a_run_that_is_killed_leaves_neither_its_scaling_nor_its_lease(
    staging: Staging, tmp_path: Path
) -> None:
    before = staging.endpoint.message
    staging.method[0]["pauses"] = {"after": 60}
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(staging.experiment))
    process = subprocess.Popen(
        [*chaos_command(), "run", str(path)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CHAOSNETRA_CONSENT": "yes"},
    )
    try:
        wait_until(lambda: staging.endpoint.state.scaling.minimum == 3, 60, "it is scaled")
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert query(staging.database, held) == 1
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: staging.endpoint.state.scaling.minimum == 1, 60, "its scaling is gone")
    wait_until(lambda: query(staging.database, held) == 0, 60, "its lease is gone")
    wait_until(lambda: lasting(staging.endpoint.message) == lasting(before), 10, "as it was")


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        ("sslmode=verify-ca&sslrootcert=ca.pem", {}),
        ("sslmode=verify-ca", {"PGSSLROOTCERT": "ca.pem"}),
    ],
    ids=["in the URL", "in the environment"],
)
def test_a_killed_run_is_taken_back_also_where_it_named_files_of_its_folder(
    staging: Staging, tmp_path: Path, options: str, variables: dict[str, str]
) -> None:
    authority = Authority(tmp_path, "ca")
    upstream = (staging.database.host, staging.database.port)
    certificate = authority.server(tmp_path, "127.0.0.1")
    staging.method[0]["pauses"] = {"after": 60}
    runs = Path(os.environ["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    with TlsFront(upstream, server_context(certificate)) as front:
        staging.settings["database_url"] = (
            f"{staging.database.at('127.0.0.1', front.port).url}?{options}"
        )
        path = tmp_path / "experiment.json"
        path.write_text(json.dumps(staging.experiment))
        with (tmp_path / "output").open("wb") as output:
            process = subprocess.Popen(
                [*chaos_command(), "run", path.name],
                cwd=tmp_path,
                stdout=output,
                stderr=output,
                env={**os.environ, **variables, "CHAOSNETRA_CONSENT": "yes"},
            )
        try:
            wait_until(lambda: staging.endpoint.state.scaling.minimum == 3, 60, "it is scaled")
        finally:
            process.kill()
            process.wait()
        wait_until(lambda: list(runs.glob("*.ledger.jsonl")) == [], 50, "nothing is left to undo")
    assert staging.endpoint.state.scaling.minimum == 1


def test_staging_without_cloud_run_acts_on_the_database_it_may(
    staging: Staging, run_chaos: RunChaos
) -> None:
    """As `cloudsql_connections.json` does: no endpoint, no service, nothing scaled."""
    hold = {"type": "action", "name": "hold", "provider": {"type": "python"}}
    hold["provider"] = {
        "type": "python",
        "module": "chaosnetra.postgres.actions",
        "func": "hold_connections",
        "arguments": {"amount": "5", "by": "count"},
    }
    made = staging.experiment
    for key in ("cloud_run_endpoint", "project", "region", "service", "job"):
        made["configuration"][key] = ""
    probe = {
        "type": "probe",
        "name": "slots",
        "tolerance": made["steady-state-hypothesis"]["probes"][0]["tolerance"],
        "provider": {
            "type": "python",
            "module": "chaosnetra.postgres.probes",
            "func": "connections_succeed",
            "arguments": {"count": 3},
        },
    }
    made["steady-state-hypothesis"]["probes"] = [probe]
    made["method"], made["rollbacks"] = [hold], []
    refused(run_chaos(made), "nothing is touched without consent")
    done = run_chaos(made, CHAOSNETRA_CONSENT="yes")
    assert done.returncode == 0, done.output
    section = done.section
    assert (section["rehearsal"], section["time_scale"]) == (False, 1)
    assert [part["kind"] for part in section["stand"]] == ["PostgreSQL"]
    assert section["plan"]["connections"]["opened"] == {"slots": 3, "hold": 5}


Change = Callable[[Staging], None]


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


STARTUPS = {
    "type": "probe",
    "name": "startups",
    "provider": {
        "type": "python",
        "module": "chaosnetra.startup.probes",
        "func": "startups_succeed",
        "arguments": {"count": 7},
    },
}


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
    plain = {"type": "action", "name": "slow", "provider": {"type": "python", **latency}}
    locks = called("postgres", "lock_catalog", hold_ms=5)
    load = {"type": "action", "name": "load", "provider": {"type": "python", **locks}}
    staging.method = [plain, load]
    shown = staging.plan()
    assert shown.exit_code == 1
    for name in ("slow (add_latency)", "load (lock_catalog)"):
        assert f"refused: {name} is for one's own machine; in staging" in shown.output
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "action 'slow': a proxy is for one's own machine; in staging the pressure is")


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
