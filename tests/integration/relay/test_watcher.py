"""Who watches a relay is told all that passes, in order, and can do no harm."""

import asyncio
import contextlib
import errno
import socket
from typing import Any

import pytest

from chaosnetra.relay.connection import Connection
from chaosnetra.relay.watcher import Ending
from tests.support.relaying import (
    FAREWELL,
    LOOPBACK,
    RESET,
    WAIT_SECONDS,
    Hand,
    Stand,
    assert_same,
    black_hole,
    no_descriptors,
    on_each_loop,
    until,
)

LARGE = bytes(range(251)) * 20_000  # 5 MB


class Told:
    """Writes down what it is told; raises where it is to."""

    def __init__(self, at: float, raises_at: str) -> None:
        self.moments = [at]
        self.names: list[str] = []
        self.client = bytearray()
        self.server = bytearray()
        self.how: Ending | None = None
        self._raises_at = raises_at

    def _note(self, name: str, at: float) -> None:
        self.moments.append(at)
        if self.names[-1:] != [name]:
            self.names.append(name)
        if name == self._raises_at:
            raise RuntimeError("a defect")

    def dialed(self, at: float) -> None:
        self._note("dialed", at)

    def client_sent(self, data: bytes, at: float) -> None:
        self.client += data
        self._note("client", at)

    def server_sent(self, data: bytes, at: float) -> None:
        self.server += data
        self._note("server", at)

    def ended(self, how: Ending, at: float) -> None:
        assert self.how is None
        self.how = how
        self._note("ended", at)


class Audience:
    """Watchers of a relay, and what they raised."""

    def __init__(self, raises_at: str = "") -> None:
        self.told: list[Told] = []
        self.failures: list[Exception] = []
        self._raises_at = raises_at

    def watcher(self, at: float) -> Told:
        self.told.append(Told(at, self._raises_at))
        if self._raises_at == "watcher":
            raise RuntimeError("a defect")
        return self.told[-1]

    def failed(self, error: Exception) -> None:
        self.failures.append(error)


async def ended_as(audience: Audience, how: Ending) -> Told:
    """The one watcher, once it was told of the end."""
    (told,) = audience.told
    await until(lambda: told.how is not None, lambda: told.names)
    assert told.how is how
    assert told.moments == sorted(told.moments)
    assert audience.failures == []
    return told


def seen(**options: Any) -> tuple[Audience, Stand]:
    audience = Audience()
    return audience, Stand(watchers=audience, accepts_for_upstream=True, **options)


@on_each_loop
async def test_every_byte_is_told_in_order() -> None:
    audience, stand = seen()
    async with stand:
        client, server = await stand.pair()
        await client.send(b"question")
        assert await server.receive(8) == b"question"
        await server.send(b"answer")
        assert await client.receive(6) == b"answer"
        sending = asyncio.create_task(client.send(LARGE))
        assert_same(await server.receive(len(LARGE)), LARGE)
        await sending
        client.close()
        told = await ended_as(audience, Ending.CLIENT)
        assert told.names == ["dialed", "client", "server", "client", "ended"]
        assert_same(bytes(told.client), b"question" + LARGE)
        assert bytes(told.server) == b"answer"


@on_each_loop
async def test_what_comes_after_a_farewell_is_told_too() -> None:
    audience, stand = seen()
    async with stand:
        client, server = await stand.pair()
        client.say_farewell()
        assert await server.rest() == (b"", FAREWELL)
        told = await ended_as(audience, Ending.CLIENT)
        await server.send(b"late")
        server.close()
        assert await client.rest() == (b"late", FAREWELL)
        await until(lambda: told.server == b"late", lambda: told.server)
        assert told.names == ["dialed", "ended", "server"]


@pytest.mark.parametrize(
    ("first", "resets", "how"),
    [
        ("client", False, Ending.CLIENT),
        ("server", False, Ending.SERVER),
        ("client", True, Ending.CLIENT_RESET),
        ("server", True, Ending.SERVER_RESET),
    ],
)
@on_each_loop
async def test_the_side_that_is_first_ends_it(first: str, resets: bool, how: Ending) -> None:
    audience, stand = seen()
    async with stand:
        near, far = await stand.pair(first)
        if resets:
            near.reset()
        else:
            near.close()
        assert await far.rest() == (b"", RESET if resets else FAREWELL)
        far.close()
        await stand.settles(closed=1)
        await ended_as(audience, how)


@pytest.mark.parametrize("early", [b"", b"early"])
@on_each_loop
async def test_a_refused_client_is_reset_even_one_that_has_sent_nothing(early: bytes) -> None:
    with socket.socket() as nobody:  # bound, and never listening
        nobody.bind((LOOPBACK, 0))
        audience, stand = seen(upstream=nobody.getsockname())
        async with stand:
            client = await stand.client()
            if early:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    client.send_now(early)
            assert await client.rest() == (b"", RESET)
            told = await ended_as(audience, Ending.REFUSED)
            assert told.names == ["ended"]
            await stand.settles(dials_failed=1)


@on_each_loop
async def test_an_upstream_that_resets_before_it_counts_as_reached_has_not_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that accepts, and resets at once, may be quicker than our own system."""

    async def dial(_: Connection) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connect call failed")

    monkeypatch.setattr(Connection, "_dial", dial)
    audience, stand = seen(upstream=(LOOPBACK, 1))
    async with stand:
        client = await stand.client()
        assert await client.rest() == (b"", RESET)
        assert (await ended_as(audience, Ending.SERVER_RESET)).names == ["ended"]


@on_each_loop
async def test_an_upstream_that_does_not_answer_in_time() -> None:
    with black_hole() as (address, _):
        audience, stand = seen(upstream=address, dial_timeout_seconds=0.2)
        async with stand:
            client = await stand.client()
            await client.send(b"early")
            assert await client.rest() == (b"", RESET)
            assert (await ended_as(audience, Ending.UNANSWERED)).names == ["ended"]


@pytest.mark.parametrize("leaves", ["farewell", "close", "reset", "early farewell", "early reset"])
@on_each_loop
async def test_a_client_that_leaves_an_upstream_that_does_not_answer(leaves: str) -> None:
    with black_hole() as (address, _):
        audience, stand = seen(upstream=address)
        async with stand:
            client = await stand.client()
            await stand.settles(dialing=1)
            if "early" in leaves:
                await client.send(b"early")
            if "reset" in leaves:
                client.reset()
            elif "farewell" in leaves:
                client.say_farewell()
            else:
                client.close()
            await stand.settles(abandoned=1)
            assert (await ended_as(audience, Ending.UNANSWERED)).names == ["ended"]


@on_each_loop
async def test_last_words_of_a_client_reach_an_upstream_that_answers_late() -> None:
    with black_hole() as (address, take):
        audience, stand = seen(upstream=address)
        async with stand:
            client = await stand.client()
            await stand.settles(dialing=1)
            await client.send(b"last words")
            client.close()
            take()  # what plugged the queue up
            async with asyncio.timeout(WAIT_SECONDS):
                heard = await asyncio.to_thread(take)
            data = await asyncio.to_thread(heard.recv, 100)
            assert data == b"last words"
            heard.close()
            # By then it was told that the client had given up.
            told = await ended_as(audience, Ending.UNANSWERED)
            assert told.names == ["ended"]


@on_each_loop
async def test_a_client_that_leaves_at_once_is_told_whole() -> None:
    audience, stand = seen()
    async with stand:
        client = await stand.client()
        client.send_now(b"cancel that")
        client.say_farewell()
        server = await stand.server()
        assert await server.rest() == (b"cancel that", FAREWELL)
        server.close()
        told = await ended_as(audience, Ending.CLIENT)
        assert (told.names, told.client) == (["dialed", "client", "ended"], b"cancel that")


@on_each_loop
async def test_a_relay_that_closes_says_so() -> None:
    audience, stand = seen()
    async with stand:
        await stand.pair()
        stand.relay.close()
        await ended_as(audience, Ending.DROPPED)


@pytest.mark.parametrize("raises_at", ["watcher", "dialed", "client", "server", "ended"])
@on_each_loop
async def test_a_watcher_that_raises_is_told_no_more_and_harms_nobody(raises_at: str) -> None:
    audience = Audience(raises_at)
    async with Stand(watchers=audience) as stand:
        client, server = await stand.pair()
        for number in range(3):
            await client.send(b"%d" % number)
            assert await server.receive(1) == b"%d" % number
            await server.send(b"%d" % number)
            assert await client.receive(1) == b"%d" % number
        client.close()
        assert await server.rest() == (b"", FAREWELL)
        server.close()
        await stand.settles(closed=1)
        await until(lambda: audience.failures, lambda: "nothing failed")
        assert [str(failure) for failure in audience.failures] == ["a defect"]
        (told,) = audience.told
        assert told.names[-1:] == ([] if raises_at == "watcher" else [raises_at])
        assert bytes(told.client) in (b"", b"0", b"012")


@on_each_loop
async def test_without_a_descriptor_to_spare_it_is_not_the_upstream_that_refuses() -> None:
    audience, stand = seen(gate=Hand(holds=True))
    async with stand:
        client = await stand.client()
        await until(lambda: stand.gate.waiting, lambda: "the client did not come")
        with no_descriptors():
            stand.gate.let_in()
            await stand.settles(dials_failed=1)
        assert await client.rest() == (b"", RESET)
        await ended_as(audience, Ending.DROPPED)
        assert stand.relay.counters.dial_errors == 1
