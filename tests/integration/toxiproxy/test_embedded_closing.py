"""Each toxic of the embedded server that ends a connection, or delays its end, on each loop."""

import asyncio
import time

from tests.support.embedded_proxy import BOTH_WAYS, FOREVER_MS, LARGE, SLACK_SECONDS, between, since
from tests.support.relaying import FAREWELL, RESET, assert_same, on_each_loop

# Slow close


@BOTH_WAYS
@on_each_loop
async def test_slow_close_delays_only_the_farewell(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("slow_close", direction, delay=FOREVER_MS)
        await near.send(b"data")
        assert await far.receive(4) == b"data"
        stand.change(delay=300)
        started = time.monotonic()
        near.say_farewell()
        assert await far.rest() == (b"", FAREWELL)
        assert 0.3 <= since(started) < 0.3 + SLACK_SECONDS


@on_each_loop
async def test_removing_or_shortening_slow_close_lets_the_farewell_go() -> None:
    for shorten in (False, True):
        async with between() as (stand, server, client):
            stand.add("slow_close", delay=FOREVER_MS)
            server.say_farewell()
            await client.hears_nothing()
            if shorten:
                stand.change(delay=1)
            else:
                stand.remove()
            assert await client.rest() == (b"", FAREWELL)


# Timeout


@BOTH_WAYS
@on_each_loop
async def test_timeout_0_drops_data_until_it_is_removed_and_closes_then(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("timeout", direction, timeout=0)
        sending = asyncio.create_task(near.send(LARGE))
        await far.hears_nothing(0.2)
        await sending
        await far.send(b"the other way is free")
        assert await near.receive(21) == b"the other way is free"
        stand.remove()
        assert await far.rest() == (b"", FAREWELL)
        assert await near.rest() == (b"", FAREWELL)
        await stand.all_closed()


@on_each_loop
async def test_a_timeout_closes_after_its_time_without_data() -> None:
    async with between() as (stand, server, client):
        started = time.monotonic()
        stand.add("timeout", timeout=200)
        for _ in range(3):
            await asyncio.sleep(0.1)
            await server.send(b"x")
        assert await client.rest() == (b"", FAREWELL)
        assert 0.45 <= since(started) < 0.5 + SLACK_SECONDS


@on_each_loop
async def test_a_timeout_that_becomes_0_no_longer_closes() -> None:
    async with between() as (stand, _, client):
        stand.add("timeout", timeout=200)
        stand.change(timeout=0)
        await client.hears_nothing(0.4)
        stand.change(timeout=50)
        assert await client.rest() == (b"", FAREWELL)


# Reset peer


@BOTH_WAYS
@on_each_loop
async def test_reset_peer_resets_both_sides_after_data(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("reset_peer", direction, timeout=200)
        await far.hears_nothing(0.3)
        started = time.monotonic()
        await near.send(b"data")
        assert await far.rest() == (b"", RESET)
        assert 0.2 <= since(started) < 0.2 + SLACK_SECONDS
        assert await near.rest() == (b"", RESET)


@on_each_loop
async def test_reset_peer_strikes_at_a_farewell_too() -> None:
    async with between() as (stand, server, client):
        stand.add("reset_peer", timeout=0)
        server.say_farewell()
        assert await client.rest() == (b"", RESET)


@BOTH_WAYS
@on_each_loop
async def test_reset_peer_removed_in_time_has_done_nothing(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("reset_peer", direction, timeout=FOREVER_MS)
        sending = asyncio.create_task(near.send(LARGE))
        await far.hears_nothing(0.2)
        stand.remove()
        assert_same(await far.receive(len(LARGE)), LARGE)
        await sending
        near.say_farewell()
        assert await far.rest() == (b"", FAREWELL)


@on_each_loop
async def test_reset_peer_can_be_brought_forward() -> None:
    async with between() as (stand, server, client):
        stand.add("reset_peer", timeout=FOREVER_MS)
        await server.send(b"data")
        await client.hears_nothing()
        stand.change(timeout=1)
        assert await client.rest() == (b"", RESET)


# Limit data


@BOTH_WAYS
@on_each_loop
async def test_limit_data_lets_so_much_pass_and_closes(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("limit_data", direction, bytes=100)
        await near.send(b"x" * 60)
        assert await far.receive(60) == b"x" * 60
        await near.send(b"y" * 60)
        assert (await far.rest())[0] == b"y" * 40
        await stand.all_closed()


@on_each_loop
async def test_limit_data_keeps_its_count_when_it_changes() -> None:
    async with between() as (stand, server, client):
        stand.add("limit_data", bytes=100)
        await server.send(b"x" * 90)
        await client.receive(90)
        stand.change(bytes=120)
        await server.send(b"y" * 90)
        assert (await client.rest())[0] == b"y" * 30


@on_each_loop
async def test_limit_data_0_closes_at_the_first_byte() -> None:
    async with between() as (stand, server, client):
        stand.add("limit_data", bytes=0)
        await client.hears_nothing()
        await server.send(b"x")
        assert (await client.rest())[0] == b""


@on_each_loop
async def test_what_passed_the_limit_arrives_late_but_before_the_farewell() -> None:
    async with between() as (stand, server, client):
        stand.add("limit_data", name="a", bytes=10)
        stand.add("latency", name="b", latency=200, jitter=0)
        stand.add("latency", "upstream", name="c", latency=200, jitter=0)
        await client.send(b"on its way")
        await asyncio.sleep(0.01)
        await server.send(b"0123456789abc")
        assert (await client.rest())[0] == b"0123456789"
        assert await server.receive(10) == b"on its way"
        await stand.all_closed()
