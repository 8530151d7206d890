"""Each toxic of the embedded server that delays or cuts data, on one connection, on each loop."""

import asyncio
import statistics
import time

import pytest

from tests.support.embedded_proxy import (
    BOTH_WAYS,
    FOREVER_MS,
    LARGE,
    SLACK_SECONDS,
    TRYING_SECONDS,
    between,
    since,
)
from tests.support.relaying import FAREWELL, assert_same, on_each_loop

# Latency


@BOTH_WAYS
@on_each_loop
async def test_latency_is_one_way(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("latency", direction, latency=FOREVER_MS, jitter=0)
        await far.send(b"back")
        assert await near.receive(4) == b"back"
        stand.change(latency=150)
        started = time.monotonic()
        await near.send(b"there")
        assert await far.receive(5) == b"there"
        assert 0.15 <= since(started) < 0.15 + SLACK_SECONDS


@on_each_loop
async def test_latency_holds_many_chunks_at_once_in_order() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=400, jitter=0)
        started = time.monotonic()
        for number in range(20):
            await server.send(b"%02d" % number)
            await asyncio.sleep(0.005)
        expected = b"".join(b"%02d" % number for number in range(20))
        assert await client.receive(40) == expected
        assert 0.4 <= since(started) < 0.4 + 20 * 0.4 / 4


@on_each_loop
async def test_latency_does_not_limit_the_throughput_of_a_fast_line() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=300, jitter=0)
        started = time.monotonic()
        sending = asyncio.create_task(server.send(LARGE))
        assert_same(await client.receive(len(LARGE)), LARGE)
        await sending
        assert 0.3 <= since(started) < 0.3 + 4 * SLACK_SECONDS


@on_each_loop
async def test_jitter_spreads_the_delay_and_keeps_the_order() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=60, jitter=50)
        seconds = []
        for _ in range(12):
            started = time.monotonic()
            await server.send(b"x")
            await client.receive(1)
            seconds.append(since(started))
        assert min(seconds) >= 0.01
        assert max(seconds) - min(seconds) > 0.02
        for number in range(30):
            await server.send(b"%02d" % number)
            await asyncio.sleep(0.002)
        assert await client.receive(60) == b"".join(b"%02d" % number for number in range(30))


@BOTH_WAYS
@on_each_loop
async def test_removing_latency_releases_what_waits_at_once(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("latency", direction, latency=FOREVER_MS, jitter=0)
        await near.send(b"one ")
        await far.hears_nothing()
        await near.send(b"two")
        near.say_farewell()
        await far.hears_nothing()
        stand.remove()
        assert await far.rest() == (b"one two", FAREWELL)


@on_each_loop
async def test_a_change_of_latency_applies_to_what_waits() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=FOREVER_MS, jitter=0)
        started = time.monotonic()
        await server.send(b"one ")
        await asyncio.sleep(0.05)
        await server.send(b"two")
        await client.hears_nothing()
        stand.change(latency=300)
        assert await client.receive(7) == b"one two"
        assert 0.3 <= since(started) < 0.3 + SLACK_SECONDS


@on_each_loop
async def test_both_ends_of_a_stream_stay_behind_delayed_data() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=200, jitter=0)
        await server.send(b"the end")
        server.say_farewell()
        assert await client.rest() == (b"the end", FAREWELL)
        server, client = await stand.ends("downstream")
        await server.send(b"the end")
        await server.acknowledged()
        server.reset()
        assert await client.rest() == (b"the end", FAREWELL)  # as of the real server


@on_each_loop
async def test_two_latencies_add_up() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", name="a", latency=100, jitter=0)
        stand.add("latency", name="b", latency=150, jitter=0)
        started = time.monotonic()
        await server.send(b"x")
        await client.receive(1)
        assert 0.25 <= since(started) < 0.25 + SLACK_SECONDS


@pytest.mark.parametrize("milliseconds", [1, 5, 20, 100, 200])
@on_each_loop
async def test_latency_is_accurate_to_1_ms_and_1_percent(milliseconds: int) -> None:
    """Against a sleep before an undelayed trip, which is as late as the machine makes it."""
    samples = max(7, min(25, 500 // milliseconds))
    errors = []
    deadline = time.monotonic() + TRYING_SECONDS
    async with between() as (stand, server, client):

        async def trip(sleep_seconds: float = 0) -> float:
            started = time.perf_counter()
            time.sleep(sleep_seconds)  # noqa: ASYNC251 - nobody else has anything to do
            await server.send(b"x")
            await client.receive(1)
            return time.perf_counter() - started

        # A wrong delay is wrong every time; a machine that is busy is not.
        while time.monotonic() < deadline:
            delayed, slept = [], []
            for _ in range(samples):
                slept.append(await trip(milliseconds / 1000))
                stand.add("latency", latency=milliseconds, jitter=0)
                delayed.append(await trip())
                stand.remove()
            errors.append(1000 * (statistics.median(delayed) - statistics.median(slept)))
            if abs(errors[-1]) <= 1 + milliseconds / 100:
                return
    raise AssertionError(f"off by {errors} ms")


@on_each_loop
async def test_no_delay_is_ever_shorter_than_it_should_be() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", latency=3, jitter=0)
        for _ in range(50):
            started = time.monotonic()
            await server.send(b"x")
            await client.receive(1)
            assert since(started) >= 0.003


# Bandwidth


@BOTH_WAYS
@on_each_loop
async def test_bandwidth_lets_1000_bytes_a_second_pass_for_each_unit(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("bandwidth", direction, rate=1000)
        started = time.monotonic()
        sending = asyncio.create_task(near.send(LARGE[:1_000_000]))
        assert_same(await far.receive(1_000_000), LARGE[:1_000_000])
        await sending
        # 1,024 bytes for each unit would take 0.977 s.
        assert 0.99 <= since(started) < 1 + SLACK_SECONDS


@on_each_loop
async def test_a_fast_line_is_as_fast_as_its_rate() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=20_000)
        size = 10_000_000
        started = time.monotonic()
        sending = asyncio.create_task(server.send(bytes(size)))
        await client.receive(size)
        await sending
        assert 0.45 <= since(started) < 0.5 + 2 * SLACK_SECONDS


@on_each_loop
async def test_a_slow_line_passes_a_long_chunk_in_pieces() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=2)
        started = time.monotonic()
        await server.send(bytes(1000))
        await client.receive(200)
        assert 0.095 <= since(started) < 0.1 + SLACK_SECONDS
        await client.receive(800)
        assert 0.49 <= since(started) < 0.5 + SLACK_SECONDS


@BOTH_WAYS
@on_each_loop
async def test_rate_0_freezes_and_loses_nothing(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("bandwidth", direction, rate=0)
        sending = asyncio.create_task(near.send(LARGE * 8))
        await far.hears_nothing(0.2)
        assert not sending.done()  # nor is it taken from the sender without bound
        stand.remove()
        assert_same(await far.receive(8 * len(LARGE)), LARGE * 8)
        await sending


@on_each_loop
async def test_a_frozen_line_thaws_at_its_new_rate() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=0)
        await server.send(LARGE[:20_000])
        await client.hears_nothing()
        started = time.monotonic()
        stand.change(rate=100)
        assert_same(await client.receive(20_000), LARGE[:20_000])
        assert 0.19 <= since(started) < 0.2 + SLACK_SECONDS


@on_each_loop
async def test_a_change_of_rate_in_the_middle_keeps_what_was_carried() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=10)
        started = time.monotonic()
        await server.send(LARGE[:4000])  # 0.4 s at this rate
        await asyncio.sleep(0.25)
        stand.change(rate=5)  # 1,500 bytes are left, for 0.3 s
        assert_same(await client.receive(4000), LARGE[:4000])
        assert 0.5 <= since(started) < 0.6 + SLACK_SECONDS


@on_each_loop
async def test_a_limit_removed_in_the_middle_of_a_chunk_lets_the_rest_go_once() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=10)
        await server.send(LARGE[:10_000])
        assert await client.receive(2000) == LARGE[:2000]
        server.say_farewell()
        await asyncio.sleep(0.02)
        stand.remove()
        assert await client.rest() == (LARGE[2000:10_000], FAREWELL)


# Slicer


@on_each_loop
async def test_slicer_cuts_into_pieces_with_a_pause_after_each() -> None:
    async with between() as (stand, server, client):
        stand.add("slicer", average_size=100, size_variation=0, delay=FOREVER_MS * 1000)
        started = time.monotonic()
        await server.send(LARGE[:1000])
        # Halves of halves: 16 pieces of 62 or 63 bytes.
        assert await client.receive(62) == LARGE[:62]
        await client.hears_nothing()
        stand.change(delay=20_000)
        assert await client.receive(938) == LARGE[62:1000]
        assert 0.27 <= since(started) < 0.27 + SLACK_SECONDS


@on_each_loop
async def test_slicer_varies_the_sizes_within_bounds() -> None:
    async with between() as (stand, server, client):
        stand.add("slicer", average_size=100, size_variation=50, delay=15_000)
        await server.send(LARGE[:2000])
        received = b""
        sizes = []
        while len(received) < 2000:
            piece = await asyncio.get_running_loop().sock_recv(client.socket, 4096)
            sizes.append(len(piece))
            received += piece
        assert received == LARGE[:2000]
        # On a busy machine several may be read as one.
        small = [size for size in sizes[:-1] if size <= 150]
        assert small
        assert all(size >= 25 for size in sizes[:-1])  # half of 151, less 50
        assert len(set(small)) > 1 or len(small) == 1


@BOTH_WAYS
@on_each_loop
async def test_slicing_small_without_a_pause_blocks_nobody(direction: str) -> None:
    async with between(direction) as (stand, near, far):
        stand.add("slicer", direction, average_size=1, size_variation=0, delay=0)
        sending = asyncio.create_task(near.send(LARGE[:100_000]))
        longest = 0.0
        receiving = asyncio.create_task(far.receive(100_000))
        while not receiving.done():
            started = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, since(started))
        await sending
        assert_same(receiving.result(), LARGE[:100_000])
        assert longest < SLACK_SECONDS


@on_each_loop
async def test_removing_or_changing_a_slicer_loses_nothing() -> None:
    async with between() as (stand, server, client):
        stand.add("slicer", average_size=10, size_variation=3, delay=FOREVER_MS * 1000)
        await server.send(LARGE[:5000])
        first = await asyncio.get_running_loop().sock_recv(client.socket, 4096)
        assert 1 <= len(first) <= 13
        stand.change(delay=100)
        await asyncio.sleep(0.02)
        stand.change(delay=FOREVER_MS * 1000, average_size=1, size_variation=500)
        stand.change(delay=50)
        await asyncio.sleep(0.02)
        stand.remove()
        assert first + await client.receive(5000 - len(first)) == LARGE[:5000]
