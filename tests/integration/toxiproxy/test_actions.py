"""The actions on Toxiproxy as an experiment calls them, with whatever it holds as arguments."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.running.session import current_session, end_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer, start_toxiproxy
from chaosnetra.toxiproxy.actions import (
    add_data_limit,
    add_latency,
    create_proxy,
    delete_proxy,
    disable_proxy,
    enable_proxy,
    remove_toxic,
    update_toxic,
)
from tests.support.helpers import present

Configuration = dict[str, Any]
# Nobody answers there: what is refused with these was refused before anything was brought up.
NOWHERE = {
    "database_url": "postgresql://u:p@127.0.0.1:1/d",
    "toxiproxy_url": "http://127.0.0.1:1",
    "time_scale": "0.1",
}


@pytest.fixture
def configuration(postgres: PostgresServer, toxiproxy_server: ToxiproxyServer) -> Configuration:
    return {
        "database_url": postgres.database.url,
        "toxiproxy_url": toxiproxy_server.url,
        "time_scale": "0.1",
    }


@pytest.mark.parametrize(
    ("action", "arguments", "message"),
    [
        (add_latency, {"latency_ms": 10, "name": 5}, "name must be 1 to 100 printable"),
        (add_latency, {"latency_ms": 10, "name": "a/b"}, "without a slash, got 'a/b'"),
        (add_latency, {"latency_ms": 10, "name": ".."}, "name must be"),
        (add_latency, {"latency_ms": 10, "proxy": 5}, "proxy must be 1 to 100 printable"),
        (add_latency, {"latency_ms": 10, "proxy": ["a"]}, r"got \['a'\]"),
        (add_latency, {"latency_ms": 10, "direction": 5}, "direction must be downstream or"),
        (
            add_latency,
            {"latency_ms": 50, "jitter_ms": 60},
            "jitter_ms must not be more than latency_ms, got 60 and 50",
        ),
        (update_toxic, {"name": 5, "attributes": {}}, "name must be"),
        (update_toxic, {"name": "a", "attributes": [1]}, r"attributes must be an object, got \[1"),
        (update_toxic, {"name": "a", "attributes": {}, "proxy": 5}, "proxy must be"),
        (remove_toxic, {"name": None}, "name must be"),
        (remove_toxic, {"name": "a", "proxy": 5}, "proxy must be"),
        (create_proxy, {"name": 5, "upstream": "127.0.0.1:9"}, "name must be"),
        (create_proxy, {"name": "a/b", "upstream": "127.0.0.1:9"}, "without a slash"),
        (create_proxy, {"name": "a", "upstream": 5}, "upstream must be host:port, got 5"),
        (create_proxy, {"name": "a", "upstream": "b:1", "listen": None}, "listen must be host"),
        (delete_proxy, {"name": 5}, "name must be"),
        (disable_proxy, {"proxy": 5}, "proxy must be"),
        (enable_proxy, {"proxy": {}}, "proxy must be"),
    ],
)
def test_an_argument_that_cannot_be_used_is_told_before_anything_is_brought_up(
    action: Callable[..., Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActivityFailed, match=message):
        action(**arguments, configuration=NOWHERE)


def test_an_update_leaves_what_it_does_not_name(configuration: Configuration) -> None:
    made = add_latency(800, jitter_ms=200, toxicity=0.5, configuration=configuration)
    assert made["parameters"]["attributes"] == {"latency": 80, "jitter": 20}
    updated = update_toxic("latency", {"jitter_ms": 300}, configuration=configuration)
    assert updated["parameters"]["attributes"] == {"latency": 80, "jitter": 30}
    assert updated["parameters"]["toxicity"] == 0.5
    updated = update_toxic("latency", {"latency_ms": 600}, 1, configuration=configuration)
    assert updated["parameters"]["attributes"] == {"latency": 60, "jitter": 30}
    assert updated["parameters"]["toxicity"] == 1
    with pytest.raises(ActivityFailed, match="jitter_ms must not be more than latency_ms"):
        update_toxic("latency", {"latency_ms": 100}, configuration=configuration)
    with pytest.raises(ActivityFailed, match=r"^toxic latency is in place with other parameters"):
        add_latency(90, configuration=configuration)


def test_each_of_two_on_the_path_is_told_by_what_it_adds(configuration: Configuration) -> None:
    add_latency(600, name="first", configuration=configuration)
    second = add_latency(900, name="second", direction="upstream", configuration=configuration)
    again = update_toxic("second", {"latency_ms": 1800}, configuration=configuration)
    for effect, least in ((second["effect"], 72), (again["effect"], 144)):
        assert effect["in_effect"], effect
        assert effect["observed"] >= least
        found = present(re.search(r"less the (.*) without it; beside (.*)", effect["detail"]))
        without, beside = found.groups()
        assert (float(without) >= 55, beside) == (True, "toxic first")
    with pytest.raises(ActivityFailed, match=r"^proxy database has no toxic 'third'; it has first"):
        update_toxic("third", {}, configuration=configuration)
    for name in ("second", "first"):
        assert remove_toxic(name, configuration=configuration)["result"] == "done"
    faults = [held for held in current_session().injector.faults if held.effect is not None]
    assert [present(held.effect_after).in_effect for held in faults] == [True, True, True]


def test_an_update_of_a_toxicity_alone(configuration: Configuration) -> None:
    add_data_limit(20_000, configuration=configuration)
    updated = update_toxic("limit_data", {}, toxicity=0.25, configuration=configuration)
    assert updated["parameters"]["attributes"] == {"bytes": 20_000}
    assert updated["parameters"]["toxicity"] == 0.25


def test_two_runs_of_a_seed_on_one_embedded_server_meet_the_same(postgres: PostgresServer) -> None:
    def slow_connections(seed: str) -> list[str]:
        configuration = {
            "database_url": postgres.database.url,
            "toxiproxy_url": server.url,
            "time_scale": "0.1",
            "seed": seed,
        }
        found = []
        for name in ("first", "second", "third", "fourth"):
            made = add_latency(6000, name=name, toxicity=0.5, configuration=configuration)
            found.append(made["effect"]["observed"])
            remove_toxic(name, configuration=configuration)
        end_session()
        return found

    server = start_toxiproxy(server="embedded")
    try:
        assert slow_connections("5") == slow_connections("5") != slow_connections("6")
    finally:
        end_session()
        server.stop()
