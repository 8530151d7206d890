"""Each toxic of the embedded server on one connection, between plain sockets, on each loop."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaosnetra.relay.counters import State
from chaosnetra.toxiproxy.embedded.bodies import ProxySpec
from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy
from chaosnetra.toxiproxy.embedded.refusals import Refused
from chaosnetra.toxiproxy.toxics import DIRECTIONS, Toxic
from tests.support.relaying import (
    FAREWELL,
    LOOPBACK,
    POLL_SECONDS,
    RESET,
    End,
    Stand,
    assert_same,
    on_each_loop,
    until,
)

BOTH_WAYS = pytest.mark.parametrize("direction", DIRECTIONS)
LARGE = bytes(range(251)) * 8_000  # 2 MB
FOREVER_MS = 3_600_000
# How late a busy machine may be, where a test does not measure it.
SLACK_SECONDS = 0.5
TRYING_SECONDS = 25.0


class ProxyStand(Stand):
    """A proxy of the embedded server between clients and an upstream that the test answers for."""

    def __init__(self, seed: str = "seed") -> None:
        super().__init__()
        self.relay.close()
        spec = ProxySpec("p", (LOOPBACK, 0), "", self.listening.getsockname(), "the test", True)
        self.proxy = EmbeddedProxy(spec, seed)
        self.proxy.enable()
        self.relay = self.proxy.relay
        self.address = self.proxy.spec.listen

    def add(
        self,
        type_: str,
        direction: str = "downstream",
        name: str = "t",
        toxicity: float = 1.0,
        **attributes: int,
    ) -> None:
        self.proxy.add_toxic(Toxic(name, type_, direction, toxicity, attributes))

    def change(self, name: str = "t", toxicity: float = 1.0, **attributes: int) -> None:
        now = self.proxy.toxic(name)
        merged = {**now.attributes, **attributes}
        self.proxy.change_toxic(Toxic(name, now.type, now.direction, toxicity, merged))

    def remove(self, name: str = "t") -> None:
        self.proxy.remove_toxic(name)

    async def ends(self, direction: str) -> tuple[End, End]:
        """A connection's end that sends in that direction, and the one that receives."""
        client, server = await self.pair()
        return (server, client) if direction == "downstream" else (client, server)

    async def all_closed(self) -> None:
        await until(lambda: not list(self.relay.connections), lambda: "connections are left")


@asynccontextmanager
async def between(direction: str = "downstream") -> AsyncIterator[tuple[ProxyStand, End, End]]:
    """A proxy, the end of a connection that sends in that direction, and the one that receives."""
    async with ProxyStand() as stand:
        yield (stand, *await stand.ends(direction))


def since(started: float) -> float:
    return time.monotonic() - started


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


# Toxicity


@on_each_loop
async def test_toxicity_is_drawn_once_a_connection_and_repeats_with_the_seed() -> None:
    async def affected(seed: str, toxicity: float) -> list[bool]:
        async with ProxyStand(seed) as stand:
            before = [await stand.ends("downstream") for _ in range(12)]
            stand.add("latency", toxicity=toxicity, latency=FOREVER_MS, jitter=0)
            after = [await stand.ends("downstream") for _ in range(12)]
            # Neither another toxic nor a change draws again.
            stand.add("slow_close", name="other", delay=0)
            stand.change(toxicity=toxicity, latency=FOREVER_MS - 1)
            stand.remove("other")
            for server, _ in before + after:
                await server.send(b"x")
            await until(
                lambda: all(each.downward.received_bytes for each in stand.relay.connections),
                lambda: "not every byte has come to the relay",
            )
            await asyncio.sleep(POLL_SECONDS)  # a turn of the loop, for those that go on
            found = []
            for _, client in before + after:
                try:
                    client.socket.recv(1)
                    found.append(False)
                except BlockingIOError:
                    found.append(True)
            return found

    some = await affected("seed 1", 0.5)
    assert some == await affected("seed 1", 0.5)
    assert some != await affected("seed 2", 0.5)
    assert 3 <= sum(some) <= 21
    assert await affected("seed 1", 0) == [False] * 24
    assert await affected("seed 1", 1) == [True] * 24
    more = await affected("seed 1", 0.7)
    assert all(much >= little for little, much in zip(some, more, strict=True))


@on_each_loop
async def test_a_change_of_toxicity_acts_on_living_connections() -> None:
    async with between() as (stand, server, client):
        stand.add("latency", toxicity=0, latency=FOREVER_MS, jitter=0)
        await server.send(b"one ")
        assert await client.receive(4) == b"one "
        stand.change(toxicity=1)
        await server.send(b"two ")
        await client.hears_nothing()
        stand.change(toxicity=0)
        await server.send(b"three")
        assert await client.receive(9) == b"two three"


@pytest.mark.parametrize(
    "holding",
    [
        ("bandwidth", {"rate": 0}),
        ("latency", {"latency": FOREVER_MS, "jitter": 0}),
        ("reset_peer", {"timeout": FOREVER_MS}),
        ("slicer", {"average_size": 1, "size_variation": 0, "delay": FOREVER_MS}),
    ],
)
@on_each_loop
async def test_a_toxic_that_no_longer_applies_lets_all_go(
    holding: tuple[str, dict[str, int]],
) -> None:
    type_, attributes = holding
    async with between() as (stand, server, client):
        stand.add(type_, **attributes)
        sending = asyncio.create_task(server.send(LARGE * 30))
        await asyncio.sleep(0.3)
        assert not sending.done()  # by then it holds the sender back
        stand.change(toxicity=0)
        received = await client.receive(30 * len(LARGE))
        assert_same(received, LARGE * 30)
        await sending


# Connections and proxies


@on_each_loop
async def test_toxics_go_in_and_out_of_established_and_of_new_connections() -> None:
    async with ProxyStand() as stand:
        established = await stand.ends("downstream")
        stand.add("latency", latency=FOREVER_MS, jitter=0)
        new = await stand.ends("downstream")
        for server, client in (established, new):
            await server.send(b"x")
            await client.hears_nothing()
        stand.remove()
        for _, client in (established, new):
            assert await client.receive(1) == b"x"
        with pytest.raises(Refused):
            stand.remove()


@on_each_loop
async def test_disabling_ends_every_connection_whatever_it_holds() -> None:
    holding: list[Callable[[ProxyStand], None]] = [
        lambda stand: stand.add("latency", latency=FOREVER_MS, jitter=0),
        lambda stand: stand.add("bandwidth", rate=0),
        lambda stand: stand.add("slicer", average_size=1, size_variation=0, delay=10**9),
        lambda stand: stand.add("reset_peer", timeout=FOREVER_MS),
        lambda stand: stand.add("timeout", timeout=0),
        lambda stand: stand.add("slow_close", delay=FOREVER_MS),
    ]
    for add in holding:
        async with between() as (stand, server, client):
            add(stand)
            await server.send(b"x" * 5000)
            server.say_farewell()
            await asyncio.sleep(0.02)
            stand.proxy.disable()
            data, _ = await client.rest()
            assert len(data) < 5000 or stand.proxy.toxics[0].type == "slow_close"
            await stand.all_closed()
            # And enabled again, on the same port, it serves.
            stand.proxy.enable()
            assert stand.proxy.spec.listen == stand.address
            stand.remove()
            server, client = await stand.ends("downstream")
            await server.send(b"hello")
            assert await client.receive(5) == b"hello"


@on_each_loop
async def test_another_upstream_ends_connections_and_leads_there() -> None:
    async with ProxyStand() as stand, ProxyStand() as other:
        _, client = await stand.ends("downstream")
        there = other.listening.getsockname()
        spec = ProxySpec("p", stand.address, "", there, "other", True)
        stand.proxy.change(spec)
        assert (await client.rest())[1] in (FAREWELL, RESET)
        client = await stand.client()
        server = await other.server()
        await server.send(b"from there")
        assert await client.receive(10) == b"from there"


@on_each_loop
async def test_gauges_count_bytes_that_went_on() -> None:
    async with between() as (stand, server, client):
        stand.add("bandwidth", rate=0)
        await server.send(b"x" * 1000)
        await client.send(b"y" * 500)
        await server.receive(500)
        counters: dict[str, Any] = stand.relay.counters.to_json()
        assert (counters["upstream_bytes"], counters["downstream_bytes"]) == (500, 0)
        stand.remove()
        await client.receive(1000)
        assert stand.relay.counters.downstream_bytes == 1000
        assert stand.relay.counters.states[State.OPEN] == 1
