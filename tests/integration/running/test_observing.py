"""Startups on their way to the database: each is observed at an address of its own."""

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.exposure import not_exposed, partly_exposed
from chaosnetra.orchestrator.workload import load_workload
from chaosnetra.postgres.actions import hold_connections
from chaosnetra.running.session import current_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.probes import failures_are_explained, startups_succeed
from chaosnetra.toxiproxy.actions import add_data_limit, add_latency, disable_proxy, enable_proxy
from tests.support.helpers import wait_until

Configuration = dict[str, Any]

# Ready whether or not it has a session, as a service that swallows a refused database.
SWALLOWS = """
import asyncio, asyncpg, os, sys

async def main():
    for _ in range(2):
        try:
            opened = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=20)
            await opened.fetchval("SELECT 1")
            break
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            pass

asyncio.run(main())
"""
# Ready with a session, and also where that was lost meanwhile.
LOSES = """
import asyncio, asyncpg, os, sys

async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=20)
    try:
        for number in range(100):
            await opened.fetchval(f"SELECT {number}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pass
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
# The same, but lost only once it was ready.
LOSES_LATER = LOSES.replace('    print("ready", flush=True)\n', "").replace(
    "    try:\n", '    print("ready", flush=True)\n    await asyncio.sleep(0.5)\n    try:\n'
)
# Closes it when it has asked all: a migration, as it were.
CLOSES = LOSES.replace("    except", "        await opened.close()\n    except")
# Ready at once: its session comes beside that.
CONNECTS_LATER = """
import asyncio, asyncpg, os

async def main():
    print("ready", flush=True)
    await asyncio.sleep(1)
    opened = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=20)
    await asyncio.sleep(600)

asyncio.run(main())
"""
# Whoever comes second uses the address that the first one was given.
SHARES = """
import os, pathlib, time
shared = pathlib.Path({shared!r})
try:
    with open(shared, "x") as file: file.write(os.environ["DATABASE_URL"])
except FileExistsError:
    while not shared.read_text(): time.sleep(0.01)
os.environ["DATABASE_URL"] = shared.read_text()
"""
# Tells of its phases in words of its own, and names a limit that cannot have ended it.
IN_PHASES = """
import asyncio, asyncpg, os, sys

async def main():
    print("PHASE init STARTING", flush=True)
    opened = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=30)
    print("PHASE init DONE", flush=True)
    print("PHASE database STARTING", flush=True)
    for number in range(7):
        await opened.execute("SELECT 1")
    print("Database initialization timeout after 25.0s", flush=True)
    print("PHASE FAILED: database", flush=True)
    os._exit(1)

asyncio.run(main())
"""
# Opens its database only once somebody asks it something.
LAZY = "import os; assert os.environ['DATABASE_URL']"

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def configuration(postgres: PostgresServer, toxiproxy_server: ToxiproxyServer) -> Configuration:
    return {
        "database_url": postgres.database.url,
        "toxiproxy_url": toxiproxy_server.url,
        "database_state": "shared",
        "time_scale": "0.05",
    }


def script(folder: Path, text: str) -> str:
    (folder / "service.py").write_text(text)
    return shlex.join([sys.executable, str(folder / "service.py")])


def section(configuration: Configuration) -> dict[str, Any]:
    """What the verdict has of the run, as far as the exposure goes."""
    session = current_session(configuration)
    faults = [
        {
            "name": fault.name,
            "parameters": dict(fault.parameters),
            "effect": fault.effect.to_json() if fault.effect else None,
        }
        for fault in session.injector.faults
    ]
    told = {"faults": faults, "exposure": session.exposure.facts()}
    known: dict[str, Any] = normalized({"chaosnetra": told})["chaosnetra"]
    return known


def test_each_startup_is_seen_at_an_address_of_its_own(configuration: Configuration) -> None:
    """And what the reference orchestrator tells of its steps agrees with what is seen."""
    result = startups_succeed(count=3, configuration=configuration)
    assert result["held"], result["error"]
    for startup in result["startups"]:
        wire = startup["wire"]
        told = sum(step["round_trips"] for step in startup["steps"])
        assert (wire["round_trips"], wire["serial_round_trips"]) == (told, told)
        assert wire["setup_round_trips"] == load_workload().round_trips["connection"]
        assert (wire["connection_count"], wire["sessions"], wire["unread"]) == (1, 1, 0)
        assert wire["seconds"] == pytest.approx(startup["seconds"], abs=0.01)
    session = current_session(configuration)
    (part,) = [part for part in session.resources.parts if part.kind == "observer"]
    assert "reset" in part.note
    (launch,) = session.exposure.facts()["launches"]
    assert (launch["connected"], launch["answered"], launch["ready_without"]) == (3, 3, 0)
    assert (launch["connections"], launch["sessions"]) == (3, 3)


def test_the_round_trips_of_the_phase_that_failed_are_told(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, IN_PHASES)
    configuration["phase_patterns"] = {
        "start": r"PHASE (?P<phase>\w+) STARTING",
        "end": r"PHASE (?P<phase>\w+) DONE",
        "failure": r"PHASE FAILED: (?P<phase>\w+)",
        "detail": r"timeout after (?P<budget_seconds>[\d.]+)s",
    }
    configuration["time_scale"] = "1"
    add_latency(latency_ms=60, configuration=configuration)
    result = startups_succeed(count=1, configuration=configuration)
    [startup] = result["startups"]
    wire = startup["wire"]
    init = wire["serial_round_trips"] - 7
    assert wire["phase_round_trips"] == {"init": init, "database": 7}, result["error"]
    made = "in phase database it made 7 round trips one after the other, in "
    assert result["phase_on_the_wire"].startswith(made)
    refuted = "25 s, which its output names, cannot be the limit that ended it: phase database had"
    assert result["named_limit_refuted"].startswith(refuted)
    assert "with 7 round trips" in result["named_limit_refuted"]
    assert result["error"] == "Database initialization timeout after 25.0s"


def test_a_service_that_swallows_a_refused_database_is_degraded(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, SWALLOWS)
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    disable_proxy(configuration=configuration)
    result = startups_succeed(count=2, configuration=configuration)
    assert (result["held"], result["ready"], result["degraded"]) == (False, 0, 2), result
    assert result["observed"] == "0 of 2 ready, 2 ready without a database session"
    assert result["error"].startswith(
        "ready, but without the database session that startups had before the fault: "
    )
    assert "refused" in result["error"]
    assert result["startups"][0]["wire"]["refused"] == 2
    explained = failures_are_explained(count=1, configuration=configuration)
    assert explained["startups"][0]["unsaid"] == [
        "it serves although it has no session of the database"
    ]
    enable_proxy(configuration=configuration)
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    assert not_exposed(section(configuration)) is None
    assert partly_exposed(section(configuration)) is None


@pytest.mark.parametrize("service", [LOSES, LOSES_LATER, CLOSES])
def test_a_service_that_swallows_the_loss_of_its_session_is_degraded(
    service: str, configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, service)
    configuration["readiness"] = "log:^ready"
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    add_data_limit(limit_bytes=3_000, name="little", configuration=configuration)
    result = startups_succeed(count=2, configuration=configuration)
    assert (result["held"], result["ready"], result["degraded"]) == (False, 0, 2), result
    assert "its 1st connection was closed by the server" in result["error"]
    assert [startup["wire"]["sessions"] for startup in result["startups"]] == [1, 1]


def test_a_service_that_connects_beside_its_readiness_has_its_session_by_the_end_of_its_dwell(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, CONNECTS_LATER)
    configuration["readiness"] = "log:^ready"
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    add_latency(latency_ms=50, configuration=configuration)
    result = startups_succeed(count=2, configuration=configuration)
    assert (result["held"], result["ready"]) == (True, 2), result
    assert [startup["wire"]["sessions"] for startup in result["startups"]] == [0, 0]
    disable_proxy(configuration=configuration)
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 0


def test_a_service_whose_logins_are_refused_is_not_exposed(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, SWALLOWS)
    configuration["target_environment"] = '{"DATABASE_URL": "{url}_not_here"}'
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    disable_proxy(configuration=configuration)
    assert startups_succeed(count=2, configuration=configuration)["ready"] == 2
    found = not_exposed(section(configuration))
    assert found
    assert "the server refused their logins with SQLSTATE 3D000" in found


def test_a_session_that_the_server_refuses_is_told_with_its_sqlstate(
    small: Any, tmp_path: Path, toxiproxy_server: ToxiproxyServer
) -> None:
    configuration = {
        "database_url": small.url,
        "toxiproxy_url": toxiproxy_server.url,
        "database_state": "shared",
        "target": script(tmp_path, SWALLOWS),
    }
    assert startups_succeed(count=1, configuration=configuration)["ready"] == 1
    hold_connections(amount=0, configuration=configuration)
    result = startups_succeed(count=1, configuration=configuration)
    assert (result["degraded"], result["sqlstates"]) == (1, {"53300": 1}), result


def test_who_had_no_session_before_the_fault_is_not_exposed_and_not_degraded(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, LAZY)
    startups_succeed(count=2, configuration=configuration)
    disable_proxy(configuration=configuration)
    result = startups_succeed(count=2, configuration=configuration)
    assert (result["held"], result["ready"]) == (True, 2)
    told = not_exposed(section(configuration))
    assert told
    assert told.startswith("not one of 2 startups before the fault opened a connection at the")
    assert "where it connects only once it is used" in told


def test_who_uses_the_address_of_another_startup_is_told(
    configuration: Configuration, tmp_path: Path
) -> None:
    shares = SHARES.format(shared=str(tmp_path / "shared"))
    configuration["target"] = script(tmp_path, SWALLOWS)
    startups_succeed(count=2, configuration=configuration)
    add_latency(latency_ms=1, configuration=configuration)
    script(tmp_path, shares + SWALLOWS)
    result = startups_succeed(count=3, configuration=configuration)
    assert result["ready"] == 3
    assert sorted(one["wire"]["connection_count"] > 0 for one in result["startups"]) == [0, 0, 1]
    assert not_exposed(section(configuration)) is None
    told = partly_exposed(section(configuration))
    assert told
    assert told.startswith("2 of 3 startups under toxic")


@pytest.mark.skipif(sys.platform != "linux", reason="loopback has one address elsewhere")
@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.2", "127.0.0.2"), ("192.0.2.1", "127.0.0.1")]
)
def test_startups_are_listened_for_where_proxies_are_if_that_is_this_machine(
    host: str, expected: str, configuration: Configuration, tmp_path: Path
) -> None:
    """A target in a container reaches the proxy by another address than that of loopback."""
    configuration["target"] = script(tmp_path, SWALLOWS)
    local = current_session(configuration).local
    assert local.proxied_database.port  # a proxy cannot listen where this machine is not
    session = current_session(configuration)
    object.__setattr__(session.settings, "toxiproxy_listen_host", host)
    with session.observing.observed([session.proxied_database]) as startups:
        assert startups.addresses[0].host == expected


def test_an_observer_that_is_lost_is_a_lost_part(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration["target"] = script(tmp_path, LAZY)
    startups_succeed(count=1, configuration=configuration)
    session = current_session(configuration)
    (part,) = [part for part in session.resources.parts if part.kind == "observer"]
    pid = session.resources.process_at(part.address)
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: session.resources.losses, 20, "the loss is seen")
    assert session.resources.losses[0]["kind"] == "observer"
    with pytest.raises(ActivityFailed, match="no observer answers at"):
        startups_succeed(count=1, configuration=configuration)
    assert session.close() == []
