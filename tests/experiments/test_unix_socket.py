"""An experiment whose database is behind a Unix socket alone, run as its users run it.

Locally, and in a rehearsal of staging, where each task of a job meets its fault.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.rehearsal.allowing import allow_list_path
from chaosnetra.rehearsal.deployed import deploy_orchestrator
from chaosnetra.stand.cloudrun import start_cloud_run
from chaosnetra.stand.persistent import PersistentStand
from tests.conftest import ChaosRun, RunChaos
from tests.support.repository import EXPERIMENTS
from tests.support.socket_postgres import socket_postgres

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
PARTS = ["PostgreSQL", "Toxiproxy", "Unix socket bridge", "observer"]

pytestmark = pytest.mark.usefixtures("nothing_left", "no_part_left")


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseAddress]:
    with socket_postgres() as address:
        yield address


def check(run: ChaosRun, server: DatabaseAddress) -> None:
    """What does not depend on how the run ended."""
    assert [part["kind"] for part in run.section["stand"]] == PARTS, run.output
    (fault,) = [fault for fault in run.section["faults"] if fault["effect"]]
    assert fault["effect"]["in_effect"] is True
    assert fault["undo"] == "done"
    text = run.output + (run.journal_text or "") + str(run.events)
    assert server.password not in text
    assert server.url not in text


def test_the_remediated_profile_holds(run_chaos: RunChaos, server: DatabaseAddress) -> None:
    run = run_chaos(EXPERIMENT, CHAOSNETRA_DATABASE_URL=server.url, CHAOSNETRA_COUNT="2")
    assert run.returncode == 0, run.output
    assert (run.section["verdict"], run.section["violations"]) == ("held", [])
    check(run, server)
    stages = {figures["stage"]: figures for figures in run.section["measurements"]}
    added = stages["after"]["phase_seconds_p50"]["database"]
    # 116 round trips of 50 ms, and what the work itself takes, as by host and port.
    assert 116 * 0.050 <= added < 116 * 0.050 + 3


def test_the_older_profile_deviates_and_names_phase_and_budget(
    run_chaos: RunChaos, server: DatabaseAddress
) -> None:
    encoded = replace(server, host_as_option=False).url
    run = run_chaos(
        EXPERIMENT,
        CHAOSNETRA_DATABASE_URL=encoded,
        CHAOSNETRA_COUNT="2",
        CHAOSNETRA_PROFILE="issue-1263",
    )
    assert run.returncode == 1
    check(run, server)
    assert run.section["verdict"] == "violated"
    (violation,) = run.section["violations"]
    assert (violation["stage"], violation["phase"]) == ("after", "database")
    assert (violation["budget"], violation["budget_seconds"]) == ("table_setup", 1.0)


@pytest.fixture
def rehearsal(server: DatabaseAddress) -> Iterator[dict[str, str]]:
    """A local Cloud Run endpoint whose service and job have that database."""
    allow_list_path().parent.mkdir(parents=True)
    cloud_run = start_cloud_run()
    try:
        names = cloud_run.names
        stand = PersistentStand(0, 0.0, server.url, server.url, "", "", "", 0.0, names)
        deploy_orchestrator(stand)
        yield {
            "CHAOSNETRA_ENVIRONMENT": "staging",
            "CHAOSNETRA_TIME_SCALE": "0.1",
            "CHAOSNETRA_DATABASE_URL": server.url,
            "CHAOSNETRA_CLOUD_RUN_ENDPOINT": cloud_run.endpoint,
            "CHAOSNETRA_ALLOW_LIST": str(allow_list_path()),
            "CHAOSNETRA_CONSENT": "yes",
            **{
                f"CHAOSNETRA_{name.upper()}": names[name]
                for name in ("project", "region", "service", "job")
            },
            "CHAOSNETRA_COUNT": "1",
            "CHAOSNETRA_JOB_HOLD_SECONDS": "0",
            "CHAOSNETRA_BARRIER_SECONDS": "1",
        }
    finally:
        cloud_run.stop()


@pytest.mark.timeout(300)
def test_in_a_rehearsal_the_latency_is_in_each_task(
    run_chaos: RunChaos, rehearsal: dict[str, str], server: DatabaseAddress
) -> None:
    for profile, verdict in (("issue-1278", "held"), ("issue-1263", "violated")):
        run = run_chaos(EXPERIMENT, **rehearsal, CHAOSNETRA_PROFILE=profile)
        assert run.section["verdict"] == verdict, run.output
        (fault,) = [fault for fault in run.section["faults"] if fault["effect"]]
        assert fault["effect"]["quantity"] == "added_latency_ms"
        assert (fault["tasks"]["counted"], fault["tasks"]["unmeasured"]) == (1, 0)
        assert fault["tasks"]["least"] >= 0.8 * 50
        assert (fault["effect_after"]["in_effect"], fault["undo"]) == (True, "done")
        (startup,) = run.journal["steady_states"]["after"]["probes"][0]["output"]["startups"]
        assert startup["wire"]["sessions"] > 0, "at the socket of its own"
        for violation in run.section["violations"]:
            assert (violation["phase"], violation["budget"]) == ("database", "table_setup")
        text = run.output + (run.journal_text or "") + str(run.events)
        assert server.password not in text
