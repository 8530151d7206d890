"""Statuses and bodies of the control API, over raw HTTP, from both servers."""

import http.client
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toxiproxy.api import APIConsumer

from chaosnetra.ports import free_port
from tests.contract.conftest import Served, serving_metrics
from tests.support.repository import ROOT
from tests.support.toxiproxy_servers import (
    DIFFERENCES,
    EMBEDDED,
    IMPLEMENTATIONS,
    LATENCY,
    LISTEN,
    PROXY,
    SLOW,
    TOXICS,
    UPSTREAM,
)
from toxiproxy import Toxiproxy

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str | None
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


def call(served: Served, method: str, path: str, body: Any = None, agent: str = "a test") -> Answer:
    """One call on a connection of its own; `body` is JSON data, or raw text or bytes."""
    connection = http.client.HTTPConnection(served.server.url.removeprefix("http://"), timeout=5)
    raw = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    try:
        connection.request(method, path, raw, {"User-Agent": agent})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers.get("content-type"), headers, response.read())
    finally:
        connection.close()


def is_error(answer: Answer, status: int, words: str) -> None:
    """An error as every call gives it: JSON, served as text."""
    assert (answer.status, answer.content_type) == (status, TEXT)
    assert set(answer.data) == {"error", "status"}
    assert answer.data["status"] == status
    assert words in answer.data["error"]


def with_a_toxic(served: Served) -> None:
    assert call(served, "POST", "/proxies", PROXY).status == 201
    assert call(served, "POST", TOXICS, LATENCY).status == 200


def without_port(proxy: dict[str, Any]) -> dict[str, Any]:
    """A proxy as it was answered, its port apart."""
    return {**proxy, "listen": proxy["listen"].rpartition(":")[0]}


# What works


def test_a_proxy_is_made_shown_listed_changed_and_deleted(served: Served) -> None:
    made = call(served, "POST", "/proxies", PROXY)
    assert (made.status, made.content_type) == (201, JSON)
    assert set(made.data) == served.expected("keys of a proxy")
    plain = {"name": "one", "listen": "127.0.0.1", "upstream": UPSTREAM}
    shown = {key: value for key, value in without_port(made.data).items() if key != "Logger"}
    assert shown == {**plain, "enabled": True, "toxics": []}
    assert int(made.data["listen"].rpartition(":")[2]) > 0
    found = call(served, "GET", "/proxies/one")
    assert (found.status, found.content_type, found.data) == (200, JSON, made.data)
    listed = call(served, "GET", "/proxies")
    assert (listed.status, listed.content_type, listed.data) == (200, JSON, {"one": made.data})
    for method in ("POST", "PATCH"):
        changed = call(served, method, "/proxies/one", {"enabled": False})
        assert (changed.status, changed.content_type) == (200, JSON)
        assert changed.data == {**made.data, "enabled": False}
        assert call(served, method, "/proxies/one", {"enabled": True}).data == made.data
    gone = call(served, "DELETE", "/proxies/one")
    assert (gone.status, gone.body) == (204, b"")
    assert call(served, "GET", "/proxies").data == {}


def test_a_toxic_is_made_shown_listed_changed_and_deleted(served: Served) -> None:
    call(served, "POST", "/proxies", PROXY)
    made = call(served, "POST", TOXICS, LATENCY)
    assert (made.status, made.content_type) == (200, JSON)
    assert made.data == {**LATENCY, "stream": "downstream", "toxicity": 1}
    for path, expected in ((SLOW, made.data), (TOXICS, [made.data])):
        answer = call(served, "GET", path)
        assert (answer.status, answer.content_type, answer.data) == (200, JSON, expected)
    assert call(served, "GET", "/proxies/one").data["toxics"] == [made.data]
    for method, latency in (("POST", 70), ("PATCH", 80)):
        body = {"attributes": {"latency": latency}, "toxicity": 0.5}
        changed = call(served, method, SLOW, body)
        assert (changed.status, changed.content_type) == (200, JSON)
        assert changed.data["attributes"] == {"latency": latency, "jitter": 10}
        assert changed.data["toxicity"] == 0.5
    gone = call(served, "DELETE", SLOW)
    assert (gone.status, gone.body) == (204, b"")
    assert call(served, "GET", TOXICS).data == []


def test_what_is_left_out_has_a_default(served: Served) -> None:
    call(served, "POST", "/proxies", PROXY)
    made = call(served, "POST", TOXICS, {"type": "latency"})
    assert made.data == {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
        "attributes": {"latency": 0, "jitter": 0},
    }
    upstream = call(served, "POST", TOXICS, {"type": "timeout", "stream": "upstream"})
    assert upstream.data["name"] == "timeout_upstream"
    nulls = {"name": "n", "type": "limit_data", "stream": None, "toxicity": None}
    assert call(served, "POST", TOXICS, nulls).data["toxicity"] == 1
    assert call(served, "POST", "/proxies", {**PROXY, "name": "n", "enabled": None}).status == 201


def test_toxics_are_listed_upstream_first_in_order(served: Served) -> None:
    call(served, "POST", "/proxies", PROXY)
    for name, stream in (("d2", "down"), ("u2", "up"), ("d1", "down"), ("u1", "up")):
        toxic = {"name": name, "type": "latency", "stream": f"{stream}stream"}
        call(served, "POST", TOXICS, toxic)
    names = [toxic["name"] for toxic in call(served, "GET", TOXICS).data]
    assert names == ["u2", "u1", "d2", "d1"]


def test_the_servers_own_answer_can_be_sent_back(served: Served) -> None:
    with_a_toxic(served)
    proxy = call(served, "GET", "/proxies/one").data
    assert call(served, "POST", "/proxies/one", proxy).data == proxy
    toxic = call(served, "GET", SLOW).data
    assert call(served, "POST", SLOW, toxic).data == toxic


def test_another_upstream_keeps_the_address(served: Served) -> None:
    with_a_toxic(served)
    before = call(served, "GET", "/proxies/one").data
    changed = call(served, "PATCH", "/proxies/one", {"upstream": "127.0.0.1:10"}).data
    assert changed == {**before, "upstream": "127.0.0.1:10"}


def test_populate_makes_replaces_and_keeps(served: Served) -> None:
    with_a_toxic(served)
    before = call(served, "GET", "/proxies/one").data
    same = {**PROXY, "listen": before["listen"]}
    kept = call(served, "POST", "/populate", [{**same, "enabled": False}, {**PROXY, "name": "n"}])
    assert (kept.status, kept.content_type) == (201, JSON)
    assert set(kept.data) == {"proxies"}
    assert kept.data["proxies"][0] == before  # enabled, with its toxic
    assert kept.data["proxies"][1]["name"] == "n"
    replaced = call(served, "POST", "/populate", [{**same, "upstream": "127.0.0.1:10"}])
    (proxy,) = replaced.data["proxies"]
    assert (proxy["listen"], proxy["toxics"]) == (before["listen"], [])
    assert set(call(served, "GET", "/proxies").data) == {"one", "n"}
    assert call(served, "POST", "/populate", []).data == {"proxies": None}


def test_populate_ends_at_what_cannot_be_had(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        bodies = [PROXY, {**PROXY, "name": "two", "listen": listen}, {**PROXY, "name": "three"}]
        answer = call(served, "POST", "/populate", bodies)
    assert (answer.status, answer.content_type) == (500, JSON)
    assert (set(answer.data), answer.data["status"]) == ({"error", "status", "proxies"}, 500)
    assert "address already in use" in answer.data["error"]
    assert [proxy["name"] for proxy in answer.data["proxies"]] == ["one"]
    assert set(call(served, "GET", "/proxies").data) == {"one"}


def test_reset_enables_all_and_removes_all_toxics(served: Served) -> None:
    with_a_toxic(served)
    call(served, "POST", "/proxies", {**PROXY, "name": "off", "enabled": False})
    answer = call(served, "POST", "/reset")
    assert (answer.status, answer.body) == (204, b"")
    proxies = call(served, "GET", "/proxies").data
    assert [(proxy["enabled"], proxy["toxics"]) for proxy in proxies.values()] == [(True, [])] * 2


def test_version(served: Served) -> None:
    answer = call(served, "GET", "/version")
    assert (answer.status, answer.content_type) == (200, "application/json;charset=utf-8")
    assert set(answer.data) == served.expected("keys of the version")


# What clients send that is not written as the documentation writes it


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Name": "n", "LISTEN": LISTEN, "Upstream": UPSTREAM, "ENABLED": False}, {}),
        ({"name": "n", "listen": LISTEN, "upstream": ":6379"}, {"upstream": ":6379"}),
        ({"name": "n", "listen": LISTEN, "upstream": UPSTREAM, "on": [1]}, {}),
        (
            {"name": "n", "listen": "localhost:3310", "upstream": UPSTREAM, "enabled": False},
            {"listen": "localhost:3310", "enabled": False},
        ),
        (
            {"name": "n", "listen": ":3311", "upstream": UPSTREAM, "enabled": False},
            {"listen": ":3311", "enabled": False},
        ),
        ({"name": "n", "upstream": UPSTREAM, "enabled": False}, {"listen": "", "enabled": False}),
    ],
)
def test_proxies_as_clients_write_them(
    served: Served, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = call(served, "POST", "/proxies", body)
    assert (made.status, made.data["name"]) == (201, "n")
    assert {key: made.data[key] for key in expected} == expected
    assert call(served, "GET", "/proxies/n").data == made.data


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Type": "latency", "Attributes": {"Latency": 7}}, {"latency": 7, "jitter": 0}),
        ({"type": "latency", "attributes": {"jitter": 9}}, {"latency": 0, "jitter": 9}),
        (
            {"type": "slicer", "attributes": {"average_size": 4, "size_variation": 4}},
            {"average_size": 4, "size_variation": 4, "delay": 0},
        ),
        ({"type": "noop", "attributes": {}}, {}),
        ({"type": "noop"}, {}),
        ({"type": "timeout", "direction": "up", "toxcity": 1}, {"timeout": 0}),
    ],
)
def test_toxics_as_clients_write_them(
    served: Served, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    call(served, "POST", "/proxies", PROXY)
    made = call(served, "POST", TOXICS, body)
    assert (made.status, made.data["attributes"]) == (200, expected)
    assert made.data["stream"] == "downstream"
    assert call(served, "DELETE", f"{TOXICS}/{made.data['name']}").status == 204


def test_a_stream_in_capitals_names_its_toxic(served: Served) -> None:
    call(served, "POST", "/proxies", PROXY)
    made = call(served, "POST", TOXICS, {"type": "timeout", "stream": "UPSTREAM"})
    assert (made.status, made.data["name"]) == (200, "timeout_UPSTREAM")
    assert made.data["stream"] == served.expected("a stream in capitals")
    assert call(served, "DELETE", f"{TOXICS}/timeout_UPSTREAM").status == 204


def test_a_body_of_null_says_nothing(served: Served) -> None:
    with_a_toxic(served)
    before = call(served, "GET", "/proxies/one").data
    for path in ("/proxies/one", SLOW):
        assert call(served, "POST", path, "null").status == 200
    assert call(served, "GET", "/proxies/one").data == before
    is_error(call(served, "POST", "/proxies", "null"), 400, "missing required field: name")
    is_error(call(served, "POST", TOXICS, "null"), 400, "invalid toxic type")
    assert call(served, "POST", "/populate", "null").data == {"proxies": None}
    is_error(call(served, "POST", TOXICS, '\ufeff{"type": "noop"}'.encode()), 400, "bad request")
    is_error(call(served, "POST", TOXICS, '{"type": "noop"}'.encode("utf-16")), 400, "bad request")


def test_what_cannot_be_changed_stays_as_it_is(served: Served) -> None:
    with_a_toxic(served)
    before = call(served, "GET", "/proxies/one").data
    assert call(served, "PATCH", "/proxies/one", {"name": "x"}).data == before
    other = {"name": "x", "type": "slicer", "stream": "upstream", "direction": "up"}
    assert call(served, "PATCH", SLOW, other).data == before["toxics"][0]
    assert call(served, "GET", "/proxies").data == {"one": before}


def test_an_address_without_a_host_is_this_machine(own_server: Served) -> None:
    """The real server then listens on every interface, the embedded one on loopback alone."""
    port = free_port()
    for listen in ("", f":{port}"):
        made = call(own_server, "POST", "/proxies", {**PROXY, "listen": listen})
        host, _, chosen = made.data["listen"].rpartition(":")
        assert host == own_server.expected("where a proxy without a host listens")
        with socket.create_connection(("127.0.0.1", int(chosen)), 5):
            pass
        call(own_server, "DELETE", "/proxies/one")


@pytest.mark.parametrize("implementation", list(IMPLEMENTATIONS))
def test_what_proxies_moved_can_be_read_as_metrics(implementation: str, tmp_path: Path) -> None:
    with (
        serving_metrics(implementation, tmp_path) as served,
        socket.create_server(("127.0.0.1", 0)) as upstream,
    ):
        address = f"127.0.0.1:{upstream.getsockname()[1]}"
        made = call(served, "POST", "/proxies", {**PROXY, "upstream": address}).data
        host, _, port = made["listen"].rpartition(":")
        with socket.create_connection((host, int(port)), 5) as client:
            far, _ = upstream.accept()
            with far:
                client.sendall(b"x" * 1234)
                left = 1234
                while left:
                    left -= len(far.recv(left))
                far.sendall(b"y" * 56)
                assert client.recv(56)
        labels = f'listener="{made["listen"]}",proxy="one",upstream="{address}"'
        expected = {
            f'toxiproxy_proxy_{what}_bytes_total{{direction="{direction}",{labels}}} {count}'
            for what in ("received", "sent")
            for direction, count in (("upstream", 1234), ("downstream", 56))
        }
        deadline = time.monotonic() + 10
        while not expected <= set(call(served, "GET", "/metrics").body.decode().splitlines()):
            assert time.monotonic() < deadline, call(served, "GET", "/metrics").body.decode()
            time.sleep(0.02)


# What does not


def test_errors_of_proxies(served: Served) -> None:
    with_a_toxic(served)
    is_error(call(served, "POST", "/proxies", PROXY), 409, "proxy already exists")
    for method, path, body in (
        ("GET", "/proxies/missing", None),
        ("POST", "/proxies/missing", {}),
        ("PATCH", "/proxies/missing", "{"),
        ("DELETE", "/proxies/missing", None),
        ("GET", "/proxies/missing/toxics", None),
        ("POST", "/proxies/missing/toxics", LATENCY),
        ("GET", "/proxies/missing/toxics/slow", None),
        ("DELETE", "/proxies/missing/toxics/slow", None),
    ):
        is_error(call(served, method, path, body), 404, "proxy not found")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = call(served, "POST", "/proxies", {**PROXY, "name": "two", "listen": listen})
        is_error(answer, 500, f"listen tcp {listen}: bind: address already in use")
        assert set(call(served, "GET", "/proxies").data) == {"one"}
        moved = call(served, "PATCH", "/proxies/one", {"listen": listen})
        is_error(moved, 500, "address already in use")
    assert call(served, "GET", "/proxies/one").data["enabled"] is False
    assert call(served, "PATCH", "/proxies/one", {"enabled": True}).data["listen"] == listen


def test_errors_of_toxics(served: Served) -> None:
    with_a_toxic(served)
    is_error(call(served, "POST", TOXICS, LATENCY), 409, "toxic already exists")
    is_error(call(served, "POST", TOXICS, {"type": "nope"}), 400, "invalid toxic type")
    is_error(
        call(served, "POST", TOXICS, {"type": "latency", "stream": "sideways"}),
        400,
        "stream was invalid, can be either upstream or downstream",
    )
    for method, body in (("GET", None), ("POST", {}), ("PATCH", {}), ("DELETE", None)):
        is_error(call(served, method, f"{TOXICS}/missing", body), 404, "toxic not found")
    assert len(call(served, "GET", TOXICS).data) == 1


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", '"text"', "\xff", '{"name": 1}', '{"name": ["one"]}',
        '{"name": "two", "upstream": 9}',
        '{"name": "two", "upstream": "127.0.0.1:9", "listen": {}}',
        '{"name": "two", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0", "enabled": "no"}',
        '{"name": "two", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0", "enabled": 1}',
        '{"name": NaN}', "[" * 100_000,
    ],
)  # fmt: skip
def test_bodies_of_proxies_that_cannot_be_read(served: Served, body: str) -> None:
    is_error(call(served, "POST", "/proxies", body.encode("latin-1")), 400, "bad request body: ")
    assert call(served, "GET", "/proxies").data == {}


@pytest.mark.parametrize(
    "change",
    [
        '{"attributes": []}', '{"attributes": {"latency": "5"}}',
        '{"attributes": {"latency": 5.5}}', '{"attributes": {"latency": true}}',
        '{"attributes": {"latency": 1e2}}', '{"attributes": {"latency": 99999999999999999999}}',
        '{"attributes": {"latency": NaN}}', '{"toxicity": "1"}', '{"toxicity": true}',
        '{"toxicity": Infinity}', '{"toxicity": 1e999}', "not JSON",
    ],
)  # fmt: skip
def test_bodies_of_toxics_that_cannot_be_read(served: Served, change: str) -> None:
    with_a_toxic(served)
    before = call(served, "GET", SLOW).data
    is_error(call(served, "PATCH", SLOW, change), 400, "bad request body: ")
    body = change.replace("{", '{"type": "latency", "name": "new", ', 1)
    is_error(call(served, "POST", TOXICS, body), 400, "bad request body: ")
    assert call(served, "GET", TOXICS).data == [before]


@pytest.mark.parametrize("field", ["name", "upstream"])
def test_missing_fields(served: Served, field: str) -> None:
    for value in ({}, {field: ""}, {field: None}):
        body = {key: text for key, text in PROXY.items() if key != field} | value
        is_error(call(served, "POST", "/proxies", body), 400, f"missing required field: {field}")
        answer = call(served, "POST", "/populate", [PROXY, body])
        assert (answer.status, answer.content_type) == (400, JSON)
        assert answer.data == {
            "error": f"missing required field: {field} at proxy 2",
            "status": 400,
            "proxies": None,
        }
    assert call(served, "GET", "/proxies").data == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/version"),
        ("GET", "/reset"),
        ("GET", "/populate"),
        ("HEAD", "/proxies"),
        ("PUT", "/proxies"),
        ("DELETE", "/proxies"),
        ("OPTIONS", "/proxies"),
        ("PUT", "/proxies/one"),
        ("DELETE", TOXICS),
        ("PUT", SLOW),
    ],
)
def test_wrong_methods_get_405_and_nothing_else(served: Served, method: str, path: str) -> None:
    answer = call(served, method, path)
    assert (answer.status, answer.content_type, answer.body) == (405, None, b"")


@pytest.mark.parametrize("path", ["/", "/nope", "/proxies/", "/proxies/one/", "/metrics"])
def test_other_paths_get_404(served: Served, path: str) -> None:
    call(served, "POST", "/proxies", PROXY)
    answer = call(served, "GET", path)
    assert (answer.status, answer.content_type) == (404, TEXT)
    assert answer.body == b"404 page not found\n"


def test_browsers_are_refused(served: Served) -> None:
    for method, path in (("GET", "/version"), ("POST", "/reset"), ("GET", "/proxies")):
        answer = call(served, method, path, agent="Mozilla/5.0 (X11; Linux)")
        assert (answer.status, answer.content_type) == (403, TEXT)
        assert answer.body == b"User agent not allowed\n"
    assert call(served, "GET", "/version", agent="curl/8 Mozilla/5.0").status == 200


def test_answers_have_an_id_of_their_own(served: Served) -> None:
    answers = [call(served, "GET", "/version") for _ in range(3)]
    ids = {answer.headers["x-toxiproxy-request-id"] for answer in answers}
    assert len(ids) == 3
    assert all(len(found) == 20 for found in ids)


# Where they differ by design


def test_every_difference_is_documented() -> None:
    page = ROOT / "toxiproxy" / "README.md"
    rows = [
        line.split("|")[1].strip() for line in page.read_text("utf-8").splitlines() if "|" in line
    ]
    assert [name for name in DIFFERENCES if name not in rows] == []


@pytest.mark.parametrize("name", [name for name, row in DIFFERENCES.items() if row.call])
def test_the_servers_differ_as_the_table_says(own_server: Served, name: str) -> None:
    with_a_toxic(own_server)
    before = call(own_server, "GET", "/proxies").data
    row = DIFFERENCES[name]
    assert row.call is not None
    answer = call(own_server, *row.call)
    assert answer.status == own_server.expected(name)
    if own_server.implementation == EMBEDDED and answer.status == 400:
        is_error(answer, 400, "")
        assert len(answer.data["error"]) > 20
        assert call(own_server, "GET", "/proxies").data == before


def test_the_embedded_server_says_what_it_is(served: Served) -> None:
    version = call(served, "GET", "/version").data
    if served.implementation == EMBEDDED:
        assert version["version"].startswith("2.12.0+chaosnetra-embedded-")
        assert version["seed"] == 0
    else:
        assert "embedded" not in version["version"]


# toxiproxy-python


def test_toxiproxy_python_works_unchanged(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = served.server.url.removeprefix("http://").partition(":")
    monkeypatch.setattr(APIConsumer, "host", APIConsumer.host)
    monkeypatch.setattr(APIConsumer, "port", APIConsumer.port)
    server = Toxiproxy()
    server.update_api_consumer(host, int(port))
    assert server.running()
    assert b"version" in server.version()
    made = server.populate([{"name": "p", "upstream": UPSTREAM, "listen": "127.0.0.1:0"}])
    assert [proxy.name for proxy in made] == ["p"]
    proxy = server.create(upstream=UPSTREAM, name="one")
    assert set(server.proxies()) == {"p", "one"}
    proxy.add_toxic(type="latency", attributes={"latency": 50, "jitter": 5})
    proxy.add_toxic(name="t", type="timeout", stream="upstream", toxicity=0.5)
    assert set(proxy.toxics()) == {"latency_downstream", "t"}
    found = proxy.get_toxic("latency_downstream")
    assert (found.type, found.stream, found.toxicity) == ("latency", "downstream", 1)
    assert found.attributes == {"latency": 50, "jitter": 5}
    assert proxy.destroy_toxic("t")
    with proxy.down():
        assert server.get_proxy("one").enabled is False
    assert server.get_proxy("one").enabled is True
    assert server.reset()
    assert proxy.toxics() == {}
    assert server.destroy(proxy)
    server.destroy_all()
    assert server.proxies() == {}
