"""The connector in an experiment: limits as a fault, its history as evidence."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chaosnetra.addresses import parse_network_address
from chaosnetra.connector.client import ConnectorClient
from chaosnetra.connector.effects import effect_of
from chaosnetra.connector.faults import ConnectorChanged
from chaosnetra.connector.model import OPEN_CONNECTOR
from chaosnetra.faults import UndoResult, play
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.stand.hops import start_connector
from chaosnetra.stand.postgres import PostgresServer
from tests.conftest import RunChaos
from tests.support import experiments
from tests.support.experiments import HELD, ours


def step(kind: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    return ours(kind, "connector", function, **arguments)


def experiment(*method: dict[str, Any], connector: str = "emulator") -> dict[str, Any]:
    return experiments.experiment(
        *method,
        configuration={"connector": connector, "time_scale": "0.1", "seed": "5"},
        probes=[step("probe", "connector_has_room") | {"tolerance": HELD}],
        rollbacks=[step("action", "restore_connector")],
    )


@pytest.mark.usefixtures("nothing_left")
def test_limits_are_scaled_measured_undone_and_in_the_journal(run_chaos: RunChaos) -> None:
    done = run_chaos(
        experiment(
            step("action", "limit_connector", limits={"connections_per_instance": 30}),
            step("action", "change_connector", limits={"pressure_delay_seconds": [1, 2]}),
            step("probe", "connector_state"),
        )
    )
    assert done.returncode == 0, done.output
    section = done.section
    first, second = (
        fault for fault in section["faults"] if fault["parameters"]["kind"] == "connector"
    )
    assert first["parameters"]["connections_per_instance"] == 30
    assert first["parameters"]["scale_up_delay_seconds"] == 3
    assert first["effect"] | {"detail": ""} == {
        "quantity": "slots",
        "expected": 120,
        "observed": 120,
        "in_effect": True,
        "added_round_trip_seconds": 0.0,
        "detail": "",
    }
    # Only what the change names is scaled again.
    assert second["parameters"] == first["parameters"] | {"pressure_delay_seconds": [0.1, 0.2]}
    assert [first["undo"], second["undo"]] == ["done", "done"]
    assert first["injected_at"] < second["injected_at"] < second["undone_at"] < first["undone_at"]
    probe = done.journal["steady_states"]["before"]["probes"][0]["activity"]
    assert probe["tolerance"]["provider"]["arguments"] == {}  # no copy of the result
    assert "connector emulator" in [part["kind"] for part in section["stand"]]
    assert section["seed"] == 5
    history = section["connector"]
    assert [event["event"] for event in history["events"]] == ["changed"] * 4
    assert history["samples"][-1]["slots"] == OPEN_CONNECTOR.slots
    state = done.journal["run"][2]["output"]
    assert (state["slots"], state["seed"]) == (120, 5)


def test_a_change_that_is_forgotten_is_undone_at_the_end(run_chaos: RunChaos) -> None:
    forgetful = experiment(step("action", "limit_connector", limits={}))
    forgetful["rollbacks"] = []
    done = run_chaos(forgetful)
    assert done.returncode == 0, done.output
    assert done.section["connector"]["samples"][-1]["slots"] == OPEN_CONNECTOR.slots


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"slots": 3}, "a connector has unknown keys slots; known are instances"),
        ({"when_full": "drop"}, "when_full must be queue or refuse or ignore, got 'drop'"),
        ("many", "limits must be an object, got 'many'"),
    ],
)
def test_limits_that_cannot_be_used_are_told_in_one_line(
    run_chaos: RunChaos, limits: Any, message: str
) -> None:
    done = run_chaos(experiment(step("action", "limit_connector", limits=limits)))
    assert done.returncode == 1
    assert message in done.output
    assert "Traceback" not in done.output
    assert done.section["verdict"] == "inconclusive"


def test_without_a_connector_the_action_says_how_to_get_one(run_chaos: RunChaos) -> None:
    none = experiment(step("action", "limit_connector", limits={}), connector="none")
    done = run_chaos(none)
    assert done.returncode == 1
    assert "there is no connector in the path; set connector in the experiment's" in done.output


@pytest.fixture
def connector(postgres: PostgresServer) -> Iterator[ConnectorClient]:
    server = start_connector(postgres.database.network_address, seed=1)
    yield ConnectorClient(server.url)
    server.stop()


def path_through(connector: ConnectorClient, postgres: PostgresServer) -> PostgresPath:
    listen = parse_network_address("listen", connector.state()["listen"])
    return PostgresPath(postgres.database, postgres.database.at(*listen))


def changed(connector: ConnectorClient, postgres: PostgresServer, **limits: Any) -> Any:
    model = OPEN_CONNECTOR.changed(limits)
    return ConnectorChanged(connector, model, 1, path_through(connector, postgres))


def test_the_undo_is_played_once_and_touches_only_what_is_ours(
    connector: ConnectorClient, postgres: PostgresServer
) -> None:
    fault = changed(connector, postgres, connections_per_instance=10, queue_timeout_seconds=1)
    undo = fault.prepare()
    fault.inject()
    connector.change({"queue_timeout_seconds": 7})  # somebody else's
    report = play(undo)
    assert report.result is UndoResult.DONE
    assert "left alone: queue_timeout_seconds" in report.detail
    assert connector.model() == OPEN_CONNECTOR.changed({"queue_timeout_seconds": 7})
    assert play(undo).result is UndoResult.NOT_OURS
    connector.change(OPEN_CONNECTOR.to_json())
    assert play(undo).result is UndoResult.ALREADY_DONE


def test_a_slow_line_is_measured(connector: ConnectorClient, postgres: PostgresServer) -> None:
    fault = changed(connector, postgres, throughput_mbps_per_instance=4)
    fault.inject()
    effect = fault.measure()
    assert effect.in_effect
    assert effect.quantity == "throughput_mbps"
    assert 2 < effect.observed <= 5


def test_a_line_that_all_but_stands_is_told_within_seconds(
    connector: ConnectorClient, postgres: PostgresServer
) -> None:
    limits = {"throughput_mbps_per_instance": 100, "background_mbps": 100}
    fault = changed(connector, postgres, **limits)
    fault.inject()
    began = time.monotonic()
    effect = fault.measure()
    assert time.monotonic() - began < 15
    assert (effect.quantity, effect.observed) == ("throughput_mbps", "stalled")
    assert effect.in_effect
    # And it is seen where the line is not as slow as the model says.
    connector.change({"background_mbps": 0})
    told = effect_of({**connector.state(), "model": fault.model.to_json()}, fault.model, fault.path)
    assert not told.in_effect


def test_measuring_a_limit_does_not_make_it_scale_up(
    connector: ConnectorClient, postgres: PostgresServer
) -> None:
    fault = changed(
        connector,
        postgres,
        maximum_instances=3,
        connections_per_instance=1,
        pressure_threshold=0.7,
        scale_up_delay_seconds=0,
    )
    fault.inject()
    effect = fault.measure()
    assert effect.in_effect
    assert "not tried with a connection, which would begin a scale-up" in effect.detail
    assert [event["event"] for event in connector.history()["events"]] == ["changed"]


def test_another_model_than_ours_is_no_effect(
    connector: ConnectorClient, postgres: PostgresServer
) -> None:
    fault = changed(connector, postgres, connections_per_instance=10)
    effect = effect_of(connector.state(), fault.model, fault.path)
    assert not effect.in_effect


def test_pressure_is_felt_by_a_new_connection(
    connector: ConnectorClient, postgres: PostgresServer
) -> None:
    fault = changed(connector, postgres, pressure_threshold=0, pressure_delay_seconds=0.3)
    fault.inject()
    effect = fault.measure()
    assert effect.in_effect
    answered = re.search(r"a new connection was answered after (\d+) ms", effect.detail)
    assert answered is not None, effect.detail
    assert 300 <= int(answered[1]) < 3000
