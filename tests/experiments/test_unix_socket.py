"""An experiment whose database is behind a Unix socket alone, run as its users run it.

Locally, and in a rehearsal of staging, where each task of a job meets its fault.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from tests.conftest import ChaosRun, RunChaos
from tests.support.documented import commands_of, run_lines
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


SOONER = {
    "CHAOSNETRA_JOB_HOLD_SECONDS": "0",
    "CHAOSNETRA_BARRIER_SECONDS": "1",
    "CHAOSNETRA_DWELL_SECONDS": "0.2",
}
PAGE = "docs/rehearsal.md"


def judged(folder: Path, name: str, verdict: str) -> dict[str, Any]:
    """The journal of a rehearsal by a socket, where each task met its fault."""
    journal: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    section = journal["chaosnetra"]
    assert section["verdict"] == verdict, section["reason"]
    (fault,) = [fault for fault in section["faults"] if fault["effect"]]
    assert fault["effect"]["quantity"] == "added_latency_ms"
    assert (fault["tasks"]["counted"], fault["tasks"]["unmeasured"]) == (2, 0)
    assert fault["tasks"]["least"] >= 0.8 * fault["effect"]["expected"]
    assert (fault["effect_after"]["in_effect"], fault["undo"]) == (True, "done")
    for startup in journal["steady_states"]["after"]["probes"][0]["output"]["startups"]:
        assert startup["wire"]["sessions"] > 0, "at the socket of its own"
    return journal


@pytest.mark.timeout(300)
def test_in_a_rehearsal_the_latency_is_in_each_task(tmp_path: Path) -> None:
    up, *others = commands_of(PAGE, "rehearsal")
    done = run_lines([f"{up} --unix-socket", *others], tmp_path, SOONER, 280)
    assert [one.code for one in done] == [0, 0, 0, 0, 0, 0, 1, 0], done
    assert "/cloudsql/local-rehearsal:europe-west1:main&port=5432" in done[0].said
    judged(tmp_path, "staging", "held")
    for violation in judged(tmp_path, "older", "violated")["chaosnetra"]["violations"]:
        assert (violation["phase"], violation["budget"]) == ("database", "table_setup")


# It has its database in parts, and says its password when it should not.
OWN_SERVICE = """
import asyncio, os, asyncpg

def opened():
    parts = {"user": "USER", "password": "PASS", "database": "NAME", "host": "HOST", "port": "PORT"}
    return asyncpg.connect(**{part: os.environ[f"DB_{name}"] for part, name in parts.items()})
"""
SERVE = """
async def main():
    connection = await opened()
    for _ in range(5):
        await connection.fetchval("SELECT count(*) FROM things")
    port = int(os.environ["PORT"])
    await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    await asyncio.sleep(3600)

asyncio.run(main())
"""
MIGRATE = """
async def main():
    connection = await opened()
    await connection.execute("CREATE TABLE things ()")

asyncio.run(main())
"""


@pytest.mark.timeout(200)
def test_a_service_of_ones_own_is_rehearsed_by_its_own_variables(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(OWN_SERVICE + SERVE)
    (tmp_path / "migrate.py").write_text(OWN_SERVICE + MIGRATE)
    lines = commands_of(PAGE, "own-service")
    again = "CHAOSNETRA_TARGET='python other.py' chaosnetra stand up --cloud-run"
    done = run_lines([*lines[:-1], again, lines[-1]], tmp_path, SOONER, 180)
    assert [one.code for one in done] == [0, 0, 0, 0, 0, 0, 0, 1, 0], done
    assert "another address in DB_HOST, DB_PORT, DB_USER, DB_PASS, DB_NAME" in done[5].said
    assert "the stand is up with another job: startups has another command" in done[7].said
    assert "`chaosnetra stand down`" in done[7].said
    journal = judged(tmp_path, "journal", "held")
    assert journal["chaosnetra"]["plan"]["path"]["variables"]["DB_HOST"] == "{host}"
    startups = journal["steady_states"]["after"]["probes"][0]["output"]["startups"]
    assert all(startup["wire"]["serial_round_trips"] > 5 for startup in startups)
