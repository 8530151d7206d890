"""Toxics on a proxy that is not the run's own are measured by what it leads to."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaosnetra.running.session import current_session, end_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.actions import (
    add_bandwidth_limit,
    add_data_limit,
    add_latency,
    add_reset_peer,
    add_slicer,
    add_slow_close,
    add_timeout,
    disable_proxy,
    enable_proxy,
    remove_toxic,
    update_toxic,
)
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.http_servers import answering

Action = Callable[..., dict[str, Any]]
THEIRS = "checkout"
THROUGH = f"measured through proxy {THEIRS}, to "
TWIN = f"measured by the same toxic on a twin of proxy {THEIRS}, before an echo"
TOXICS: dict[str, tuple[Action, dict[str, Any]]] = {
    "latency": (add_latency, {"latency_ms": 60}),
    "latency upstream": (add_latency, {"latency_ms": 60, "direction": "upstream"}),
    "timeout": (add_timeout, {"timeout_ms": 200}),
    "black hole": (add_timeout, {"timeout_ms": 0}),
    "stall": (add_bandwidth_limit, {"rate_kb_per_second": 0}),
    "reset": (add_reset_peer, {}),
    "bandwidth": (add_bandwidth_limit, {"rate_kb_per_second": 200}),
    "bandwidth upstream": (
        add_bandwidth_limit,
        {"rate_kb_per_second": 200, "direction": "upstream"},
    ),
    "slow close": (add_slow_close, {"delay_ms": 150}),
    "slow close upstream": (add_slow_close, {"delay_ms": 150, "direction": "upstream"}),
    "slicer": (add_slicer, {"average_size_bytes": 100, "delay_us": 10_000}),
    "data limit": (add_data_limit, {"limit_bytes": 1000}),
}
BY_FIRST_ANSWER = {"latency", "latency upstream", "timeout", "black hole", "stall", "reset"}


@pytest.fixture(scope="module")
def http_service() -> Iterator[str]:
    with answering(lambda *_: (204, "text/plain", b"")) as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="module")
def mute_service() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def configuration(toxiproxy: ToxiproxyClient) -> Iterator[dict[str, Any]]:
    """Of a run that needs no database; at its end nothing of it is on the server."""
    yield {"toxiproxy_url": toxiproxy.url, "time_scale": "1"}
    end_session()
    assert {name: proxy.toxics for name, proxy in toxiproxy.proxies().items()} == {THEIRS: ()}


def played(configuration: dict[str, Any], toxic: str, **more: Any) -> dict[str, Any]:
    """Inject it, remove it; the fault as the journal would hold it."""
    action, arguments = TOXICS[toxic]
    result = action(**arguments, **more, name="t", proxy=THEIRS, configuration=configuration)
    assert remove_toxic("t", THEIRS, configuration=configuration)["result"] == "done"
    held = next(
        fault
        for fault in current_session(configuration).injector.faults
        if fault.name == result["name"]
    )
    assert held.effect is not None
    assert held.effect_after is not None
    assert held.effect.in_effect, held.effect
    assert held.effect_after.in_effect, held.effect_after
    effect: dict[str, Any] = result["effect"]
    return effect


@pytest.mark.parametrize("toxic", ["latency", "black hole", "slow close"])
def test_before_the_database_of_the_run_it_is_measured_by_queries(
    toxiproxy: ToxiproxyClient, postgres: PostgresServer, configuration: dict[str, Any], toxic: str
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", postgres.database.network_address)
    effect = played({**configuration, "database_url": postgres.database.url}, toxic)
    assert f"{THROUGH}the run's database" in effect["detail"]


@pytest.mark.parametrize("toxic", [toxic for toxic in TOXICS if toxic != "black hole"])
def test_before_another_postgresql(
    toxiproxy: ToxiproxyClient, postgres: PostgresServer, configuration: dict[str, Any], toxic: str
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", postgres.database.network_address)
    effect = played(configuration, toxic)
    assert (f"{THROUGH}PostgreSQL" if toxic in BY_FIRST_ANSWER else TWIN) in effect["detail"]


@pytest.mark.parametrize("toxic", ["latency", "black hole", "bandwidth"])
def test_before_a_service_that_speaks_http(
    toxiproxy: ToxiproxyClient, http_service: str, configuration: dict[str, Any], toxic: str
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", http_service)
    effect = played(configuration, toxic)
    assert (f"{THROUGH}HTTP" if toxic in BY_FIRST_ANSWER else TWIN) in effect["detail"]


@pytest.mark.parametrize("toxic", ["latency", "bandwidth"])
def test_before_anything_else_a_twin_is_measured(
    toxiproxy: ToxiproxyClient, mute_service: str, configuration: dict[str, Any], toxic: str
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", mute_service)
    effect = played(configuration, toxic, toxicity=0.9 if toxic == "latency" else 1.0)
    assert TWIN in effect["detail"]
    assert f"{mute_service} answers neither PostgreSQL nor HTTP" in effect["detail"]


def test_an_update_is_measured_too(
    toxiproxy: ToxiproxyClient, http_service: str, configuration: dict[str, Any]
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", http_service)
    add_latency(20, name="t", proxy=THEIRS, configuration=configuration)
    updated = update_toxic("t", {"latency_ms": 90}, proxy=THEIRS, configuration=configuration)
    # The difference of two medians: the direct path's own time is taken off.
    assert updated["effect"]["observed"] >= 80
    end_session()


def test_their_proxy_can_be_taken_down(
    toxiproxy: ToxiproxyClient, mute_service: str, configuration: dict[str, Any]
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", mute_service)
    effect = disable_proxy(THEIRS, configuration=configuration)["effect"]
    assert (effect["observed"], effect["in_effect"]) == ("refused", True)


def test_a_proxy_that_is_up_again_is_not_put_up_a_second_time(
    toxiproxy: ToxiproxyClient, mute_service: str, configuration: dict[str, Any]
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", mute_service)
    disable_proxy(THEIRS, configuration=configuration)
    first = enable_proxy(THEIRS, configuration=configuration)
    second = enable_proxy(THEIRS, configuration=configuration)
    assert (first["result"], second["result"]) == ("done", "already done")
    injected = current_session(configuration).injector.faults
    assert [fault.name for fault in injected if "proxy" in fault.name] == [f"proxy {THEIRS} down"]


def test_a_toxic_that_does_nothing_is_not_in_effect_on_a_twin_either(
    toxiproxy: ToxiproxyClient, mute_service: str, configuration: dict[str, Any]
) -> None:
    toxiproxy.create_proxy(THEIRS, "127.0.0.1:0", mute_service)
    effect = add_latency(0, proxy=THEIRS, configuration=configuration)["effect"]
    assert not effect["in_effect"]
