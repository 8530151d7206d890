"""A run in staging: its control, its lease, and what is left when it is killed."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from chaosnetra.postgres.lease import LeaseTaken
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.folders import state_folder
from tests.conftest import RunChaos
from tests.integration.cloudrun.conftest import lasting
from tests.support.helpers import query, wait_until
from tests.support.programs import chaos_beside, chaos_command
from tests.support.staged import Staging, refused
from tests.support.tls import Authority, TlsFront, server_context


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
    process = chaos_beside(staging.experiment, tmp_path, CHAOSNETRA_CONSENT="yes")
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
