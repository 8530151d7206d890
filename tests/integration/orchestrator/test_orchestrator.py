"""The reference orchestrator against a real database, in this process and under uvicorn."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import asyncpg
import pytest
import requests

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import BudgetExpired, StartupError
from chaosnetra.orchestrator.budget import RunningBudgets
from chaosnetra.orchestrator.database import Database
from chaosnetra.orchestrator.steps import StepLog
from chaosnetra.orchestrator.workload import load_workload, schema_statements
from chaosnetra.ports import free_port
from chaosnetra.profiles import load_profile
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import make_toxic
from chaosnetra.wire.client import ObserverClient
from tests.support.helpers import wait_until

PHASES = ["init", "dependencies", "database", "cache", "services", "websocket", "finalize"]
PROFILE = load_profile("issue-1278")


def execute(address: DatabaseAddress, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(address.url, timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture
def schema(postgres: PostgresServer) -> Iterator[str]:
    name = f"orchestrator_{secrets.token_hex(6)}"
    execute(postgres.database, *schema_statements(name))
    yield name
    execute(postgres.database, f"DROP SCHEMA {name} CASCADE")


class TimedSteps(StepLog):
    """Notes when each step ended, by the monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.ended: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, *arguments: Any, **counts: Any) -> Iterator[Any]:
        with super().step(name, *arguments, **counts) as progress:
            yield progress
        self.ended[name] = time.monotonic()


def unscaled() -> RunningBudgets:
    return RunningBudgets(PROFILE.budgets, 1)


def orchestrator_database(
    address: DatabaseAddress, schema: str, budgets: RunningBudgets
) -> Database:
    return Database(address, schema, PROFILE.pool, budgets, 1, load_workload(), StepLog())


def test_steps_tell_what_was_asked_and_answered(postgres: PostgresServer, schema: str) -> None:
    steps = StepLog()
    database = Database(
        postgres.database, schema, PROFILE.pool, unscaled(), 1, load_workload(), steps
    )
    asyncio.run(started_and_checked(database))
    told = {
        step["step"]: step for phase in ("database", "finalize") for step in told_of(steps, phase)
    }
    assert list(told) == [
        "first_table_check",
        "second_table_check",
        "schema_validation",
        "finalize",
    ]
    assert {name: step["round_trips"] for name, step in told.items()} == {
        name: trips for name, trips in load_workload().round_trips.items() if name != "connection"
    }
    for step in told.values():
        assert step["answered"] == step["statements"] > 0
        assert 0 <= step["connected_seconds"] <= step["seconds"]


def told_of(steps: StepLog, phase: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = steps.details(phase)["steps"]
    return found


async def started_and_checked(database: Database) -> None:
    try:
        await database.start()
        await database.check_health("finalize")
    finally:
        await database.stop()


def test_round_trips_are_as_the_workload_says(postgres: PostgresServer, schema: str) -> None:
    """Each step's count is what is seen on the wire."""
    steps, name = TimedSteps(), "one"
    server = start_observer(postgres.database.network_address)
    try:
        observer = ObserverClient(server.url)
        address = observer.database_for(name, postgres.database)
        database = Database(address, schema, PROFILE.pool, unscaled(), 1, load_workload(), steps)
        asyncio.run(started_and_checked(database))
        seen = [observer.observation(name, steps.began, ended) for ended in steps.ended.values()]
    finally:
        server.stop()
    wanted = dict(load_workload().round_trips)
    assert [one.setup_round_trips for one in seen] == [wanted.pop("connection")] * len(wanted)
    until = list(accumulate(wanted.values()))
    assert list(steps.ended) == list(wanted)
    assert [one.round_trips for one in seen] == until
    assert [one.serial_round_trips for one in seen] == until


def test_a_slow_database_expires_the_budget_that_bounds_it(
    postgres: PostgresServer, toxiproxy: ToxiproxyClient, schema: str
) -> None:
    made = toxiproxy.create_proxy("slow", "127.0.0.1:0", postgres.database.network_address)
    toxiproxy.add_toxic("slow", make_toxic("slow", "latency", "downstream", 1, {"latency_ms": 200}))
    address = postgres.database.at(*parse_network_address("listen", made.listen))
    budgets = RunningBudgets(PROFILE.budgets, 0.02)
    with pytest.raises(BudgetExpired) as caught:
        asyncio.run(started_and_checked(orchestrator_database(address, schema, budgets)))
    assert caught.value.phase == "database"
    # Whichever is shorter: the connection's own, or that of the whole step.
    shortest = min(
        ("table_setup", "connection", "pool"), key=lambda budget: budgets.seconds(budget) or 999
    )
    assert caught.value.budget == shortest
    assert caught.value.budget_seconds == budgets.seconds(shortest)


def test_missing_tables_are_named(postgres: PostgresServer) -> None:
    database = orchestrator_database(postgres.database, "no_such_schema", unscaled())
    with pytest.raises(StartupError, match="tables are missing: users, organizations") as caught:
        asyncio.run(started_and_checked(database))
    assert caught.value.phase == "database"


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ("ALTER TABLE {}.users ADD COLUMN more int", "users: columns"),
        ("DROP INDEX {}.users_created", "users: indexes"),
        (
            "ALTER TABLE {0}.users DROP CONSTRAINT users_pkey; CREATE INDEX i ON {0}.users (id)",
            "users: primary key",
        ),
    ],
)
def test_a_damaged_schema_is_found(
    postgres: PostgresServer, schema: str, damage: str, text: str
) -> None:
    execute(postgres.database, damage.format(schema))
    database = orchestrator_database(postgres.database, schema, unscaled())
    with pytest.raises(StartupError) as caught:
        asyncio.run(started_and_checked(database))
    assert str(caught.value) == f"the schema is not as expected: {text}"


# Under uvicorn


@dataclass
class Service:
    """The orchestrator as a process."""

    process: subprocess.Popen[str]
    url: str
    served: list[str]

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        """Exit code and output, once it has ended; asks for pages in the meantime."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(requests.RequestException):
                self.served.append(str(requests.get(f"{self.url}/health", timeout=1).status_code))
            time.sleep(0.02)
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, output


@contextlib.contextmanager
def service(environment: dict[str, str], port: int | None = None) -> Iterator[Service]:
    port = port or free_port()
    command = [sys.executable, "-m", "uvicorn", "chaosnetra.orchestrator.app:app"]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--lifespan", "on"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Service(process, f"http://127.0.0.1:{port}", [])
        finally:
            process.kill()


def events_in(output: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)["startup_phase"]
        for line in output.splitlines()
        if line.startswith('{"startup_phase"')
    ]


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def environment_for(address: DatabaseAddress, schema: str) -> dict[str, str]:
    return {"DATABASE_URL": address.url, "CHAOSNETRA_SCHEMA": schema}


def test_healthy_start_serves_and_prints_its_phases(postgres: PostgresServer, schema: str) -> None:
    with service(environment_for(postgres.database, schema)) as running:
        wait_until(lambda: answers(running.url), 60, "the service is ready")
        health = requests.get(f"{running.url}/health", timeout=20)
        assert (health.status_code, health.json()) == (200, {"status": "alive"})
        ready = requests.get(f"{running.url}/ready", timeout=20).json()
        assert (ready["ready"], ready["completed_phases"]) == (True, PHASES)
        assert sorted(ready["phase_timings"]) == sorted(PHASES)
        running.process.terminate()
        output, _ = running.process.communicate(timeout=30)
    events = events_in(output)
    assert [event["phase"] for event in events if event["status"] == "started"] == PHASES
    assert [event["phase"] for event in events if event["status"] == "completed"] == PHASES
    assert [event["number"] for event in events] == [n for n in range(1, 8) for _ in range(2)]
    assert postgres.database.password not in output


def failed_event(output: str) -> dict[str, Any]:
    events = events_in(output)
    assert events[-1]["status"] == "failed"
    assert [event["status"] for event in events].count("failed") == 1
    return events[-1]


def test_unreachable_database_ends_with_3_and_serves_nothing(
    postgres: PostgresServer, schema: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = postgres.database.at("127.0.0.1", free.getsockname()[1])
        with service(environment_for(address, schema)) as running:
            code, output = running.ended()
    assert code == 3
    assert running.served == []
    failed = failed_event(output)
    assert (failed["phase"], failed["number"]) == ("database", 3)
    assert failed["error"].startswith("CRITICAL STARTUP FAILURE: phase 3 (database): ")
    assert any(cause.startswith("ConnectionRefusedError") for cause in failed["cause"])
    assert [e["phase"] for e in events_in(output) if e["status"] == "started"] == PHASES[:3]
    assert "DeterministicStartupError" in output
    assert postgres.database.password not in output


def test_wrong_password_ends_with_its_sqlstate(postgres: PostgresServer, schema: str) -> None:
    address = replace(postgres.database, password="certainly-wrong")
    with service(environment_for(address, schema)) as running:
        code, output = running.ended()
    assert (code, running.served) == (3, [])
    failed = failed_event(output)
    assert (failed["sqlstate"], failed["budget"]) == ("28P01", None)
    assert "certainly-wrong" not in output


def test_silent_database_expires_a_named_budget(schema: str, postgres: PostgresServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = postgres.database.at("127.0.0.1", listener.getsockname()[1])
        environment = {**environment_for(address, schema), "CHAOSNETRA_TIME_SCALE": "0.02"}
        with service(environment) as running:
            code, output = running.ended()
    assert (code, running.served) == (3, [])
    failed = failed_event(output)
    assert failed["budget"] in ("connection", "table_setup", "pool")
    expected = PROFILE.budgets.seconds(failed["budget"])
    assert expected is not None
    assert failed["budget_seconds"] == pytest.approx(expected * 0.02)
    assert expected * 0.02 <= failed["seconds"] + 0.001 < expected * 0.02 + 10
    assert failed["error_class"] == "BudgetExpired"


# How it fails is the profile's: with issue-1263, startup is graceful and one message serves all


def refusing(address: DatabaseAddress) -> DatabaseAddress:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return address.at("127.0.0.1", free.getsockname()[1])


@pytest.mark.parametrize(
    ("fault", "cause", "sqlstate"),
    [
        ("refused", "ConnectionRefusedError", None),
        ("wrong password", "InvalidPasswordError", "28P01"),
    ],
)
def test_a_graceful_startup_swallows_what_the_database_answers(
    postgres: PostgresServer, schema: str, fault: str, cause: str, sqlstate: str | None
) -> None:
    address = postgres.database
    address = refusing(address) if fault == "refused" else replace(address, password="wrong-one")
    environment = {**environment_for(address, schema), "CHAOSNETRA_PROFILE": "issue-1263"}
    with service(environment) as running:
        wait_until(lambda: answers(running.url), 60, "the service is ready")
        ready = requests.get(f"{running.url}/ready", timeout=20).json()
        running.process.terminate()
        output, _ = running.process.communicate(timeout=30)
    assert (ready["ready"], ready["degraded_phases"]) == (True, ["database"])
    assert ready["completed_phases"] == [phase for phase in PHASES if phase != "database"]
    events = events_in(output)
    assert [event["phase"] for event in events if event["status"] == "started"] == PHASES
    (degraded,) = [event for event in events if event["status"] == "degraded"]
    assert (degraded["phase"], degraded["sqlstate"]) == ("database", sqlstate)
    assert any(one.startswith(cause) for one in degraded["cause"])
    assert "wrong-one" not in output


def test_a_hang_is_fatal_to_a_graceful_startup_and_its_message_names_another_budget(
    postgres: PostgresServer, schema: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = postgres.database.at("127.0.0.1", listener.getsockname()[1])
        environment = {
            **environment_for(address, schema),
            "CHAOSNETRA_PROFILE": "issue-1263",
            "CHAOSNETRA_TIME_SCALE": "0.02",
        }
        with service(environment) as running:
            code, output = running.ended()
    assert (code, running.served) == (3, [])
    failed = failed_event(output)
    # 25 s of initialization are named; the 10 s of table_setup ran out.
    assert failed["error"].endswith(
        "Database initialization timeout after 0.5s in staging environment"
    )
    assert (failed["budget"], failed["budget_seconds"]) == ("table_setup", pytest.approx(0.2))
    assert failed["cause"][1] == "BudgetExpired: the table_setup budget of 0.2 s ran out"


def test_what_the_orchestrator_itself_finds_wrong_is_fatal_to_a_graceful_startup(
    postgres: PostgresServer,
) -> None:
    environment = {
        **environment_for(postgres.database, "no_such_schema"),
        "CHAOSNETRA_PROFILE": "issue-1263",
    }
    with service(environment) as running:
        code, output = running.ended()
    assert (code, running.served) == (3, [])
    assert "tables are missing" in failed_event(output)["error"]


def test_no_database_url_fails_in_the_first_phase() -> None:
    with service({"DATABASE_URL": ""}) as running:
        code, output = running.ended()
    assert (code, running.served) == (3, [])
    failed = failed_event(output)
    assert (failed["phase"], "DATABASE_URL" in failed["error"]) == ("init", True)


def test_a_port_in_use_ends_the_service(postgres: PostgresServer, schema: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with service(environment_for(postgres.database, schema), port) as running:
            running.process.wait(timeout=30)
            output, _ = running.process.communicate(timeout=20)
    # The startup itself went well: its exit code alone does not tell.
    assert running.process.returncode != 0
    assert "address already in use" in output
    assert [event["status"] for event in events_in(output)] == ["started", "completed"] * 7
