"""Attempts to use a database: how each ended, and many as one flat, JSON-safe result.

A time counts from the moment at which the attempt was to begin, not from when we came round to
it: a client that is held up must not hide what it measures ("coordinated omission"). Where we
gave up, the time is a lower bound and no latency: the attempt is censored.
"""

import errno
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.evidence.statistics.quantiles import median_of, nearest_rank
from chaosnetra.text import how_many, one_line

LISTED = 200
LONGEST_ERROR = 300
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
# SQLSTATEs of a server that lets nobody in: class 53, insufficient resources (53300: no slots),
# and 57P03, starting up or shutting down. Source: PostgreSQL documentation, "Error Codes".
_NOT_LET_IN = re.compile("53...|57P03")
# Class 08, connection exception, which drivers raise too, and sessions that the server ended.
_LOST = re.compile("08...|57P0[12]")


class AttemptOutcome(StrEnum):
    """How an attempt ended.

    ok: answered in time. slow: answered, but later than the threshold. refused: the far end said
    no, by TCP or with an SQLSTATE such as 53300. reset: the connection was lost. timed_out:
    nobody answered while we waited. pool_timeout: the pool had none to give in its time. failed:
    anything else.
    """

    OK = "ok"
    SLOW = "slow"
    REFUSED = "refused"
    RESET = "reset"
    TIMED_OUT = "timed_out"
    POOL_TIMEOUT = "pool_timeout"
    FAILED = "failed"


_WORDS = {outcome: outcome.replace("_", " ") for outcome in AttemptOutcome} | {
    AttemptOutcome.POOL_TIMEOUT: "timed out in the pool"
}


@dataclass(frozen=True)
class Attempt:
    """One attempt: take a connection, ask a first query.

    Attributes:
        number: which one, from 1.
        intended_seconds: when it was to begin, since the first was.
        lag_seconds: how much later it really began: the client's own delay.
        outcome: how it ended.
        seconds: from the intended start until it was answered, failed or was given up; when
            `censored`, an answer would have taken longer.
        connect_seconds: from the intended start until it had its connection.
        query_seconds: from then until the first query was answered.
        work_seconds: from then until it had done its work and gave the connection back.
        sqlstate: the database's error code, if it gave one.
        error_class: name of the exception's class.
        error: one line.
    """

    number: int
    intended_seconds: float
    lag_seconds: float
    outcome: AttemptOutcome
    seconds: float
    connect_seconds: float | None = None
    query_seconds: float | None = None
    sqlstate: str | None = None
    error_class: str | None = None
    error: str | None = None
    work_seconds: float | None = None

    @property
    def censored(self) -> bool:
        """Whether `seconds` is a lower bound."""
        return self.outcome in (AttemptOutcome.TIMED_OUT, AttemptOutcome.POOL_TIMEOUT)

    @property
    def answered(self) -> bool:
        return self.outcome in (AttemptOutcome.OK, AttemptOutcome.SLOW)

    def to_json(self) -> dict[str, Any]:
        rounded = {
            key: round(value, 6) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        return {**rounded, "censored": self.censored}


@dataclass(frozen=True)
class Failure:
    """What an exception means for an attempt, by the names of `Attempt`."""

    outcome: AttemptOutcome
    sqlstate: str | None
    error_class: str
    error: str


def failure_of(error: BaseException, seconds: float) -> Failure:
    """Tell what an attempt's exception means; the cause of a wrapped one counts.

    Args:
        error: what ended the attempt.
        seconds: how long it had waited.
    """
    found = _telling(error)
    sqlstate = getattr(found, "sqlstate", None)
    text = one_line(str(error))[:LONGEST_ERROR]
    outcome = _outcome_of(found, sqlstate)
    if not text:  # as asyncio's TimeoutError
        text = type(found).__name__
        if outcome is AttemptOutcome.TIMED_OUT:
            text = f"no answer within {seconds:.3g} s"
    # asyncpg's own errors have an SQLSTATE too; the server's also have a severity.
    of_server = sqlstate if getattr(found, "severity", None) else None
    return Failure(outcome, of_server, type(found).__name__, text)


def _telling(error: BaseException) -> BaseException:
    """The innermost exception that carries an SQLSTATE, or the exception itself."""
    found, seen = error, error.__cause__
    while seen is not None:
        if getattr(seen, "sqlstate", None):
            found = seen
        seen = seen.__cause__
    return found


def _outcome_of(error: BaseException, sqlstate: str | None) -> AttemptOutcome:
    if sqlstate is not None:
        if _NOT_LET_IN.fullmatch(sqlstate):
            return AttemptOutcome.REFUSED
        return AttemptOutcome.RESET if _LOST.fullmatch(sqlstate) else AttemptOutcome.FAILED
    if isinstance(error, TimeoutError):  # ours, or the kernel's ETIMEDOUT: nobody answered
        return AttemptOutcome.TIMED_OUT
    if isinstance(error, ConnectionRefusedError) or _refused_everywhere(error):
        return AttemptOutcome.REFUSED
    return AttemptOutcome.RESET if isinstance(error, ConnectionError) else AttemptOutcome.FAILED


def _refused_everywhere(error: BaseException) -> bool:
    """A host with several addresses: asyncio then raises one OSError that quotes each."""
    if not isinstance(error, OSError) or error.errno is not None:
        return False
    numbers = re.findall(r"\[Errno (\d+)\]", str(error))
    return bool(numbers) and set(numbers) == {str(errno.ECONNREFUSED)}


@dataclass(frozen=True)
class Quantile:
    """A quantile of times; when not `exact` it is at least so much."""

    seconds: float
    exact: bool


def quantile(attempts: Iterable[Attempt], share: float) -> Quantile | None:
    """The smallest time that at least `share` of those who waited did not exceed.

    Attempts that failed by themselves did not wait for an answer and do not count. Lower bounds
    stand for the censored ones, which can only lower the result; so it is exact when none of
    them is at or under the rank.

    Args:
        attempts: of one storm.
        share: above 0, up to 1.

    Returns:
        None when nobody was answered or given up.
    """
    waited = [attempt for attempt in attempts if attempt.answered or attempt.censored]
    if not waited:
        return None
    ordered = sorted(waited, key=lambda attempt: (attempt.seconds, attempt.censored))
    rank = nearest_rank(share, len(ordered))
    exact = not any(attempt.censored for attempt in ordered[:rank])
    return Quantile(ordered[rank - 1].seconds, exact)


def summarize(
    attempts: Sequence[Attempt], what: str, max_failure_rate: float, slow_after_seconds: float
) -> dict[str, Any]:
    """Judge and describe the attempts of one storm.

    Args:
        attempts: at least one.
        what: what one of them is; with an s it also names the list of them.
        max_failure_rate: share of them, 0 to 1, that may be anything but ok.
        slow_after_seconds: the threshold that they were judged by.

    Returns:
        `held` (bool), `expected` and `observed` (text); `attempts`, `failures` (all but ok), and
        how many were `ok`, `slow`, `refused`, `reset`, `timed_out`, `pool_timeout`, `failed`;
        `failure_rate`, `max_failure_rate`, `slow_after_seconds`; `censored` (count);
        `answer_seconds_p50`, `_p95`, `_p99`, `_max`, and by the same names `lower_bound`: whether
        it is at least so much, because we gave up; `connect_seconds_p50` and
        `first_query_seconds_p50` of those that got so far; `lag_seconds_max`; `sqlstates`,
        `error_classes` (counts); `sqlstate`, `error`: of the first that failed; under that name the
        attempts, at most 200, failed ones first to be kept.
    """
    count = Counter(attempt.outcome for attempt in attempts)
    bad = [attempt for attempt in attempts if attempt.outcome is not AttemptOutcome.OK]
    rate = len(bad) / len(attempts)
    found = {name: quantile(attempts, share) for name, share in QUANTILES.items()}
    first = next((attempt for attempt in bad if attempt.error), None)
    return {
        "held": rate <= max_failure_rate,
        "expected": f"at most {max_failure_rate:.0%} of {how_many(len(attempts), what)} "
        + ("fails, times out or takes" if len(attempts) == 1 else "fail, time out or take")
        + f" over {slow_after_seconds:g} s",
        "observed": _observed(len(attempts), count, rate, found["p95"]),
        "attempts": len(attempts),
        "failures": len(bad),
        **{outcome.value: count[outcome] for outcome in AttemptOutcome},
        "failure_rate": round(rate, 6),
        "max_failure_rate": max_failure_rate,
        "slow_after_seconds": slow_after_seconds,
        "censored": sum(attempt.censored for attempt in attempts),
        **{
            f"answer_seconds_{name}": round(value.seconds, 6) if value else None
            for name, value in found.items()
        },
        "lower_bound": {name: bool(value and not value.exact) for name, value in found.items()},
        "connect_seconds_p50": median_of((one.connect_seconds for one in attempts), 6),
        "first_query_seconds_p50": median_of((one.query_seconds for one in attempts), 6),
        "lag_seconds_max": round(max(attempt.lag_seconds for attempt in attempts), 6),
        "sqlstates": _counts(attempt.sqlstate for attempt in bad),
        "error_classes": _counts(attempt.error_class for attempt in bad),
        "sqlstate": first.sqlstate if first else None,
        "error": first.error if first else None,
        f"{what}s": [attempt.to_json() for attempt in _listed(attempts)],
    }


def _observed(
    attempts: int, count: Counter[AttemptOutcome], failure_rate: float, p95: Quantile | None
) -> str:
    bad = [outcome for outcome in _WORDS if count[outcome] and outcome is not AttemptOutcome.OK]
    parts = [f"{count[AttemptOutcome.OK]} of {attempts} ok"]
    parts += [f"{count[outcome]} {_WORDS[outcome]}" for outcome in bad]
    text = f"{', '.join(parts)}: {failure_rate:.0%} not ok"
    if p95 is None:
        return text
    return f"{text}, p95 {'' if p95.exact else 'at least '}{p95.seconds:.3g} s"


def _listed(attempts: Sequence[Attempt]) -> list[Attempt]:
    """As many as a journal should hold; those that failed before the others."""
    kept = sorted(attempts, key=lambda attempt: attempt.outcome is AttemptOutcome.OK)[:LISTED]
    return sorted(kept, key=lambda attempt: attempt.number)


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    """How often each value occurs, most frequent first; None is left out."""
    return dict(Counter(value for value in values if value is not None).most_common())
