"""An experiment whose database is behind a Unix socket alone, run as its users run it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaosnetra.addresses import DatabaseAddress
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
