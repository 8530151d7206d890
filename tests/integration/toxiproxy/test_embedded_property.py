"""Random sequences on the embedded server: no byte is lost, no gauge is wrong, nothing hangs."""

import asyncio
import contextlib
import json
import random
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from chaosnetra.toxiproxy.embedded.application import ControlApi
from chaosnetra.toxiproxy.embedded.collection import Collection
from chaosnetra.toxiproxy.toxics import TOXIC_TYPES
from tests.support.embedded_proxy import ProxyStand
from tests.support.relaying import LOOPBACK, LOOPS, End, assert_same, run_on, until

BOUNDED = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a hang smaller takes too long
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
END_SECONDS = 10.0
directions = st.sampled_from(["downstream", "upstream"])
loops = st.sampled_from(list(LOOPS))

# Toxics that only delay

harmless = st.one_of(
    st.tuples(
        st.just("latency"),
        st.sampled_from([0, 5, 20, 60_000]).flatmap(
            lambda latency: st.fixed_dictionaries(
                {"latency": st.just(latency), "jitter": st.integers(0, latency)}
            )
        ),
    ),
    st.tuples(
        st.just("bandwidth"),
        st.fixed_dictionaries({"rate": st.sampled_from([0, 10, 100, 500, 20_000])}),
    ),
    st.tuples(
        st.just("slicer"),
        st.sampled_from([(1, 0), (7, 3), (1000, 999), (3, 400)]).flatmap(
            lambda sizes: st.fixed_dictionaries(
                {
                    "average_size": st.just(sizes[0]),
                    "size_variation": st.just(sizes[1]),
                    "delay": st.sampled_from([0, 50, 3000, 100_000]),
                }
            )
        ),
    ),
    st.tuples(
        st.just("slow_close"), st.fixed_dictionaries({"delay": st.sampled_from([0, 20, 60_000])})
    ),
)
# Long enough for bytes to reach a toxic, now and then for a slow line to pass on a piece of them.
pauses = st.sampled_from([0, 0.002, 0.002, 0.005, 0.005, 0.01, 0.02, 0.11])
sends = st.tuples(
    st.just("send"), st.integers(0, 3), st.sampled_from([1, 100, 6_000, 70_000, 400_000])
)
adds = st.tuples(st.just("add"), harmless, directions, st.sampled_from([0.5, 1.0]))
farewells = st.tuples(st.just("farewell"), st.integers(0, 3))
streaming = st.one_of(
    sends,
    sends,
    adds,
    st.tuples(st.just("change"), st.integers(0, 5), harmless, st.sampled_from([0.0, 0.5, 1.0])),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("read"), st.integers(0, 3), st.booleans()),
    farewells,
)
# Toxics that are there when the data comes, and when its end does.
whole_streams = st.tuples(
    st.lists(st.tuples(adds, pauses), min_size=1, max_size=3),
    st.lists(st.tuples(sends, pauses), min_size=1, max_size=4),
    st.lists(st.tuples(streaming, pauses), max_size=20),
    st.lists(st.tuples(farewells, pauses), max_size=2),
    st.lists(st.tuples(streaming, pauses), max_size=10),
).map(lambda parts: [step for part in parts for step in part])


class Talker:
    """One end that sends in the background, and reads whenever it may."""

    def __init__(self, end: End, seed: int) -> None:
        self.end = end
        self.sent = bytearray()
        self.received = bytearray()
        self.reads = asyncio.Event()
        self.reads.set()
        self._random = random.Random(seed)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._said_farewell = False
        self.tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._read())]

    def send(self, size: int) -> None:
        if not self._said_farewell:
            data = self._random.randbytes(size)
            self.sent += data
            self._queue.put_nowait(data)

    def say_farewell(self) -> None:
        if not self._said_farewell:
            self._said_farewell = True
            self._queue.put_nowait(None)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while (data := await self._queue.get()) is not None:
            await loop.sock_sendall(self.end.socket, data)
        self.end.say_farewell()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.reads.wait()
            data = await loop.sock_recv(self.end.socket, 65536)
            if not data:
                return
            self.received += data


@BOUNDED
@given(loop=loops, steps=whole_streams, seed=st.integers(0, 9))
def test_bytes_are_never_altered_reordered_or_lost(
    loop: str, steps: list[tuple[tuple[Any, ...], float]], seed: int
) -> None:
    async def scenario() -> None:
        async with ProxyStand(str(seed)) as stand:
            ends = [*await stand.pair(), *await stand.pair()]
            talkers = [Talker(end, number) for number, end in enumerate(ends)]
            made = 0
            for (what, *arguments), pause in steps:
                toxics = stand.proxy.toxics
                if what == "send":
                    talkers[arguments[0]].send(arguments[1])
                elif what == "farewell":
                    talkers[arguments[0]].say_farewell()
                elif what == "read":
                    reads = talkers[arguments[0]].reads
                    reads.set() if arguments[1] else reads.clear()
                elif what == "add":
                    (type_, attributes), direction, toxicity = arguments
                    made += 1
                    stand.add(type_, direction, f"t{made}", toxicity, **attributes)
                elif toxics and what == "remove":
                    stand.remove(toxics[arguments[0] % len(toxics)].name)
                elif toxics and what == "change":
                    toxic = toxics[arguments[0] % len(toxics)]
                    type_, attributes = arguments[1]
                    if type_ == toxic.type:
                        stand.change(toxic.name, arguments[2], **attributes)
                    else:
                        stand.change(toxic.name, arguments[2])
                await asyncio.sleep(pause)
                stand.check()
            for toxic in stand.proxy.toxics:
                stand.remove(toxic.name)
            for talker in talkers:
                talker.reads.set()
                talker.say_farewell()
            async with asyncio.timeout(END_SECONDS):
                await asyncio.gather(*(task for talker in talkers for task in talker.tasks))
            for one, other in ((0, 1), (2, 3)):
                assert_same(bytes(talkers[one].received), bytes(talkers[other].sent))
                assert_same(bytes(talkers[other].received), bytes(talkers[one].sent))
            await stand.settles(closed=2)
            counters = stand.relay.counters
            assert counters.upstream_bytes == len(talkers[0].sent) + len(talkers[2].sent)
            assert counters.downstream_bytes == len(talkers[1].sent) + len(talkers[3].sent)

    run_on(loop, scenario)


# Everything at once

names = st.sampled_from(["a", "b"])
toxic_names = st.sampled_from(["t", "u"])
values = st.sampled_from([0, 1, 5, 100, 10**9])


@st.composite
def toxic_bodies(draw: st.DrawFn) -> dict[str, Any]:
    type_ = draw(st.sampled_from(list(TOXIC_TYPES)))
    known = [attribute.server_name for attribute in TOXIC_TYPES[type_]]
    return {
        "name": draw(toxic_names),
        "type": type_,
        "stream": draw(directions),
        "toxicity": draw(st.sampled_from([0, 0.5, 1, 2])),
        "attributes": {name: draw(values) for name in known},
    }


calls = st.one_of(
    st.tuples(st.just("create"), names, st.sampled_from(["echo", "silent", "refusing"])),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("switch"), names, st.booleans()),
    st.tuples(st.just("move"), names, st.sampled_from(["echo", "silent", "refusing"])),
    st.tuples(st.just("add"), names, toxic_bodies()),
    st.tuples(st.just("change"), names, toxic_names, toxic_bodies()),
    st.tuples(st.just("remove"), names, toxic_names),
    st.tuples(st.just("reset")),
)
events = st.one_of(
    st.tuples(st.just("connect"), names),
    st.tuples(st.just("send"), st.integers(0, 9), st.sampled_from([1, 5_000, 500_000])),
    st.tuples(st.just("read"), st.integers(0, 9)),
    st.tuples(st.just("farewell"), st.integers(0, 9)),
    st.tuples(st.just("rst"), st.integers(0, 9)),
    st.tuples(st.just("close"), st.integers(0, 9)),
)


def asked(application: Starlette, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One call of the API, without a network: done at once, it may wait for nothing."""
    messages: list[dict[str, Any]] = []
    raw = b"" if body is None else json.dumps(body).encode()
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": quote(path).encode(),
        "query_string": b"", "headers": [], "root_path": "", "http_version": "1.1",
        "scheme": "http",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    call = application(scope, receive, send)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        call.send(None)  # type: ignore[attr-defined]
    answer = b"".join(message.get("body", b"") for message in messages)
    data = json.loads(answer) if answer.startswith((b"{", b"[")) else None
    return messages[0]["status"], data


@dataclass
class World:
    """A control API, upstream servers of several manners, and clients."""

    application: Starlette
    collection: Collection
    upstreams: dict[str, str]
    clients: list[socket.socket] = field(default_factory=list)

    def do(self, what: str, *arguments: Any) -> None:
        if what in ("connect", "send", "read", "farewell", "rst", "close"):
            with contextlib.suppress(OSError):
                self._event(what, *arguments)
            return
        status, data = self._call(what, *arguments)
        assert status in (200, 201, 204, 400, 404, 409), data
        if status >= 400:
            assert data["status"] == status
            assert data["error"]

    def _event(self, what: str, *arguments: Any) -> None:
        if what == "connect":
            for proxy in self.collection:
                if proxy.spec.name == arguments[0]:
                    client = socket.socket()
                    client.setblocking(False)
                    client.connect_ex(proxy.spec.listen)
                    self.clients.append(client)
            return
        if not self.clients:
            return
        client = self.clients[arguments[0] % len(self.clients)]
        if what == "send":
            client.send(b"x" * arguments[1])
        elif what == "read":
            client.recv(100_000)
        elif what == "farewell":
            client.shutdown(socket.SHUT_WR)
        elif what == "rst":
            End(client).reset()
        else:
            client.close()

    def _call(self, what: str, *arguments: Any) -> tuple[int, Any]:
        if what == "reset":
            return asked(self.application, "POST", "/reset")
        path = f"/proxies/{arguments[0]}"
        if what == "create":
            body = {
                "name": arguments[0],
                "listen": f"{LOOPBACK}:0",
                "upstream": self.upstreams[arguments[1]],
            }
            return asked(self.application, "POST", "/proxies", body)
        if what == "delete":
            return asked(self.application, "DELETE", path)
        if what == "switch":
            return asked(self.application, "PATCH", path, {"enabled": arguments[1]})
        if what == "move":
            upstream = self.upstreams[arguments[1]]
            return asked(self.application, "POST", path, {"upstream": upstream})
        if what == "add":
            return asked(self.application, "POST", f"{path}/toxics", arguments[1])
        toxic = f"{path}/toxics/{arguments[1]}"
        if what == "remove":
            return asked(self.application, "DELETE", toxic)
        change = {"attributes": arguments[2]["attributes"], "toxicity": arguments[2]["toxicity"]}
        return asked(self.application, "PATCH", toxic, change)

    def check(self) -> None:
        """The API answers, and says what is so."""
        status, proxies = asked(self.application, "GET", "/proxies")
        assert status == 200
        for name, shown in proxies.items():
            status, gauges = asked(self.application, "GET", f"/proxies/{name}/gauges")
            proxy = self.collection.get(name)
            counters = proxy.relay.counters
            assert status == 200
            states = [gauges[state.value] for state in counters.states]
            assert min(states) >= 0
            assert sum(states) == gauges["accepted"]
            assert proxy.relay.listening is shown["enabled"]
            names = [toxic["name"] for toxic in shown["toxics"]]
            assert len(set(names)) == len(names)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@BOUNDED
@given(loop=loops, steps=st.lists(st.tuples(calls | events, pauses), min_size=8, max_size=40))
def test_random_calls_and_connections(
    loop: str, steps: list[tuple[tuple[Any, ...], float]]
) -> None:
    async def scenario() -> None:
        serving = await asyncio.start_server(echo, LOOPBACK, 0)
        silent = socket.create_server((LOOPBACK, 0))  # takes a connection, and never reads
        with socket.socket() as refusing:
            refusing.bind((LOOPBACK, 0))
            upstreams = {
                kind: f"{LOOPBACK}:{plain.getsockname()[1]}"
                for kind, plain in (
                    ("echo", serving.sockets[0]),
                    ("silent", silent),
                    ("refusing", refusing),
                )
            }
            collection = Collection(0)
            application = ControlApi(collection, anywhere=False).application()
            world = World(application, collection, upstreams)
            for (what, *arguments), pause in [((("create"), "a", "echo"), 0.0), *steps]:
                world.do(what, *arguments)
                await asyncio.sleep(pause)
                world.check()
            relays = [proxy.relay for proxy in collection]
            for name in [proxy.spec.name for proxy in collection]:
                assert asked(application, "DELETE", f"/proxies/{name}")[0] == 204
            await until(
                lambda: not any(list(relay.connections) for relay in relays),
                lambda: "connections are left",
            )
            for relay in relays:
                assert relay.counters.living == 0
            for client in world.clients:
                client.close()
        silent.close()
        serving.close()
        await until(
            lambda: asyncio.all_tasks() == {asyncio.current_task()}, lambda: "tasks are left"
        )

    run_on(loop, scenario)
