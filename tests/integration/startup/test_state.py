"""What startups use of their database, and the state that they meet: real services and parts."""

import json
import secrets
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import PartUnavailable
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.exposure import not_exposed
from chaosnetra.evidence.verdict.start_state import baseline_advice, differing_states, state_tested
from chaosnetra.postgres.actions import hold_connections
from chaosnetra.running.session import current_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.probes import startups_succeed
from chaosnetra.toxiproxy.actions import add_latency
from tests.conftest import RunChaos
from tests.support.helpers import query
from tests.support.journals import judged
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
# A service as many are: it makes its tables where there are none.
MIGRATES = """
import asyncio, asyncpg, os, sys

async def main():
    opened = await asyncpg.connect(os.environ[sys.argv[1]], timeout=20)
    if await opened.fetchval("SELECT to_regclass('users')") is None:
        await asyncio.sleep(float(sys.argv[2]))
        async with opened.transaction():
            for table in ("users", "feeds", "entries"):
                await opened.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    await opened.close()

asyncio.run(main())
"""
CACHES = """
import os, sys, time
cache = os.path.join(sys.argv[1], "cache")
print(sorted(os.listdir(sys.argv[1])), flush=True)
if os.path.exists(cache):
    sys.exit("somebody was here before")
open(cache, "w").close()
"""

Configuration = dict[str, Any]

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def empty(postgres: PostgresServer, nothing_left: None) -> Iterator[DatabaseAddress]:
    """An empty database on a server that other tests use at the same time."""
    name = f"test_state_{secrets.token_hex(4)}"
    query(postgres.database, f"CREATE DATABASE {name}")
    yield postgres.database.named(name)
    query(postgres.database, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def migrating(tmp_path: Path) -> str:
    return script(tmp_path, MIGRATES, "DATABASE_URL", "0")


def script(folder: Path, text: str, *arguments: str) -> str:
    (folder / "service.py").write_text(text)
    return shlex.join([sys.executable, str(folder / "service.py"), *arguments])


def launched(configuration: Configuration, count: int = 2) -> dict[str, Any]:
    """One launch before a latency and one under it; what the journal would hold of them."""
    startups_succeed(count=count, max_failure_rate=1, configuration=configuration)
    add_latency(latency_ms=20, configuration=configuration)
    startups_succeed(count=count, max_failure_rate=1, configuration=configuration)
    session = current_session(configuration)
    faults = [
        {
            "name": fault.name,
            "parameters": dict(fault.parameters),
            "effect": fault.effect.to_json() if fault.effect else None,
        }
        for fault in session.injector.faults
    ]
    section = {
        "faults": faults,
        "exposure": session.exposure.facts(),
        "database_state": session.state.facts(session.exposure.launches),
    }
    known: dict[str, Any] = normalized({"chaosnetra": section})["chaosnetra"]
    return known


def test_a_service_that_never_opens_the_database_proves_nothing(run_chaos: RunChaos) -> None:
    run = run_chaos(
        EXPERIMENT, CHAOSNETRA_TARGET="true", CHAOSNETRA_COUNT="2", CHAOSNETRA_LATENCY_MS="50"
    )
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive"), run.output
    assert run.section["cause"] == "no startup used the path that the fault is on"
    assert "was given the address in DATABASE_URL: name the variables" in run.section["reason"]
    launches = run.section["exposure"]["launches"]
    assert [one["connected"] for one in launches] == [0, 0, 0]
    assert launches[1]["faults"] == ["toxic vpc-latency"]
    observed = [event for event in run.events if event["event"] == "startup.observed"]
    assert [one["wire"]["standing"]["doing"] for one in observed] == ["nothing_opened"] * 6
    verdict, _ = judged(run.journal)
    assert (verdict.outcome, verdict.reason) == ("inconclusive", run.section["reason"])


def test_a_later_deployment_is_tested_by_default(run_chaos: RunChaos, migrating: str) -> None:
    run = run_chaos(
        EXPERIMENT, CHAOSNETRA_TARGET=migrating, CHAOSNETRA_COUNT="3", CHAOSNETRA_LATENCY_MS="50"
    )
    assert (run.returncode, run.section["verdict"]) == (0, "held"), run.output
    assert "one that finds its tables: one start before the baseline" in run.section["reason"]
    assert "one start prepares it before the others" in run.output
    state = run.section["database_state"]
    assert (state["prepared"]["tables_before"], state["prepared"]["tables_after"]) == (0, 3)
    assert {one["tables_before"] for one in state["launches"]} == {3}
    assert run.section["exposure"]["launches"][0]["sessions"] == 3
    assert run.section["measurements"][0]["database_state"]["prepared"] is True


@pytest.mark.parametrize(
    ("state", "tested", "differs"),
    [
        ("shared", "the first startups met an empty database", True),
        ("fresh", "a first deployment was tested", False),
    ],
)
def test_what_the_first_startup_makes_is_not_taken_for_the_service(
    empty: DatabaseAddress, migrating: str, state: str, tested: str, differs: bool
) -> None:
    found = launched(
        {"database_url": empty.url, "target": migrating, "database_state": state}, count=1
    )
    assert (state_tested(found) or "").startswith(tested)
    assert (differing_states(found) is not None) == differs
    assert not_exposed(found) is None
    assert found["exposure"]["launches"][0]["sessions"] == 1


def test_a_service_with_an_address_of_its_own_is_not_on_the_path(
    empty: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECT_URL", empty.url)
    found = launched(
        {"database_url": empty.url, "target": script(tmp_path, MIGRATES, "DIRECT_URL", "0")}
    )
    told = not_exposed(found)
    assert told
    assert told.startswith("not one of 2 startups before the fault opened a connection at the")


def test_a_service_that_only_its_first_start_connects_is_not_on_the_path_of_a_later_fault(
    empty: DatabaseAddress, tmp_path: Path
) -> None:
    text = (
        "import pathlib, sys\n"
        "seeded = pathlib.Path(sys.argv.pop())\n"
        "if seeded.exists(): sys.exit(0)\n" + MIGRATES + "seeded.touch()\n"
    )
    found = launched(
        {
            "database_url": empty.url,
            "database_state": "shared",
            "target": script(tmp_path, text, "DATABASE_URL", "0", str(tmp_path / "seeded")),
            "target_environment": {"DATABASE_URL": "{url}", "NAME": "of-no-address"},
        },
        count=1,
    )
    before, under = found["exposure"]["launches"]
    assert (before["sessions"], under["connected"]) == (1, 0)
    assert found["exposure"]["variables"] == ["DATABASE_URL"]
    told = not_exposed(found)
    assert told
    assert "not even the one startup under toxic" in told


def test_first_starts_that_race_are_told_with_the_cure(
    empty: DatabaseAddress, tmp_path: Path
) -> None:
    configuration = {
        "database_url": empty.url,
        "target": script(tmp_path, MIGRATES, "DATABASE_URL", "0.5"),
        "database_state": "shared",
    }
    result = startups_succeed(count=4, configuration=configuration)
    assert result["held"] is False
    session = current_session(configuration)
    section = {"database_state": session.state.facts(session.exposure.launches)}
    states = {"before": {"probes": [{"output": result}]}}
    journal = normalized({"steady_states": states, "chaosnetra": section})
    assert "raced each other" in (baseline_advice(journal) or "")


def test_a_first_start_that_fails_ends_nothing(empty: DatabaseAddress) -> None:
    configuration = {"database_url": empty.url, "target": "sh -c 'echo ERROR: no; exit 1'"}
    result = startups_succeed(count=1, configuration=configuration)
    assert result["held"] is False
    session = current_session(configuration)
    prepared = session.state.facts(session.exposure.launches)["prepared"]
    assert (prepared["status"], prepared["tables_after"]) == ("failed", 0)


def fresh(small: DatabaseAddress, target: str) -> Configuration:
    return {
        "database_url": small.url,
        "target": target,
        "database_state": "fresh",
        "startup_timeout_seconds": 20,
    }


def test_copies_are_made_while_the_server_is_full(small: DatabaseAddress, migrating: str) -> None:
    configuration = fresh(small, migrating)
    assert startups_succeed(count=1, configuration=configuration)["held"]
    hold_connections(amount=0, configuration=configuration)
    under = startups_succeed(count=2, configuration=configuration)
    # Each was started, and met the full server.
    assert (under["failed"], under["sqlstates"]) == (2, {"53300": 2})
    session = current_session(configuration)
    assert session.close() == []


def test_where_no_copy_can_be_made_nothing_was_started(
    small: DatabaseAddress, migrating: str
) -> None:
    configuration = fresh(small, migrating)
    hold_connections(amount=0, configuration=configuration)
    with pytest.raises(ActivityFailed, match="nothing was started: no copy") as caught:
        startups_succeed(count=2, configuration=configuration)
    assert isinstance(caught.value.__cause__, PartUnavailable)
    session = current_session(configuration)
    assert session.exposure.launches == []
    assert session.close() == []
    named = "SELECT count(*) FROM pg_database WHERE datname LIKE 'chaosnetra%'"
    assert query(small, named) == 0


def test_each_start_gets_a_folder_of_its_own(
    empty: DatabaseAddress, tmp_path: Path, toxiproxy_server: ToxiproxyServer
) -> None:
    given = tmp_path / "given"
    (given / "inner").mkdir(parents=True)
    (given / "inner" / "seed").write_text("as it was")
    configuration = {
        "database_url": empty.url,
        "toxiproxy_url": toxiproxy_server.url,
        "target": script(tmp_path, CACHES, "{state_folder}"),
        "state_folder": str(given),
        "database_state": "shared",
    }
    for _launch in range(2):
        result = startups_succeed(count=3, configuration=configuration)
        assert result["ready"] == 3, result["error"]
    session = current_session(configuration)
    assert list(Path(given).rglob("*")) == [given / "inner", given / "inner" / "seed"]
    with session.state.folders(1, wanted=True) as (folder,):
        assert folder is not None
        assert (folder / "inner" / "seed").read_text() == "as it was"
    assert not folder.exists()
    assert json.dumps(session.exposure.facts())
