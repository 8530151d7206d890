"""How many connections a toxic applies to, and what becomes of them, on each loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chaosnetra.relay.counters import State
from chaosnetra.toxiproxy.embedded.bodies import ProxySpec
from chaosnetra.toxiproxy.embedded.refusals import Refused
from tests.support.embedded_proxy import FOREVER_MS, LARGE, ProxyStand, between
from tests.support.relaying import FAREWELL, POLL_SECONDS, RESET, assert_same, on_each_loop, until

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
