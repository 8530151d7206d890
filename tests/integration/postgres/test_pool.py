"""A real SQLAlchemy pool on a real PostgreSQL: a full pool, a full server and a hang told apart."""

import asyncio
import json
import socket
import time
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import Interrupted
from chaosnetra.postgres.attempts import Attempt, AttemptOutcome
from chaosnetra.postgres.pool import PoolPlan, run_checkouts
from chaosnetra.postgres.probes import pool_checkouts_succeed
from chaosnetra.profiles import PoolSettings, load_profile
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import make_toxic
from tests.support.helpers import ProxiedDatabase, sessions_called, wait_until

NAME = "pool_test"


def plan(
    size: int = 3,
    overflow: int = 4,
    timeout: float = 3.0,
    *,
    extra: int = 5,
    queries: int = 0,
    hold: float = 0.2,
    connect: float = 3.0,
) -> PoolPlan:
    return PoolPlan(
        pool=PoolSettings(size, overflow, timeout, 3600),
        connect_timeout_seconds=connect,
        extra=extra,
        queries=queries,
        hold_seconds=hold,
    )


def run(address: DatabaseAddress, given: PoolPlan) -> list[Attempt]:
    return asyncio.run(run_checkouts(address, given, NAME))


def of(attempts: list[Attempt], outcome: AttemptOutcome) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.outcome is outcome]


def test_the_extra_checkouts_wait_for_others_and_succeed(
    small: DatabaseAddress, small_server: PostgresServer
) -> None:
    attempts = run(small, plan(hold=1.0))
    assert len(attempts) == 3 + 4 + 5
    assert len(of(attempts, AttemptOutcome.OK)) == 12
    waited = [attempt for attempt in attempts if (attempt.connect_seconds or 0) >= 1.0]
    assert len(waited) == 5  # until somebody gave a connection back
    assert all(attempt.work_seconds and attempt.work_seconds >= 1.0 for attempt in attempts)
    wait_until(lambda: sessions_called(small_server.admin, NAME) == 0, 20, "no session is left")


def test_work_on_a_slow_path_keeps_the_connection_from_others(
    proxied_small: ProxiedDatabase,
) -> None:
    """Ten queries of 50 ms: those who wait for a connection wait for them too."""
    toxic = make_toxic("slow", "latency", "downstream", 1, {"latency_ms": 50})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    path = proxied_small.path.proxied
    first, second = sorted(
        run(path, plan(1, 0, 10.0, extra=1, queries=10, hold=0.0, connect=10.0)),
        key=lambda attempt: attempt.seconds,
    )
    assert (first.outcome, second.outcome) == (AttemptOutcome.OK, AttemptOutcome.OK)
    assert second.seconds - first.seconds >= 0.5


def test_never_more_connections_than_the_pool_may_have(
    small: DatabaseAddress, small_server: PostgresServer
) -> None:
    async def watch() -> list[int]:
        running = asyncio.create_task(run_checkouts(small, plan(timeout=30.0, hold=5.0), NAME))
        found = []
        while not running.done():
            found.append(await asyncio.to_thread(sessions_called, small_server.admin, NAME))
            await asyncio.sleep(0.05)
        await running
        return found

    assert max(asyncio.run(watch())) == 7


def test_a_pool_that_is_held_too_long_times_out_in_the_pool(small: DatabaseAddress) -> None:
    attempts = run(small, plan(timeout=2.0, hold=8.0))
    late = of(attempts, AttemptOutcome.POOL_TIMEOUT)
    assert len(late) == 5
    assert len(of(attempts, AttemptOutcome.OK)) == 7
    for attempt in late:
        assert attempt.censored
        assert attempt.sqlstate is None
        assert 2.0 <= attempt.seconds < 7
        assert "QueuePool limit of size 3 overflow 4 reached" in (attempt.error or "")


def test_a_pool_larger_than_the_server_meets_53300(small: DatabaseAddress) -> None:
    attempts = run(small, plan(20, 15, timeout=20.0, hold=6.0, extra=0, connect=20.0))
    full = of(attempts, AttemptOutcome.REFUSED)
    assert len(full) == 8  # 35 connections for 27 slots
    assert {attempt.sqlstate for attempt in full} == {"53300"}
    assert len(of(attempts, AttemptOutcome.OK)) == 27


def test_a_hang_is_neither(proxied_small: ProxiedDatabase) -> None:
    toxic = make_toxic("hole", "timeout", "downstream", 1, {"timeout_ms": 0})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    started = time.monotonic()
    attempts = run(proxied_small.path.proxied, plan(timeout=3.0, connect=0.5, extra=0))
    assert time.monotonic() - started < 30
    assert len(of(attempts, AttemptOutcome.TIMED_OUT)) == 7
    assert all(attempt.censored and attempt.sqlstate is None for attempt in attempts)


def test_a_checkout_whose_connection_hangs_later_is_given_up() -> None:
    """The pool's own check of a connection has no limit; a checkout has."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        address = DatabaseAddress("127.0.0.1", listener.getsockname()[1], "u", "p", "d")
        started = time.monotonic()
        attempts = run(address, plan(timeout=0.3, connect=0.7, extra=3))
    assert time.monotonic() - started < 20
    assert len(of(attempts, AttemptOutcome.TIMED_OUT)) == 7
    assert len(of(attempts, AttemptOutcome.POOL_TIMEOUT)) == 3


def test_an_answer_after_the_pools_time_is_slow(proxied_small: ProxiedDatabase) -> None:
    toxic = make_toxic("slow", "latency", "downstream", 1, {"latency_ms": 100})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    attempts = run(proxied_small.path.proxied, plan(2, 0, timeout=0.4, connect=5.0, extra=0))
    assert len(of(attempts, AttemptOutcome.SLOW)) == 2


def test_an_interrupted_run_ends_at_once(small: DatabaseAddress) -> None:
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        asyncio.run(
            run_checkouts(
                small, plan(hold=60), NAME, interrupted=lambda: time.monotonic() - begun > 1
            )
        )
    assert time.monotonic() - begun < 30
    wait_until(lambda: sessions_called(small, NAME) == 0, 20, "no session is left")


# The probe


@pytest.fixture
def configuration(
    postgres: PostgresServer, toxiproxy: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", postgres.database.url)
    return {"toxiproxy_url": toxiproxy.url}


def test_the_probe_uses_the_profiles_pool(configuration: dict[str, Any]) -> None:
    given = {**configuration, "profile": "issue-1278-first"}
    result = pool_checkouts_succeed(hold_ms=2000, configuration=given)
    assert result["held"] is True, result["observed"]
    pool = load_profile("issue-1278-first").pool
    assert result["attempts"] == pool.size + pool.max_overflow + 5
    assert result["pool"]["timeout_seconds"] == pytest.approx(pool.timeout_seconds / 10)
    assert result["hold_seconds"] == pytest.approx(0.2)
    assert all(one["work_seconds"] >= 0.2 for one in result["checkouts"])
    assert result["min_confidence"] is None
    assert result["slow_after_seconds"] == pytest.approx(pool.timeout_seconds / 10)
    assert len(result["checkouts"]) == result["attempts"]
    json.dumps(result, allow_nan=False)


def test_checkouts_held_longer_than_the_pools_timeout_are_a_violation(
    configuration: dict[str, Any], tmp_path: Any
) -> None:
    profile = tmp_path / "small.json"
    made = json.loads(_profile_text())
    made |= {"pool": {"size": 2, "max_overflow": 1, "timeout_seconds": 20, "recycle_seconds": 60}}
    profile.write_text(json.dumps(made))
    given = {**configuration, "profile": str(profile)}
    result = pool_checkouts_succeed(extra=2, hold_ms=50_000, configuration=given)
    assert (result["held"], result["pool_timeout"], result["ok"]) == (False, 2, 3)
    assert result["observed"].startswith(
        "3 of 5 ok, 2 timed out in the pool: 40% not ok, p95 at least "
    )
    assert result["sqlstate"] is None
    assert "QueuePool" in result["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"extra": -1}, "extra must be at least 0"),
        ({"extra": "many"}, "extra must be a number"),
        ({"hold_ms": -5}, "hold_ms must be at least 0"),
        ({"max_failure_rate": 2}, "max_failure_rate must be at most 1"),
        ({"path": "somewhere"}, "must be path or direct"),
        ({"min_confidence": "high"}, "min_confidence must be a number"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused(
    configuration: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words):
        pool_checkouts_succeed(**arguments, configuration=configuration)


def _profile_text() -> str:
    from importlib import resources

    folder = resources.files("chaosnetra.profiles") / "data"
    return (folder / "issue-1263.json").read_text(encoding="utf-8")
