"""Every fault that a task can have: in effect while it is on the path, and gone after it."""

import time

import pytest

from chaosnetra.connector.model import OPEN_CONNECTOR
from chaosnetra.durations import Deadline
from chaosnetra.errors import Interrupted, PathUnavailable
from chaosnetra.postgres.path import answers
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.startup.orders import FaultKind, OrderedFault
from chaosnetra.task_path.faults import PATIENCE_SECONDS, FaultsOnPath, measuring_seconds
from chaosnetra.task_path.path import TaskPath, begin_path
from chaosnetra.task_path.variables import named_database
from tests.support.helpers import present
from tests.support.tasks import toxic

FEW = OPEN_CONNECTOR.changed({"connections_per_instance": 3, "throughput_mbps_per_instance": 8})
FULL = FEW.changed({"when_full": "refuse", "pressure_threshold": 0.0,
                    "pressure_delay_seconds": 0.1})  # fmt: skip


def connector(name: str, model: object) -> OrderedFault:
    return OrderedFault(name, FaultKind.CONNECTOR, model.to_json())  # type: ignore[attr-defined]


ONE_BY_ONE = (
    (toxic("latency", latency_ms=30, jitter_ms=10),),
    (toxic("latency", "upstream", latency_ms=30),),
    (toxic("timeout", timeout_ms=0),),
    (toxic("timeout", timeout_ms=200),),
    (toxic("bandwidth", rate_kb_per_second=0),),
    (toxic("bandwidth", rate_kb_per_second=300),),
    (toxic("reset_peer", timeout_ms=0),),
    (toxic("slow_close", delay_ms=200),),
    (toxic("limit_data", limit_bytes=2000),),
    (toxic("slicer", average_size_bytes=100, delay_us=500),),
    (OrderedFault("proxy database down", FaultKind.PROXY, {"enabled": False}),),
    (connector("connector change 1", FEW),),
    # Several on one path are undone in the opposite order.
    (toxic("latency", latency_ms=20), connector("connector change 1", FEW),
     connector("connector change 2", FULL), toxic("slow_close", delay_ms=100)),
    # Each is told by what it does itself: more than what a busy machine does.
    (toxic("latency", latency_ms=80), toxic("latency", "upstream", latency_ms=60),
     toxic("bandwidth", rate_kb_per_second=300), toxic("timeout", timeout_ms=0)),
)  # fmt: skip


def path_to(postgres: PostgresServer, *, has_connector: bool = False) -> TaskPath:
    named = named_database({"DATABASE_URL": "{url}"}, {"DATABASE_URL": postgres.database.url})
    return begin_path(named, seed=1, has_connector=has_connector, longest_seconds=60)


@pytest.mark.parametrize("ordered", ONE_BY_ONE, ids=lambda faults: " ".join(
    str(fault.parameters.get("type", fault.kind)) for fault in faults
))  # fmt: skip
def test_a_fault_is_in_effect_before_and_after_and_then_gone(
    postgres: PostgresServer, ordered: tuple[OrderedFault, ...]
) -> None:
    has_connector = any(fault.kind is FaultKind.CONNECTOR for fault in ordered)
    with path_to(postgres, has_connector=has_connector) as path:
        faults = FaultsOnPath(path, ordered, lambda: False)
        began = time.monotonic()
        faults.inject(Deadline.after(60))
        seconds = time.monotonic() - began
        faults.remove(Deadline.after(60))
        for fault in faults.measured:
            assert (fault.gap, present(fault.before).quantity) == (
                "", present(fault.after).quantity,
            )  # fmt: skip
        assert seconds <= measuring_seconds(ordered) + PATIENCE_SECONDS
        state = path.ask("state")
        assert (state["proxy"]["enabled"], state["proxy"]["toxics"]) == (True, [])
        if has_connector:
            assert state["model"] == OPEN_CONNECTOR.to_json()
        assert answers(path.database) is None


def test_what_could_not_be_measured_in_time_says_so(postgres: PostgresServer) -> None:
    with path_to(postgres) as path:
        faults = FaultsOnPath(path, (toxic("timeout", timeout_ms=3000),), lambda: False)
        faults.inject(Deadline.after(0.2))
    [fault] = faults.measured
    assert fault.failure == "toxic database/a_timeout could not be measured in time"
    assert fault.before is None


def test_whoever_is_interrupted_measures_no_longer(postgres: PostgresServer) -> None:
    with path_to(postgres) as path:
        faults = FaultsOnPath(path, (toxic("timeout", timeout_ms=3000),), lambda: True)
        with pytest.raises(Interrupted):
            faults.inject(Deadline.after(10))


def test_a_fault_that_does_nothing_is_not_in_effect(postgres: PostgresServer) -> None:
    with path_to(postgres) as path:
        faults = FaultsOnPath(path, (toxic("latency", latency_ms=0),), lambda: False)
        faults.inject(Deadline.after(10))
    assert "not in effect before the startup" in faults.measured[0].gap


WIDER = OPEN_CONNECTOR.changed({"throughput_mbps_per_instance": 6})
SOME = OrderedFault("some", FaultKind.TOXIC, {**toxic("latency", latency_ms=40).parameters,
                                              "toxicity": 0.5})  # fmt: skip


@pytest.mark.parametrize(
    ("ordered", "words"),
    [
        ((toxic("bandwidth", rate_kb_per_second=300), connector("wider", WIDER)), "wider was not"),
        ((toxic("timeout", timeout_ms=0), toxic("bandwidth", "upstream", rate_kb_per_second=0)),
         "a new connection is silent without it too"),
        ((SOME, toxic("timeout", timeout_ms=0)), "cannot be told apart from some"),
    ],
)  # fmt: skip
def test_one_that_adds_nothing_to_another_is_not_in_effect(
    postgres: PostgresServer, ordered: tuple[OrderedFault, ...], words: str
) -> None:
    with path_to(postgres, has_connector=True) as path:
        faults = FaultsOnPath(path, ordered, lambda: False)
        faults.inject(Deadline.after(60))
    first, second = faults.measured
    assert present(first.before).in_effect
    assert words in second.gap


def test_a_path_ends_when_its_time_is_over(postgres: PostgresServer) -> None:
    named = named_database({"DATABASE_URL": "{url}"}, {"DATABASE_URL": postgres.database.url})
    with begin_path(named, seed=1, has_connector=False, longest_seconds=0.3) as path:
        deadline = time.monotonic() + 10
        while not path.is_lost and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(PathUnavailable, match="its process ended before its time"):
            path.ask("state")
