"""Probes that try to use the database many times at once: by new connections, and by a pool."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from chaosnetra.postgres.attempts import Attempt, summarize
from chaosnetra.postgres.plans import pool_plan, storm_plan
from chaosnetra.postgres.pool import run_checkouts
from chaosnetra.postgres.sessions import application_name
from chaosnetra.postgres.storm import run_storm
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.measuring import failure_bound, progress
from chaosnetra.running.session import Session

logger = logging.getLogger("chaostoolkit")


@edge
def connections_succeed(
    session: Session,
    count: int = 50,
    max_failure_rate: float = 0.15,
    slow_after_ms: float = 10_000,
    timeout_ms: float = 30_000,
    rate_per_second: float = 0,
    hold_ms: float = 0,
    path: str = "path",
    min_confidence: float = 0,
) -> Result:
    """Open connections and ask a first query on each; report how each attempt ended.

    Each begins when it is to begin, whatever became of the others, and its time counts from
    then. One that is not answered within `timeout_ms` is given up and counts as censored: its
    time is a lower bound.

    Args:
        count: attempts, 1 to 1,000.
        max_failure_rate: share of them, 0 to 1, that may fail, time out or be slow.
        slow_after_ms: an answer to the first query later than this is slow; milliseconds at
            time scale 1, at most `timeout_ms`; empty: the profile's connection budget.
        timeout_ms: when an attempt is given up; milliseconds at time scale 1.
        rate_per_second: attempts begun a second at time scale 1; 0: all at once.
        hold_ms: how long each keeps its connection; milliseconds at time scale 1.
        path: `path`: as the system under experiment reaches the database; or `direct`.
        min_confidence: with which the attempts of all checks under the fault have to prove that
            the rate is at most that, or that it is not; else the verdict is inconclusive, since
            they were too few. 0: not demanded; else below 1.

    Returns:
        See `chaosnetra.postgres.attempts.summarize`; the list of attempts is `connections`. And
        `path`, `min_confidence`, `timeout_seconds`, `hold_seconds`, `interval_seconds` (real),
        `time_scale`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That attempts fail is a result.
    """
    rate, demanded = failure_bound(max_failure_rate, min_confidence)
    plan = storm_plan(session.settings, count, slow_after_ms, timeout_ms, rate_per_second, hold_ms)
    run = partial(run_storm, session.database_by(path), plan)
    ended = _attempts(session, "Connections", plan.count, plan.limit_seconds, "storm", run)
    return _summarized(
        session,
        "Connections",
        summarize(ended, "connection", rate, plan.slow_after_seconds),
        path=path,
        min_confidence=demanded,
        timeout_seconds=plan.timeout_seconds,
        hold_seconds=plan.hold_seconds,
        interval_seconds=plan.interval_seconds,
    )


@edge
def pool_checkouts_succeed(
    session: Session,
    extra: int = 5,
    queries: int = 0,
    hold_ms: float = 10_000,
    max_failure_rate: float = 0.0,
    path: str = "path",
    min_confidence: float = 0,
) -> Result:
    """Take more connections out of a SQLAlchemy pool than it has; report how each checkout ended.

    The pool has the profile's settings, and its connections the profile's connection budget. All
    checkouts begin at once and hold their connection for a while, so that the extra ones wait
    for others to be returned. One succeeds when its first query is answered within the pool's
    timeout.

    Args:
        extra: checkouts beyond pool size and overflow, 0 to 1,000.
        queries: what each asks, one after the other, before it holds on; 0 to 10,000. A startup
            of the reference orchestrator asks 138.
        hold_ms: how long each keeps its connection; milliseconds at time scale 1.
        max_failure_rate: share of them, 0 to 1, that may fail, time out or be slow.
        path: see `connections_succeed`.
        min_confidence: see `connections_succeed`.

    Returns:
        See `chaosnetra.postgres.attempts.summarize`; the list of checkouts is `checkouts`. And
        `path`, `min_confidence`, `queries`, `hold_seconds` (real), `pool` (the profile's, times
        real), `time_scale`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That checkouts fail is a result.
    """
    plan = pool_plan(session.settings, extra, queries, hold_ms)
    rate, demanded = failure_bound(max_failure_rate, min_confidence)
    run = partial(run_checkouts, session.database_by(path), plan)
    limit_seconds = plan.limit_seconds + plan.hold_seconds
    ended = _attempts(session, "Checkouts", plan.checkouts, limit_seconds, "pool", run)
    return _summarized(
        session,
        "Checkouts",
        summarize(ended, "checkout", rate, plan.pool.timeout_seconds),
        path=path,
        min_confidence=demanded,
        queries=plan.queries,
        hold_seconds=plan.hold_seconds,
        pool=vars(plan.pool),
    )


def _attempts(
    session: Session,
    what: str,
    total: int,
    limit_seconds: float,
    name: str,
    run: Callable[..., Coroutine[Any, Any, list[Attempt]]],
) -> list[Attempt]:
    """Run attempts, showing how they end, until all have ended or the run is interrupted."""
    with session.run.polled(), progress(session, what, total, limit_seconds) as ended_one:
        return asyncio.run(
            run(
                application_name(session.identifier, name),
                interrupted=lambda: session.run.interrupted_by is not None,
                progress=lambda attempt: ended_one(attempt.outcome),
            )
        )


def _summarized(session: Session, what: str, result: dict[str, Any], **conditions: Any) -> Result:
    """Say what was observed, and put the conditions of it beside it."""
    logger.info(f"{what}: {result['observed']}")
    return {**result, **conditions, "time_scale": session.settings.time_scale}
