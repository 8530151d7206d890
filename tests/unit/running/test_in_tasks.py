"""What tasks are told of their path to the database, and which of their startups count."""

import json
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect
from chaosnetra.redaction import Redactor
from chaosnetra.running.in_tasks import (
    Counted,
    ordered_variables,
    path_seen,
    refuse_checked_name,
)
from chaosnetra.settings import Settings
from chaosnetra.startup.orders import (
    FaultKind,
    MeasuredFault,
    OrderedFault,
    PathOrder,
    PathReport,
    TaskReport,
)
from chaosnetra.startup.outcome import ExitReason, StartupFailure, StartupOutcome, Status

FELT = Effect("added_latency_ms", 50, 50.4, in_effect=True, added_round_trip_seconds=0.0504)
NAME = "toxic run/run_latency"
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
            f"{NAME} was not in effect after the startup: added_latency_ms was 0.1, 50 expected",
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


def test_what_the_paths_cost_is_told() -> None:
    slow = PathReport((), 0.4, 30 << 20)
    paths = [report(1), report(2, slow), report(3, None)]
    assert path_seen(paths) == {"ready_seconds_max": 0.4, "memory_bytes_max": 40 << 20}
    assert path_seen([]) == {"ready_seconds_max": None, "memory_bytes_max": None}
