"""Orders and reports of a task's path: what comes back, and what is refused."""

import json
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.connector.model import OPEN_CONNECTOR
from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect
from chaosnetra.startup.orders import (
    LONGEST_TEXT,
    MOST_MEASURING,
    ORDER_VERSION,
    FaultKind,
    OrderedFault,
    PathOrder,
    TaskOrder,
    measuring_groups,
)
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.reports import MeasuredFault, PathReport, TaskReport
from chaosnetra.task_path.faults import parse as parse_fault
from tests.support.helpers import present
from tests.support.observations import connection, observation

LATENCY = OrderedFault(
    "toxic database/slow",
    FaultKind.TOXIC,
    {
        "name": "slow",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1.0,
        "attributes": {"latency": 50, "jitter": 0},
    },
)
PATH = PathOrder({"DATABASE_URL": "{url}"}, (LATENCY,), 12.5, groups=3, seed=7)
ORDER = TaskOrder(
    10.0, 24.0, 2.0, "tcp://127.0.0.1:{port}", 5.0, 3.0, 30.0, "reports", ordered_at=8.0, path=PATH
)
IN_EFFECT = Effect("added_latency_ms", 50, 50.6, True, 0.0506, "median of 5 queries")
GONE = replace(IN_EFFECT, observed=0.1, in_effect=False, detail="")
MEASURED = MeasuredFault(LATENCY.name, IN_EFFECT, IN_EFFECT)
REPORT = TaskReport(
    "startups-a",
    2,
    0,
    9.0,
    10.0,
    StartupOutcome(3, Status.READY, 2.5, wire=observation(2.5), settled=observation(9.0)),
    PathReport((MEASURED,), 0.31, 41 << 20),
)

line = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), min_size=1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**9) | line,
    lambda inner: st.dictionaries(line, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=4,
)
faults = st.builds(
    OrderedFault, line, st.sampled_from(FaultKind), st.dictionaries(line, plain, max_size=3)
)
paths = st.builds(
    PathOrder,
    st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), line, min_size=1),
    st.lists(faults, max_size=3, unique_by=lambda fault: fault.name).map(tuple),
    st.floats(0, 3600),
    st.integers(1, 1000),
    st.integers(0, 2**31),
)
effects = st.builds(
    Effect,
    quantity=line,
    expected=line | st.integers(0, 10**9) | st.floats(0, 1e9),
    observed=line | st.integers(0, 10**9) | st.floats(0, 1e9),
    in_effect=st.booleans(),
    added_round_trip_seconds=st.floats(0, 1e6),
    detail=line,
)
measured = st.builds(MeasuredFault, line, st.none() | effects, st.none() | effects, line)
reports = st.builds(
    PathReport,
    st.lists(measured, max_size=3).map(tuple),
    st.none() | st.floats(0, 1e6),
    st.none() | st.integers(0, 2**40),
    line,
)


@given(paths)
def test_an_order_with_a_path_comes_back_as_it_was(path: PathOrder) -> None:
    order = replace(ORDER, path=path)
    assert TaskOrder.parse(order.text) == order


@given(reports)
def test_a_report_of_a_path_comes_back_as_it_was(path: PathReport) -> None:
    report = replace(REPORT, path=path)
    assert TaskReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_report_has_what_was_seen_of_the_startup_also_until_its_dwell_was_over() -> None:
    read = TaskReport.from_json(json.loads(json.dumps(REPORT.to_json())))
    assert read.outcome.wire == REPORT.outcome.wire
    assert read.outcome.settled == REPORT.outcome.settled
    assert "settled" not in REPORT.to_json()["outcome"]


def test_a_task_has_the_time_to_measure_what_is_on_its_path_once_more() -> None:
    assert ORDER.longest_seconds == replace(ORDER, path=None).longest_seconds + 3 * 12.5


@pytest.mark.parametrize("tasks", [1, 99, 100, 101, 1000])
def test_no_more_than_a_hundred_tasks_measure_at_once(tasks: int) -> None:
    path = replace(PATH, groups=measuring_groups(tasks))
    groups = Counter(path.group_of(index) for index in range(tasks))
    assert max(groups.values()) <= MOST_MEASURING
    assert set(groups) == set(range(path.groups))


@pytest.mark.parametrize("most_bytes", [100, 100_000])
def test_a_report_that_is_too_large_keeps_figures_and_says_so(most_bytes: int) -> None:
    seen = observation(2.5, [connection(1, 0.1, None)])
    report = replace(REPORT, outcome=replace(REPORT.outcome, wire=seen))
    sent = report.fitting(most_bytes)
    wire = present(sent.outcome.wire)
    assert (wire.connection_count, wire.round_trips) == (1, seen.round_trips)
    assert bool(wire.connections) == (most_bytes > 100)
    assert sent.notes == (() if most_bytes > 100 else (
        "what was seen of it took over 100 bytes: only its figures are kept",
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "is of version 1, and the image takes version 2: install the chaosnetra of the im"),
        (ORDER_VERSION + 1, "the image takes version 2: build the image with the chaosnetra that"),
        ("x", "version must be a number"),
    ],
)
def test_an_order_of_another_version_says_what_to_change(version: Any, words: str) -> None:
    data = json.loads(ORDER.text)
    data["version"] = version
    if version is None:
        del data["version"]
    data["something_newer"] = 1
    with pytest.raises(InvalidInput, match=words) as refused:
        TaskOrder.parse(json.dumps(data))
    assert str(refused.value).startswith("CHAOSNETRA_TASK: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2"}, "version must be a number, got '2'"),
        ({"version": True}, "version must be a number, got True"),
        ({"barrier_at": "24"}, "barrier_at must be a number, got '24'"),
        ({"barrier_at": 1e300}, "barrier_at must be at most 10000000000"),
        ({"ordered_at": -1}, "ordered_at must be at least 0"),
        ({"startup_seconds": True}, "startup_seconds must be a number, got True"),
        ({"hold_seconds": float("inf")}, "hold_seconds must be a finite number"),
        ({"report_seconds": 1e9}, "report_seconds must be at most 604800"),
        ({"readiness": 5}, "readiness must be text, got 5"),
        ({"schema": None}, "schema must be text, got None"),
        ({"schema": 'a"b'}, "must be a plain identifier"),
        ({"output_bytes": 0.5}, "output_bytes must be a whole number"),
        ({"phase_patterns": 5}, "is no order of this version"),
        ({"path": []}, "the path must be an object"),
        ({"faults": []}, "the order has no 'faults' in this version of chaosnetra"),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_one_line(change: dict[str, Any], words: str) -> None:
    data = {**json.loads(ORDER.text), **change}
    with pytest.raises(InvalidInput, match=words) as refused:
        TaskOrder.parse(json.dumps(data))
    assert str(refused.value).startswith("CHAOSNETRA_TASK")
    assert "\n" not in str(refused.value)


TOXIC = LATENCY.parameters
VALUES = TOXIC["attributes"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({**TOXIC, "type": "fog"}, "invalid toxic type 'fog'"),
        ({**TOXIC, "colour": "red"}, "colour must be one of this version's, got 'red'"),
        ({**TOXIC, "toxicity": "1"}, "toxicity must be a number, got '1'"),
        ({**TOXIC, "toxicity": True}, "toxicity must be a number, got True"),
        ({**TOXIC, "toxicity": 1.5}, "toxicity must be at most 1"),
        ({**TOXIC, "attributes": {**VALUES, "latency": -5}}, "latency must be at least 0"),
        ({**TOXIC, "attributes": {**VALUES, "latency": "5"}}, "latency must be a whole number"),
        ({**TOXIC, "attributes": {**VALUES, "latency": True}}, "latency must be a"),
        ({**TOXIC, "attributes": {**VALUES, "latency": 10**12}}, "latency must be at most"),
        ({**TOXIC, "attributes": {**VALUES, "rate": 5}}, "rate"),
        ({**TOXIC, "attributes": 5}, "attributes must be"),
        ({key: TOXIC[key] for key in ("name", "type", "attributes")}, "stream must be one of this"),
        ({}, "invalid toxic type ''"),
    ],
)
def test_a_toxic_that_cannot_be_is_refused_in_one_line(
    parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        parse_fault(replace(LATENCY, parameters=parameters))
    assert str(refused.value).startswith("toxic database/slow: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        (FaultKind.CONNECTOR, {"slots": 5}, "slots"),
        (FaultKind.CONNECTOR, {"instances": 1}, "must be one of this version's"),
        (FaultKind.CONNECTOR, {**OPEN_CONNECTOR.to_json(), "instances": True}, "instances must be"),
        (FaultKind.CONNECTOR, {**OPEN_CONNECTOR.to_json(), "queue_timeout_seconds": "5"}, "queue"),
        (FaultKind.PROXY, {"enabled": True}, "can be taken down, and no more"),
        (FaultKind.PROXY, {"enabled": False, "listen": "x"}, "can be taken down, and no more"),
        (FaultKind.PROXY, {"enabled": 0}, "can be taken down, and no more"),
    ],
)
def test_other_faults_that_cannot_be_are_refused_in_one_line(
    kind: FaultKind, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        parse_fault(OrderedFault("a fault", kind, parameters))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"index": "2"}, "index must be a number, got '2'"),
        ({"index": -1}, "index must be at least 0"),
        ({"index": True}, "index must be a number"),
        ({"attempt": 0.5}, "attempt must be a whole number"),
        ({"attempt": 1 << 40}, "attempt must be at most"),
        ({"begun_at": float("nan")}, "begun_at must be a finite number"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_one_line(change: dict[str, Any], words: str) -> None:
    data = json.loads(json.dumps({**REPORT.to_json(), **change}))
    with pytest.raises(InvalidInput, match=words) as refused:
        TaskReport.from_json(data)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variables": {}}, "1 to 50 variables"),
        ({"variables": {f"V{number}": "{url}" for number in range(51)}}, "1 to 50 variables"),
        ({"variables": {"A=B": "{url}"}}, "cannot be the name of a variable"),
        ({"variables": {"A": 5}}, "A must be text"),
        ({"faults": {}}, "at most 100 faults"),
        ({"faults": [asdict(LATENCY)] * 2}, "two faults of the path have one name"),
        ({"faults": [{**asdict(LATENCY), "kind": "lock"}]}, "and not 'lock'"),
        ({"faults": [{**asdict(LATENCY), "kind": []}]}, r"and not \[\]"),
        ({"faults": [{**asdict(LATENCY), "name": ""}]}, "name must be text"),
        ({"faults": [{**asdict(LATENCY), "name": "two\nlines"}]}, "must be one line"),
        ({"faults": [{**asdict(LATENCY), "parameters": []}]}, "must be an object"),
        ({"faults": [{"name": "x"}]}, "a fault of the path has no kind"),
        ({"measure_seconds": -1}, "measure_seconds must be at least 0"),
        ({"measure_seconds": float("nan")}, "measure_seconds must be a finite number"),
        ({"measure_seconds": "5"}, "measure_seconds must be a number, got '5'"),
        ({"measure_seconds": True}, "measure_seconds must be a number, got True"),
        ({"measure_seconds": 1e9}, "measure_seconds must be at most 604800"),
        ({"seed": 10**400}, "seed must be a number, got a number of thousands of digits|seed must"),
        ({"seed": 1 << 60}, "seed must be at most"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"groups": 0}, "groups must be at least 1"),
        ({"connector": {}}, "the path has no 'connector' in this version of chaosnetra"),
    ],
)
def test_a_path_that_cannot_be_is_refused_in_one_line(change: dict[str, Any], words: str) -> None:
    data = json.loads(ORDER.text)
    data["path"].update(change)
    with pytest.raises(InvalidInput, match=words) as refused:
        TaskOrder.parse(json.dumps(data))
    assert "\n" not in str(refused.value)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(anything, st.sampled_from(["path", "faults", "before", "failure", "ready_seconds", "name"]))
def test_what_is_no_report_of_a_path_is_refused_or_read(wrong: Any, key: str) -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    fault = data["path"]["faults"][0]
    holder = next(one for one in (data, data["path"], fault) if key in one)
    holder[key] = wrong
    try:
        read = TaskReport.from_json(data)
    except InvalidInput as error:
        refused = str(error)
    else:
        refused = read.path.gap(PATH) if read.path is not None else ""
        json.dumps(read.to_json(), allow_nan=False)
    assert "\n" not in refused


def test_a_report_of_a_path_is_bounded() -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    data["path"]["failure"] = "x\n" * 100_000
    failure = present(TaskReport.from_json(data).path).failure
    assert len(failure) == LONGEST_TEXT
    assert "\n" not in failure
    data["path"]["faults"] *= 101
    with pytest.raises(InvalidInput, match="at most 100 faults"):
        TaskReport.from_json(data)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (PathReport((MEASURED,)), ""),
        (PathReport((MEASURED, MeasuredFault("another", None, None))), ""),
        (PathReport((MEASURED,), failure="the relay was lost"), "the relay was lost"),
        (PathReport(), "toxic database/slow was not measured before the startup"),
        (PathReport((replace(MEASURED, after=None),)), "was not measured after the startup"),
        (
            PathReport((replace(MEASURED, before=GONE),)),
            "not in effect before the startup: added_latency_ms 0.1 measured, 50 expected",
        ),
        (PathReport((replace(MEASURED, failure="no slot free"),)), "no slot free"),
    ],
)
def test_a_startup_is_a_trial_where_each_ordered_fault_was_measured_before_and_after(
    path: PathReport, words: str
) -> None:
    gap = path.gap(PATH)
    assert words in gap
    assert bool(gap) == bool(words)
