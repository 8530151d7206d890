"""What the client relies on: every server that takes Toxiproxy's place must pass these."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chaosnetra.errors import InvalidInput, ToxiproxyRefused, ToxiproxyUnavailable, ToxiproxyWedged
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import TOXIC_TYPES, Toxic, make_toxic
from tests.support.helpers import present
from tests.support.http_servers import answering
from tests.support.toxiproxy_servers import IMPLEMENTATIONS, LISTEN, UPSTREAM


@pytest.fixture(scope="module", params=list(IMPLEMENTATIONS))
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[ToxiproxyServer, ToxiproxyServer]]:
    """Two servers of one implementation."""
    start = IMPLEMENTATIONS[request.param]
    first = start()
    try:
        second = start()
        try:
            yield first, second
        finally:
            second.stop()
    finally:
        first.stop()


def emptied(client: ToxiproxyClient) -> None:
    for name in client.proxies():
        client.delete_proxy(name)


@pytest.fixture
def client(servers: tuple[ToxiproxyServer, ToxiproxyServer]) -> Iterator[ToxiproxyClient]:
    client = ToxiproxyClient(servers[0].url)
    yield client
    emptied(client)


@pytest.fixture
def other_client(servers: tuple[ToxiproxyServer, ToxiproxyServer]) -> Iterator[ToxiproxyClient]:
    client = ToxiproxyClient(servers[1].url)
    yield client
    emptied(client)


def latency(name: str = "slow", milliseconds: int = 100, direction: str = "downstream") -> Toxic:
    return make_toxic(name, "latency", direction, 1, {"latency_ms": milliseconds})


def port_of(listen: str) -> int:
    return int(listen.rpartition(":")[2])


def accepts(listen: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port_of(listen))) == 0


# Proxies


def test_a_new_proxy_is_as_asked_and_found(client: ToxiproxyClient) -> None:
    made = client.create_proxy("one", LISTEN, UPSTREAM)
    assert (made.name, made.upstream, made.enabled, made.toxics) == ("one", UPSTREAM, True, ())
    assert made.listen.startswith("127.0.0.1:")
    assert port_of(made.listen) > 0
    assert client.proxy("one") == made
    assert client.proxies() == {"one": made}
    assert accepts(made.listen)


def test_a_seed_is_taken_by_both_and_told_by_neither(client: ToxiproxyClient) -> None:
    made = client.create_proxy("one", LISTEN, UPSTREAM, seed="7")
    assert client.proxies() == {"one": made}
    assert made.upstream == UPSTREAM


def test_a_proxy_made_disabled_takes_no_connection(client: ToxiproxyClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    made = client.create_proxy("off", listen, UPSTREAM, enabled=False)
    assert not made.enabled
    assert not accepts(listen)
    assert client.update_proxy("off", enabled=True).enabled
    assert accepts(listen)


def test_a_second_proxy_of_the_name_is_refused_with_409(client: ToxiproxyClient) -> None:
    made = client.create_proxy("one", LISTEN, UPSTREAM)
    with pytest.raises(ToxiproxyRefused) as caught:
        client.create_proxy("one", LISTEN, "127.0.0.1:10")
    assert caught.value.status == 409
    assert "exists" in caught.value.text
    assert client.proxy("one") == made


def test_a_missing_proxy_is_none_or_false_or_404(client: ToxiproxyClient) -> None:
    assert client.proxy("missing") is None
    assert client.delete_proxy("missing") is False
    calls = (
        lambda: client.update_proxy("missing", enabled=False),
        lambda: client.add_toxic("missing", latency()),
        lambda: client.update_toxic("missing", "slow", {"latency": 1}, 1),
    )
    for call in calls:
        with pytest.raises(ToxiproxyRefused) as caught:
            call()
        assert caught.value.status == 404
    assert client.delete_toxic("missing", "slow") is False


def test_a_deleted_proxy_is_gone(client: ToxiproxyClient) -> None:
    made = client.create_proxy("one", LISTEN, UPSTREAM)
    assert client.delete_proxy("one") is True
    assert client.proxy("one") is None
    assert client.delete_proxy("one") is False
    assert not accepts(made.listen)


def test_switching_keeps_address_and_toxics(client: ToxiproxyClient) -> None:
    made = client.create_proxy("one", LISTEN, UPSTREAM)
    toxic = client.add_toxic("one", latency())
    off = client.update_proxy("one", enabled=False)
    assert (off.enabled, off.listen, off.toxics) == (False, made.listen, (toxic,))
    assert not accepts(made.listen)
    on = client.update_proxy("one", enabled=True)
    assert (on.enabled, on.listen, on.toxics) == (True, made.listen, (toxic,))
    assert accepts(made.listen)


def test_upstream_can_be_changed(client: ToxiproxyClient) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    assert client.update_proxy("one", upstream="127.0.0.1:10").upstream == "127.0.0.1:10"
    found = present(client.proxy("one"))
    assert found.upstream == "127.0.0.1:10"


def test_a_port_in_use_is_refused_with_the_servers_text(client: ToxiproxyClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ToxiproxyRefused) as caught:
            client.create_proxy("one", listen, UPSTREAM)
    assert caught.value.status == 500
    assert "address already in use" in caught.value.text


def test_enabling_on_a_port_in_use_is_an_error(client: ToxiproxyClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        client.create_proxy("one", listen, UPSTREAM, enabled=False)
        with pytest.raises(ToxiproxyRefused) as caught:
            client.update_proxy("one", enabled=True)
    assert caught.value.status == 500


def test_an_address_that_is_not_this_machines_is_refused(client: ToxiproxyClient) -> None:
    with pytest.raises(ToxiproxyRefused) as caught:
        client.create_proxy("one", "192.0.2.1:0", UPSTREAM)
    assert caught.value.status in (400, 500)  # see DIFFERENCES
    assert client.proxies() == {}


@pytest.mark.parametrize("upstream", ["", None])
def test_a_proxy_without_upstream_is_refused_with_400(
    client: ToxiproxyClient, upstream: Any
) -> None:
    with pytest.raises(ToxiproxyRefused) as caught:
        client.create_proxy("one", LISTEN, upstream)
    assert caught.value.status == 400
    assert "upstream" in caught.value.text


@pytest.mark.parametrize("name", ["a b", "ü", "a?b", "a#b", "a%2Fb", "a&b=c", "x" * 200])
def test_names_with_special_characters(client: ToxiproxyClient, name: str) -> None:
    made = client.create_proxy(name, LISTEN, UPSTREAM)
    assert client.proxy(name) == made
    stored = client.add_toxic(name, latency(name))
    assert stored.name == name
    assert client.update_toxic(name, name, {"latency": 7, "jitter": 0}, 1).name == name
    assert client.delete_toxic(name, name) is True
    assert client.delete_proxy(name) is True
    assert client.proxies() == {}


# Toxics


@pytest.mark.parametrize("direction", ["downstream", "upstream"])
@pytest.mark.parametrize("type_", list(TOXIC_TYPES))
def test_every_toxic_is_stored_as_sent(client: ToxiproxyClient, type_: str, direction: str) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    values = {attribute.name: 1000 - number for number, attribute in enumerate(TOXIC_TYPES[type_])}
    toxic = make_toxic("t", type_, direction, 0.25, values)
    assert client.add_toxic("one", toxic).same_as(toxic)
    found = present(client.proxy("one"))
    stored = present(found.toxic("t"))
    assert stored.same_as(toxic)


def test_toxics_are_added_updated_and_deleted_by_name(client: ToxiproxyClient) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    client.add_toxic("one", latency("first", 10))
    client.add_toxic("one", latency("second", 20, "upstream"))
    changed = client.update_toxic("one", "first", {"latency": 30, "jitter": 5}, 0.5)
    assert changed == Toxic("first", "latency", "downstream", 0.5, {"latency": 30, "jitter": 5})
    assert client.delete_toxic("one", "first") is True
    assert client.delete_toxic("one", "first") is False
    found = present(client.proxy("one"))
    assert found.toxic("first") is None
    assert found.toxics == (latency("second", 20, "upstream"),)


def test_a_second_toxic_of_the_name_is_refused_with_409(client: ToxiproxyClient) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    client.add_toxic("one", latency())
    with pytest.raises(ToxiproxyRefused) as caught:
        client.add_toxic("one", latency(milliseconds=999, direction="upstream"))
    assert caught.value.status == 409
    found = present(client.proxy("one"))
    assert found.toxics == (latency(),)


@pytest.mark.parametrize(
    ("type_", "direction"), [("no_such_type", "downstream"), ("latency", "sideways")]
)
def test_a_bad_toxic_is_refused_with_400(
    client: ToxiproxyClient, type_: str, direction: str
) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    with pytest.raises(ToxiproxyRefused) as caught:
        client.add_toxic("one", Toxic("bad", type_, direction, 1.0, {}))
    assert caught.value.status == 400
    assert caught.value.text
    assert "POST /proxies/one/toxics" in str(caught.value)
    found = present(client.proxy("one"))
    assert found.toxics == ()


def test_updating_a_missing_toxic_is_refused_with_404(client: ToxiproxyClient) -> None:
    client.create_proxy("one", LISTEN, UPSTREAM)
    with pytest.raises(ToxiproxyRefused) as caught:
        client.update_toxic("one", "missing", {"latency": 1}, 1)
    assert caught.value.status == 404


# Servers


def test_version_is_text(client: ToxiproxyClient) -> None:
    version = client.version()
    assert version
    assert "{" not in version


def test_two_servers_do_not_mix(client: ToxiproxyClient, other_client: ToxiproxyClient) -> None:
    def fill(target: ToxiproxyClient, upstream: str) -> None:
        for number in range(20):
            target.create_proxy(f"proxy{number}", LISTEN, upstream)
            target.add_toxic(f"proxy{number}", latency())

    threads = [
        threading.Thread(target=fill, args=(client, "127.0.0.1:11")),
        threading.Thread(target=fill, args=(other_client, "127.0.0.1:12")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {proxy.upstream for proxy in client.proxies().values()} == {"127.0.0.1:11"}
    assert {proxy.upstream for proxy in other_client.proxies().values()} == {"127.0.0.1:12"}
    assert len(client.proxies()) == len(other_client.proxies()) == 20
    client.delete_proxy("proxy0")
    assert other_client.proxy("proxy0") is not None


# Servers that are not well: the client alone is under test.


def test_no_server_is_unavailable_and_says_what_to_set() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ToxiproxyUnavailable) as caught:
        ToxiproxyClient(url).proxies()
    assert not isinstance(caught.value, ToxiproxyWedged)
    text = str(caught.value)
    assert url in text
    assert "CHAOSNETRA_TOXIPROXY_URL" in text
    assert "\n" not in text


def test_a_server_that_hangs_up_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            accepted, _ = listener.accept()
            accepted.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(ToxiproxyUnavailable) as caught:
                ToxiproxyClient(url, 2).proxies()
            assert not isinstance(caught.value, ToxiproxyWedged)
        finally:
            thread.join(5)


def test_a_server_that_never_answers_is_wedged_within_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = ToxiproxyClient(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.5)
        calls = (
            client.proxies,
            lambda: client.create_proxy("one", LISTEN, UPSTREAM),
            lambda: client.delete_toxic("one", "slow"),
        )
        for call in calls:
            started = time.monotonic()
            with pytest.raises(ToxiproxyWedged, match=r"within 0\.5 s"):
                call()
            assert 0.4 <= time.monotonic() - started < 1.5


def test_503_is_wedged() -> None:
    with answering(lambda *_: (503, "text/html", b"<html><body>timeout</body></html>")) as url:
        client = ToxiproxyClient(url)
        for call in (
            client.proxies,
            lambda: client.proxy("one"),
            lambda: client.delete_toxic("one", "slow"),
            lambda: client.add_toxic("one", latency()),
        ):
            with pytest.raises(ToxiproxyWedged, match="503"):
                call()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (500, b'{"error": "bind: no luck", "status": 500}', "bind: no luck"),
        (500, b"plain words\n", "plain words"),
        (500, b'"quoted"', "quoted"),
        (500, b"\xff\xfe", "\ufffd\ufffd"),
        (405, b"", ""),
        (403, b"User agent not allowed", "User agent not allowed"),
        (400, b'{"error": "bad request body"}', "bad request body"),
        (409, b'{"error": "proxy already exists"}', "proxy already exists"),
    ],
)
def test_other_errors_carry_status_and_the_servers_text(
    status: int, body: bytes, text: str
) -> None:
    answer = status, "text/plain", body
    with answering(lambda *_: answer) as url, pytest.raises(ToxiproxyRefused) as caught:
        ToxiproxyClient(url).create_proxy("one", LISTEN, UPSTREAM)
    assert (caught.value.status, caught.value.text) == (status, text)
    assert str(status) in str(caught.value)


def test_a_long_error_page_is_cut() -> None:
    page = b"x" * 100_000
    answer = 502, "text/html", page
    with answering(lambda *_: answer) as url, pytest.raises(ToxiproxyRefused) as caught:
        ToxiproxyClient(url).proxies()
    assert len(str(caught.value)) < 500


def test_an_old_servers_bare_version_is_read() -> None:
    with answering(lambda *_: (200, "text/plain", b"2.1.4\n")) as url:
        assert ToxiproxyClient(url).version() == "2.1.4"


@pytest.mark.parametrize("name", ["a/b", ".", "..", ""])
def test_a_name_that_could_never_be_removed_is_refused(client: ToxiproxyClient, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot address"):
        client.create_proxy(name, "127.0.0.1:0", "127.0.0.1:9")
    client.create_proxy("here", "127.0.0.1:0", "127.0.0.1:9")
    with pytest.raises(InvalidInput, match="cannot address"):
        client.add_toxic("here", latency(name))
    assert set(client.proxies()) == {"here"}
    assert client.proxies()["here"].toxics == ()


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b'{"a": 1}', b'{"a": {"b": 2}}'])
def test_a_server_that_is_no_toxiproxy_is_told_as_that(body: bytes) -> None:
    with (
        answering(lambda *_: (200, "text/plain", body)) as url,
        pytest.raises(ToxiproxyUnavailable, match="CHAOSNETRA_TOXIPROXY_URL"),
    ):
        ToxiproxyClient(url).proxies()


def test_an_http_proxy_of_the_environment_is_not_asked(
    client: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert client.proxies() == {}
