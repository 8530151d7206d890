"""Who gets through a relay: gates that hold, refuse or have no room, and upstreams that fail."""

import asyncio
import contextlib
import gc
import socket
import time

import psutil
import pytest

from chaosnetra.relay.connection import Route
from chaosnetra.relay.counters import State
from chaosnetra.relay.relay import Relay
from tests.support.relaying import (
    FAREWELL,
    LOOPBACK,
    RESET,
    End,
    Hand,
    Stand,
    black_hole,
    no_descriptors,
    on_each_loop,
    until,
)


@on_each_loop
async def test_a_gate_holds_clients_and_lets_them_in_in_turn() -> None:
    async with Stand(gate=Hand(holds=True)) as stand:
        clients = []
        for number in range(5):
            clients.append(await stand.client())
            clients[-1].send_now(b"%d" % number)
            await stand.settles(queued=number + 1)
        assert stand.gate.admitted == 0
        for number in range(5):
            stand.gate.let_in()
            server = await stand.server()
            assert await server.receive(1) == b"%d" % number
            await server.send(b"yes")
            assert await clients[number].receive(3) == b"yes"
            await stand.settles(queued=4 - number, open=number + 1) if number < 4 else None
        await stand.settles(open=5)
        assert (stand.gate.admitted, stand.gate.left) == (5, 0)
        clients[0].reset()
        await stand.settles(open=4, closed=1)
        assert stand.gate.left == 1


@on_each_loop
async def test_what_a_client_says_while_queued_arrives_in_order() -> None:
    async with Stand(gate=Hand(holds=True)) as stand:
        client = await stand.client()
        await stand.settles(queued=1)
        for number in range(10):
            client.send_now(b"%d" % number)
            await asyncio.sleep(0.01)
        stand.gate.let_in()
        server = await stand.server()
        client.send_now(b"and more")
        assert await server.receive(18) == b"0123456789and more"


@on_each_loop
async def test_a_gate_refuses_with_a_reset() -> None:
    async with Stand(gate=Hand(refuses=True)) as stand:
        for number in range(1, 11):
            client = await stand.client()
            if number % 2:
                client.socket.send(b"let me in")
            assert await client.rest() == (b"", RESET)
            await stand.settles(refused=number)
        stand.gate.refuses = False
        await stand.pair()
        await stand.settles(refused=10, open=1)
        assert (stand.gate.admitted, stand.gate.left) == (1, 0)


@on_each_loop
async def test_who_waited_too_long_is_reset() -> None:
    async with Stand(gate=Hand(holds=True)) as stand:
        first = await stand.client()
        await stand.settles(queued=1)
        second = await stand.client()
        await stand.settles(queued=2)
        stand.gate.expire()
        assert await first.rest() == (b"", RESET)
        await stand.settles(queued=1, expired=1)
        await second.hears_nothing()
        stand.gate.let_in()
        await stand.server()
        await stand.settles(open=1, expired=1)


@pytest.mark.parametrize("ends", ["reset", "say_farewell", "close"])
@on_each_loop
async def test_a_client_that_gives_up_while_queued_frees_its_place(ends: str) -> None:
    async with Stand(gate=Hand(holds=True)) as stand:
        for _ in range(3):
            client = await stand.client()
            client.send_now(b"early")
        await stand.settles(queued=3)
        getattr(client, ends)()
        await stand.settles(queued=2, abandoned=1)
        assert len(stand.gate.waiting) == 2
        if ends == "say_farewell":
            assert await client.rest() == (b"", FAREWELL)
        stand.gate.let_in(2)
        await stand.settles(open=2, abandoned=1)
        assert stand.gate.admitted == 2


@on_each_loop
async def test_who_gives_up_the_moment_it_is_let_in_is_counted_once() -> None:
    async with Stand(gate=Hand(holds=True)) as stand:
        for order in (0, 1) * 10:
            client = await stand.client()
            await until(lambda: stand.gate.waiting, lambda: "not queued")
            steps = [client.reset, stand.gate.let_in]
            steps[order]()
            steps[1 - order]()
            await until(lambda: stand.relay.counters.living == 0, lambda: stand.relay.counters)
            stand.check()
            assert stand.gate.left == stand.gate.admitted
        states = stand.relay.counters.states
        assert states[State.ABANDONED] + states[State.CLOSED] == 20


@on_each_loop
async def test_without_room_the_kernel_answers_nobody() -> None:
    async with Stand(gate=Hand(places=3)) as stand:
        pairs = [await stand.pair() for _ in range(3)]
        await stand.settles(open=3)
        waiting = []
        for _ in range(5):
            waiting.append(stand.client_now())
            await asyncio.sleep(0.05)  # SYNs of one moment would all be answered
        await asyncio.sleep(0.3)
        assert [answered(client) for client in waiting] == [False] * 5
        await stand.settles(open=3)
        assert stand.relay.counters.accepted == 3
        # A place that is free goes to one of them, when its kernel asks again.
        pairs[0][0].reset()
        await stand.settles(open=3, closed=1)
        assert sum(answered(client) for client in waiting) == 1
        stand.gate.places = None
        stand.relay.look_again()
        await stand.settles(open=7, closed=1)
        assert (stand.relay.counters.accepted, stand.gate.admitted) == (8, 8)


def answered(client: End) -> bool:
    """Whether its connect has succeeded."""
    with contextlib.suppress(OSError):
        client.socket.getpeername()
        return True
    return False


@on_each_loop
async def test_room_that_comes_and_goes_counts_nobody_who_is_not_there() -> None:
    async with Stand(gate=Hand(places=0)) as stand:
        for turns in (0, 0, 1, 0, 2, 0, 3, 0, 5) * 4:
            for places in (1, 0):
                stand.gate.places = places
                stand.relay.look_again()
                for _ in range(turns):
                    await asyncio.sleep(0)
        stand.gate.places = None
        stand.relay.look_again()
        for number in range(1, 4):
            await stand.pair()
            await stand.settles(open=number)
        assert stand.relay.counters.accepted == 3


@on_each_loop
async def test_without_a_descriptor_to_spare_the_door_still_closes() -> None:
    async with Stand(gate=Hand(places=1)) as stand:
        with no_descriptors():
            stand.gate.places = 0
            stand.relay.look_again()
        client = await stand.client()  # by the kernel's grace
        await client.hears_nothing()
        await stand.settles()
        stand.gate.places = 1
        stand.relay.look_again()
        await stand.settles(open=1)
        await stand.server()


@on_each_loop
async def test_an_upstream_that_refuses() -> None:
    with socket.socket() as nobody:
        nobody.bind((LOOPBACK, 0))  # taken, and not listening
        async with Stand(upstream=nobody.getsockname()) as stand:
            for number in range(1, 6):
                client = await stand.client()
                assert await client.rest() == (b"", FAREWELL)
                await stand.settles(dials_failed=number)
            assert stand.gate.left == 5
            client = stand.client_now()
            client.send_now(b"a word that nobody will ever read")
            assert await client.rest() == (b"", RESET)
            await stand.settles(dials_failed=6)
            # One that comes now is led elsewhere.
            stand.relay.lead_to(stand.listening.getsockname())
            await stand.pair()
            await stand.settles(dials_failed=6, open=1)


@on_each_loop
async def test_dials_into_a_black_hole_run_side_by_side_and_end_in_time() -> None:
    with black_hole() as (address, _):
        async with Stand(upstream=address, dial_timeout_seconds=4) as stand:
            started = time.monotonic()
            clients = [await stand.client() for _ in range(50)]
            await stand.settles(dialing=50)
            stand.relay.lead_to(stand.listening.getsockname())
            await stand.pair()  # at once, while the others still dial
            assert time.monotonic() - started < 4
            await stand.settles(open=1, dials_failed=50)
            assert 4 <= time.monotonic() - started < 12
            for client in clients:
                assert await client.rest() == (b"", FAREWELL)
            assert stand.gate.left == 50


@on_each_loop
async def test_what_a_client_said_while_its_dial_took_long_arrives() -> None:
    with black_hole() as (address, take):
        async with Stand(upstream=address, dial_timeout_seconds=10) as stand:
            client = await stand.client()
            client.send_now(b"all I have to say")
            client.say_farewell()
            await stand.settles(dialing=1)
            await asyncio.sleep(0.1)
            await stand.settles(dialing=1)
            take()  # there is room: the next SYN, a second after the first, is answered
            await stand.settles(open=1)
            server = End(take())
            assert await server.rest() == (b"all I have to say", FAREWELL)
            await server.send(b"well")
            server.close()
            assert await client.rest() == (b"well", FAREWELL)
            await stand.settles(closed=1)


@pytest.mark.parametrize("ends", ["reset", "close_with_data"])
@on_each_loop
async def test_a_client_that_gives_up_while_dialing(ends: str) -> None:
    with black_hole() as (address, _):
        async with Stand(upstream=address) as stand:
            clients = [await stand.client() for _ in range(3)]
            await stand.settles(dialing=3)
            clients[0].reset()
            await stand.settles(dialing=2, abandoned=1)
            assert stand.gate.left == 1


@on_each_loop
async def test_closing_leaves_nothing_whatever_there_is() -> None:
    await close_with_all_there_is()  # the event loop too has descriptors, made when needed
    gc.collect()
    before = psutil.Process().num_fds()
    await close_with_all_there_is()
    assert psutil.Process().num_fds() == before


async def close_with_all_there_is() -> None:
    with black_hole() as (address, _):
        async with Stand(gate=Hand(holds=True)) as stand:
            for _ in range(9):
                await stand.client()
            await stand.settles(queued=9)
            stand.gate.let_in(3)
            servers = [await stand.server() for _ in range(3)]
            await stand.settles(queued=6, open=3)
            stand.relay.lead_to(address)
            stand.gate.holds = False
            for _ in range(3):
                await stand.client()
            await stand.settles(queued=6, open=3, dialing=3)
            stand.relay.close()
            async with asyncio.timeout(1):
                await stand.relay.closed()
            await stand.settles(abandoned=9, closed=3)
            assert (stand.gate.admitted, stand.gate.left) == (6, 6)
            assert len(stand.gate.waiting) == 0
            for server in servers:
                assert (await server.rest())[0] == b""
            with pytest.raises(ConnectionRefusedError):
                await stand.client()


@on_each_loop
async def test_it_can_be_closed_at_any_moment_of_a_clients_way() -> None:
    for turns in range(30):
        async with Stand() as stand:
            for _ in range(3):
                client = stand.client_now()
                client.send_now(b"word")
            for _ in range(turns):
                await asyncio.sleep(0)
            stand.relay.close()
            async with asyncio.timeout(1):
                await stand.relay.closed()
            assert not stand.relay.listening
    gc.collect()  # a socket that nobody closed is told now


@on_each_loop
async def test_a_port_in_use_is_an_error_and_leaves_nothing() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        relay = Relay(Route((LOOPBACK, 1)))
        with pytest.raises(OSError, match="in use"):
            relay.listen(*taken.getsockname())
        assert not relay.listening
        assert relay.listen(LOOPBACK, 0)[1] != taken.getsockname()[1]
        relay.close()
        await relay.closed()
