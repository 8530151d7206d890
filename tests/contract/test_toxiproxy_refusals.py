"""What the control API refuses from both servers, and where these differ by design."""

import socket

import pytest

from tests.support.repository import ROOT
from tests.support.toxiproxy_calls import JSON, TEXT, call, is_error, with_a_toxic
from tests.support.toxiproxy_servers import (
    DIFFERENCES,
    EMBEDDED,
    LATENCY,
    PROXY,
    SLOW,
    TOXICS,
    Served,
)


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
