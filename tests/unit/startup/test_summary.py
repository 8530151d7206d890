"""Many outcomes as one result."""

import json
import statistics
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.summary import summarize
from chaosnetra.startup.uncounted import Uncounted
from tests.support import seen_on_the_wire as wire


def outcome(number: int = 1, status: Status = Status.READY, **fields: Any) -> StartupOutcome:
    return StartupOutcome(**{"number": number, "status": status, "seconds": 1.0, **fields})


def outcomes(ready: int, failed: int = 0, timed_out: int = 0) -> list[StartupOutcome]:
    statuses = [Status.READY] * ready + [Status.FAILED] * failed + [Status.TIMED_OUT] * timed_out
    return [outcome(number, status) for number, status in enumerate(statuses, start=1)]


@pytest.mark.parametrize(
    ("ready", "failed", "timed_out", "rate", "held"),
    [
        (5, 0, 0, 0.2, True),
        (4, 1, 0, 0.2, True),
        (4, 0, 1, 0.2, True),
        (3, 1, 1, 0.2, False),
        (4, 1, 0, 0, False),
        (0, 5, 0, 1, True),
        (7, 3, 0, 0.3, True),
        (9, 1, 0, 0.1, True),
    ],
)
def test_it_held_while_no_more_failed_than_may(
    ready: int, failed: int, timed_out: int, rate: float, held: bool
) -> None:
    result = summarize(outcomes(ready, failed, timed_out), rate)
    assert result["held"] is held
    assert (result["ready"], result["failed"], result["timed_out"]) == (ready, failed, timed_out)
    assert result["attempts"] == ready + failed + timed_out
    assert result["failures"] == failed + timed_out
    assert result["failure_rate"] == pytest.approx((failed + timed_out) / result["attempts"])
    assert result["max_failure_rate"] == rate


@pytest.mark.parametrize(
    ("ready", "failed", "left", "rate", "held", "undecided"),
    [
        (8, 0, 2, 0.2, True, False),  # held also if both had failed
        (7, 1, 2, 0.2, False, True),
        (7, 3, 2, 0.2, False, False),  # violated also if both had been ready
        (8, 2, 2, 0.2, False, True),
        (0, 1, 9, 0.2, False, True),
        (1, 0, 1, 1, True, False),
    ],
)
def test_what_does_not_count_decides_nothing(
    ready: int, failed: int, left: int, rate: float, held: bool, undecided: bool
) -> None:
    why = "latency was not measured before the startup"
    uncounted = Uncounted(left, ready + failed + left, why)
    result = summarize(outcomes(ready, failed), rate, uncounted=uncounted)
    assert (result["held"], result["uncounted"]["undecided"]) == (held, undecided)
    assert (result["attempts"], result["failures"]) == (ready + failed, failed), "no trials"
    assert result["observed"].endswith(
        f", {left} more {'counts' if left == 1 else 'count'} for nothing"
    )
    assert result["uncounted"]["why"] == why
    as_failed = summarize(outcomes(ready, failed + left), rate)["held"]
    as_ready = summarize(outcomes(ready + left, failed), rate)["held"]
    assert held is (as_failed and as_ready)
    assert undecided is (as_failed is not as_ready)


def test_people_are_told_in_words() -> None:
    result = summarize(outcomes(2, 2, 1), 0.2)
    assert result["expected"] == "at most 20% of 5 startups fail or time out"
    assert result["observed"] == "2 of 5 ready, 2 failed, 1 timed out"
    assert summarize(outcomes(5), 0)["observed"] == "5 of 5 ready"


def test_times_are_those_of_the_ready_startups() -> None:
    made = [outcome(number, seconds=float(number)) for number in (20, *range(1, 20))]
    made.append(outcome(21, Status.TIMED_OUT, seconds=99.0))
    result = summarize(made, 1)
    assert (result["ready_seconds_p50"], result["ready_seconds_p95"]) == (10, 19)
    assert result["ready_seconds_max"] == 20


def test_without_a_ready_startup_there_are_no_times() -> None:
    result = summarize(outcomes(0, 2), 1)
    for key in ("ready_seconds_p50", "ready_seconds_p95", "ready_seconds_max", "boot_seconds_p50"):
        assert result[key] is None


def test_boot_and_phases_are_medians_of_those_that_tell() -> None:
    made = [
        outcome(1, boot_seconds=0.3, phase_seconds={"database": 1.0, "cache": 0.1}),
        outcome(2, boot_seconds=0.5, phase_seconds={"database": 3.0}),
        outcome(3),
    ]
    result = summarize(made, 0)
    assert result["boot_seconds_p50"] == 0.4
    assert result["phase_seconds_p50"] == {"database": 2.0, "cache": 0.1}


def test_failures_are_counted_by_what_they_tell() -> None:
    slow = StartupFailure("too slow", "BudgetExpired", None, (), "table_setup", 1.0)
    full = StartupFailure("full", "TooManyConnectionsError", "53300")
    made = [
        outcome(1, phase="services", exit_code=None),
        outcome(2, Status.FAILED, phase="database", exit_code=3, error=full),
        outcome(3, Status.FAILED, phase="cache", exit_code=3, error=slow),
        outcome(4, Status.FAILED, phase="database", exit_code=1, error=slow),
        outcome(5, Status.TIMED_OUT, phase="database", ended_by=EndedBy.LAUNCHER, signal=9),
    ]
    result = summarize(made, 0)
    assert result["failed_phases"] == {"database": 3, "cache": 1}
    assert result["exit_codes"] == {"3": 2, "1": 1}
    assert result["signals"] == {"9": 1}
    assert result["ended_by"] == {"itself": 3, "launcher": 1}
    assert result["budgets_expired"] == {"table_setup": 2}
    assert result["sqlstates"] == {"53300": 1}
    assert result["error_classes"] == {"BudgetExpired": 2, "TooManyConnectionsError": 1}


def test_a_degraded_startup_counts_as_one_that_failed() -> None:
    made = [outcome(1), outcome(2, Status.DEGRADED, phase="database", cause_kept=True)]
    result = summarize(made, 0.2)
    assert result["held"] is False
    assert (result["ready"], result["degraded"], result["failures"]) == (1, 1, 1)
    assert result["observed"] == "1 of 2 ready, 1 ready without what a phase failed to bring"
    assert result["failed_phases"] == {"database": 1}


def test_what_came_of_a_failure_is_counted() -> None:
    made = [
        outcome(1),
        outcome(2, Status.FAILED, cause_kept=True, exit_reason=ExitReason.STARTUP_FAILED),
        outcome(3, Status.FAILED, cause_kept=False, exit_reason=ExitReason.PORT_IN_USE),
        outcome(4, Status.FAILED, phases_after_failure=("cache", "services")),
        outcome(5, Status.FAILED, phases_after_failure=("cache",)),
    ]
    result = summarize(made, 0)
    assert result["causes_kept"] == 1
    assert result["exit_reasons"] == {"startup_failed": 1, "port_in_use": 1}
    assert result["phases_after_failure"] == {"cache": 2, "services": 1}


def test_the_first_that_was_not_ready_gives_the_evidence() -> None:
    first = StartupFailure("too slow", "BudgetExpired", "57014", (), "table_setup", 1.0)
    made = [
        outcome(1),
        outcome(2, Status.FAILED, phase="database", error=first),
        outcome(3, Status.FAILED, phase="cache", error=StartupFailure("other", sqlstate="53300")),
    ]
    result = summarize(made, 0)
    assert (result["phase"], result["budget"], result["budget_seconds"]) == (
        "database",
        "table_setup",
        1.0,
    )
    assert (result["sqlstate"], result["error"]) == ("57014", "too slow")


def test_when_all_are_ready_there_is_no_evidence_of_failure() -> None:
    result = summarize([outcome(1, phase="services", exit_code=0, ended_by=EndedBy.LAUNCHER)], 0)
    for key in ("phase", "budget", "budget_seconds", "sqlstate", "error"):
        assert result[key] is None
    for key in ("failed_phases", "exit_codes", "signals", "ended_by", "sqlstates"):
        assert result[key] == {}


def test_each_startup_is_listed_as_json() -> None:
    failure = StartupFailure("x", causes=("a", "b"))
    made = [outcome(1), outcome(2, Status.FAILED, error=failure, checks={"refused": 3})]
    listed = json.loads(json.dumps(summarize(made, 0)["startups"]))
    assert [one["status"] for one in listed] == ["ready", "failed"]
    assert listed[1]["error"]["causes"] == ["a", "b"]
    assert listed[1]["checks"] == {"refused": 3}


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rate_that_is_exactly_met_is_held(counts: tuple[int, int]) -> None:
    bad, total = counts
    made = outcomes(total - bad, bad)
    assert summarize(made, bad / total)["held"] is True
    if bad:
        assert summarize(made, float(Fraction(bad, total) - Fraction(1, 10**6)))["held"] is False


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60))
def test_quantiles_are_seconds_that_were_seen(seconds: list[float]) -> None:
    result = summarize([outcome(n, seconds=value) for n, value in enumerate(seconds, 1)], 0)
    ordered = sorted(seconds)
    for key, percent in (("ready_seconds_p50", 50), ("ready_seconds_p95", 95)):
        quantile = result[key]
        assert quantile in seconds
        not_above = sum(value <= quantile for value in seconds)
        below = sum(value < quantile for value in seconds)
        assert 100 * not_above >= percent * len(seconds) > 100 * below
    assert result["ready_seconds_max"] == ordered[-1]
    assert result["ready_seconds_p50"] == statistics.median_low(seconds)


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        ({}, None),
        (
            {"phases_after_failure": ("cache", "services")},
            "startup 2 failed in phase database and went on to cache, services",
        ),
        ({"cause_kept": False}, "startup 2 failed in phase database and lost its cause"),
        (
            {"cause_kept": None, "exit_reason": ExitReason.UNKNOWN, "phase": None},
            "startup 2 failed and lost its cause",
        ),
        ({"cause_kept": False, "exit_reason": ExitReason.UNKNOWN, "signal": 9}, None),
        ({"cause_kept": None, "exit_reason": None, "ended_by": EndedBy.LAUNCHER}, None),
    ],
)
def test_a_failure_that_goes_on_or_loses_its_cause_propagates(
    fields: dict[str, Any], how: str | None
) -> None:
    """However few fail."""
    stopped = {
        "phase": "database",
        "cause_kept": True,
        "exit_reason": ExitReason.STARTUP_FAILED,
        "error": StartupFailure("it broke"),
    }
    made = [outcome(1), outcome(2, Status.FAILED, **{**stopped, **fields})]
    result = summarize(made, 0.5, may_propagate=False)
    assert result["held"] is (how is None)
    assert result["uncontained"] == (0 if how is None else 1)
    assert result["error"] == ("it broke" if how is None else f"{how}: it broke")
    free = summarize(made, 0.5)
    assert (free["held"], free["uncontained"], free["error"]) == (True, None, "it broke")


def test_one_that_did_not_stay_ready_has_failed_and_is_told() -> None:
    lost = outcome(2, Status.FAILED, was_ready_seconds=0.5, exit_code=1)
    result = summarize([outcome(), lost], 0)
    assert result["held"] is False
    assert result["observed"] == "1 of 2 ready, 1 failed (1 after it had been ready)"
    assert (result["failed"], result["failed_after_ready"]) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "code", "number"),
    [
        ({"exit_code": 1}, 1, None),
        ({"signal": 11}, None, 11),
        ({"signal": 15, "ended_by": EndedBy.LAUNCHER}, None, None),
    ],
)
def test_how_the_first_that_failed_ended_is_told(
    fields: dict[str, Any], code: int | None, number: int | None
) -> None:
    result = summarize([outcome(), outcome(2, Status.FAILED, **fields)], 0)
    assert (result["observed_exit_code"], result["observed_signal"]) == (code, number)
    assert summarize([outcome()], 0)["observed_exit_code"] is None


def test_what_the_wire_says_of_the_first_that_failed_is_in_the_result() -> None:
    made = [outcome(1), *(wire.failed(number, wire.no_slot(2)) for number in (2, 3))]
    result = summarize(made, 0)
    assert (result["sqlstate"], result["sqlstates"]) == ("53300", {"53300": 2})
    assert result["on_the_wire"].startswith("the server ended both of its connections with")
    assert result["own_limits"] == [
        {
            "kind": "attempts", "amount": 2, "startups": 2, "of": 2, "within_seconds": None,
            "session_seconds": None, "text": "it gave up after 2 connections, in 2 of 2",
        },
    ]  # fmt: skip
    assert result["own_limit"] == "it gave up after 2 connections, in 2 of 2"
    unseen = summarize([outcome(1, Status.FAILED)], 0)
    assert unseen["phase_on_the_wire"] is None
    for key in ("waited_for", "own_limit", "on_the_wire", "named_limit_refuted"):
        assert unseen[key] is None
    assert unseen["own_limits"] == []
