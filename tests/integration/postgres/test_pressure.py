"""Pressure inside a real PostgreSQL: real queries, measured, and never left behind."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psutil
import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import UndoResult, play
from chaosnetra.postgres import load, pressure, sessions
from chaosnetra.postgres.actions import press_database, release_pressure
from chaosnetra.postgres.connect import connection
from chaosnetra.postgres.load import (
    PG_STAT_ACTIVITY,
    PROCESSES,
    Load,
    LoadWatch,
    is_local,
    sample_load,
)
from chaosnetra.postgres.pressure import NOTICE_GONE_CLIENT, DatabasePressed, fitting_backends, work
from chaosnetra.postgres.probes import backend_load
from chaosnetra.safety.injector import Injector
from chaosnetra.stand.postgres import PostgresServer
from tests.support.helpers import query, sessions_called, wait_until
from tests.support.undoing import effect_of, undone

# Of this process alone: tests of another may press a database at the same time.
NAME = f"chaosnetra_test_pressed_{os.getpid()}"
# Enough to be felt, whatever the machine has.
BACKENDS = min(24, 4 * (os.cpu_count() or 1))
BUSY_SECONDS = 30
# Pressure is not felt where somebody else's ends at the same time.
TRIES = 4

pytestmark = pytest.mark.usefixtures("nothing_left")


def pressed(address: DatabaseAddress, backends: int = BACKENDS, memory: int = 4) -> DatabasePressed:
    return DatabasePressed(address, NAME, backends, memory)


def sampled_until(address: DatabaseAddress, enough: Callable[[Load], bool]) -> Load:
    """The load since now, once it is enough, or after a time that no machine is too busy for."""

    async def sample() -> Load:
        until = time.monotonic() + BUSY_SECONDS
        async with connection(address, 10) as opened:
            watch = LoadWatch(opened, await is_local(opened))
            await watch.sample()
            while not enough(watch.load) and time.monotonic() < until:
                await asyncio.sleep(0.05)
                await watch.sample()
            return watch.load

    return asyncio.run(sample())


def cpu_seconds(found: Load) -> float:
    """What the sessions computed between the first sample and the last."""
    return sum(
        (sample.cpu_cores or 0.0) * (sample.at_seconds - before.at_seconds)
        for before, sample in pairwise(found.samples)
    )


def keeping() -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1:] == [*sessions.PROGRAM, NAME]
    ]


def test_pressure_is_felt_and_taken_back(small: DatabaseAddress, injector: Injector) -> None:
    fault = injector.inject(pressed(small))
    effect = effect_of(fault)
    assert effect.in_effect, effect
    assert effect.observed >= 1.25
    assert f"{BACKENDS} of {BACKENDS} sessions at work" in effect.detail
    assert "cores" in effect.detail
    assert "MiB" in effect.detail
    assert sessions_called(small, NAME) == BACKENDS

    assert undone(injector, fault.name).result is UndoResult.DONE
    assert sessions_called(small, NAME) == 0
    assert keeping() == []
    assert play(fault.undo).result is UndoResult.ALREADY_DONE


def test_it_is_the_backends_that_compute(small: DatabaseAddress, injector: Injector) -> None:
    idle = asyncio.run(sample_load(small, 0.5, 0.1))
    assert idle.cpu_cores is not None
    fault = injector.inject(pressed(small, 2))
    # How much of a core they get is up to whoever else is at work on this machine.
    busy = sampled_until(small, lambda found: cpu_seconds(found) >= 0.3)
    injector.undo(fault.name)
    assert (busy.source, busy.active_max) == (PROCESSES, 2)
    assert busy.cpu_cores is not None
    assert cpu_seconds(idle) < 0.1
    assert cpu_seconds(busy) >= 0.3
    assert busy.cpu_cores < 2.3


def test_memory_follows_work_mem(small: DatabaseAddress, injector: Injector) -> None:
    measured = []
    for memory, enough in ((4, 4), (64, 60)):
        fault = injector.inject(pressed(small, 2, memory))
        found = sampled_until(
            small,
            lambda found, enough=enough: (  # type: ignore[misc]
                cpu_seconds(found) >= 0.5 and (found.memory_mb_max or 0) > enough
            ),
        ).memory_mb_max
        assert found is not None
        measured.append(found)
        injector.undo(fault.name)
    assert measured[0] < 30
    assert 60 < measured[1] < 2 * 64 + 30


@pytest.mark.parametrize("work_mem_mb", [1, 2, 4, 16, 50, 100, 128])
def test_the_sort_fills_its_memory_and_never_goes_to_disk(
    small: DatabaseAddress, work_mem_mb: int
) -> None:
    async def plan() -> str:
        async with connection(small, 30) as opened:
            await opened.execute(f"SET work_mem = '{work_mem_mb}MB'")
            await opened.execute("SET max_parallel_workers_per_gather = 0")
            rows = await opened.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {work(work_mem_mb)}")
            return "\n".join(row[0] for row in rows)

    text = asyncio.run(plan())
    assert "temp written" not in text
    used = int(text.split("quicksort  Memory: ")[1].split("kB")[0])
    assert 0.4 * work_mem_mb * 1024 < used <= work_mem_mb * 1024


def test_a_fixed_query_that_is_not_slowed_is_no_effect(
    small: DatabaseAddress, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressure, "LEAST_SLOWDOWN", 1e6)
    assert not effect_of(injector.inject(pressed(small, 1))).in_effect


def test_backends_that_have_ended_are_no_effect(small: DatabaseAddress, injector: Injector) -> None:
    injector.inject(pressed(small, 2))
    (pid,) = keeping()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: sessions_called(small, NAME) == 0, 20, "they ended with their process")
    effect = effect_of(injector.inject(pressed(small, 2)))
    assert not effect.in_effect
    assert "has ended" in effect.detail


def test_a_backend_that_computes_notices_that_its_client_is_gone(
    small: DatabaseAddress, small_server: PostgresServer
) -> None:
    """Nobody ends it: without this a killed run's queries went on to their end."""

    async def leave() -> None:
        async with connection(small, 10, application_name=NAME) as opened:
            await opened.execute(NOTICE_GONE_CLIENT)
            running = asyncio.create_task(
                opened.execute("SELECT max(md5(generate_series(1, 500000000)::text))")
            )
            await asyncio.sleep(0.5)
            opened.terminate()
            with pytest.raises(Exception):  # noqa: B017, PT011 - however the driver tells it
                await running

    asyncio.run(leave())
    wait_until(lambda: sessions_called(small_server.admin, NAME) == 0, 20, "it has ended")


# As many as are felt


@pytest.mark.parametrize(
    ("cores", "work_mem_mb", "free_mb", "backends"),
    [
        (2, 64, 8000, 8),
        (3, 4, 8000, 12),
        (16, 4, 8000, 13),  # half of the 27 free slots
        (16, 64, 1000, 7),  # half of the free memory
        (16, 600, 64_000, 6),  # 4,096 MB in all
        (1, 1024, 500, 1),
    ],
)
def test_backends_fit_cores_slots_and_memory(
    small: DatabaseAddress,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    work_mem_mb: int,
    free_mb: int,
    backends: int,
) -> None:
    class Memory:
        available = free_mb << 20

    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert fitting_backends(small, work_mem_mb) == backends


def test_how_many_cores_another_machine_has_is_not_known(
    small: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere(opened: Any) -> bool:
        return False

    monkeypatch.setattr(pressure, "is_local", elsewhere)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert fitting_backends(small, 64) == 8


# What cannot be done


def test_more_backends_than_slots_are_refused(small: DatabaseAddress, injector: Injector) -> None:
    with pytest.raises(InjectionFailed, match=r"only \d+ of 30 connection slots free, 28 backends"):
        injector.inject(pressed(small, 28))
    assert keeping() == []


def test_more_memory_than_the_machine_can_spare_is_refused(
    small: DatabaseAddress, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 100 << 20

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(InjectionFailed, match="more than half of the 100 MB that are free"):
        injector.inject(pressed(small, 2, 30))
    assert keeping() == []


# The probe


def test_a_server_on_this_machine_is_told_from_one_that_is_not(small: DatabaseAddress) -> None:
    async def ask() -> bool:
        async with connection(small, 10) as opened:
            return await is_local(opened)

    assert asyncio.run(ask())


def test_without_its_processes_the_numbers_of_sessions_are_known(
    small: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere(opened: Any) -> bool:
        return False

    monkeypatch.setattr(load, "is_local", elsewhere)

    async def sample() -> load.Load:
        async with connection(small, 10):
            return await sample_load(small, 0.2, 0.05)

    found = asyncio.run(sample())
    assert found.source == PG_STAT_ACTIVITY
    assert (found.cpu_cores, found.memory_mb_max) == (None, None)
    assert {sample.sessions for sample in found.samples} == {1}
    assert "the server is not on this machine" in found.text


def test_the_actions_press_and_release_and_the_probe_sees_it(
    small_configuration: dict[str, Any], small: DatabaseAddress
) -> None:
    for _ in range(TRIES):
        result = press_database(
            backends="auto",  # type: ignore[arg-type]
            configuration=small_configuration,
        )
        if result["effect"]["in_effect"]:
            break
        release_pressure(configuration=small_configuration)
    pressed_by = result["parameters"]["backends"]
    assert pressed_by == min(13, 4 * (os.cpu_count() or 1))
    assert result["effect"]["in_effect"] is True, result
    assert result["parameters"]["work_mem_mb"] == 16
    until, computed = time.monotonic() + BUSY_SECONDS, 0.0
    while computed < 0.3 and time.monotonic() < until:
        started = time.monotonic()
        sampled = backend_load(seconds=10, interval_ms=1000, configuration=small_configuration)
        assert 1 <= time.monotonic() - started < 10  # at time scale 0.1
        computed += sampled["cpu_cores"] * sampled["samples"][-1]["at_seconds"]
    assert computed >= 0.3
    assert sampled["held"] is True
    assert sampled["active_max"] == pressed_by
    assert len(sampled["samples"]) >= 3
    assert sampled["samples"][0]["cpu_cores"] is None
    json.dumps([result, sampled], allow_nan=False)
    assert release_pressure(configuration=small_configuration)["result"] == "done"
    assert release_pressure(configuration=small_configuration)["result"] == "already done"
    assert sessions_called(small, result["parameters"]["application_name"]) == 0


def test_the_probe_says_when_the_database_does_not_answer(
    small_configuration: dict[str, Any], small: DatabaseAddress, small_server: PostgresServer
) -> None:
    backend_load(seconds=0, configuration=small_configuration)
    here = small_server.admin.named(small.database)
    query(here, "REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
    try:
        result = backend_load(seconds=0, configuration=small_configuration)
    finally:
        query(here, "GRANT SELECT ON pg_stat_activity TO PUBLIC")
    assert (result["held"], result["sqlstate"]) == (False, "42501")
    assert "grant it pg_read_all_stats" in result["error"]
    assert result["samples"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"backends": 0}, "backends must be at least 1"),
        ({"backends": 101}, "backends must be at most 100"),
        ({"work_mem_mb": 0}, "work_mem_mb must be at least 1"),
        ({"work_mem_mb": 2000}, "work_mem_mb must be at most 1024"),
        ({"backends": 50, "work_mem_mb": 100}, "more than 4096 MB"),
        ({"backends": 2.5}, "backends must be a whole number"),
        ({"name": "ä"}, "name must be"),
        ({"backends": 28, "work_mem_mb": 1}, "only 27 of 30"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused_in_one_line(
    small_configuration: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words) as caught:
        press_database(**arguments, configuration=small_configuration)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seconds": -1}, "seconds must be at least 0"),
        ({"seconds": 4000}, "seconds must be at most 3600"),
        ({"interval_ms": "often"}, "interval_ms must be a number"),
        ({"seconds": 3600, "interval_ms": 1}, "more than 10000 samples"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values_of_the_probe_are_refused(
    small_configuration: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words):
        backend_load(**arguments, configuration=small_configuration)
