"""Statuses and bodies of the control API, over raw HTTP, from both servers."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from toxiproxy.api import APIConsumer

from chaosnetra.ports import free_port
from tests.contract.conftest import serving_metrics
from tests.support.toxiproxy_calls import JSON, call, is_error, with_a_toxic
from tests.support.toxiproxy_servers import (
    IMPLEMENTATIONS,
    LATENCY,
    LISTEN,
    PROXY,
    SLOW,
    TOXICS,
    UPSTREAM,
    Served,
)
from toxiproxy import Toxiproxy


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
