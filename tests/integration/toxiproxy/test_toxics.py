"""Every toxic as a fault: felt while it is there, gone after its undo, nobody else's touched."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from chaosnetra.addresses import parse_network_address
from chaosnetra.errors import InjectionFailed, InvalidInput
from chaosnetra.faults import Undo, UndoResult, play
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.effects import OnPath, added_latency, effect_of, effect_of_switch
from chaosnetra.toxiproxy.faults import ProxyCreated, ProxySwitched
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded, ToxicUpdated
from chaosnetra.toxiproxy.toxics import Toxic, make_toxic
from tests.support.helpers import ProxiedDatabase, present
from tests.support.programs import captured
from tests.support.undoing import effect_of as measured
from tests.support.undoing import undone

PROXY = "database"
PLAY = (
    "import json, sys\n"
    "from chaosnetra.faults import Undo, play\n"
    "for undo in json.load(sys.stdin):\n"
    "    print(play(Undo.from_json(undo)).result)"
)


@pytest.fixture
def proxied(
    postgres: PostgresServer, toxiproxy: ToxiproxyClient, tmp_path: Path
) -> ProxiedDatabase:
    made = toxiproxy.create_proxy(PROXY, "127.0.0.1:0", postgres.database.network_address)
    address = postgres.database.at(*parse_network_address("listen", made.listen))
    return ProxiedDatabase(toxiproxy, PROXY, PostgresPath(postgres.database, address), tmp_path)


def fault_of(proxied: ProxiedDatabase, toxic: Toxic) -> ToxicAdded:
    return ToxicAdded(proxied.client, proxied.proxy, toxic, OnPath(proxied.path))


def current(proxied: ProxiedDatabase) -> Proxy:
    return present(proxied.client.proxy(proxied.proxy))


def latency(milliseconds: int, name: str = "ours", toxicity: float = 1) -> Toxic:
    return make_toxic(name, "latency", "downstream", toxicity, {"latency_ms": milliseconds})


def written(proxied: ProxiedDatabase) -> list[dict[str, Any]]:
    return [json.loads(line) for line in proxied.ledger.path.read_text().splitlines()]


IN_EFFECT = [
    ("latency", "downstream", {"latency_ms": 50}),
    ("latency", "upstream", {"latency_ms": 50}),
    ("latency", "downstream", {"latency_ms": 60, "jitter_ms": 20}),
    ("bandwidth", "downstream", {"rate_kb_per_second": 0}),
    ("bandwidth", "downstream", {"rate_kb_per_second": 500}),
    ("bandwidth", "upstream", {"rate_kb_per_second": 500}),
    ("slow_close", "downstream", {"delay_ms": 300}),
    ("timeout", "downstream", {"timeout_ms": 0}),
    ("timeout", "downstream", {"timeout_ms": 300}),
    ("timeout", "upstream", {"timeout_ms": 300}),
    ("reset_peer", "downstream", {"timeout_ms": 0}),
    ("reset_peer", "upstream", {"timeout_ms": 100}),
    ("slicer", "downstream", {"average_size_bytes": 1000, "delay_us": 5000}),
    ("slicer", "upstream", {"average_size_bytes": 1000, "delay_us": 5000}),
    ("limit_data", "downstream", {"limit_bytes": 20_000}),
    ("limit_data", "upstream", {"limit_bytes": 20_000}),
]


@pytest.mark.parametrize(("type_", "direction", "values"), IN_EFFECT)
def test_a_toxic_is_in_effect_and_undone(
    proxied: ProxiedDatabase, type_: str, direction: str, values: dict[str, int]
) -> None:
    toxic = make_toxic("ours", type_, direction, 1, values)
    fault = fault_of(proxied, toxic)
    held = proxied.injector.inject(fault)
    assert held.effect is not None
    assert held.effect.in_effect, held.effect
    expected = {each.name for each in (toxic, fault.holder) if each is not None}
    assert {stored.name for stored in current(proxied).toxics} == expected

    assert undone(proxied.injector, held.name).result is UndoResult.DONE
    assert current(proxied).toxics == ()
    after = effect_of(toxic, proxied.path)
    assert not after.in_effect, after


def test_upstream_stall_and_black_hole_are_in_effect(proxied: ProxiedDatabase) -> None:
    for type_, name in (("bandwidth", "rate_kb_per_second"), ("timeout", "timeout_ms")):
        toxic = make_toxic("ours", type_, "upstream", 1, {name: 0})
        held = proxied.injector.inject(fault_of(proxied, toxic))
        assert held.effect is not None
        assert (held.effect.observed, held.effect.in_effect) == ("silent", True)
        proxied.injector.undo(held.name)


def test_latency_is_measured_accurately(proxied: ProxiedDatabase) -> None:
    assert abs(least_added_latency(proxied)) < 20
    # The machine may be busy for a moment, which slows the direct path too, and so makes the
    # difference too small as well as too large. A wrong measurement is wrong every time.
    for _ in range(3):
        held = proxied.injector.inject(fault_of(proxied, latency(50)))
        assert measured(held).expected == 50
        seconds = proxied.injector.added_round_trip_seconds
        added = added_latency(proxied.path, 9)
        proxied.injector.undo(held.name)
        assert proxied.injector.added_round_trip_seconds == 0
        if 48 <= added <= 60 and 0.048 <= seconds < 0.2:
            break
    assert 48 <= added <= 60
    assert 0.048 <= seconds < 0.2
    assert abs(least_added_latency(proxied)) < 20


def least_added_latency(proxied: ProxiedDatabase) -> float:
    return min((added_latency(proxied.path, 9) for _ in range(3)), key=abs)


def test_latencies_of_both_directions_add_up(proxied: ProxiedDatabase) -> None:
    proxied.injector.inject(fault_of(proxied, latency(20, "down")))
    up = make_toxic("up", "latency", "upstream", 1, {"latency_ms": 15})
    proxied.injector.inject(fault_of(proxied, up))
    # A busy machine slows the direct path too, which the added latency is counted from.
    assert max(added_latency(proxied.path) for _ in range(5)) >= 33


def test_a_share_of_the_connections_is_slow(proxied: ProxiedDatabase) -> None:
    toxic = latency(400, toxicity=0.5)
    held = proxied.injector.inject(fault_of(proxied, toxic))
    assert held.effect is not None
    assert held.effect.quantity == "slow_connections"
    # One measurement misses with a chance of 1 in 1,000.
    effects = [held.effect, *(effect_of(toxic, proxied.path) for _ in range(2))]
    in_effect = [effect for effect in effects if effect.in_effect]
    assert in_effect
    assert all(effect.added_round_trip_seconds >= 0.32 for effect in in_effect)
    slow = sum(int(effect.observed.split()[0]) for effect in effects)
    total = sum(int(effect.observed.split()[2]) for effect in effects)
    assert 0 < slow < total
    proxied.injector.undo(held.name)
    assert not effect_of(toxic, proxied.path).in_effect


def test_toxicity_zero_is_not_felt(proxied: ProxiedDatabase) -> None:
    effect = measured(proxied.injector.inject(fault_of(proxied, latency(500, toxicity=0))))
    assert not effect.in_effect
    assert effect.added_round_trip_seconds == 0


def test_what_cannot_be_measured_is_not_in_effect(proxied: ProxiedDatabase) -> None:
    slicer = make_toxic("ours", "slicer", "downstream", 1, {"average_size_bytes": 10})
    effect = measured(proxied.injector.inject(fault_of(proxied, slicer)))
    assert (effect.in_effect, effect.observed) == (False, "not measured")
    assert effect.detail
    assert [stored.name for stored in current(proxied).toxics] == ["ours"]


@pytest.mark.parametrize(
    ("type_", "values"), [("latency", {"latency_ms": 0}), ("slow_close", {"delay_ms": 0})]
)
def test_a_toxic_that_does_nothing_is_not_in_effect(
    proxied: ProxiedDatabase, type_: str, values: dict[str, int]
) -> None:
    toxic = make_toxic("ours", type_, "downstream", 1, values)
    effect = measured(proxied.injector.inject(fault_of(proxied, toxic)))
    assert not effect.in_effect


def test_a_database_that_cannot_be_reached_is_no_proof(proxied: ProxiedDatabase) -> None:
    proxied.client.update_proxy(PROXY, enabled=False)
    effect = effect_of(latency(50), proxied.path)
    assert (effect.in_effect, effect.observed) == (False, "not measured")
    assert proxied.path.proxied.password not in effect.detail


def switch(proxied: ProxiedDatabase, enabled: bool) -> ProxySwitched:
    return ProxySwitched(proxied.client, PROXY, enabled, OnPath(proxied.path))


def test_a_proxy_taken_down_refuses_and_comes_back(proxied: ProxiedDatabase) -> None:
    listen = current(proxied).listen
    held = proxied.injector.inject(switch(proxied, False))
    assert held.effect is not None
    assert (held.effect.in_effect, held.effect.observed) == (True, "refused")
    assert not current(proxied).enabled
    assert undone(proxied.injector, held.name).result is UndoResult.DONE
    assert (current(proxied).enabled, current(proxied).listen) == (True, listen)
    assert not effect_of_switch(False, proxied.path).in_effect
    assert effect_of_switch(True, proxied.path).in_effect


def test_a_proxy_put_up_answers_and_goes_down_again(proxied: ProxiedDatabase) -> None:
    proxied.client.update_proxy(PROXY, enabled=False)
    held = proxied.injector.inject(switch(proxied, True))
    assert held.effect is not None
    assert (held.effect.in_effect, held.effect.observed) == (True, "answered")
    proxied.injector.undo(held.name)
    assert not current(proxied).enabled


def test_a_switch_to_the_state_it_has_changes_nothing(proxied: ProxiedDatabase) -> None:
    held = proxied.injector.inject(switch(proxied, True))
    assert undone(proxied.injector, held.name).result is UndoResult.ALREADY_DONE
    assert current(proxied).enabled


def update(proxied: ProxiedDatabase, toxic: Toxic, number: int = 1) -> ToxicUpdated:
    return ToxicUpdated(proxied.client, PROXY, toxic, OnPath(proxied.path), number)


def test_an_update_is_felt_and_its_undo_restores_the_values(proxied: ProxiedDatabase) -> None:
    before = proxied.client.add_toxic(PROXY, latency(10, "theirs"))
    wanted = make_toxic("theirs", "latency", "downstream", 1, {"latency_ms": 80, "jitter_ms": 3})
    held = proxied.injector.inject(update(proxied, wanted))
    assert measured(held).in_effect
    assert current(proxied).toxics == (wanted,)
    assert undone(proxied.injector, held.name).result is UndoResult.DONE
    assert current(proxied).toxics == (before,)
    assert not effect_of(wanted, proxied.path).in_effect
    assert play(held.undo).result is UndoResult.ALREADY_DONE


def test_updates_are_undone_last_first(proxied: ProxiedDatabase) -> None:
    before = proxied.client.add_toxic(PROXY, latency(1, "theirs"))
    proxied.injector.inject(update(proxied, latency(20, "theirs"), 1))
    proxied.injector.inject(update(proxied, latency(30, "theirs", toxicity=0.5), 2))
    assert proxied.injector.undo_all() == []
    assert current(proxied).toxics == (before,)


def test_an_updated_toxic_that_somebody_changed_is_left_alone(proxied: ProxiedDatabase) -> None:
    proxied.client.add_toxic(PROXY, latency(10, "theirs"))
    held = proxied.injector.inject(update(proxied, latency(20, "theirs")))
    changed = proxied.client.update_toxic(PROXY, "theirs", {"latency": 33, "jitter": 0}, 1)
    assert undone(proxied.injector, held.name).result is UndoResult.NOT_OURS
    assert current(proxied).toxics == (changed,)


def test_an_updated_toxic_that_is_gone_is_not_made_again(proxied: ProxiedDatabase) -> None:
    proxied.client.add_toxic(PROXY, latency(10, "theirs"))
    held = proxied.injector.inject(update(proxied, latency(20, "theirs")))
    proxied.client.delete_toxic(PROXY, "theirs")
    assert play(held.undo).result is UndoResult.NOT_OURS
    assert current(proxied).toxics == ()


def test_somebody_elses_toxic_survives_our_undo(proxied: ProxiedDatabase) -> None:
    earlier = proxied.client.add_toxic(PROXY, latency(1, "theirs_before"))
    held = proxied.injector.inject(fault_of(proxied, latency(20)))
    later = proxied.client.add_toxic(
        PROXY, make_toxic("theirs_after", "slicer", "upstream", 1, {"average_size_bytes": 9})
    )
    proxied.client.create_proxy("theirs", "127.0.0.1:0", "127.0.0.1:9")
    proxied.injector.undo(held.name)
    assert sorted(toxic.name for toxic in current(proxied).toxics) == sorted(
        (earlier.name, later.name)
    )
    assert proxied.client.proxy("theirs") is not None


def test_a_toxic_of_another_type_under_our_name_is_left_alone(proxied: ProxiedDatabase) -> None:
    held = proxied.injector.inject(fault_of(proxied, latency(10)))
    proxied.client.delete_toxic(PROXY, "ours")
    theirs = proxied.client.add_toxic(
        PROXY, make_toxic("ours", "bandwidth", "downstream", 1, {"rate_kb_per_second": 9999})
    )
    assert play(held.undo).result is UndoResult.NOT_OURS
    assert current(proxied).toxics == (theirs,)


def test_a_toxic_that_is_there_already_is_not_taken_over(proxied: ProxiedDatabase) -> None:
    theirs = proxied.client.add_toxic(PROXY, latency(10))
    with pytest.raises(InjectionFailed, match="already"):
        proxied.injector.inject(fault_of(proxied, latency(20)))
    assert current(proxied).toxics == (theirs,)
    assert proxied.injector.active == []
    assert not proxied.ledger.path.exists()


def test_a_missing_proxy_or_toxic_names_those_that_exist(proxied: ProxiedDatabase) -> None:
    toxic = latency(10)
    with pytest.raises(InvalidInput, match=f"it has {PROXY}"):
        proxied.injector.inject(ToxicAdded(proxied.client, "missing", toxic, OnPath(proxied.path)))
    proxied.client.add_toxic(PROXY, latency(1, "theirs"))
    with pytest.raises(InvalidInput, match="it has theirs"):
        proxied.injector.inject(update(proxied, toxic))


def test_undo_twice_is_already_done(proxied: ProxiedDatabase) -> None:
    held = proxied.injector.inject(fault_of(proxied, latency(10)))
    assert play(held.undo).result is UndoResult.DONE
    assert play(held.undo).result is UndoResult.ALREADY_DONE
    assert undone(proxied.injector, held.name).result is UndoResult.ALREADY_DONE
    assert proxied.injector.undo(held.name) is None


def test_undo_of_a_proxy_that_is_gone_is_already_done(proxied: ProxiedDatabase) -> None:
    held = proxied.injector.inject(fault_of(proxied, latency(10)))
    proxied.client.delete_proxy(PROXY)
    assert play(held.undo).result is UndoResult.ALREADY_DONE


def test_another_process_undoes_from_the_ledger_alone(proxied: ProxiedDatabase) -> None:
    proxied.injector.inject(ProxyCreated(proxied.client, "made", "127.0.0.1:0", "127.0.0.1:9"))
    proxied.client.add_toxic(PROXY, latency(1, "theirs"))
    proxied.injector.inject(update(proxied, latency(5, "theirs")))
    proxied.injector.inject(fault_of(proxied, latency(10)))
    proxied.injector.inject(switch(proxied, False))
    text = proxied.ledger.path.read_text()
    assert proxied.path.direct.password not in text

    undos = [line["undo"] for line in written(proxied) if "undo" in line]
    assert len(undos) == 4
    for expected in ("done", "already done"):
        played = captured(
            [sys.executable, "-c", PLAY], input=json.dumps(undos[::-1]), timeout=60, check=True
        )
        assert played.stdout.splitlines() == [expected] * 4, undos
    assert sorted(proxied.client.proxies()) == [PROXY]
    assert (current(proxied).enabled, current(proxied).toxics) == (True, (latency(1, "theirs"),))


def test_the_undo_is_on_disk_before_the_fault(proxied: ProxiedDatabase) -> None:
    class Watched(ToxicAdded):
        def inject(self) -> None:
            lines = written(proxied)
            assert [Undo.from_json(line["undo"]).kind for line in lines if "undo" in line] == [
                "toxiproxy.remove_toxic"
            ]
            assert current(proxied).toxics == ()
            super().inject()

    toxic = latency(10)
    held = proxied.injector.inject(Watched(proxied.client, PROXY, toxic, OnPath(proxied.path)))
    assert [name for name, _ in proxied.records] == ["fault.undo_written", "fault.injected"]
    proxied.injector.undo(held.name)
    assert [line.get("done") for line in written(proxied)] == [None, None, 1]
    proxied.ledger.close()
    assert not proxied.ledger.path.exists()


def test_the_same_fault_twice_is_one(proxied: ProxiedDatabase) -> None:
    first = proxied.injector.inject(fault_of(proxied, latency(10)))
    assert proxied.injector.inject(fault_of(proxied, latency(10))) is first
    assert len(current(proxied).toxics) == 1
    with pytest.raises(InjectionFailed, match="other parameters"):
        proxied.injector.inject(fault_of(proxied, latency(11)))


def test_a_proxy_of_somebody_else_is_not_taken_over(proxied: ProxiedDatabase) -> None:
    theirs = proxied.client.create_proxy("made", "127.0.0.1:0", "127.0.0.1:9")
    proxied.client.add_toxic("made", latency(7, "theirs"))
    with pytest.raises(InjectionFailed, match="not this run's"):
        proxied.injector.inject(ProxyCreated(proxied.client, "made", "127.0.0.1:0", "127.0.0.1:9"))
    found = present(proxied.client.proxy("made"))
    assert (found.listen, found.toxics) == (theirs.listen, (latency(7, "theirs"),))
    assert proxied.injector.undo_all() == []
    assert proxied.client.proxy("made") is not None


def test_a_proxy_under_our_name_that_leads_elsewhere_is_left_alone(
    proxied: ProxiedDatabase,
) -> None:
    held = proxied.injector.inject(
        ProxyCreated(proxied.client, "made", "127.0.0.1:0", "127.0.0.1:9")
    )
    assert held.effect is None
    proxied.client.delete_proxy("made")
    proxied.client.create_proxy("made", "127.0.0.1:0", "127.0.0.1:10")
    assert play(held.undo).result is UndoResult.NOT_OURS
    assert proxied.client.proxy("made") is not None


def test_a_runs_own_proxy_is_deleted_also_when_somebody_led_it_elsewhere(
    proxied: ProxiedDatabase,
) -> None:
    name = "chaosnetra_20261129t120000_0a1b2c"
    held = proxied.injector.inject(ProxyCreated(proxied.client, name, "127.0.0.1:0", "127.0.0.1:9"))
    changed = requests.post(
        f"{proxied.client.url}/proxies/{name}", json={"upstream": "127.0.0.1:10"}, timeout=5
    )
    assert changed.json()["upstream"] == "127.0.0.1:10"
    assert play(held.undo).result is UndoResult.DONE
    assert proxied.client.proxy(name) is None


def test_a_proxy_that_cannot_listen_leaves_nothing(proxied: ProxiedDatabase) -> None:
    taken = current(proxied).listen
    with pytest.raises(InjectionFailed, match="address already in use"):
        proxied.injector.inject(ProxyCreated(proxied.client, "made", taken, "127.0.0.1:9"))
    assert proxied.client.proxy("made") is None
    assert proxied.injector.active == []
    assert effect_of_switch(True, proxied.path).in_effect


def test_undo_all_can_leave_what_is_not_felt(proxied: ProxiedDatabase) -> None:
    proxied.injector.inject(ProxyCreated(proxied.client, "made", "127.0.0.1:0", "127.0.0.1:9"))
    proxied.injector.inject(fault_of(proxied, latency(10)))
    assert proxied.injector.undo_all(only_in_effect=True) == []
    assert current(proxied).toxics == ()
    assert proxied.client.proxy("made") is not None
    assert proxied.injector.undo_all() == []
    assert proxied.client.proxy("made") is None


NOT_IN_EFFECT = [
    ("latency", "downstream", {"latency_ms": 100, "jitter_ms": 100}),
    ("bandwidth", "downstream", {"rate_kb_per_second": 2**30}),
    ("slicer", "downstream", {"average_size_bytes": 1_000_000, "delay_us": 1}),
    ("slicer", "downstream", {"average_size_bytes": 500, "delay_us": 1}),
]


@pytest.mark.parametrize(("kind", "direction", "values"), NOT_IN_EFFECT)
def test_nothing_in_place_is_never_taken_for_an_effect(
    proxied: ProxiedDatabase, kind: str, direction: str, values: dict[str, int]
) -> None:
    effect = effect_of(make_toxic("absent", kind, direction, 1, values), proxied.path)
    assert effect.in_effect is False


def test_full_jitter_is_felt(proxied: ProxiedDatabase) -> None:
    values = {"latency_ms": 60, "jitter_ms": 60}
    toxic = make_toxic("ours", "latency", "downstream", 1, values)
    effect = measured(proxied.injector.inject(fault_of(proxied, toxic)))
    assert effect.in_effect is True


def test_a_limit_behind_a_proxy_that_is_down_is_no_effect(proxied: ProxiedDatabase) -> None:
    proxied.client.update_proxy(proxied.proxy, enabled=False)
    toxic = make_toxic("absent", "limit_data", "downstream", 1, {"limit_bytes": 100})
    effect = effect_of(toxic, proxied.path)
    assert effect.in_effect is False
    assert "refused" in effect.detail


def test_a_slow_close_upstream_is_in_effect(proxied: ProxiedDatabase) -> None:
    toxic = make_toxic("ours", "slow_close", "upstream", 1, {"delay_ms": 400})
    held = proxied.injector.inject(fault_of(proxied, toxic))
    assert held.effect is not None
    assert held.effect.in_effect is True
    assert held.effect.observed >= 0.35
    proxied.injector.undo(held.name)
    assert effect_of(toxic, proxied.path).in_effect is False


def test_a_bandwidth_limit_on_half_of_the_connections_is_always_found(
    proxied: ProxiedDatabase,
) -> None:
    toxic = make_toxic("ours", "bandwidth", "downstream", 0.5, {"rate_kb_per_second": 100})
    effect = measured(proxied.injector.inject(fault_of(proxied, toxic)))
    assert effect.in_effect is True
    assert "seen on connection" in effect.detail
