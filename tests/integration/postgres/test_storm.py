"""Connection storms on a real PostgreSQL: what is told apart, and from when time counts."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import Interrupted, InvalidInput
from chaosnetra.postgres import storm
from chaosnetra.postgres.attempts import Attempt, AttemptOutcome, summarize
from chaosnetra.postgres.probes import connections_succeed
from chaosnetra.postgres.storm import StormPlan, run_storm
from chaosnetra.running.session import current_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import make_toxic
from tests.support.helpers import ProxiedDatabase, query, sessions_called, wait_until

NAME = "storm_test"
PLAN = StormPlan(
    count=20, interval_seconds=0.0, hold_seconds=0.0, slow_after_seconds=5.0, timeout_seconds=10.0
)


def run(address: DatabaseAddress, plan: StormPlan = PLAN) -> list[Attempt]:
    return asyncio.run(run_storm(address, plan, NAME))


def outcomes(attempts: list[Attempt]) -> set[AttemptOutcome]:
    return {attempt.outcome for attempt in attempts}


@pytest.fixture
def black_hole() -> Iterator[DatabaseAddress]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield DatabaseAddress("127.0.0.1", listener.getsockname()[1], "u", "p", "d")


# Each attempt is real


def test_each_attempt_is_a_session_of_the_server(
    small: DatabaseAddress, small_server: PostgresServer
) -> None:
    """The server counts them itself, and none is left."""

    def counted() -> int:
        found: int = query(  # from another database, so that asking does not count
            small_server.admin,
            "SELECT sessions FROM pg_stat_database WHERE datname = $1",
            small.database,
        )
        return found

    before = counted()
    attempts = run(small)
    assert outcomes(attempts) == {AttemptOutcome.OK}
    assert [attempt.number for attempt in attempts] == list(range(1, 21))
    for attempt in attempts:
        assert attempt.connect_seconds is not None
        assert attempt.query_seconds is not None
        assert 0 < attempt.connect_seconds < attempt.seconds < 10
        assert attempt.seconds == pytest.approx(attempt.connect_seconds + attempt.query_seconds)
        assert not attempt.censored
    wait_until(lambda: sessions_called(small_server.admin, NAME) == 0, 20, "no session is left")
    wait_until(lambda: counted() >= before + 20, 20, "the server counted them")
    assert counted() == before + 20


def test_connections_are_held_at_the_same_time(
    small: DatabaseAddress, small_server: PostgresServer
) -> None:
    async def watch() -> int:
        running = asyncio.create_task(run_storm(small, replace(PLAN, hold_seconds=6.0), NAME))
        most = 0
        while not running.done():
            found = await asyncio.to_thread(sessions_called, small_server.admin, NAME)
            most = max(most, found)
            await asyncio.sleep(0.05)
        assert outcomes(await running) == {AttemptOutcome.OK}
        return most

    assert asyncio.run(watch()) == 20


# What is told apart


def test_no_slots_left_is_refused_with_53300(small: DatabaseAddress) -> None:
    attempts = run(small, replace(PLAN, count=40, hold_seconds=6.0))
    full = [attempt for attempt in attempts if attempt.outcome is AttemptOutcome.REFUSED]
    assert len(full) == 13  # 27 slots for 40 that hold theirs
    assert {attempt.sqlstate for attempt in full} == {"53300"}
    assert {attempt.error_class for attempt in full} == {"TooManyConnectionsError"}
    assert not any(attempt.censored for attempt in attempts)
    assert max(attempt.seconds for attempt in full) < 6


def test_a_black_hole_is_a_timeout_without_sqlstate_and_censored(
    black_hole: DatabaseAddress,
) -> None:
    started = time.monotonic()
    attempts = run(black_hole, replace(PLAN, slow_after_seconds=0.2, timeout_seconds=0.5))
    assert time.monotonic() - started < 20
    assert outcomes(attempts) == {AttemptOutcome.TIMED_OUT}
    assert {attempt.sqlstate for attempt in attempts} == {None}
    assert all(attempt.censored for attempt in attempts)
    assert {attempt.seconds for attempt in attempts} == {0.5}
    assert {attempt.error for attempt in attempts} == {"no answer within 0.5 s"}
    assert {attempt.connect_seconds for attempt in attempts} == {None}


def test_a_server_that_stalls_after_the_connection_is_a_timeout_of_the_query(
    proxied_small: ProxiedDatabase,
) -> None:
    """Enough data passes to authenticate, then none: the connection was there, the answer not."""
    toxic = make_toxic("stall", "latency", "downstream", 1, {"latency_ms": 600})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    plan = replace(PLAN, count=1, slow_after_seconds=0.5)
    (slow,) = run(proxied_small.path.proxied, plan)
    assert slow.outcome is AttemptOutcome.SLOW
    assert slow.connect_seconds is not None
    (cut,) = run(
        proxied_small.path.proxied, replace(plan, timeout_seconds=slow.connect_seconds + 0.3)
    )
    assert (cut.outcome, cut.censored) == (AttemptOutcome.TIMED_OUT, True)
    assert cut.connect_seconds is not None
    assert cut.query_seconds is None


def test_a_reset_connection(proxied_small: ProxiedDatabase) -> None:
    toxic = make_toxic("reset", "reset_peer", "downstream", 1, {"timeout_ms": 0})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    attempts = run(proxied_small.path.proxied, replace(PLAN, count=5))
    assert outcomes(attempts) == {AttemptOutcome.RESET}


def test_a_port_that_nobody_listens_on_is_refused_without_sqlstate(small: DatabaseAddress) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        attempts = run(small.at("127.0.0.1", free.getsockname()[1]), replace(PLAN, count=5))
    assert outcomes(attempts) == {AttemptOutcome.REFUSED}
    assert {attempt.sqlstate for attempt in attempts} == {None}


def test_a_wrong_password_failed_and_says_so(small: DatabaseAddress) -> None:
    attempts = run(replace(small, password="certainly-wrong"), replace(PLAN, count=3))
    assert outcomes(attempts) == {AttemptOutcome.FAILED}
    assert {attempt.sqlstate for attempt in attempts} == {"28P01"}
    assert "certainly-wrong" not in str(attempts)


# From when time counts


def test_attempts_begin_when_they_are_to_whatever_became_of_the_others(
    black_hole: DatabaseAddress,
) -> None:
    plan = replace(
        PLAN, count=10, interval_seconds=0.1, slow_after_seconds=2.0, timeout_seconds=2.0
    )

    async def beside_a_heartbeat() -> tuple[list[Attempt], float]:
        """The attempts, and by how much their loop itself came late at most."""
        running = asyncio.create_task(run_storm(black_hole, plan, NAME))
        late = 0.0
        while not running.done():
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - due)
        return await running, late

    started = time.monotonic()
    attempts, late = asyncio.run(beside_a_heartbeat())
    took = time.monotonic() - started
    # The last begins after 0.9 s and waits 2 s; one after the other it would be 20 s.
    assert 2.9 <= took < 15
    assert [attempt.intended_seconds for attempt in attempts] == pytest.approx(
        [number / 10 for number in range(10)]
    )
    assert max(attempt.lag_seconds for attempt in attempts) < late + 0.3


def test_a_client_that_is_held_up_does_not_hide_it(small: DatabaseAddress) -> None:
    """Coordinated omission: the second attempt is to begin while this process is stuck."""

    async def stuck() -> list[Attempt]:
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.6)
        return await run_storm(small, replace(PLAN, count=2, interval_seconds=0.3), NAME)

    _, late = asyncio.run(stuck())
    assert late.lag_seconds >= 0.4
    assert late.connect_seconds is not None
    assert late.connect_seconds >= late.lag_seconds
    assert late.seconds >= 0.4
    assert late.intended_seconds == pytest.approx(0.3)


def test_slow_counts_from_the_intended_start(small: DatabaseAddress) -> None:
    async def stuck() -> list[Attempt]:
        asyncio.get_running_loop().call_later(0.05, time.sleep, 0.6)
        plan = replace(PLAN, count=2, interval_seconds=0.1, slow_after_seconds=0.45)
        return await run_storm(small, plan, NAME)

    attempts = asyncio.run(stuck())
    assert attempts[1].outcome is AttemptOutcome.SLOW


# Ends


def test_an_interrupted_storm_ends_at_once_and_leaves_no_session(small: DatabaseAddress) -> None:
    begun = time.monotonic()

    with pytest.raises(Interrupted, match="interrupted"):
        asyncio.run(
            run_storm(
                small,
                replace(PLAN, hold_seconds=60),
                NAME,
                interrupted=lambda: time.monotonic() - begun > 1,
            )
        )
    assert time.monotonic() - begun < 30
    wait_until(lambda: sessions_called(small, NAME) == 0, 20, "no session is left")


def test_too_few_files_are_no_fault_of_the_database(small: DatabaseAddress) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = psutil.Process().num_fds() + storm.SPARE_FILES + 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with pytest.raises(InvalidInput, match="20 connections at once need as many open files"):
            run(small)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The probe


@pytest.fixture
def configuration(
    small: DatabaseAddress, toxiproxy: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", small.url)
    return {"toxiproxy_url": toxiproxy.url}


def test_the_probe_goes_through_the_proxy(
    configuration: dict[str, Any], toxiproxy: ToxiproxyClient
) -> None:
    result = connections_succeed(count=5, configuration=configuration)
    assert (result["held"], result["attempts"], result["failures"]) == (True, 5, 0)
    assert (result["path"], result["time_scale"]) == ("path", 0.1)
    assert (result["slow_after_seconds"], result["timeout_seconds"]) == (1.0, 3.0)
    session = current_session()
    toxiproxy.update_proxy(session.identifier, enabled=False)
    down = connections_succeed(count=5, configuration=configuration)
    assert (down["held"], down["refused"], down["sqlstate"]) == (False, 5, None)
    direct = connections_succeed(count=5, path="direct", configuration=configuration)
    assert (direct["held"], direct["path"]) == (True, "direct")


def test_times_of_the_probe_are_scaled(configuration: dict[str, Any]) -> None:
    result = connections_succeed(
        count="4",  # type: ignore[arg-type]  # as an environment variable has it
        rate_per_second=2,
        hold_ms=100,
        slow_after_ms=20_000,
        timeout_ms=20_000,
        min_confidence="0.95",  # type: ignore[arg-type]
        configuration=configuration,
    )
    assert (result["min_confidence"], result["interval_seconds"]) == (0.95, pytest.approx(0.05))
    assert result["hold_seconds"] == pytest.approx(0.01)
    assert [one["intended_seconds"] for one in result["connections"]] == pytest.approx(
        [0.0, 0.05, 0.1, 0.15]
    )


@pytest.mark.parametrize(("profile", "seconds"), [("issue-1263", 1.5), ("issue-1278", 4.5)])
def test_slow_is_what_exceeds_the_profiles_connection_budget_if_nothing_else(
    configuration: dict[str, Any], profile: str, seconds: float
) -> None:
    result = connections_succeed(
        count=1,
        slow_after_ms="",  # type: ignore[arg-type]  # as an environment variable has it
        timeout_ms=45_000,
        configuration={**configuration, "profile": profile},
    )
    assert result["slow_after_seconds"] == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"count": 0}, "count must be at least 1"),
        ({"count": 1001}, "count must be at most 1000"),
        ({"count": 2.5}, "count must be a whole number"),
        ({"max_failure_rate": 1.5}, "max_failure_rate must be at most 1"),
        ({"max_failure_rate": -0.1}, "max_failure_rate must be at least 0"),
        ({"max_failure_rate": "nan"}, "max_failure_rate must be a finite number"),
        ({"min_confidence": 1}, "min_confidence must be at most 0.999999"),
        ({"min_confidence": 0.95, "max_failure_rate": 0}, "needs a max_failure_rate above 0"),
        ({"timeout_ms": 0, "slow_after_ms": 0}, "timeout_ms must be more than 0"),
        ({"timeout_ms": 10, "slow_after_ms": 20}, "must not be more than timeout_ms"),
        ({"timeout_ms": 1e12}, "timeout_ms must be at most 3600000, got 1000000000000.0"),
        ({"rate_per_second": -1}, "rate_per_second must be at least 0"),
        ({"rate_per_second": 0.0001}, "take over 3600 s"),
        ({"hold_ms": "soon"}, "hold_ms must be a number"),
        ({"path": "sideways"}, "must be path or direct"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values_of_the_probe_are_refused_in_one_line(
    configuration: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words) as caught:
        connections_succeed(**arguments, configuration=configuration)
    assert "\n" not in str(caught.value)


def test_a_storm_is_not_slower_than_it_says(postgres: PostgresServer) -> None:
    """What is summed up is what took place: no attempt takes longer than the storm did."""
    started = time.monotonic()
    attempts = run(postgres.database, replace(PLAN, count=50))
    took = time.monotonic() - started
    result = summarize(attempts, "connection", 0.0, PLAN.slow_after_seconds)
    assert result["held"] is True
    assert 0 < result["answer_seconds_p50"] <= result["answer_seconds_max"] <= took
