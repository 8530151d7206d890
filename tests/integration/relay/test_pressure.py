"""What a relay holds and for how long: ends that do not read, many clients, no descriptors."""

import asyncio
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaosnetra.relay import connection
from tests.support.relaying import (
    FAREWELL,
    LOOPBACK,
    LOOPS,
    RESET,
    WAIT_SECONDS,
    End,
    Stand,
    assert_same,
    many_descriptors,
    no_descriptors,
    on_each_loop,
    run_on,
    until,
)

BOTH = pytest.mark.parametrize("first", ["client", "server"])
PATTERN = bytes(range(251)) * 4_000  # 1 MB
# The largest buffers that the kernel gives one connection at four sockets, with room to spare.
MOST_KERNEL_BYTES = 80_000_000
# What the relay itself may hold of one connection: twice what it reads at once.
MOST_HELD_BYTES = 600_000


class Flood:
    """Sends without end until it is stopped."""

    def __init__(self, end: End) -> None:
        self.sent_bytes = 0
        self._end = end
        self._stopped = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._stopped:
            try:
                sent = self._end.socket.send(PATTERN[self.sent_bytes % 251 :][:100_000])
            except BlockingIOError:
                await asyncio.sleep(0.002)
                continue
            self.sent_bytes += sent

    async def stuck(self) -> int:
        """Wait until nobody takes more; returns how much was taken."""
        quiet_since, seen = time.monotonic(), -1
        while time.monotonic() < quiet_since + 0.3:
            if self.sent_bytes != seen:
                quiet_since, seen = time.monotonic(), self.sent_bytes
            assert self.sent_bytes < MOST_KERNEL_BYTES, "somebody takes it all"
            await asyncio.sleep(0.01)
        return seen

    async def stop(self) -> None:
        self._stopped = True
        await self._task


def expected(size: int) -> bytes:
    """What a flood of so many bytes is."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


@contextmanager
def traced_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@BOTH
@on_each_loop
async def test_an_end_that_does_not_read_holds_the_other_back_until_it_reads(
    stand: Stand, first: str
) -> None:
    near, far = await stand.pair(first)
    flood = Flood(far)
    taken = await flood.stuck()
    # It stays so, and the way back is free.
    near.send_now(b"still here")
    assert await far.receive(10) == b"still here"
    await asyncio.sleep(0.2)
    assert flood.sent_bytes == taken
    # What the relay took and could not hand on yet is no more than it may hold.
    counters = stand.relay.counters
    handed_on = counters.downstream_bytes if first == "client" else counters.upstream_bytes
    assert 0 < handed_on <= taken
    received = await near.receive(taken)
    await until(lambda: flood.sent_bytes > taken, lambda: "no more is taken")
    await flood.stop()
    far.say_farewell()
    rest, ending = await near.rest()
    assert ending == FAREWELL
    assert len(received) + len(rest) == flood.sent_bytes
    assert_same(received + rest, expected(flood.sent_bytes))


@on_each_loop
async def test_clients_that_do_not_read_cost_little_memory_and_block_nobody() -> None:
    stalled = 10
    async with Stand() as stand:
        floods = []
        with traced_memory():
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(stalled):
                _, server = await stand.pair()
                floods.append(Flood(server))
            for flood in floods:
                await flood.stuck()
            held = tracemalloc.get_traced_memory()[0] - before
        assert held < stalled * MOST_HELD_BYTES
        client, server = await stand.pair()
        slowest = 0.0
        for _ in range(100):
            started = time.monotonic()
            await client.send(b"ping")
            assert await server.receive(4) == b"ping"
            await server.send(b"pong")
            assert await client.receive(4) == b"pong"
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 2
        for flood in floods:
            await flood.stop()
        await stand.settles(open=stalled + 1)


@on_each_loop
async def test_early_data_waits_in_the_kernel_and_arrives_in_full(stand: Stand) -> None:
    stand.gate.holds = True
    client = await stand.client()
    flood = Flood(client)
    taken = await flood.stuck()
    (relayed,) = stand.relay.connections
    assert relayed.upward.received_bytes < MOST_HELD_BYTES < taken
    stand.gate.let_in()
    server = await stand.server()
    received = await server.receive(taken)
    await flood.stop()
    client.say_farewell()
    rest, ending = await server.rest()
    assert ending == FAREWELL
    assert_same(received + rest, expected(flood.sent_bytes))


@BOTH
@pytest.mark.parametrize("ends", [FAREWELL, RESET])
@on_each_loop
async def test_an_end_that_never_reads_does_not_keep_the_connection(
    first: str, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSING_SECONDS", 0.3)
    async with Stand() as stand:
        near, far = await stand.pair(first)
        # More than one kernel takes, no more than leaves the relay's own buffer open.
        await far.send(PATTERN * 3)
        near.say_farewell()
        assert (await far.rest()) == (b"", FAREWELL)
        await asyncio.sleep(0.1)
        (relayed,) = stand.relay.connections
        flow = relayed.downward if first == "client" else relayed.upward
        if flow.received_bytes < 3 * len(PATTERN):
            # The rest is unread in the relay's kernel: its end is not seen before it is read.
            await near.receive(3 * len(PATTERN) - flow.received_bytes)
            await until(
                lambda: flow.received_bytes == 3 * len(PATTERN), lambda: "the rest is not read"
            )
        started = time.monotonic()
        if ends == RESET:
            far.reset()
        else:
            far.close()
        await stand.settles(closed=1)
        assert time.monotonic() - started < 5


@on_each_loop
async def test_two_thousand_connections_held_open() -> None:
    many_descriptors(9_000)
    count = 2_000
    async with Stand() as stand:
        pairs = []
        for _ in range(count // 100):
            clients = [await stand.client() for _ in range(100)]
            servers = [await stand.server() for _ in range(100)]
            pairs += list(zip(clients, servers, strict=True))
        await stand.settles(open=count)
        for number, (client, _) in enumerate(pairs):
            client.send_now(b"%06d" % number)
        heard = sorted([await server.receive(6) for _, server in pairs])
        assert heard == [b"%06d" % number for number in range(count)]
        for client, server in pairs[: count // 2]:
            client.close()
            server.close()
        await stand.settles(open=count // 2, closed=count // 2)


@BOTH
@on_each_loop
async def test_without_a_descriptor_to_spare_a_farewell_still_passes(first: str) -> None:
    async with Stand() as stand:
        near, far = await stand.pair(first)
        with no_descriptors():
            near.say_farewell()
            assert await far.rest() == (b"", FAREWELL)
        await far.send(b"late")
        far.close()
        assert await near.rest() == (b"late", FAREWELL)
        await stand.settles(closed=1)


# A relay with few descriptors to spare; answers each line it is given with its counters.
CHILD = """
import asyncio, json, os, resource, sys
from chaosnetra.relay.connection import Route
from chaosnetra.relay.relay import Relay
from tests.support.relaying import LOOPS

async def main():
    relay = Relay(Route(("127.0.0.1", int(sys.argv[2]))))
    port = relay.listen("127.0.0.1", 0)[1]
    highest = max(map(int, os.listdir("/dev/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + 20, resource.RLIM_INFINITY))
    print(port, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(relay.counters.to_json()), flush=True)

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.RLIM_INFINITY = hard
with asyncio.Runner(loop_factory=LOOPS[sys.argv[1]]) as runner:
    runner.run(main())
"""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def is_served(port: int) -> bool:
    """Whether a new client gets its word back."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            writer.write(b"word")
            return await reader.read(4) == b"word"
    except ConnectionError:
        return False
    finally:
        writer.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_relay_without_descriptors_goes_on_when_there_are_some(loop: str) -> None:
    async def scenario() -> None:
        upstream = await asyncio.start_server(echo, LOOPBACK, 0)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CHILD,
            loop,
            str(upstream.sockets[0].getsockname()[1]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None

        async def told() -> dict[str, int]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"\n")
            found: dict[str, int] = json.loads(await child.stdout.readline())
            return found

        try:
            port = int(await child.stdout.readline())
            clients = [await asyncio.open_connection(LOOPBACK, port) for _ in range(60)]
            deadline = time.monotonic() + WAIT_SECONDS
            while not (counters := await told())["accept_errors"]:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert counters["accepted"] < 60 or counters["dials_failed"] > 0
            for _, writer in clients:
                writer.close()
            deadline = time.monotonic() + WAIT_SECONDS
            while not await is_served(port):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert await is_served(port)
            while (counters := await told())["open"] + counters["dialing"]:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert child.returncode is None
        finally:
            child.stdin.close()
            await child.wait()
            upstream.close()

    run_on("asyncio", scenario)
