"""The embedded server as a program: whatever is thrown at its control API, it says what is wrong
and goes on serving."""

import contextlib
import http.client
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.addresses import parse_network_address
from chaosnetra.ports import free_port
from chaosnetra.stand.toxiproxy import PORT_TRIES, ToxiproxyServer, start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import DIRECTIONS, TOXIC_TYPES, Toxic
from tests.support.helpers import present

BOUNDED = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
CALL_SECONDS = 10.0


@pytest.fixture(scope="module")
def embedded() -> Iterator[ToxiproxyServer]:
    server = start_toxiproxy(server="embedded")
    yield server
    server.stop()


def address_of(server: ToxiproxyServer) -> tuple[str, int]:
    return parse_network_address("url", server.url.removeprefix("http://"))


def call(
    server: ToxiproxyServer, method: str, path: str, body: bytes | None = None
) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection(*address_of(server), timeout=CALL_SECONDS)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def goes_on(server: ToxiproxyServer) -> None:
    assert not server.process.exited
    assert call(server, "GET", "/proxies")[0] == 200


# Fuzz

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["127.0.0.1:0", "[::1]:0", "localhost:0", ":0", "0.0.0.0:0", "a", "1e5", ".."]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
attribute_names = sorted(
    {attribute.server_name for known in TOXIC_TYPES.values() for attribute in known}
)


def nearly(**good: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object with good values, most of the time."""
    return st.fixed_dictionaries(
        {}, optional={key: st.one_of(st.just(value), json_values) for key, value in good.items()}
    )


bodies = st.one_of(
    nearly(name="a", listen="127.0.0.1:0", upstream="127.0.0.1:9", enabled=True, seed="7"),
    st.builds(
        dict,
        name=st.sampled_from(["t", "u"]) | json_values,
        type=st.sampled_from([*TOXIC_TYPES, "noop"]) | json_values,
        stream=st.sampled_from(DIRECTIONS) | json_values,
        toxicity=st.floats(0, 1) | json_values,
        attributes=st.dictionaries(
            st.sampled_from(attribute_names), st.integers(0, 100) | json_values, max_size=3
        ),
    ),
    st.lists(nearly(name="b", listen="127.0.0.1:0", upstream="127.0.0.1:9"), max_size=3),
    json_values,
)
raw_bodies = st.one_of(bodies.map(lambda data: json.dumps(data).encode()), st.binary(max_size=200))
paths = st.one_of(
    st.sampled_from(
        [
            "/proxies", "/proxies/a", "/proxies/b", "/proxies/a/toxics", "/proxies/a/toxics/t",
            "/proxies/a/gauges", "/populate", "/reset", "/version",
        ]
    ),
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"),
        max_size=30,
    ).map(lambda text: f"/{text}"),
)  # fmt: skip
methods = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "WHAT"])


@BOUNDED
@given(calls=st.lists(st.tuples(methods, paths, st.none() | raw_bodies), min_size=1, max_size=5))
def test_any_call_gets_an_answer_that_says_what_is_wrong(
    embedded: ToxiproxyServer, calls: list[tuple[str, str, bytes | None]]
) -> None:
    for method, path, body in calls:
        status, content_type, answer = call(embedded, method, path, body)
        assert status in (200, 201, 204, 400, 403, 404, 405, 409, 500), (status, answer)
        if status in (200, 201):
            assert present(content_type).startswith("application/json")
            json.loads(answer)
        elif status in (400, 409, 500):
            error = json.loads(answer)
            assert error["status"] == status
            assert error["error"]
            assert "\n" not in error["error"]
            # The only thing of the server's own that can go wrong.
            assert status != 500 or "bind" in error["error"]
    for name, proxy in ToxiproxyClient(embedded.url).proxies().items():
        assert proxy.listen.startswith(("127.", "[::1]:"))
        for toxic in proxy.toxics:
            assert 0 <= toxic.toxicity <= 1
            assert min(toxic.attributes.values()) >= 0
        assert ToxiproxyClient(embedded.url).delete_proxy(name)
    goes_on(embedded)


@BOUNDED
@given(garbage=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_garbage_instead_of_http_harms_nobody(
    embedded: ToxiproxyServer, garbage: list[bytes]
) -> None:
    for data in garbage:
        with socket.create_connection(address_of(embedded), timeout=CALL_SECONDS) as client:
            client.sendall(data)
    goes_on(embedded)


def test_clients_that_send_half_a_body_and_wait_block_nobody(embedded: ToxiproxyServer) -> None:
    head = b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            client = socket.create_connection(address_of(embedded), timeout=CALL_SECONDS)
            stack.enter_context(client).sendall(head)
        started = time.monotonic()
        goes_on(embedded)
        assert time.monotonic() - started < 3
    goes_on(embedded)


# The program


def program(*options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "chaosnetra.toxiproxy.embedded", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@contextlib.contextmanager
def started(*options: str) -> Iterator[str]:
    """Its URL, as its first line says."""
    process = program(*options)
    try:
        first = present(process.stdout).readline()
        if b"cannot be used" in first:
            raise PortTaken
        yield json.loads(first)["url"]
    finally:
        process.terminate()
        process.communicate(timeout=20)


class PortTaken(Exception):
    """Somebody else was quicker to listen there."""


@contextlib.contextmanager
def started_on_a_free_port(*options: str) -> Iterator[tuple[str, int]]:
    """Its URL, and the port that it was given."""
    with contextlib.ExitStack() as stack:
        for _ in range(PORT_TRIES):
            port = free_port()
            with contextlib.suppress(PortTaken):
                url = stack.enter_context(started("--port", str(port), *options))
                break
        else:
            raise AssertionError("no port stays free")
        yield url, port


def test_it_tells_its_url_and_seed() -> None:
    with started_on_a_free_port("--seed", "7") as (url, port):
        assert url == f"http://127.0.0.1:{port}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
        connection.request("GET", "/version")
        assert json.loads(connection.getresponse().read())["seed"] == 7
        connection.close()


def test_it_listens_on_loopback_alone(embedded: ToxiproxyServer) -> None:
    client = ToxiproxyClient(embedded.url)
    client.create_proxy("a", "localhost:0", "127.0.0.1:9")
    client.create_proxy("b", "127.0.0.3:0", "127.0.0.1:9")
    listening = {
        link.laddr.ip
        for link in psutil.Process(embedded.process.pid).net_connections(kind="all")
        if link.status == psutil.CONN_LISTEN
    }
    for name in client.proxies():
        client.delete_proxy(name)
    assert listening == {"127.0.0.1", "127.0.0.3"}


class Echo(socketserver.BaseRequestHandler):
    """Sends the first word back."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.request.sendall(self.request.recv(100))


def closed_by_a_toxic_of_half(client: ToxiproxyClient, name: str) -> list[bool]:
    """Which of the connections of a proxy a toxic of half of them closes."""
    made = present(client.proxy(name))
    client.add_toxic(name, Toxic("t", "limit_data", "downstream", 0.5, {"bytes": 0}))
    found = []
    for _ in range(20):
        address = parse_network_address("listen", made.listen)
        with socket.create_connection(address, timeout=CALL_SECONDS) as connection:
            connection.sendall(b"word")
            found.append(connection.recv(100) == b"")
    return found


def test_a_proxy_draws_by_its_own_seed_whatever_the_server_has_done(
    embedded: ToxiproxyServer,
) -> None:
    client = ToxiproxyClient(embedded.url)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        upstream = f"127.0.0.1:{server.server_address[1]}"
        drawn = []
        try:
            for name, seed in (("a", "7"), ("b", None), ("c", "7"), ("d", "8")):
                client.create_proxy(name, "127.0.0.1:0", upstream, seed=seed)
                drawn.append(closed_by_a_toxic_of_half(client, name))
        finally:
            for name in client.proxies():
                client.delete_proxy(name)
            server.shutdown()
            thread.join()
    first, other, again, another = drawn
    assert first == again
    assert first not in (other, another)
    assert 0 < sum(first) < 20


@pytest.mark.parametrize("options", [["--host", ""], ["--host="]])
def test_no_host_is_not_every_interface(options: list[str]) -> None:
    process = program(*options)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"--host must name an address" in said


def test_it_listens_anywhere_when_it_is_told_to() -> None:
    with started("--listen-anywhere") as url:
        client = ToxiproxyClient(url)
        assert client.create_proxy("a", "0.0.0.0:0", "127.0.0.1:9").listen.startswith("0.0.0.0:")
        assert client.delete_proxy("a")


def test_a_port_in_use_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = program("--port", str(taken.getsockname()[1]))
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"cannot be used" in said
    assert b"Traceback" not in said


def test_a_proxy_whose_clients_are_many_leaves_the_others_alone(embedded: ToxiproxyServer) -> None:
    client = ToxiproxyClient(embedded.url)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1024) as upstream,
        contextlib.ExitStack() as stack,
    ):
        listen = client.create_proxy(
            "many", "127.0.0.1:0", f"127.0.0.1:{upstream.getsockname()[1]}"
        ).listen
        address = parse_network_address("listen", listen)
        for _ in range(200):
            stack.enter_context(socket.create_connection(address, timeout=CALL_SECONDS))
        deadline = time.monotonic() + CALL_SECONDS
        while gauges(embedded, "many")["open"] < 200:
            assert time.monotonic() < deadline
        begun = time.monotonic()
        assert client.delete_proxy("many")
        assert time.monotonic() - begun < 3
        goes_on(embedded)


def gauges(server: ToxiproxyServer, name: str) -> dict[str, Any]:
    status, _, answer = call(server, "GET", f"/proxies/{name}/gauges")
    assert status == 200
    counts: dict[str, Any] = json.loads(answer)
    return counts
