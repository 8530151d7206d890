"""How a relayed connection ends: what one end does, the other sees, after all that came before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaosnetra.relay.counters import State
from tests.support.relaying import FAREWELL, RESET, End, Stand, assert_same, on_each_loop, until

BOTH = pytest.mark.parametrize("first", ["client", "server"])
SMALL = bytes(range(256)) * 100  # fits into any socket's buffers
LARGE = bytes(range(251)) * 20_000  # fits into none: 5 MB


@asynccontextmanager
async def paired(first: str = "client") -> AsyncIterator[tuple[Stand, End, End]]:
    """A relay and both ends of one connection, the one called `first` before the other."""
    async with Stand() as stand:
        yield (stand, *await stand.pair(first))


@BOTH
@on_each_loop
async def test_after_a_farewell_the_other_end_goes_on_sending(first: str) -> None:
    async with paired(first) as (stand, near, far):
        await near.send(SMALL)
        near.say_farewell()
        assert await far.rest() == (SMALL, FAREWELL)
        for _ in range(3):
            await far.send(SMALL)
            assert await near.receive(len(SMALL)) == SMALL
        sending = asyncio.create_task(far.send(LARGE))
        assert_same(await near.receive(len(LARGE)), LARGE)
        await sending
        await stand.settles(open=1)
        far.say_farewell()
        assert await near.rest() == (b"", FAREWELL)
        await stand.settles(closed=1)
        counters = stand.relay.counters
        sent = {"near": len(SMALL), "far": 3 * len(SMALL) + len(LARGE)}
        up, down = ("near", "far") if first == "client" else ("far", "near")
        assert (counters.upstream_bytes, counters.downstream_bytes) == (sent[up], sent[down])


@on_each_loop
async def test_both_say_farewell_at_the_same_moment() -> None:
    async with paired() as (stand, client, server):
        client.send_now(b"from the client")
        server.send_now(b"from the server")
        client.say_farewell()
        server.say_farewell()
        assert await client.rest() == (b"from the server", FAREWELL)
        assert await server.rest() == (b"from the client", FAREWELL)
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_what_was_sent_before_a_close_arrives_in_full(first: str) -> None:
    async with paired(first) as (stand, near, far):
        sending = asyncio.create_task(near.send(LARGE))
        received = asyncio.create_task(far.rest())
        await sending
        near.close()
        data, ending = await received
        assert (len(data), ending) == (len(LARGE), FAREWELL)
        assert_same(data, LARGE)
        far.close()
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_before_any_data(first: str) -> None:
    async with paired(first) as (stand, near, far):
        near.reset()
        assert await far.rest() == (b"", RESET)
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_what_was_sent_before_a_reset_arrives_in_full(first: str) -> None:
    async with paired(first) as (stand, near, far):
        near.send_now(SMALL)
        near.reset()
        assert await far.rest() == (SMALL, RESET)
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_the_last_words_before_a_reset_reach_an_end_that_is_sending(first: str) -> None:
    """As a server's reason does, that ends a session while its client sends to it."""
    for _ in range(10):
        async with paired(first) as (stand, near, far):
            await stand.settles(open=1)
            near.send_now(SMALL)
            far.send_now(b"last words")
            far.reset()
            assert await near.rest() == (b"last words", RESET)
            await stand.settles(closed=1)


@BOTH
@pytest.mark.parametrize("size", [400_000, 1_500_000])
@on_each_loop
async def test_what_the_relay_took_before_a_reset_reaches_even_a_slow_reader(
    first: str, size: int
) -> None:
    async with paired(first) as (stand, near, far):
        await near.send(LARGE[:size])
        await near.acknowledged()
        near.reset()
        await asyncio.sleep(0.1)
        received, ending = await far.rest()
        assert (len(received), ending) == (size, RESET)
        assert_same(received, LARGE[:size])
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_waits_for_nobody_who_is_gone(first: str) -> None:
    async with paired(first) as (stand, near, far):
        far.say_farewell()
        await near.send(LARGE[:400_000])
        await near.acknowledged()
        near.reset()
        await asyncio.sleep(0.05)  # the relay waits for the far end to read
        far.reset()
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_while_data_comes_the_other_way(first: str) -> None:
    async with paired(first) as (stand, near, far):
        endless = asyncio.create_task(far.send(LARGE * 10))
        await near.receive(3_000_000)
        near.reset()
        with pytest.raises(ConnectionError):
            await endless
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_after_the_other_ends_farewell(first: str) -> None:
    async with paired(first) as (stand, near, far):
        far.say_farewell()
        assert await near.rest() == (b"", FAREWELL)
        near.send_now(SMALL)
        near.reset()
        assert await far.rest() == (SMALL, RESET)
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_after_its_own_farewell_shows_at_the_other_ends_next_word(first: str) -> None:
    async with paired(first) as (stand, near, far):
        near.say_farewell()
        assert await far.rest() == (b"", FAREWELL)
        near.reset()
        far.send_now(b"are you there?")
        await stand.settles(closed=1)
        with pytest.raises(ConnectionError):
            await far.send(b"hello?")


@on_each_loop
async def test_both_reset_at_the_same_moment() -> None:
    async with paired() as (stand, client, server):
        client.reset()
        server.reset()
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_reset_and_a_farewell_at_the_same_moment(first: str) -> None:
    async with paired(first) as (stand, near, far):
        near.send_now(SMALL)
        far.say_farewell()
        near.reset()
        assert await far.rest() == (SMALL, RESET)
        await stand.settles(closed=1)


@BOTH
@on_each_loop
async def test_a_close_with_unread_data_is_a_reset_as_without_a_relay(first: str) -> None:
    async with paired(first) as (stand, near, far):
        far.send_now(SMALL)
        await far.acknowledged()
        await stand.settles(open=1)
        await asyncio.sleep(0.02)
        near.close()
        assert await far.rest() == (b"", RESET)
        await stand.settles(closed=1)


@on_each_loop
async def test_a_whole_conversation_before_the_relay_looks_up() -> None:
    async with Stand() as stand:
        for _ in range(20):
            client = stand.client_now()
            client.send_now(SMALL)
            client.say_farewell()
            server = await stand.server()
            server.send_now(b"answer")
            server.close()  # never to hear the question: a reset comes after the farewell
            assert (await client.rest())[0] == b"answer"
        await stand.settles(closed=20)


@pytest.mark.parametrize("words", [b"", SMALL])
@on_each_loop
async def test_data_and_farewell_or_that_alone_come_before_the_relay_looks_up(words: bytes) -> None:
    async with Stand() as stand:
        for number in range(1, 21):
            client = stand.client_now()
            client.send_now(words)
            client.say_farewell()
            server = await stand.server()
            assert await server.rest() == (words, FAREWELL)
            await server.send(b"answer")
            server.close()
            assert await client.rest() == (b"answer", FAREWELL)
            await stand.settles(closed=number)


@pytest.mark.parametrize("words", [b"", SMALL])
@on_each_loop
async def test_an_upstream_that_goes_as_soon_as_it_is_reached(words: bytes) -> None:
    async with Stand() as stand:
        for number in range(20):
            client = await stand.client()
            server = await stand.server()
            server.socket.send(words)
            if number % 2:
                server.reset()
                assert await client.rest() == (words, RESET)
            else:
                server.close()
                assert await client.rest() == (words, FAREWELL)
                client.close()
            await stand.settles(closed=number + 1)


@on_each_loop
async def test_an_upstream_that_goes_before_the_relay_looks_up() -> None:
    async with Stand() as stand:
        for number in range(1, 21):
            client = await stand.client()
            server = await stand.server_now()
            server.send_now(SMALL)
            server.close()
            assert await client.rest() == (SMALL, FAREWELL)
            client.close()
            await stand.settles(closed=number)
        for _ in range(20):
            client = await stand.client()
            (await stand.server_now()).reset()
            # A connect that is reset before it was seen to succeed has failed.
            assert (await client.rest())[0] == b""
        counters = stand.relay.counters
        await until(lambda: counters.living == 0, lambda: counters)
        assert counters.states[State.CLOSED] + counters.states[State.DIAL_FAILED] == 40


@on_each_loop
async def test_a_client_that_comes_and_resets_at_once() -> None:
    async with Stand() as stand:
        for _ in range(20):
            client = stand.client_now()
            client.send_now(SMALL)
            client.reset()
        staying = await stand.client()
        staying.send_now(b"I stay")
        staying.say_farewell()
        # Whether the others were abandoned or relayed is a matter of microseconds.
        while (await (await stand.server()).rest())[0] != b"I stay":
            pass
        await stand.settles(at_least=True, open=1)
        assert stand.relay.counters.living == 1
