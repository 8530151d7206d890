"""Connections that are held on a real PostgreSQL: exactly so many, and never left behind."""

import asyncio
import json
import os
import signal
import time
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable, FaultError, InjectionFailed, InvalidInput
from chaosnetra.faults import UndoResult, play
from chaosnetra.postgres import sessions
from chaosnetra.postgres.connect import connection, slots
from chaosnetra.postgres.holders import Amount, By
from chaosnetra.safety.injector import Injector
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.toxics import make_toxic
from tests.support.held_connections import NAME, held, processes
from tests.support.helpers import ProxiedDatabase, alive, query, sessions_called, wait_until
from tests.support.undoing import effect_of, played_elsewhere, undone

FREE = 27  # of 30 slots 3 are reserved

pytestmark = pytest.mark.usefixtures("nothing_left")


# How many


@pytest.mark.parametrize(
    ("by", "amount", "count"),
    [
        (By.COUNT, 1, 1),
        (By.COUNT, 20, 20),
        (By.LEAVE_FREE, 5, 22),
        (By.LEAVE_FREE, 1, 26),
        (By.SHARE, 0.5, 13),
        (By.SHARE, 1, 27),
    ],
)
def test_exactly_so_many_are_held(
    small: DatabaseAddress,
    small_server: PostgresServer,
    injector: Injector,
    by: str,
    amount: float,
    count: int,
) -> None:
    fault = injector.inject(held(small, by, amount))
    effect = effect_of(fault)
    assert effect.in_effect, effect
    assert (effect.expected, effect.observed) == (FREE - count, FREE - count)
    noun = "connection" if count == 1 else "connections"
    assert f"{count} of {count} {noun} held; {FREE} slots were free" in effect.detail
    # Counted by somebody else, who may use the reserved slots.
    assert sessions_called(small_server.admin, NAME) == count
    assert len(processes()) == 1

    assert undone(injector, fault.name).result is UndoResult.DONE
    assert sessions_called(small_server.admin, NAME) == 0
    assert processes() == []
    assert asyncio.run(slots(small, 5)).free == FREE


def test_no_slot_is_left_and_the_server_says_so(small: DatabaseAddress, injector: Injector) -> None:
    fault = injector.inject(held(small, By.LEAVE_FREE, 0))
    effect = effect_of(fault)
    assert (effect.in_effect, effect.observed) == (True, 0)
    assert "SQLSTATE 53300" in effect.detail
    with pytest.raises(DatabaseUnavailable) as caught:
        query(small, "SELECT 1")
    assert caught.value.sqlstate == "53300"
    # Its undo needs a slot itself.
    assert injector.undo(fault.name) is not None
    assert query(small, "SELECT 1") == 1


def test_a_superuser_may_take_the_reserved_slots_too(
    small: DatabaseAddress, small_server: PostgresServer, injector: Injector
) -> None:
    found = asyncio.run(slots(small_server.admin, 5))
    assert (found.reserved, found.free) == (0, 30)
    fault = injector.inject(held(small_server.admin, By.LEAVE_FREE, 2))
    assert effect_of(fault).detail.startswith("28 of 28 connections held")


def test_held_connections_take_the_path_that_is_asked_for(
    proxied_small: ProxiedDatabase, small_server: PostgresServer
) -> None:
    path, injector = proxied_small.path, proxied_small.injector
    fault = injector.inject(held(path.direct, By.COUNT, 5, path.proxied))
    assert effect_of(fault).in_effect
    assert fault.parameters["through"] == path.proxied.network_address
    # They end with the proxy, and with them their process.
    proxied_small.client.update_proxy(proxied_small.proxy, enabled=False)
    wait_until(
        lambda: sessions_called(small_server.admin, NAME) == 0, 20, "the proxy took them down"
    )
    wait_until(lambda: processes() == [], 20, "their process has ended")
    assert not effect_of(injector.inject(held(path.direct, By.COUNT, 5, path.proxied))).in_effect
    assert injector.undo(fault.name) is not None


def test_injecting_the_same_again_holds_no_more(small: DatabaseAddress, injector: Injector) -> None:
    injector.inject(held(small, By.COUNT, 5))
    again = injector.inject(held(small, By.COUNT, 5))
    assert effect_of(again).in_effect
    assert sessions_called(small, NAME) == 5
    with pytest.raises(InjectionFailed, match="in place with other parameters"):
        injector.inject(held(small, By.COUNT, 6))


# What cannot be done


@pytest.mark.parametrize(("by", "amount"), [(By.COUNT, 28), (By.LEAVE_FREE, 27), (By.SHARE, 0.01)])
def test_what_the_server_has_no_slots_for_is_refused(
    small: DatabaseAddress, injector: Injector, by: str, amount: float
) -> None:
    with pytest.raises(InjectionFailed, match="only 27 of 30 connection slots free") as caught:
        injector.inject(held(small, by, amount))
    assert f"held by {by} {amount:g}" in str(caught.value)
    assert injector.active == []
    assert processes() == []


def test_a_server_that_is_full_already_is_refused(
    small: DatabaseAddress, injector: Injector
) -> None:
    async def full() -> None:
        import asyncpg

        others = await asyncio.gather(*(asyncpg.connect(small.url) for _ in range(FREE)))
        try:
            with pytest.raises(DatabaseUnavailable, match="no free connection slots") as caught:
                await asyncio.to_thread(injector.inject, held(small, By.LEAVE_FREE, 0))
            assert caught.value.sqlstate == "53300"
        finally:
            for other in others:
                other.terminate()

    asyncio.run(full())
    assert injector.active == []


def test_a_limit_below_the_slots_is_told_with_the_servers_words(
    small: DatabaseAddress, small_server: PostgresServer, injector: Injector
) -> None:
    limit = f"ALTER DATABASE {small.database} CONNECTION LIMIT"
    query(small_server.admin, f"{limit} 5")
    try:
        with pytest.raises(InjectionFailed, match=r"only \d of 10 sessions .* 53300"):
            injector.inject(held(small, By.COUNT, 10))
    finally:
        query(small_server.admin, f"{limit} -1")
    assert processes() == []
    assert sessions_called(small, NAME) == 0


def test_a_path_that_does_not_answer_holds_nothing(
    proxied_small: ProxiedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LIMIT_SECONDS", 1.0)
    toxic = make_toxic("hole", "timeout", "downstream", 1, {"timeout_ms": 0})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    path = proxied_small.path
    with pytest.raises(InjectionFailed, match=r"only 0 of 5 sessions .* no answer within 1 s"):
        proxied_small.injector.inject(held(path.direct, By.COUNT, 5, path.proxied))
    assert processes() == []
    assert sessions_called(path.direct, NAME) == 0


def test_a_role_that_may_not_end_sessions_is_refused(
    small: DatabaseAddress, small_server: PostgresServer, injector: Injector
) -> None:
    function = "FUNCTION pg_terminate_backend(int, bigint)"
    here = small_server.admin.named(small.database)
    query(here, f"REVOKE EXECUTE ON {function} FROM PUBLIC")
    try:
        with pytest.raises(InjectionFailed, match="netra may not call pg_terminate_backend"):
            injector.inject(held(small, By.COUNT, 5))
    finally:
        query(here, f"GRANT EXECUTE ON {function} TO PUBLIC")
    assert processes() == []


def test_a_role_that_may_not_see_other_sessions_is_refused(
    small: DatabaseAddress, small_server: PostgresServer, injector: Injector
) -> None:
    here = small_server.admin.named(small.database)
    query(here, "REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
    try:
        with pytest.raises(DatabaseUnavailable, match="grant it pg_read_all_stats") as caught:
            injector.inject(held(small, By.COUNT, 5))
        assert caught.value.sqlstate == "42501"
    finally:
        query(here, "GRANT SELECT ON pg_stat_activity TO PUBLIC")
    assert processes() == []


def test_sessions_of_that_name_that_are_not_ours_are_not_taken_over(
    small: DatabaseAddress, injector: Injector
) -> None:
    async def run() -> None:
        async with connection(small, 5, application_name=NAME) as other:
            with pytest.raises(InjectionFailed, match=r"1 sessions called .* already"):
                await asyncio.to_thread(injector.inject, held(small, By.COUNT, 5))
            assert await other.fetchval("SELECT 1") == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("by", "amount", "words"),
    [
        ("many", 5, "by must be count or leave_free or share, got 'many'"),
        (None, 5, "by must be"),
        (By.COUNT, 0, "amount must be at least 1"),
        (By.COUNT, 5001, "amount must be at most 5000"),
        (By.COUNT, 1.5, "amount must be a whole number"),
        (By.LEAVE_FREE, -1, "amount must be at least 0"),
        (By.SHARE, 0, "amount must be more than 0"),
        (By.SHARE, 1.1, "amount must be at most 1"),
        (By.SHARE, "half", "amount must be a number"),
    ],
)
def test_wrong_amounts_are_refused(by: Any, amount: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        Amount.parse(by, amount)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 63, 'a"b', "a\n"])
def test_names_that_the_server_would_change_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name must be 1 to"):
        sessions.application_name("chaosnetra_1", name)


# Taking it back


def test_undoing_is_idempotent(small: DatabaseAddress, injector: Injector) -> None:
    undo = injector.inject(held(small, By.COUNT, 5)).undo
    assert play(undo).result is UndoResult.DONE
    assert play(undo).result is UndoResult.ALREADY_DONE
    assert sessions_called(small, NAME) == 0


def test_another_process_ends_the_sessions_and_their_process_when_no_slot_is_left(
    small: DatabaseAddress, small_server: PostgresServer, injector: Injector
) -> None:
    undo = injector.inject(held(small, By.LEAVE_FREE, 0)).undo
    assert small.password not in json.dumps(undo.to_json())
    assert played_elsewhere(undo, CHAOSNETRA_DATABASE_URL=small.url) == "done"
    assert sessions_called(small_server.admin, NAME) == 0
    assert processes() == []
    assert played_elsewhere(undo, CHAOSNETRA_DATABASE_URL=small.url) == "already done"
    assert play(undo).result is UndoResult.ALREADY_DONE


def test_without_the_password_another_process_says_what_it_needs(
    small: DatabaseAddress, injector: Injector
) -> None:
    undo = injector.inject(held(small, By.COUNT, 2)).undo
    assert "set CHAOSNETRA_DATABASE_URL" in played_elsewhere(undo)


def test_only_sessions_of_that_name_are_ended(small: DatabaseAddress, injector: Injector) -> None:
    async def run() -> None:
        async with connection(small, 5, application_name=f"{NAME}_2") as other:
            fault = await asyncio.to_thread(injector.inject, held(small, By.COUNT, 3))
            await asyncio.to_thread(injector.undo, fault.name)
            assert await other.fetchval("SELECT 1") == 1

    asyncio.run(run())


def test_sessions_end_with_their_process_and_the_undo_finds_none(
    small: DatabaseAddress, injector: Injector
) -> None:
    fault = injector.inject(held(small, By.COUNT, 5))
    (pid,) = processes()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: sessions_called(small, NAME) == 0, 20, "they ended with their process")
    assert not effect_of(injector.inject(held(small, By.COUNT, 5))).in_effect
    assert undone(injector, fault.name).result is UndoResult.ALREADY_DONE


def test_sessions_that_the_process_left_behind_a_proxy_are_ended_at_the_server(
    proxied_small: ProxiedDatabase, small_server: PostgresServer
) -> None:
    """Where a close is not passed on the server keeps the sessions of a client that is gone."""
    path, injector = proxied_small.path, proxied_small.injector
    fault = injector.inject(held(path.direct, By.COUNT, 5, path.proxied))
    toxic = make_toxic("slow", "slow_close", "upstream", 1, {"delay_ms": 60_000})
    proxied_small.client.add_toxic(proxied_small.proxy, toxic)
    (pid,) = processes()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: alive([pid]) == [], 20, "the process has ended")
    time.sleep(0.3)
    assert sessions_called(small_server.admin, NAME) == 5
    report = undone(injector, fault.name)
    assert report.result is UndoResult.DONE
    assert "5 at the server" in report.detail
    assert sessions_called(small_server.admin, NAME) == 0


def test_sessions_that_do_not_end_are_an_undo_that_failed(
    small: DatabaseAddress, small_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another role's: ours may not end them, and must not say that it did."""
    monkeypatch.setattr(sessions, "LIMIT_SECONDS", 1.0)
    undo = sessions.prepare_undo(small, NAME)

    async def run() -> None:
        async with connection(small_server.admin, 5, application_name=NAME):
            with pytest.raises(FaultError, match=r"^1 session called .* did not end"):
                await asyncio.to_thread(play, undo)

    asyncio.run(run())
