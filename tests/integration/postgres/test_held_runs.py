"""The actions that hold connections of a real PostgreSQL, and whole runs with them."""

import json
import os
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.actions import hold_connections, release_connections
from chaosnetra.postgres.holders import By
from chaosnetra.safety.injector import Injector
from chaosnetra.stand.postgres import PostgresServer
from tests.conftest import ChaosRun, RunChaos
from tests.support import experiments
from tests.support.experiments import HELD, ours
from tests.support.held_connections import held, processes
from tests.support.helpers import sessions_called, wait_until
from tests.support.programs import chaos_command

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_the_actions_hold_and_release(
    small_configuration: dict[str, Any], small_server: PostgresServer
) -> None:
    result = hold_connections(amount="5", configuration=small_configuration)  # type: ignore[arg-type]
    assert result["effect"]["in_effect"] is True
    assert (result["effect"]["observed"], result["parameters"]["by"]) == (5, "leave_free")
    name = result["parameters"]["application_name"]
    assert sessions_called(small_server.admin, name) == 22
    json.dumps(result)
    assert release_connections(configuration=small_configuration)["result"] == "done"
    assert release_connections(configuration=small_configuration)["result"] == "already done"
    assert sessions_called(small_server.admin, name) == 0


def test_the_pools_of_other_instances_are_held(
    small_configuration: dict[str, Any], small_server: PostgresServer, tmp_path: Path
) -> None:
    shipped = resources.files("chaosnetra.profiles") / "data" / "issue-1263.json"
    profile = json.loads(shipped.read_text(encoding="utf-8"))
    profile["pool"] = {"size": 3, "max_overflow": 2, "timeout_seconds": 3, "recycle_seconds": 60}
    (tmp_path / "mine.json").write_text(json.dumps(profile))
    given = {**small_configuration, "profile": str(tmp_path / "mine.json")}
    result = hold_connections(amount=4, by="instances", configuration=given)
    assert result["effect"]["in_effect"] is True
    name = result["parameters"]["application_name"]
    assert result["parameters"]["instances"] == 4
    assert sessions_called(small_server.admin, name) == 4 * (3 + 2)
    assert release_connections(configuration=given)["result"] == "done"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"by": "many"}, "by must be count or instances or leave_free or share, got 'many'; set"),
        ({"by": "count", "amount": 0}, "amount must be at least 1"),
        ({"by": "instances", "amount": 0}, "amount must be at least 1"),
        ({"through": "sideways"}, "must be path or direct"),
        ({"name": "a b"}, "name must be"),
        ({"by": "leave_free", "amount": 100}, "only 27 of 30 connection slots free"),
    ],
)
def test_the_action_refuses_in_one_line(
    small_configuration: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words) as caught:
        hold_connections(**arguments, configuration=small_configuration)
    assert "\n" not in str(caught.value)
    assert processes() == []


def experiment(leave_free: int, pause: float = 0) -> dict[str, Any]:
    """Connections succeed, also when only so many slots are left."""
    succeed = ours(
        "probe",
        "postgres",
        "connections_succeed",
        count=15,
        hold_ms=5000,
        path="direct",
        # Nothing may be slow here, however busy the machine is.
        slow_after_ms=200_000,
        timeout_ms=200_000,
    )
    hold = ours("action", "postgres", "hold_connections", amount=leave_free)
    return experiments.experiment(
        hold | {"name": "hold", "pauses": {"after": pause}},
        probes=[succeed | {"name": "connections-succeed", "tolerance": HELD}],
        rollbacks=[ours("action", "postgres", "release_connections") | {"name": "release"}],
    )


def run_it(run_chaos: RunChaos, small: DatabaseAddress, made: dict[str, Any]) -> ChaosRun:
    return run_chaos(made, CHAOSNETRA_DATABASE_URL=small.url)


def test_few_slots_violate_the_steady_state_and_the_violation_names_the_sqlstate(
    small: DatabaseAddress, small_server: PostgresServer, run_chaos: RunChaos
) -> None:
    run = run_it(run_chaos, small, experiment(leave_free=5))
    assert run.returncode == 1, run.output
    section = run.section
    assert section["verdict"] == "violated", section["reason"]
    (violation,) = section["violations"]
    assert (violation["stage"], violation["sqlstate"]) == ("after", "53300")
    assert violation["observed"].startswith("5 of 15 ok, 10 refused: 67% not ok, p95 ")
    (proof,) = section["proofs"]
    assert (proof["probe"], proof["trials"], proof["failures"]) == ("connections-succeed", 15, 10)
    (fault,) = section["faults"]
    assert (fault["effect"]["in_effect"], fault["undo"]) == (True, "done")
    assert small.password not in run.output
    assert sessions_called(small_server.admin, "chaosnetra_%") == 0


def test_enough_slots_hold_the_steady_state(
    small: DatabaseAddress, small_server: PostgresServer, run_chaos: RunChaos
) -> None:
    run = run_it(run_chaos, small, experiment(leave_free=16))
    assert run.returncode == 0, run.output
    assert run.section["verdict"] == "held"
    assert "0 of 15 trials under the fault failed" in run.output
    assert sessions_called(small_server.admin, "chaosnetra_%") == 0


def test_a_server_that_is_full_before_the_experiment_proves_nothing(
    small: DatabaseAddress, run_chaos: RunChaos, injector: Injector
) -> None:
    injector.inject(held(small, By.LEAVE_FREE, 3))
    run = run_it(run_chaos, small, experiment(leave_free=1))
    assert run.returncode == 1, run.output
    section = run.section
    assert (section["verdict"], section["cause"]) == ("inconclusive", "baseline not met")
    assert "SQLSTATE 53300" in section["reason"]
    assert section["faults"] == []


def test_a_server_without_a_single_slot_proves_nothing(
    small: DatabaseAddress, run_chaos: RunChaos, injector: Injector
) -> None:
    injector.inject(held(small, By.LEAVE_FREE, 0))
    run = run_it(run_chaos, small, experiment(leave_free=1))
    assert run.returncode == 1, run.output
    assert run.section["verdict"] == "inconclusive"
    assert "no free connection slots" in run.section["reason"]


def test_a_run_that_is_killed_leaves_no_session(
    small: DatabaseAddress, small_server: PostgresServer, tmp_path: Path
) -> None:
    path = tmp_path / "experiment.json"
    made = experiment(leave_free=5, pause=60)
    press = ours("action", "postgres", "press_database", backends=3, name="pressed")
    made["method"].insert(0, press)
    path.write_text(json.dumps(made))
    output = tmp_path / "output"
    with output.open("w") as file:
        run = subprocess.Popen(
            [*chaos_command(), "run", str(path)],
            cwd=tmp_path,
            env={**os.environ, "CHAOSNETRA_DATABASE_URL": small.url},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(
            lambda: (
                # 19, less the slots that this very look takes while the run counts what is free.
                sessions_called(small_server.admin, "chaosnetra%held") >= 17
                or run.poll() is not None
            ),
            60,
            "connections are held and pressed",
        )
        assert run.poll() is None, output.read_text()
        assert sessions_called(small_server.admin, "chaosnetra%pressed") == 3
    finally:
        run.kill()
        run.wait(10)
    wait_until(
        lambda: sessions_called(small_server.admin, "chaosnetra_%") == 0, 20, "no session is left"
    )
    # Its watchdog takes the ledger away.
    runs = Path(os.environ["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    wait_until(lambda: list(runs.glob("*")) == [], 20, "no ledger is left")
