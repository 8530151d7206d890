"""What no client of PostgreSQL sends, and what no careful one does: passed on, and bounded."""

import asyncio
import contextlib
import itertools
import json
import resource
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import requests

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput, ObserverUnavailable
from chaosnetra.stand.hops import Hop, start_observer
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.wire.client import ObserverClient, missed
from tests.support.helpers import present, query, wait_until
from tests.support.observed import Stretch, assert_bytes_are_the_same, with_tls
from tests.support.relaying import many_descriptors
from tests.support.serving import Serving

MANY = 1_500
MEGABYTE = 1_000_000
STARTUP = struct.pack(">II", 23, 196_608) + b"user\0netra\0\0\0\0\0"
BAD: dict[str, bytes] = {
    "nothing at all": b"",
    "half of a length": b"\0\0",
    "half of a startup message": STARTUP[:12],
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a length of zero": bytes(8),
    "a length below its own": struct.pack(">II", 3, 196_608),
    "a gigabyte declared": struct.pack(">II", 1 << 30, 196_608),
    "a gigabyte declared behind the startup": STARTUP + b"Q" + struct.pack(">I", 1 << 30),
    "a length that lies behind the startup": STARTUP + b"p" + struct.pack(">I", 1),
    "an unknown version": struct.pack(">II", 8, 99 << 16),
    "noise": bytes(range(256)) * 40,
    "TLS without asking": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "a request for TLS and then noise": struct.pack(">II", 8, 80_877_103) + b"\xff" * 50,
    "three requests for TLS": struct.pack(">II", 8, 80_877_103) * 3,
    "a request to cancel that names nobody": struct.pack(">IIII", 16, 80_877_102, 1, 1),
}


@pytest.mark.parametrize("what", BAD)
def test_the_server_sees_it_as_it_is(what: str, stretch: Stretch, postgres: PostgresServer) -> None:
    with (
        stretch.startup(postgres.database) as startup,
        socket.create_connection(startup.address, timeout=20) as client,
        contextlib.suppress(OSError),
    ):
        client.sendall(BAD[what])
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    (before,), (behind,) = startup.before, startup.behind
    # A server that closes with something unread resets: the rest is lost on either way.
    assert bytes(before.client).startswith(bytes(behind.client))
    assert bytes(behind.server).startswith(bytes(before.server))
    if len(BAD[what]) < 1000:
        assert bytes(before.client) == bytes(behind.client) == BAD[what]
    (connection,) = startup.seen.connections
    assert connection.session_seconds is None
    assert startup.seen.complete


def test_half_a_message_and_then_silence(stretch: Stretch, postgres: PostgresServer) -> None:
    stretch.behind.upstream = (postgres.database.host, postgres.database.port)
    began = time.monotonic()
    database = stretch.observer.database_for("silent", postgres.database)
    with socket.create_connection((database.host, database.port), timeout=20) as client:
        client.sendall(STARTUP[:12])

        def seen() -> bool:
            found = stretch.observer.observation("silent", began, time.monotonic())
            return bool(found.connections) and found.connections[0].sent_bytes == 12

        wait_until(seen, 20, "the half is seen")
        assert query(database, "SELECT 1") == 1  # nobody else waits for it
    stretch.observer.forget(["silent"])
    stretch.behind.taken()


def test_a_long_statement_with_a_password(stretch: Stretch, postgres: PostgresServer) -> None:
    secret = "correct-horse-battery"
    long = f"SELECT length('{secret}'), '{'x' * 10 * MEGABYTE}' -- {secret}"
    unfinished = f"ALTER ROLE nobody_here PASSWORD '{secret}"
    with stretch.startup(with_tls(postgres.database, "disable")) as startup:

        async def run() -> None:
            opened = await asyncpg.connect(startup.database.driver_url, timeout=20)
            found = present(await opened.fetchrow(long))
            assert found[0] == len(secret)
            for statement in (unfinished, unfinished + "'"):
                with pytest.raises(asyncpg.PostgresError):
                    await opened.execute(statement)
            await opened.close()

        asyncio.run(run())
    assert_bytes_are_the_same(startup)
    shown = repr(startup.seen.to_json())
    assert secret not in shown
    assert "battery" not in shown
    assert len(shown) < 20_000
    assert startup.seen.executions == 3


# Behind these is no PostgreSQL, and nobody records.


class Echo(Serving):
    """Sends back what it hears; after a `b` it sends without end."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                while data == b"b":
                    writer.write(bytes(MEGABYTE))
                    await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def echoed() -> Iterator[Hop]:
    """An observer in front of an echo."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    many_descriptors(min(4 * MANY, hard) if hard != resource.RLIM_INFINITY else 4 * MANY)
    with Echo() as echo:
        server = start_observer(echo.address)
        yield server
        server.stop()


def started(server: Hop, name: str) -> tuple[ObserverClient, tuple[str, int]]:
    observer = ObserverClient(server.url)
    made = observer.database_for(name, DatabaseAddress("127.0.0.1", 1, "u", "p", "d"))
    return observer, (made.host, made.port)


def test_a_port_scan_and_many_connections(echoed: Hop) -> None:
    began = time.monotonic()
    observer, address = started(echoed, "many")
    for _ in range(50):
        socket.create_connection(address, timeout=20).close()
    with contextlib.ExitStack() as held:
        clients = [
            held.enter_context(socket.create_connection(address, timeout=20)) for _ in range(MANY)
        ]
        for client in clients:
            client.sendall(b"h")
        assert {client.recv(1) for client in clients} == {b"h"}
        seen = observer.observation("many", began, time.monotonic())
    assert seen.connection_count == MANY + 50
    assert seen.most_at_once >= MANY
    assert len(seen.connections) <= 50
    assert seen.round_trips == MANY
    assert seen.complete
    state = observer.state()
    assert (state["faults"], state["opened"]) == (0, MANY + 50)
    observer.forget(["many"])


def test_a_connection_that_could_not_be_passed_on_is_told(echoed: Hop) -> None:
    observer, address = started(echoed, "no descriptor")
    assert missed(observer.state()) == ""
    process = psutil.Process(echoed.process.pid)
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)

    def came_without_a_descriptor() -> bool:
        """One to accept with and none to dial with, unless one was given back meanwhile."""
        taken = {int(one.name) for one in Path(f"/proc/{process.pid}/fd").iterdir()}
        free = next(number for number in itertools.count() if number not in taken)
        process.rlimit(psutil.RLIMIT_NOFILE, (free + 1, hard))
        try:
            with (
                contextlib.suppress(ConnectionResetError, TimeoutError),
                socket.create_connection(address, timeout=0.5) as client,
            ):
                client.recv(1)
        finally:
            process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
        return bool(observer.state()["dial_errors"])

    wait_until(came_without_a_descriptor, 30, "a connection that could not be passed on")
    assert " this machine had no descriptor or port" in missed(observer.state())
    observer.forget(["no descriptor"])
    assert missed(observer.state()) == ""


def test_a_client_that_never_reads_holds_up_nobody(echoed: Hop) -> None:
    observer, address = started(echoed, "deaf")
    before = psutil.Process(echoed.process.pid).memory_info().rss
    with contextlib.ExitStack() as held:
        for _ in range(5):
            deaf = held.enter_context(socket.create_connection(address, timeout=20))
            deaf.sendall(b"b")
        for _ in range(20):
            with socket.create_connection(address, timeout=20) as other:
                other.sendall(b"hello")
                assert other.recv(5)
        grown = psutil.Process(echoed.process.pid).memory_info().rss - before
        assert grown < 30 * MEGABYTE
    observer.forget(["deaf"])


def test_startups_at_once_keep_apart(stretch: Stretch, postgres: PostgresServer) -> None:
    stretch.behind.upstream = (postgres.database.host, postgres.database.port)
    began = time.monotonic()
    observer, names = stretch.observer, [f"apart {number}" for number in range(10)]
    databases = [observer.database_for(name, postgres.database) for name in names]

    async def work(database: DatabaseAddress, count: int) -> None:
        opened = await asyncpg.connect(database.driver_url, timeout=20)
        for _ in range(count):
            await opened.execute(f"SELECT 'of {count}'")
        await opened.close()

    async def run() -> None:
        await asyncio.gather(*(work(each, 10 + n) for n, each in enumerate(databases)))

    asyncio.run(run())
    for number, name in enumerate(names):
        seen = observer.observation(name, began, time.monotonic())
        assert (seen.connection_count, seen.executions) == (1, 10 + number)
    observer.forget(names)
    stretch.behind.taken()


# The control API

OF_PHASES = '{"name": "n", "began_at": 0, "until_at": 1, "phases": %s}'
MANY_PHASES = json.dumps({str(number): [0, 1] for number in range(201)})


def test_observations_go_on_when_the_process_that_makes_them_was_killed(
    echoed: Hop,
) -> None:
    began = time.monotonic()
    observer, address = started(echoed, "killed")
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(5)
        observer.observation("killed", began, time.monotonic())
        for process in psutil.Process(echoed.process.pid).children(recursive=True):
            if "chaosnetra.wire.observations" in process.cmdline():
                process.kill()
        seen = None

        def observed() -> bool:
            nonlocal seen
            with contextlib.suppress(ObserverUnavailable):  # the one that meets the killed
                seen = observer.observation("killed", began, time.monotonic())
            return seen is not None

        wait_until(observed, 20, "an observation is made")
    assert present(seen).round_trips == 1
    observer.forget(["killed"])


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/startups", "{", "not valid JSON"),
        ("POST", "/startups", "[]", "must be a JSON object"),
        ("POST", "/startups", "{}", "name must be text"),
        ("POST", "/startups", '{"name": ""}', "name must be text"),
        ("POST", "/startups", '{"name": "n", "socket_path": "here"}', "absolute path"),
        ("POST", "/startups", '{"name": "n", "socket_path": "/nowhere/s"}', "cannot be used"),
        ("POST", "/startups", '{"name": "n", "socket_path": "/%s"}' % ("s" * 200), "at most"),
        ("POST", "/startups", '{"name": "n", "socket_path": "/a\\u0000b"}', "NUL"),
        ("POST", "/startups", '{"name": "n", "port": 1}', "has no 'port'"),
        ("POST", "/observations", '{"name": "n", "began_at": 0, "until_at": 1}', "no startup"),
        ("POST", "/observations", '{"name": "n", "began_at": 2, "until_at": 1}', "at least 2"),
        ("POST", "/observations", '{"name": "n", "began_at": true, "until_at": 1}', "began_at"),
        ("POST", "/observations", '{"name": "n", "until_at": 1}', "began_at"),
        ("POST", "/observations", OF_PHASES % "[]", "must be an object"),
        ("POST", "/observations", OF_PHASES % '{"p": 1}', "a beginning and an end, got 1"),
        ("POST", "/observations", OF_PHASES % '{"p": [-1, 2]}', "beginning of a phase"),
        ("POST", "/observations", OF_PHASES % '{"p": [0, true]}', "end of a phase"),
        ("POST", "/observations", OF_PHASES % MANY_PHASES, "at most 200, got 201"),
        ("DELETE", "/startups", '{"names": "n"}', "must be a list"),
        ("DELETE", "/startups", '{"names": [1]}', "must be text"),
        ("POST", "/startups", " " * (2 * MEGABYTE), "is over"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    method: str, path: str, body: str, says: str, echoed: Hop
) -> None:
    answer = requests.request(method, echoed.url + path, data=body, timeout=20)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert says in error
    assert "\n" not in error
    assert len(error) < 300


def test_a_name_is_given_once(echoed: Hop) -> None:
    observer, _ = started(echoed, "twice")
    with pytest.raises(InvalidInput, match="called 'twice' already"):
        started(echoed, "twice")
    observer.forget(["twice"])
    started(echoed, "twice")
    observer.forget(["twice"])


def test_nobody_answers_as_an_observer(echoed: Hop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(ObserverUnavailable, match="no observer answers"):
        ObserverClient(url).state()
    assert requests.get(f"{echoed.url}/nothing", timeout=20).status_code == 404
