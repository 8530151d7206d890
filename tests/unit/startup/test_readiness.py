"""How a readiness setting is read."""

import asyncio
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, MachineryFailed
from chaosnetra.startup.readiness import HttpCheck, Readiness, TcpCheck


def test_exit_is_no_network_check() -> None:
    readiness = Readiness.parse("exit")
    assert readiness.on_exit
    assert not readiness.is_network
    assert readiness.fixed_port is None


def test_a_log_pattern_is_compiled() -> None:
    readiness = Readiness.parse(r"log:listening on :\d+")
    assert readiness.log_pattern is not None
    assert readiness.log_pattern.is_in("é: listening on :80\udc80")
    assert not readiness.log_pattern.is_in("listening on :")
    assert not readiness.is_network
    assert not readiness.on_exit
    assert readiness.fixed_port is None


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("tcp://127.0.0.1:{port}", TcpCheck("127.0.0.1", 8123)),
        ("tcp://localhost:5000/", TcpCheck("localhost", 5000)),
        ("tcp://[::1]:{port}", TcpCheck("::1", 8123)),
        ("http://127.0.0.1:{port}/ready", HttpCheck("127.0.0.1", 8123, "/ready")),
        ("http://127.0.0.1:{port}", HttpCheck("127.0.0.1", 8123, "/")),
        ("http://h/health?deep=1", HttpCheck("h", 80, "/health?deep=1")),
        ("http://h:9000?x={port}", HttpCheck("h", 9000, "/?x=8123")),
    ],
)
def test_network_checks_are_for_the_port_that_the_target_was_given(
    text: str, check: TcpCheck | HttpCheck
) -> None:
    readiness = Readiness.parse(text)
    assert readiness.is_network
    assert readiness.check(8123) == check


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("tcp://127.0.0.1:5000", 5000),
        ("http://127.0.0.1:9000/ready", 9000),
        ("http://127.0.0.1/ready", 80),
        ("tcp://127.0.0.1:{port}", None),
        ("http://127.0.0.1:{port}/ready", None),
    ],
)
def test_a_port_that_is_named_is_fixed(text: str, port: int | None) -> None:
    assert Readiness.parse(text).fixed_port == port


@pytest.mark.parametrize(
    "text",
    [
        "", "ready", "Exit", "https://h/ready", "http://", "http:///ready", "tcp://h", "tcp://:80",
        "tcp://h:80/path", "h:80", "http://h:port/", "http://h:99999/", "http://[::1/",
        "log:(unclosed", "log:[a",
        "log:(?=ready)", r"log:(a)\1", "log:\ud800",
    ],
)  # fmt: skip
def test_what_is_no_readiness_is_refused_with_the_variable(text: str) -> None:
    with pytest.raises(InvalidInput, match="CHAOSNETRA_READINESS") as caught:
        Readiness.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("pattern", ["a{1001}", "(" * 5000], ids=["count", "groups"])
def test_a_pattern_that_is_beyond_the_engine_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"is no regular expression of RE2 .*READINESS"):
        Readiness.parse(f"log:{pattern}")


@given(st.text(max_size=30) | st.text("tcp:/h[]{port}0123.?", max_size=30).map("http://".__add__))
def test_any_text_is_a_readiness_or_invalid_input(text: str) -> None:
    try:
        readiness = Readiness.parse(text)
    except InvalidInput:
        return
    if readiness.is_network:
        assert readiness.check(1).host


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:9", "http://127.0.0.1:9/ready"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EADDRNOTAVAIL, errno.ENOMEM])
def test_what_this_machine_lacks_says_nothing_of_the_target(
    text: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*arguments: object) -> None:
        raise OSError(number, "nothing left")

    monkeypatch.setattr(asyncio, "open_connection", fails)
    with pytest.raises(MachineryFailed, match="nothing left"):
        asyncio.run(Readiness.parse(text).check(9).run(1))
