"""Attempts to use a database: what exceptions mean, censoring, and many as one result."""

import asyncio
import errno
import json
import math
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.postgres.attempts import (
    LISTED,
    Attempt,
    AttemptOutcome,
    failure_of,
    quantile,
    summarize,
)
from tests.support.helpers import present

BAD = [outcome for outcome in AttemptOutcome if outcome is not AttemptOutcome.OK]


def attempt(number: int = 1, outcome: AttemptOutcome = AttemptOutcome.OK, **fields: Any) -> Attempt:
    values = {"intended_seconds": 0.0, "lag_seconds": 0.0, "seconds": 1.0, **fields}
    return Attempt(number=number, outcome=outcome, **values)


def attempts(**counts: int) -> list[Attempt]:
    outcomes = [AttemptOutcome(name) for name, times in counts.items() for _ in range(times)]
    return [attempt(number, outcome) for number, outcome in enumerate(outcomes, start=1)]


def summary(made: list[Attempt], max_failure_rate: float = 0.15) -> dict[str, Any]:
    return summarize(made, "connection", max_failure_rate, 2.0)


def from_server(sqlstate: str, message: str = "no") -> BaseException:
    """What asyncpg raises for an answer of the server."""
    error: BaseException = asyncpg.PostgresError.new(
        {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
    )
    return error


# What an exception means


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TimeoutError(), AttemptOutcome.TIMED_OUT),
        (OSError(errno.ETIMEDOUT, "timed out"), AttemptOutcome.TIMED_OUT),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), AttemptOutcome.REFUSED),
        (ConnectionResetError(errno.ECONNRESET, "reset"), AttemptOutcome.RESET),
        (BrokenPipeError(errno.EPIPE, "broken pipe"), AttemptOutcome.RESET),
        (ConnectionError("unexpected connection_lost() call"), AttemptOutcome.RESET),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), AttemptOutcome.RESET),
        (OSError(errno.EHOSTUNREACH, "no route"), AttemptOutcome.FAILED),
        (asyncpg.InterfaceError("a mistake"), AttemptOutcome.FAILED),
        (ValueError("what the driver should not raise"), AttemptOutcome.FAILED),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else None,
)
def test_what_the_driver_raises_is_told_apart(
    error: BaseException, outcome: AttemptOutcome
) -> None:
    failure = failure_of(error, 1.0)
    assert (failure.outcome, failure.sqlstate) == (outcome, None)
    assert failure.error_class == type(error).__name__
    assert failure.error


@pytest.mark.parametrize(
    ("sqlstate", "outcome"),
    [
        ("53300", AttemptOutcome.REFUSED),
        ("53200", AttemptOutcome.REFUSED),
        ("57P03", AttemptOutcome.REFUSED),
        ("57P01", AttemptOutcome.RESET),
        ("57P02", AttemptOutcome.RESET),
        ("08006", AttemptOutcome.RESET),
        ("28P01", AttemptOutcome.FAILED),
        ("3D000", AttemptOutcome.FAILED),
        ("57014", AttemptOutcome.FAILED),
    ],
)
def test_what_the_server_says_is_told_apart_and_keeps_its_sqlstate(
    sqlstate: str, outcome: AttemptOutcome
) -> None:
    failure = failure_of(from_server(sqlstate, "the server's words"), 1.0)
    assert (failure.outcome, failure.sqlstate) == (outcome, sqlstate)
    assert failure.error == "the server's words"


def test_an_error_that_was_wrapped_is_looked_into() -> None:
    try:
        try:
            raise from_server("53300")
        except asyncpg.PostgresError as cause:
            raise RuntimeError("around it") from cause
    except RuntimeError as wrapped:
        failure = failure_of(wrapped, 1.0)
    assert (failure.outcome, failure.sqlstate) == (AttemptOutcome.REFUSED, "53300")
    assert (failure.error_class, failure.error) == ("TooManyConnectionsError", "around it")


@pytest.mark.parametrize(
    ("numbers", "outcome"),
    [
        ((errno.ECONNREFUSED, errno.ECONNREFUSED), AttemptOutcome.REFUSED),
        ((errno.ECONNREFUSED, errno.EHOSTUNREACH), AttemptOutcome.FAILED),
    ],
)
def test_a_host_with_several_addresses_refuses_when_each_does(
    monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, int], outcome: AttemptOutcome
) -> None:
    """The error that asyncio makes of what it met at each address."""
    where = [(2, 1, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("127.0.0.2", 1))]
    left = list(numbers)

    async def connect() -> None:
        loop = asyncio.get_running_loop()

        async def getaddrinfo(*arguments: Any, **named: Any) -> Any:
            return where

        async def sock_connect(sock: Any, address: tuple[str, int]) -> None:
            raise OSError(left.pop(0), f"Connect call failed {address}")

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "sock_connect", sock_connect)
        await loop.create_connection(asyncio.Protocol, "two.example", 1)

    with pytest.raises(OSError, match="Multiple exceptions") as caught:
        asyncio.run(connect())
    assert failure_of(caught.value, 1.0).outcome is outcome


def test_a_time_that_was_over_is_told_in_words() -> None:
    assert failure_of(TimeoutError(), 1.5).error == "no answer within 1.5 s"


def test_an_error_text_is_one_short_line() -> None:
    failure = failure_of(ValueError("a\nb" * 1000), 1.0)
    assert "\n" not in failure.error
    assert len(failure.error) == 300


# Quantiles


def test_quantiles_are_nearest_ranks_of_those_who_were_answered() -> None:
    made = [attempt(number, seconds=float(number)) for number in (20, *range(1, 20))]
    made += attempts(refused=3, reset=2, failed=1)
    result = summary(made)
    assert (result["answer_seconds_p50"], result["answer_seconds_p95"]) == (10, 19)
    assert result["observed"].endswith(": 23% not ok, p95 19 s")
    assert result["answer_seconds_max"] == 20
    assert set(result["lower_bound"].values()) == {False}


def test_what_was_given_up_makes_quantiles_lower_bounds_and_no_latencies() -> None:
    made = [attempt(number, seconds=number / 10) for number in range(1, 9)]
    made += [attempt(number, AttemptOutcome.TIMED_OUT, seconds=5.0) for number in (9, 10)]
    result = summary(made)
    assert (result["censored"], result["answer_seconds_p50"]) == (2, 0.5)
    assert (result["answer_seconds_p95"], result["answer_seconds_max"]) == (5.0, 5.0)
    assert result["observed"].endswith(": 20% not ok, p95 at least 5 s")
    assert result["lower_bound"] == {"p50": False, "p95": True, "p99": True, "max": True}


def test_without_anybody_who_waited_there_are_no_quantiles() -> None:
    result = summary(attempts(refused=3))
    assert result["answer_seconds_p50"] is None
    assert set(result["lower_bound"].values()) == {False}
    assert result["censored"] == 0


WAITS = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=40
)  # the true time, and when we would give up
SHARES = st.floats(0.01, 1.0)


@given(WAITS, SHARES)
def test_a_quantile_never_claims_more_than_is_true(
    waits: list[tuple[float, float]], share: float
) -> None:
    """Whoever is given up would have taken longer; what we say must hold for the true times."""
    made = [
        attempt(number, seconds=true)
        if true <= limit
        else attempt(number, AttemptOutcome.TIMED_OUT, seconds=limit)
        for number, (true, limit) in enumerate(waits, start=1)
    ]
    found = present(quantile(made, share))
    rank = max(1, math.ceil(round(share * len(waits), 9)))
    true_value = sorted(true for true, _ in waits)[rank - 1]
    assert found.seconds <= true_value
    if found.exact:
        assert found.seconds == true_value


@given(WAITS, SHARES)
def test_without_censoring_a_quantile_is_exact(
    waits: list[tuple[float, float]], share: float
) -> None:
    made = [attempt(number, seconds=true) for number, (true, _) in enumerate(waits, start=1)]
    found = present(quantile(made, share))
    assert found.exact
    not_above = sum(true <= found.seconds for true, _ in waits)
    below = sum(true < found.seconds for true, _ in waits)
    assert not_above >= share * len(waits) - 1e-9
    assert below < share * len(waits) + 1e-9


@given(st.floats(0.1, 50), st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_a_later_limit_never_lowers_a_quantile(limit: float, times: list[float]) -> None:
    def given_up_after(seconds: float) -> list[Attempt]:
        return [
            attempt(number, seconds=time)
            if time <= seconds
            else attempt(number, AttemptOutcome.TIMED_OUT, seconds=seconds)
            for number, time in enumerate(times, start=1)
        ]

    early, late = (quantile(given_up_after(s), 0.95) for s in (limit, 2 * limit))
    assert early is not None
    assert late is not None
    assert early.seconds <= late.seconds
    assert late.exact or not early.exact


# Many as one


def test_each_outcome_is_counted_and_all_but_ok_are_failures() -> None:
    result = summary(attempts(ok=40, slow=1, refused=4, reset=2, timed_out=2, failed=1))
    assert (result["attempts"], result["failures"]) == (50, 10)
    assert {outcome.value: result[outcome.value] for outcome in AttemptOutcome} == {
        "ok": 40, "slow": 1, "refused": 4, "reset": 2, "timed_out": 2, "pool_timeout": 0,
        "failed": 1,
    }  # fmt: skip
    assert result["failure_rate"] == 0.2
    assert result["observed"].startswith(
        "40 of 50 ok, 1 slow, 4 refused, 2 reset, 2 timed out, 1 failed: 20% not ok, p95 "
    )
    assert result["expected"] == ("at most 15% of 50 connections fail, time out or take over 2 s")


@given(
    st.sampled_from(BAD),
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_a_rate_that_is_exactly_met_is_held(
    outcome: AttemptOutcome, counts: tuple[int, int]
) -> None:
    bad, total = counts
    made = attempts(ok=total - bad, **{outcome.value: bad})
    assert summary(made, bad / total)["held"] is True
    if bad:
        assert summary(made, max(0.0, bad / total - 1e-6))["held"] is False


def test_the_first_failure_gives_the_evidence() -> None:
    made = [
        attempt(1),
        attempt(2, AttemptOutcome.SLOW, seconds=3.0),
        attempt(3, AttemptOutcome.REFUSED, sqlstate="53300", error_class="TooMany", error="full"),
        attempt(4, AttemptOutcome.REFUSED, sqlstate="53300", error_class="TooMany", error="full"),
        attempt(5, AttemptOutcome.TIMED_OUT, error_class="TimeoutError", error="no answer"),
    ]
    result = summary(made)
    assert (result["sqlstate"], result["error"]) == ("53300", "full")
    assert result["sqlstates"] == {"53300": 2}
    assert result["error_classes"] == {"TooMany": 2, "TimeoutError": 1}


def test_medians_are_of_those_that_got_so_far() -> None:
    made = [
        attempt(1, connect_seconds=0.1, query_seconds=0.01, lag_seconds=0.002),
        attempt(2, connect_seconds=0.3, query_seconds=0.03, lag_seconds=0.004),
        attempt(3, AttemptOutcome.TIMED_OUT, connect_seconds=0.5),
        attempt(4, AttemptOutcome.REFUSED),
    ]
    result = summary(made)
    assert (result["connect_seconds_p50"], result["first_query_seconds_p50"]) == (0.3, 0.02)
    assert result["lag_seconds_max"] == 0.004


def test_the_list_is_bounded_and_keeps_what_failed() -> None:
    made = attempts(ok=LISTED, refused=7)
    listed = json.loads(json.dumps(summary(made)))["connections"]
    assert len(listed) == LISTED
    assert sum(one["outcome"] == "refused" for one in listed) == 7
    assert [one["number"] for one in listed] == sorted(one["number"] for one in listed)


def test_each_listed_attempt_says_whether_it_is_censored() -> None:
    listed = summary([attempt(1), attempt(2, AttemptOutcome.TIMED_OUT)])["connections"]
    assert [one["censored"] for one in listed] == [False, True]


@given(
    st.lists(
        st.builds(
            attempt,
            st.integers(1, 500),
            st.sampled_from(AttemptOutcome),
            seconds=st.floats(0, 1e4),
            connect_seconds=st.none() | st.floats(0, 1e4),
            query_seconds=st.none() | st.floats(0, 1e4),
            sqlstate=st.none() | st.sampled_from(["53300", "57P03"]),
            error=st.none() | st.text(max_size=20),
        ),
        min_size=1,
        max_size=60,
    ),
    st.floats(0, 1),
)
def test_any_storm_is_summed_up_without_contradiction(made: list[Attempt], rate: float) -> None:
    result = json.loads(json.dumps(summary(made, rate)))
    assert (
        sum(result[outcome.value] for outcome in AttemptOutcome) == result["attempts"] == len(made)
    )
    assert result["failures"] == len(made) - result["ok"]
    assert result["held"] is (result["failures"] / len(made) <= rate)
    times = [result[f"answer_seconds_{name}"] for name in ("p50", "p95", "p99", "max")]
    if None not in times:
        assert times == sorted(times)
    bounds = [result["lower_bound"][name] for name in ("p50", "p95", "p99", "max")]
    assert bounds == sorted(bounds)  # once we do not know, we know no later one
    assert bounds[-1] is (result["censored"] > 0)
