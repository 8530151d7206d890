"""Bodies of the embedded server's control calls, and its alarms."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.addresses import shown_address
from chaosnetra.errors import ChaosnetraError, InvalidInput
from chaosnetra.toxiproxy.embedded.addresses import listen_address, upstream_address
from chaosnetra.toxiproxy.embedded.bodies import (
    LONGEST_NAME,
    addressable,
    changed_proxy,
    changed_toxic,
    new_proxy,
    new_toxic,
)
from chaosnetra.toxiproxy.embedded.refusals import Refused
from chaosnetra.toxiproxy.embedded.stages.alarm import Alarm
from chaosnetra.toxiproxy.toxics import SERVER_TOXIC_TYPES
from tests.support.relaying import on_each_loop, until

PROXY = {"name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:8474", ("127.0.0.1", 8474)),
        ("127.255.0.9:65535", ("127.255.0.9", 65535)),
        ("[::1]:80", ("::1", 80)),
        (":3311", ("127.0.0.1", 3311)),
        ("", ("127.0.0.1", 0)),
    ],
)
def test_addresses_of_loopback_may_be_listened_on(text: str, expected: tuple[str, int]) -> None:
    assert listen_address(text, anywhere=False) == expected
    assert listen_address(shown_address(*expected), anywhere=False) == expected


@pytest.mark.parametrize("text", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "10.0.0.1:0"])
def test_other_addresses_may_be_only_where_it_was_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="--listen-anywhere"):
        listen_address(text, anywhere=False)
    assert shown_address(*listen_address(text, anywhere=True)) == text


@pytest.mark.parametrize(
    "text", [":", ":x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "host:1", "127.1:1", "a b:1"]
)
def test_what_is_no_address_may_never_be(text: str) -> None:
    for anywhere in (False, True):
        with pytest.raises(InvalidInput, match="listen must"):
            listen_address(text, anywhere=anywhere)


@pytest.mark.parametrize(
    "text", ["", "db", "db:", ":", "db:0", "db:70000", "d b:1", "\x00:1", f"{'x' * 64}:1", "a..b:1"]
)
def test_an_upstream_that_could_not_be_dialled_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="upstream must be host:port"):
        upstream_address(text)


def test_names_that_no_call_could_name_are_refused() -> None:
    assert addressable("x" * LONGEST_NAME) == "x" * LONGEST_NAME
    for name in ("a/b", "/", ".", "..", "x" * (LONGEST_NAME + 1), "\ud800"):
        with pytest.raises(InvalidInput, match="name must be"):
            addressable(name)


def test_a_seed_is_text_and_stays() -> None:
    proxy = new_proxy({**PROXY, "seed": "7"}, anywhere=False)
    assert proxy.seed == "7"
    assert changed_proxy({"upstream": "localhost:1"}, proxy, anywhere=False).seed == "7"
    for seed in (7, ["7"], "\ud800"):
        with pytest.raises(InvalidInput, match="seed must be"):
            new_proxy({**PROXY, "seed": seed}, anywhere=False)


@given(JSON)
def test_any_json_is_a_proxy_or_refused(data: Any) -> None:
    try:
        proxy = new_proxy(data, anywhere=False)
    except ChaosnetraError:
        return
    assert proxy.name


@given(JSON, st.sampled_from(list(SERVER_TOXIC_TYPES)), st.dictionaries(st.text(max_size=8), JSON))
def test_any_json_is_a_toxic_or_refused(data: Any, type_: str, more: dict[str, Any]) -> None:
    for body in (data, {"type": type_, "attributes": data}, {"type": type_, **more}):
        try:
            toxic = new_toxic(body)
        except ChaosnetraError:
            continue
        assert 0 <= toxic.toxicity <= 1
        known = {each.server_name for each in SERVER_TOXIC_TYPES[toxic.type]}
        assert set(toxic.attributes) == known


def test_what_a_change_leaves_out_stays() -> None:
    proxy = new_proxy({**PROXY, "enabled": False}, anywhere=False)
    assert changed_proxy({}, proxy, anywhere=False) == proxy
    assert changed_proxy({"enabled": True}, proxy, anywhere=False).enabled is True
    moved = changed_proxy({"upstream": "localhost:1"}, proxy, anywhere=False)
    assert moved.leads == ("127.0.0.1:0", "localhost:1")
    toxic = new_toxic({"type": "latency", "attributes": {"latency": 9}, "toxicity": 0.5})
    assert changed_toxic({}, toxic) == toxic
    slower = changed_toxic({"attributes": {"jitter": 4}}, toxic)
    assert (slower.attributes, slower.toxicity) == ({"latency": 9, "jitter": 4}, 0.5)


@given(st.lists(st.sampled_from(["name", "NAME", "Name"]), min_size=1, unique=True), st.data())
def test_of_a_key_in_several_cases_the_last_counts(keys: list[str], data: st.DataObject) -> None:
    values = [data.draw(st.none() | st.sampled_from(["a", "b"])) for _ in keys]
    given_names = [value for value in values if value is not None]
    body = {**{key: value for key, value in PROXY.items() if key != "name"}}
    body |= dict(zip(keys, values, strict=True))
    if given_names:
        assert new_proxy(body, anywhere=False).name == given_names[-1]
    else:
        with pytest.raises(Refused, match="missing required field: name"):
            new_proxy(body, anywhere=False)


def test_messages_stay_short_whatever_was_sent() -> None:
    long = "x" * 100_000
    bodies: list[dict[str, Any]] = [
        {"type": long},
        {"type": "latency", "stream": long},
        {"type": "latency", "name": long},
        {"type": "latency", "toxicity": long},
        {"type": "latency", "attributes": {long: 1}},
        {"type": "latency", "attributes": {"latency": long}},
        {"type": 10**400},
    ]
    for body in bodies:
        with pytest.raises((InvalidInput, Refused)) as caught:
            new_toxic(body)
        assert len(str(caught.value)) < 400


@on_each_loop
async def test_an_alarm_is_never_early_and_can_be_moved() -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(time.monotonic()))
    for wait in (0.0003, 0.0017, 0.005, 0.0204):
        due = time.monotonic() + wait
        alarm.at(due + 10)
        alarm.at(due)
        await until(lambda: rang, lambda: "it does not ring")
        assert rang.pop() >= due
    due = time.monotonic() + 0.01
    alarm.at(due)
    alarm.at(due + 0.03)
    await until(lambda: rang, lambda: "it does not ring")
    assert len(rang) == 1
    assert rang.pop() >= due + 0.03


@on_each_loop
async def test_an_alarm_that_is_cancelled_or_closed_does_not_ring() -> None:
    rang: list[None] = []
    alarm = Alarm(lambda: rang.append(None))
    alarm.at(time.monotonic() + 0.005)
    alarm.cancel()
    await asyncio.sleep(0.02)
    assert rang == []
    alarm.at(time.monotonic() + 0.005)
    alarm.close()
    alarm.at(time.monotonic())
    await asyncio.sleep(0.02)
    assert rang == []
