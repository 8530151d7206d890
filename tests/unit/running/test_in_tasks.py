"""What tasks are told of their path to the database, and which of their startups count."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.connector.faults import ConnectorChanged
from chaosnetra.connector.model import OPEN_CONNECTOR
from chaosnetra.errors import InvalidInput, PartUnavailable
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.faults import Effect, Fault, Injected, Undo
from chaosnetra.redaction import Redactor
from chaosnetra.running.in_tasks import (
    Counted,
    check_job_variables,
    ordered_variables,
    path_order,
    path_seen,
    refuse_changed,
    refuse_checked_name,
)
from chaosnetra.settings import Settings
from chaosnetra.startup.orders import FaultKind, OrderedFault, PathOrder
from chaosnetra.startup.outcome import ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.reports import MeasuredFault, PathReport, TaskReport
from chaosnetra.startup.summary import summarize
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.faults import ProxySwitched
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded
from chaosnetra.toxiproxy.toxics import make_toxic
from tests.support.fake_faults import FakeFault
from tests.support.journals import journal, judged, probe, state

FELT = Effect("added_latency_ms", 50, 50.4, in_effect=True, added_round_trip_seconds=0.0504)
NAME = "toxic run/run_latency"
SMALL = "added_latency_ms 0.1"
LATENCY = OrderedFault(NAME, FaultKind.TOXIC, {"type": "latency"})
ORDER = PathOrder({"DATABASE_URL": "{url}"}, (LATENCY,))
BEFORE_THE_FAULT = PathOrder({"DATABASE_URL": "{url}"})
MEASURED = PathReport((MeasuredFault(NAME, FELT, FELT),), 0.2, 40 << 20)


def variables_of(environment: dict[str, str]) -> dict[str, str]:
    configuration = {"target_environment": json.dumps(environment)}
    settings = Settings.from_configuration(configuration, {})
    redactor = Redactor()
    redactor.learn(configuration)
    return ordered_variables(settings, redactor)


def test_only_variables_that_name_the_database_are_ordered() -> None:
    assert variables_of({"DATABASE_URL": "{url}"}) == {"DATABASE_URL": "{url}"}
    parts = {"PGHOST": "{host}", "PGPORT": "{database_port}", "PGUSER": "{user}"}
    assert variables_of({**parts, "MODE": "fast", "PORT": "{service_port}"}) == parts
    url = {"URL": "postgresql+asyncpg://{user_quoted}:{password_quoted}@{host}/{database}"}
    assert variables_of(url) == url


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MODE": "fast"}, "no variable is named that the job's container has its database in"),
        ({"URL": "postgresql://me:s3cret-word@{host}/db"}, "the template of URL holds a secret"),
        ({"DSN": "host={host} user=me password=s3cret-word"}, "the template of DSN holds a secret"),
    ],
)
def test_a_template_without_the_database_or_with_a_secret_is_refused(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        variables_of(environment)
    assert "CHAOSNETRA_TARGET_ENVIRONMENT" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("postgresql://u@10.0.0.3/db?sslmode=verify-full", True),
        ("postgresql://u@10.0.0.3/db?sslmode=verify-ca", False),
        ("postgresql://u@/db?host=/cloudsql/p:r:i&sslmode=verify-full", False),
    ],
)
def test_a_name_that_is_checked_is_refused_before_anything_runs(url: str, refused: bool) -> None:
    address = DatabaseAddress.parse(url)
    if not refused:
        refuse_checked_name(address)
        return
    with pytest.raises(InvalidInput, match="use verify-ca, or a Unix socket; set database_url"):
        refuse_checked_name(address)


def outcome(number: int, **told: Any) -> StartupOutcome:
    return StartupOutcome(**{"number": number, "status": Status.READY, "seconds": 1.0, **told})


def report(number: int, path: PathReport | None = MEASURED) -> TaskReport:
    return TaskReport("startups-x", number - 1, 0, 0.0, 0.0, outcome(number), path)


def counted(
    order: PathOrder, outcomes: list[StartupOutcome], *reports: TaskReport
) -> tuple[list[int], str]:
    """Numbers of the startups that count, and what is said of the others."""
    found = Counted.of(order, outcomes, {one.index: one for one in reports})
    numbers = [one.number for one in found.outcomes]
    assert [one.index + 1 for one in found.reports if one.path] == [
        number for number in numbers if number - 1 in {one.index for one in reports}
    ]
    return numbers, found.uncounted.text if found.uncounted else ""


NOT_AFTER = PathReport((MeasuredFault(NAME, FELT, None),))
LOST = PathReport((MeasuredFault(NAME, FELT, FELT),), failure="the relay was lost")
NOT_FELT = Effect("added_latency_ms", 50, 0.1, in_effect=False)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (None, "its task says nothing of its path to the database"),
        (PathReport(), f"{NAME} was not measured before the startup"),
        (NOT_AFTER, f"{NAME} was not measured after the startup"),
        (LOST, "the relay was lost"),
        (
            PathReport((MeasuredFault(NAME, FELT, NOT_FELT),)),
            f"{NAME} was not in effect after the startup: {SMALL} measured, 50 expected",
        ),
        (PathReport((MeasuredFault(NAME, None, None, "it timed out"),)), "it timed out"),
    ],
)
def test_a_startup_whose_fault_was_not_measured_counts_for_nothing(
    path: PathReport | None, why: str
) -> None:
    outcomes = [outcome(1), outcome(2), outcome(3)]
    found = counted(ORDER, outcomes, report(1), report(2, path), report(3))
    assert found == ([1, 3], f"1 of 3 startups counts for nothing: {why}")


def test_a_task_that_left_no_report_counts_where_there_was_no_fault_to_measure() -> None:
    lost = outcome(2, status=Status.FAILED, error=StartupFailure("signal 9 ended the task"))
    retried = outcome(3, status=Status.FAILED, exit_reason=ExitReason.RETRIED)
    outcomes = [outcome(1), lost, retried]
    numbers, text = counted(ORDER, outcomes, report(1), report(3))
    assert (numbers, text) == (
        [1],
        "2 of 3 startups count for nothing: signal 9 ended the task",
    )
    without = PathReport()
    numbers, text = counted(BEFORE_THE_FAULT, outcomes, report(1, without), report(3, without))
    assert (numbers, text) == ([1, 2, 3], "")


TAKEN = "port 5432 of the container is taken, and no variable names another"
TWO = "PGHOST names a Unix socket, and DATABASE_URL another host: leave one of them out"
TOO_LARGE = StartupFailure("the task ended with exit code 0, and its report did not arrive")


@pytest.mark.parametrize(
    ("changed", "path", "why"),
    [
        ({}, NOT_AFTER, f"{NAME} was not measured after the startup"),
        ({}, PathReport((MeasuredFault(NAME, NOT_FELT, None),)), f"{NAME} was not in effect"),
        ({}, PathReport(failure=TAKEN), TAKEN),
        ({}, PathReport(failure=TWO), TWO),
        ({"status": Status.FAILED, "exit_reason": ExitReason.RETRIED,
          "error": StartupFailure("an earlier attempt failed")}, MEASURED, "an earlier attempt"),
        ({"status": Status.FAILED, "error": TOO_LARGE}, None, TOO_LARGE.text),
    ],
    ids=["not after", "not felt", "port", "socket and address", "retried", "too large"],
)  # fmt: skip
@pytest.mark.parametrize("started", [Status.READY, Status.FAILED])
def test_where_half_of_the_tasks_prove_nothing_the_run_neither_held_nor_was_violated(
    changed: dict[str, Any], path: PathReport | None, why: str, started: Status
) -> None:
    """Whether those startups were ready or not; a report that is too large is left out."""
    of_half = [outcome(number, **{"status": started, **changed}) for number in (3, 4)]
    outcomes = [outcome(1), outcome(2), *of_half]
    reports = [report(1), report(2)]
    if changed.get("error") is not TOO_LARGE:
        reports += [replace(report(one.number, path), outcome=one) for one in of_half]
    found = Counted.of(ORDER, outcomes, {one.index: one for one in reports})
    result = summarize(found.outcomes, 0.0, uncounted=found.uncounted)
    verdict, _ = judged(journal(after=state(probe("startups", met=False, output=result)),
                                deviated=True))  # fmt: skip
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.NOT_MEASURED)
    assert f"2 of 4 startups count for nothing, and whether it held depends on them: {why}" in (
        verdict.line
    )
    assert "\n" not in verdict.line


def test_what_the_paths_cost_is_told() -> None:
    slow = PathReport((), 0.4, 30 << 20)
    paths = [report(1), report(2, slow), report(3, None)]
    assert path_seen(paths) == {"ready_seconds_max": 0.4, "memory_bytes_max": 40 << 20}
    assert path_seen([]) == {"ready_seconds_max": None, "memory_bytes_max": None}


def with_faults(*faults: Fault) -> Any:
    """A session with these in place, in whose plan something stands before the database."""
    undo = Undo("none", "none", {})
    in_place = [Injected(fault.name, fault.parameters, undo, 0, fault=fault) for fault in faults]
    return SimpleNamespace(
        injector=SimpleNamespace(in_place=in_place),
        staging=SimpleNamespace(has_path=True),
        settings=Settings.from_configuration({"seed": 7}, {}),
        redactor=Redactor(),
    )


CLIENT = ToxiproxyClient("http://127.0.0.1:1")
UNUSED: Any = None
TOXIC = make_toxic("run_latency", "latency", "downstream", 1.0, {"latency_ms": 500}, 0.1)
SLOW = ToxicAdded(CLIENT, "run", TOXIC, UNUSED)
DOWN = ProxySwitched(CLIENT, "run", False, UNUSED)
UP = ProxySwitched(CLIENT, "run", True, UNUSED)


def test_what_is_in_place_is_ordered_as_it_is_in_the_run() -> None:
    connector: Any = SimpleNamespace(url="http://127.0.0.1:2")
    full = ConnectorChanged(connector, OPEN_CONNECTOR, 3, UNUSED)
    order = path_order(with_faults(SLOW, DOWN, UP, full, FakeFault("lease")), 250)
    assert order is not None
    assert [(one.name, one.kind) for one in order.faults] == [
        ("toxic run/run_latency", FaultKind.TOXIC),
        ("proxy run down", FaultKind.PROXY),
        ("connector change 3", FaultKind.CONNECTOR),
    ]
    assert order.faults[0].parameters["attributes"] == {"latency": 50, "jitter": 0}
    assert order.faults[2].parameters == OPEN_CONNECTOR.to_json()
    assert (order.seed, order.groups) == (7, 3)
    assert order.measure_seconds > 0
    session = with_faults(SLOW)
    session.staging.has_path = False
    assert path_order(session, 1) is None


RUN = "chaosnetra_20261130t154757_0a1b2c"
OWN_TOXIC = make_toxic(f"{RUN}_slow", "latency", "downstream", 1.0, {"latency_ms": 500})


def test_an_order_has_an_experiments_own_words_and_its_faults_are_found_by_them() -> None:
    session = with_faults(ToxicAdded(CLIENT, RUN, OWN_TOXIC, UNUSED))
    order = path_order(session, 1)
    assert order is not None
    [fault] = order.faults
    assert (fault.name, fault.parameters["name"]) == ("toxic slow", "slow")
    measured: list[tuple[Any, ...]] = []
    session.injector.measured_in_tasks = lambda *told: measured.append(told)
    felt = PathReport((MeasuredFault("toxic slow", FELT, FELT),))
    Counted.of(order, [outcome(1)], {0: report(1, felt)}).tell(session, order)
    assert measured == [(f"toxic {RUN}/{RUN}_slow", [FELT], [FELT], 0)]


def test_faults_that_change_while_tasks_run_are_not_those_of_the_tasks() -> None:
    order = path_order(with_faults(SLOW), 1)
    assert order is not None
    refuse_changed(with_faults(SLOW), order)
    for changed in (with_faults(SLOW, DOWN), with_faults()):
        with pytest.raises(PartUnavailable, match="taken away while the tasks ran"):
            refuse_changed(changed, order)
    slower = replace(SLOW, toxic=replace(TOXIC, attributes={"latency": 51, "jitter": 0}))
    with pytest.raises(PartUnavailable, match="a fault was put in place, changed"):
        refuse_changed(with_faults(slower), order)


@pytest.mark.parametrize(
    ("variables", "warned"),
    [
        ({"DATABASE_URL": "postgresql://u@10.0.0.3/db"}, None),
        ({"DATABASE_URL": None}, None),
        ({}, "the job's configuration does not set DATABASE_URL: unless its image does"),
        (
            {"DATABASE_URL": "postgresql://u@db.example/db?sslmode=verify-full"},
            "the service checks that db.example is the name in the server's certificate",
        ),
        (
            {"DATABASE_URL": "postgresql://u@10.0.0.3/db", "ORDERS": "postgresql://u@10.0.0.4/o"},
            "ORDERS of the job leads to a database too, and is not in target_environment",
        ),
    ],
)
def test_a_jobs_own_variables_are_held_against_the_templates(
    variables: dict[str, str | None], warned: str | None
) -> None:
    found = check_job_variables({"DATABASE_URL": "{url}"}, variables)
    assert [line[: len(warned or "")] for line in found] == ([warned] if warned else [])
