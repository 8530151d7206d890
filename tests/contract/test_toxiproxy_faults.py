"""What each fault looks like to asyncpg, from both servers, with a real PostgreSQL behind.

On established and on new connections, without TLS and with asyncpg's default (`prefer`, which
asks this server for TLS in vain); while the fault is active and after it was removed.
"""

import asyncio
import socket
import statistics
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import ToxiproxyWedged
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from tests.contract.conftest import Served
from tests.support.relaying import black_hole

NAME = "database"
# For what is to run into it; everything else has the long one.
LIMIT_SECONDS = 1.0
LONG_SECONDS = 10.0
TRYING_SECONDS = 40.0
EITHER_TLS = pytest.mark.parametrize("ssl", [False, "prefer"], ids=["no TLS", "prefer"])


@dataclass(frozen=True)
class Path:
    """A proxy in front of the database."""

    client: ToxiproxyClient
    address: DatabaseAddress

    async def connect(
        self, ssl: bool | str = False, limit: float = LONG_SECONDS
    ) -> asyncpg.Connection:
        return await asyncpg.connect(self.address.url, ssl=ssl, timeout=limit)

    async def query_anew(self, ssl: bool | str = False, limit: float = LONG_SECONDS) -> Any:
        """Connect, ask, and go."""
        connection = await self.connect(ssl, limit)
        try:
            return await query(connection, limit)
        finally:
            connection.terminate()

    async def add(self, type_: str, **attributes: int) -> None:
        toxic = Toxic("toxic", type_, "downstream", 1.0, attributes)
        await asyncio.to_thread(self.client.add_toxic, NAME, toxic)

    async def remove(self) -> None:
        assert await asyncio.to_thread(self.client.delete_toxic, NAME, "toxic")

    async def change(self, **changes: Any) -> None:
        await asyncio.to_thread(lambda: self.client.update_proxy(NAME, **changes))


async def query(connection: asyncpg.Connection, limit: float = LONG_SECONDS) -> Any:
    return await connection.fetchval("SELECT 1", timeout=limit)


@pytest.fixture
def path(served: Served, postgres: PostgresServer) -> Path:
    made = served.client.create_proxy(NAME, "127.0.0.1:0", postgres.database.network_address)
    listen = parse_network_address("listen", made.listen)
    return Path(served.client, postgres.database.at(*listen))


def on_an_established_connection(
    path: Path, scenario: Callable[[asyncpg.Connection], Awaitable[None]]
) -> None:
    """Run a scenario with a connection that has asked before."""

    async def run() -> None:
        connection = await path.connect()
        try:
            assert await query(connection) == 1
            await scenario(connection)
        finally:
            connection.terminate()

    asyncio.run(run())


async def is_dead(connection: asyncpg.Connection) -> None:
    """The connection knows that it has ended."""
    async with asyncio.timeout(LONG_SECONDS):
        while not connection.is_closed():  # noqa: ASYNC110 - asyncpg has no event for it
            await asyncio.sleep(0.01)
    with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
        await query(connection)


async def loses(asked: Awaitable[Any], error: type[Exception]) -> float:
    """Seconds until a question fails with just this error."""
    started = time.monotonic()
    with pytest.raises(error) as caught:
        await asked
    assert type(caught.value) is error
    return time.monotonic() - started


# Proxy down


def test_proxy_down_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        waiting = asyncio.create_task(connection.execute("SELECT pg_sleep(30)", timeout=20))
        await asyncio.sleep(0.2)
        await path.change(enabled=False)
        assert await loses(waiting, asyncpg.ConnectionDoesNotExistError) < LONG_SECONDS
        await is_dead(connection)
        await path.change(enabled=True)
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_proxy_down_refuses_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.change(enabled=False)
        await loses(path.query_anew(ssl), ConnectionRefusedError)
        await path.change(enabled=True)
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Timeout


def test_timeout_0_is_a_black_hole_for_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=0)
        assert await loses(query(connection, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        assert not connection.is_closed()
        await path.remove()
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_timeout_0_is_a_black_hole_for_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("timeout", timeout=0)
        assert await loses(path.query_anew(ssl, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_removing_a_timeout_closes_connections_that_never_asked(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=0)
        await asyncio.sleep(0.1)
        assert not connection.is_closed()
        await path.remove()
        await is_dead(connection)

    on_an_established_connection(path, scenario)


def test_timeout_500_ends_established_connections_after_500_ms(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=500)
        seconds = await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        assert 0.4 <= seconds < 4
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "error"),
    [(False, asyncpg.ConnectionDoesNotExistError), ("prefer", ConnectionError)],
    ids=["no TLS", "prefer"],
)
def test_timeout_500_ends_new_connections_after_500_ms(
    path: Path, ssl: bool | str, error: type[Exception]
) -> None:
    async def run() -> None:
        await path.add("timeout", timeout=500)
        seconds = await loses(path.query_anew(ssl), error)
        assert 0.4 <= seconds < 4
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_a_timeout_starts_again_with_every_chunk(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("timeout", timeout=700)
        # Notices go on coming, each within the time.
        asked = connection.execute(
            "DO $$ BEGIN FOR i IN 1..5 LOOP"
            " RAISE NOTICE 'still here'; PERFORM pg_sleep(0.3);"
            " END LOOP; END $$",
            timeout=10,
        )
        seconds = await loses(asked, asyncpg.ConnectionDoesNotExistError)
        assert 1.5 + 0.6 <= seconds < 4

    on_an_established_connection(path, scenario)


# Reset peer


def test_reset_peer_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("reset_peer", timeout=0)
        await asyncio.sleep(0.2)
        assert not connection.is_closed()  # nothing has passed yet
        await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "error"),
    [(False, asyncpg.ConnectionDoesNotExistError), ("prefer", ConnectionResetError)],
    ids=["no TLS", "prefer"],
)
def test_reset_peer_resets_new_connections(
    path: Path, ssl: bool | str, error: type[Exception]
) -> None:
    async def run() -> None:
        await path.add("reset_peer", timeout=0)
        await loses(path.query_anew(ssl), error)
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Bandwidth


def test_bandwidth_0_freezes_established_connections_and_loses_nothing(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("bandwidth", rate=0)
        waiting = asyncio.create_task(connection.fetchval("SELECT 1", timeout=LONG_SECONDS))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await path.remove()
        assert await waiting == 1
        assert await query(connection) == 1

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_bandwidth_0_times_new_connections_out(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("bandwidth", rate=0)
        assert await loses(path.query_anew(ssl, LIMIT_SECONDS), TimeoutError) >= LIMIT_SECONDS
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


def test_bandwidth_is_in_units_of_1000_bytes_a_second(path: Path, served: Served) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        assert len(await connection.fetchval("SELECT repeat('x', 500000)")) == 500_000
        await path.add("bandwidth", rate=500)
        seconds = []
        deadline = time.monotonic() + TRYING_SECONDS
        # A machine that is busy is late for a moment; a line that is too fast is never slow.
        while time.monotonic() < deadline:
            started = time.monotonic()
            text = await connection.fetchval("SELECT repeat('x', 500000)", timeout=LONG_SECONDS)
            seconds.append(time.monotonic() - started)
            assert len(text) == 500_000
            assert seconds[-1] >= served.expected("the least time of a second's worth of bytes")
            if seconds[-1] < 1.5:
                return
        raise AssertionError(f"took {seconds} s")

    on_an_established_connection(path, scenario)


# Latency


def test_latency_delays_from_the_next_chunk_on_and_releases_what_waits(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("latency", latency=300, jitter=0)
        started = time.monotonic()
        assert await query(connection) == 1
        assert 0.29 <= time.monotonic() - started < 4
        await asyncio.to_thread(
            path.client.update_toxic, NAME, "toxic", {"latency": 60_000, "jitter": 0}, 1
        )
        waiting = asyncio.create_task(query(connection))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await path.remove()
        assert await waiting == 1
        assert await query(connection) == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(("ssl", "round_trips"), [(False, 3), ("prefer", 4)])
def test_latency_slows_new_connections_by_their_round_trips(
    path: Path, ssl: bool | str, round_trips: int
) -> None:
    async def run() -> None:
        await path.add("latency", latency=400, jitter=0)
        started = time.monotonic()
        connection = await path.connect(ssl)
        seconds = time.monotonic() - started
        connection.terminate()
        assert round_trips * 0.4 <= seconds < round_trips * 0.4 + 0.39

    asyncio.run(run())


# Limit data


def test_limit_data_ends_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        await path.add("limit_data", bytes=10)
        await loses(query(connection), asyncpg.ConnectionDoesNotExistError)
        await is_dead(connection)
        await path.remove()
        assert await path.query_anew() == 1
        await is_dead(connection)

    on_an_established_connection(path, scenario)


@EITHER_TLS
def test_limit_data_ends_new_connections(path: Path, ssl: bool | str) -> None:
    async def run() -> None:
        await path.add("limit_data", bytes=50)
        await loses(path.query_anew(ssl), asyncpg.ConnectionDoesNotExistError)
        await path.remove()
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# Upstream


def test_another_upstream_drops_established_connections(path: Path) -> None:
    async def scenario(connection: asyncpg.Connection) -> None:
        upstream = (await asyncio.to_thread(path.client.proxies))[NAME].upstream
        await path.change(upstream="127.0.0.1:1")
        await is_dead(connection)
        await path.change(upstream=upstream)
        assert await path.query_anew() == 1

    on_an_established_connection(path, scenario)


@pytest.mark.parametrize(
    ("ssl", "errors"),
    [
        (False, (asyncpg.ConnectionDoesNotExistError,)),
        # A reset, or where the server was quicker than the client's first word, a farewell.
        ("prefer", (ConnectionResetError, ConnectionError)),
    ],
    ids=["no TLS", "prefer"],
)
def test_a_closed_upstream_drops_new_connections_but_does_not_refuse_them(
    path: Path, ssl: bool | str, errors: tuple[type[Exception], ...]
) -> None:
    async def run() -> None:
        upstream = (await asyncio.to_thread(path.client.proxies))[NAME].upstream
        await path.change(upstream="127.0.0.1:1")
        with pytest.raises(errors) as caught:
            await path.query_anew(ssl)
        assert type(caught.value) in errors
        await path.change(upstream=upstream)
        assert await path.query_anew(ssl) == 1

    asyncio.run(run())


# How long a delay is


def delay_error_ms(served: Served, milliseconds: int) -> float:
    """What a toxic adds to the median round trip, less what a sleep of that time adds.

    The sleep is the upstream server's own, so that a machine which wakes processes late adds to
    both alike; they take turns.
    """
    toxic = Toxic("toxic", "latency", "downstream", 1.0, {"latency": milliseconds, "jitter": 0})
    delayed, slept = [], []
    with dial(served) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(max(3, min(5, 500 // milliseconds))):
            slept += round_trips(client, b"%d ms" % milliseconds)
            served.client.add_toxic(NAME, toxic)
            delayed += round_trips(client, b"0 ms")
            served.client.delete_toxic(NAME, toxic.name)
    return 1000 * (statistics.median(delayed) - statistics.median(slept))


def round_trips(client: socket.socket, question: bytes) -> list[float]:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        client.sendall(question)
        assert client.recv(100) == question
        times.append(time.perf_counter() - started)
    return times


@pytest.mark.parametrize("milliseconds", [1, 10, 50, 200])
def test_latency_is_accurate_to_1_ms_and_1_percent(served: Served, milliseconds: int) -> None:
    errors = []
    deadline = time.monotonic() + TRYING_SECONDS
    with serving(sleep_as_asked) as upstream:
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        # A wrong delay is wrong every time; a machine that is busy is not.
        while time.monotonic() < deadline:
            errors.append(delay_error_ms(served, milliseconds))
            if abs(errors[-1]) <= 1 + milliseconds / 100:
                return
    raise AssertionError(f"off by {errors} ms")


# Where they differ by design


@contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that talks to whoever connects, each in a thread of its own; its address."""

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                accepted.append(connection)
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in accepted:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def echo(connection: socket.socket) -> None:
    """Send back what comes and, in the end, how much it was in all."""
    total = 0
    while data := connection.recv(65536):
        total += len(data)
        connection.sendall(data)
    connection.sendall(b"%d bytes" % total)


def sleep_as_asked(connection: socket.socket) -> None:
    """Send back each question, `N ms`, after so long."""
    while question := connection.recv(100):
        milliseconds = int(question.split()[0])
        if milliseconds:
            time.sleep(milliseconds / 1000)
        connection.sendall(question)


def flood(connection: socket.socket) -> None:
    """Send without end."""
    while True:
        connection.sendall(b"x" * 65536)


def dial(served: Served, name: str = NAME) -> socket.socket:
    proxy = served.client.proxy(name)
    assert proxy is not None
    return socket.create_connection(parse_network_address("listen", proxy.listen), timeout=5)


def test_a_half_closed_client(served: Served) -> None:
    with serving(echo) as upstream:
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        with dial(served) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
            client.shutdown(socket.SHUT_WR)
            answered = client.recv(100) == b"5 bytes"
    assert answered is served.expected("a half-closed client still gets its answer")


def reset(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_reaches_the_other_side_as_the_end_of_the_stream(served: Served, who: str) -> None:
    """Toxiproxy closes; so an application behind it never sees its peer's reset."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONG_SECONDS)
        upstream = f"127.0.0.1:{listening.getsockname()[1]}"
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        with dial(served) as client, listening.accept()[0] as server:
            near, far = (client, server) if who == "client" else (server, client)
            far.settimeout(LONG_SECONDS)
            near.sendall(b"last words")
            assert far.recv(100) == b"last words"
            reset(near)
            assert far.recv(100) == b""


@pytest.mark.parametrize(
    ("size", "average", "variation", "pieces"),
    [(2000, 100, 20, (22, 32)), (2000, 100, 0, (32, 32)), (65536, 1500, 0, (64, 64))],
)
def test_a_slicer_halves_what_it_cuts(
    served: Served, size: int, average: int, variation: int, pieces: tuple[int, int]
) -> None:
    """So there are more pieces than the average size says."""
    attributes = {"average_size": average, "size_variation": variation, "delay": 8000}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONG_SECONDS)
        upstream = f"127.0.0.1:{listening.getsockname()[1]}"
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        served.client.add_toxic(NAME, Toxic("t", "slicer", "downstream", 1, attributes))
        with dial(served) as client, listening.accept()[0] as server:
            client.settimeout(LONG_SECONDS)
            server.sendall(b"x" * size)
            received: list[int] = []
            while sum(received) < size:
                received.append(len(client.recv(size)))
    # A reader that is late sees two pieces as one.
    low, high = pieces
    assert 0.9 * low <= len(received) <= high


def test_slices_that_vary_by_more_than_their_size(own_server: Served) -> None:
    attributes = {"average_size": 2, "size_variation": 1000, "delay": 0}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONG_SECONDS)
        upstream = f"127.0.0.1:{listening.getsockname()[1]}"
        own_server.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        own_server.client.add_toxic(NAME, Toxic("t", "slicer", "downstream", 1, attributes))
        with dial(own_server) as client, listening.accept()[0] as server:
            client.settimeout(LONG_SECONDS)
            arrived = 0
            for _ in range(20):  # each is cut at least once; it would have to be lucky each time
                server.sendall(b"x" * 1100)
                sent = arrived + 1100
                while arrived < sent and (data := client.recv(sent)):
                    arrived += len(data)
                if arrived < sent:
                    break
    expected = own_server.expected("slices that vary by more than their size")
    assert (arrived == 20 * 1100) is expected


def test_reset_peer_on_a_connection_that_was_there_before(served: Served) -> None:
    with serving(echo) as upstream:
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        with dial(served) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
            served.client.add_toxic(NAME, Toxic("t", "reset_peer", "downstream", 1, {"timeout": 0}))
            client.sendall(b"again")
            try:
                was_reset = bool(client.recv(100))
            except ConnectionResetError:
                was_reset = True
    expected = served.expected("reset_peer resets connections that were there before it")
    assert was_reset is expected


def test_removing_reset_peer_while_it_waits(served: Served) -> None:
    toxic = Toxic("t", "reset_peer", "downstream", 1, {"timeout": 3000})
    with serving(echo) as upstream:
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        with dial(served) as client:
            served.client.add_toxic(NAME, toxic)
            client.sendall(b"hello")
            time.sleep(0.2)
            started = time.monotonic()
            served.client.delete_toxic(NAME, "t")
            interrupted = time.monotonic() - started < 2
            assert interrupted is served.expected("reset_peer can be removed while it waits")
            if interrupted:  # and it goes on as if nothing had been
                assert client.recv(100) == b"hello"
                client.sendall(b"again")
                assert client.recv(100) == b"again"


def blocked(served: Served, call: Callable[[ToxiproxyClient], object]) -> bool:
    """Whether a control call takes over a second."""
    try:
        call(ToxiproxyClient(served.server.url, 1.0))
    except ToxiproxyWedged:
        return True
    return False


def test_a_client_that_does_not_read(own_server: Served) -> None:
    expected = own_server.expected("a client that does not read blocks the control API")
    stalled = Toxic("t", "latency", "downstream", 1, {"latency": 1, "jitter": 0})
    with serving(flood) as upstream, serving(echo) as other_upstream:
        own_server.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        own_server.client.create_proxy("other", "127.0.0.1:0", other_upstream)
        with dial(own_server):
            time.sleep(1)  # every buffer on the way is full by then
            assert blocked(own_server, lambda client: client.add_toxic(NAME, stalled)) is expected
            if not expected:
                for call in (
                    lambda client: client.update_toxic(NAME, "t", {"latency": 5, "jitter": 0}, 1),
                    lambda client: client.delete_toxic(NAME, "t"),
                    lambda client: client.proxies(),
                    lambda client: client.update_proxy(NAME, upstream=other_upstream),
                    lambda client: client.delete_proxy(NAME),
                ):
                    assert not blocked(own_server, call)
                with dial(own_server, "other") as client:
                    client.sendall(b"hello")
                    assert client.recv(100) == b"hello"


def test_an_upstream_that_does_not_answer(own_server: Served) -> None:
    expected = own_server.expected("an upstream that does not answer blocks the control API")
    with black_hole() as (address, _), serving(echo) as other_upstream:
        silent = f"127.0.0.1:{address[1]}"
        own_server.client.create_proxy(NAME, "127.0.0.1:0", silent)
        own_server.client.create_proxy("other", "127.0.0.1:0", other_upstream)
        with dial(own_server) as first, dial(own_server) as second:
            first.sendall(b"hello")
            second.sendall(b"hello")
            time.sleep(0.3)
            change = {"upstream": other_upstream}
            assert blocked(own_server, lambda client: client.update_proxy(NAME, **change)) is (
                expected
            )
            if not expected:
                for call in (
                    lambda client: client.proxies(),
                    lambda client: client.add_toxic(
                        NAME, Toxic("t", "timeout", "upstream", 1, {"timeout": 0})
                    ),
                    lambda client: client.delete_proxy(NAME),
                ):
                    assert not blocked(own_server, call)
                with dial(own_server, "other") as client:
                    client.sendall(b"hello")
                    assert client.recv(100) == b"hello"
