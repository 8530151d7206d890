"""What both servers do to a stream between plain sockets, and where they differ by design."""

import socket
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from chaosnetra.addresses import parse_network_address
from chaosnetra.errors import ToxiproxyWedged
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from tests.support.relaying import black_hole
from tests.support.toxiproxy_servers import Served

NAME = "database"
LONG_SECONDS = 10.0
TRYING_SECONDS = 40.0


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
    attributes = {"average_size": average, "size_variation": variation}
    low, high = pieces
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONG_SECONDS)
        upstream = f"127.0.0.1:{listening.getsockname()[1]}"
        served.client.create_proxy(NAME, "127.0.0.1:0", upstream)
        # A reader that is late sees two pieces as one: on a busy machine they come more slowly.
        for delay_us in (8_000, 40_000, 150_000):
            toxic = Toxic("t", "slicer", "downstream", 1, attributes | {"delay": delay_us})
            served.client.add_toxic(NAME, toxic)
            with dial(served) as client, listening.accept()[0] as server:
                client.settimeout(LONG_SECONDS)
                server.sendall(b"x" * size)
                received: list[int] = []
                while sum(received) < size:
                    received.append(len(client.recv(size)))
            served.client.delete_toxic(NAME, "t")
            if len(received) >= 0.9 * low:
                break
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
