"""Probes of PostgreSQL."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chaoslib.types import Configuration, Secrets

from chaosnetra.errors import DatabaseUnavailable, InvalidInput
from chaosnetra.postgres.attempts import summarize
from chaosnetra.postgres.connect import connect_seconds, sessions_by_name, slots
from chaosnetra.postgres.load import sample_load
from chaosnetra.postgres.pool import PoolPlan, run_checkouts
from chaosnetra.postgres.sessions import application_name
from chaosnetra.postgres.storm import StormPlan, run_storm
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally
from chaosnetra.quantities import fraction, number, whole_number
from chaosnetra.quantities import min_confidence as parse_min_confidence
from chaosnetra.running.activity import Result, activity
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint

__all__ = [
    "backend_load",
    "connect_time",
    "connections_succeed",
    "free_connection_slots",
    "pool_checkouts_succeed",
    "sessions_by_application",
    "throughput",
    "transfer_succeeds",
]

logger = logging.getLogger("chaostoolkit")

LIMIT_SECONDS = 10.0
MOST_ATTEMPTS = 1000
MOST_PER_SECOND = 10_000.0
LONGEST_SECONDS = 3600.0
SHORTEST_INTERVAL_SECONDS = 0.01
MOST_SAMPLES = 10_000
MOST_MEGABYTES = 500.0
TRANSFER_SECONDS = 120.0


def connections_succeed(
    count: int = 50,
    max_failure_rate: float = 0.15,
    slow_after_ms: float = 10_000,
    timeout_ms: float = 30_000,
    rate_per_second: float = 0,
    hold_ms: float = 0,
    path: str = "path",
    min_confidence: float = 0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Open connections and ask a first query on each; tell how each attempt ended.

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
        min_confidence: with which the trials of all checks under the fault have to prove that
            the rate is at most that, or that it is not; else the verdict is inconclusive, since
            they were too few. 0: not demanded; else below 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        See `chaosnetra.postgres.attempts.summarize`; the list of attempts is `connections`. And
        `path`, `min_confidence`, `timeout_seconds`, `hold_seconds`, `interval_seconds` (real),
        `time_scale`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That attempts fail is a result.
    """
    with activity(configuration) as session:
        attempts = whole_number(
            "count", count, minimum=1, maximum=MOST_ATTEMPTS, setting=setting_hint("count")
        )
        rate = _failure_rate(max_failure_rate)
        demanded = parse_min_confidence(
            min_confidence, rate, setting=setting_hint("min_confidence")
        )
        plan = _plan(session, attempts, slow_after_ms, timeout_ms, rate_per_second, hold_ms)
        address = session.database_by(path)
        tally = _tally(session, "Connections", attempts, plan.limit_seconds)
        with session.run.polled(), shown(tally) as ended_one:
            ended = asyncio.run(
                run_storm(
                    address,
                    plan,
                    application_name(session.identifier, "storm"),
                    interrupted=lambda: session.run.interrupted_by is not None,
                    progress=lambda attempt: ended_one(attempt.outcome),
                )
            )
        result = summarize(ended, "connections", rate, plan.slow_after_seconds)
        return _told(
            session,
            "Connections",
            result,
            {
                "path": path,
                "min_confidence": demanded,
                "timeout_seconds": plan.timeout_seconds,
                "hold_seconds": plan.hold_seconds,
                "interval_seconds": plan.interval_seconds,
            },
        )


def pool_checkouts_succeed(
    extra: int = 5,
    queries: int = 0,
    hold_ms: float = 10_000,
    max_failure_rate: float = 0.0,
    path: str = "path",
    min_confidence: float = 0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Take more connections out of a SQLAlchemy pool than it has; tell how each checkout ended.

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
        path: `path`: as the system under experiment reaches the database; or `direct`.
        min_confidence: with which the trials of all checks under the fault have to prove that
            the rate is at most that, or that it is not; else the verdict is inconclusive, since
            they were too few. 0: not demanded; else below 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        See `chaosnetra.postgres.attempts.summarize`; the list of checkouts is `checkouts`. And
        `path`, `min_confidence`, `queries`, `hold_seconds` (real), `pool` (the profile's, times
        real), `time_scale`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That checkouts fail is a result.
    """
    with activity(configuration) as session:
        settings = session.settings
        pool = settings.profile.pool
        plan = PoolPlan(
            pool=replace(
                pool,
                timeout_seconds=settings.scaled(pool.timeout_seconds),
                recycle_seconds=settings.scaled(pool.recycle_seconds),
            ),
            connect_timeout_seconds=settings.scaled(settings.profile.budgets.connection_seconds),
            extra=whole_number(
                "extra", extra, minimum=0, maximum=MOST_ATTEMPTS, setting=setting_hint("extra")
            ),
            queries=whole_number(
                "queries", queries, minimum=0, maximum=10_000, setting=setting_hint("queries")
            ),
            hold_seconds=_seconds(session, "hold_ms", hold_ms),
        )
        rate = _failure_rate(max_failure_rate)
        demanded = parse_min_confidence(
            min_confidence, rate, setting=setting_hint("min_confidence")
        )
        address = session.database_by(path)
        limit_seconds = plan.limit_seconds + plan.hold_seconds
        tally = _tally(session, "Checkouts", plan.checkouts, limit_seconds)
        with session.run.polled(), shown(tally) as ended_one:
            ended = asyncio.run(
                run_checkouts(
                    address,
                    plan,
                    application_name(session.identifier, "pool"),
                    interrupted=lambda: session.run.interrupted_by is not None,
                    progress=lambda attempt: ended_one(attempt.outcome),
                )
            )
        result = summarize(ended, "checkouts", rate, plan.pool.timeout_seconds)
        more = {
            "path": path,
            "min_confidence": demanded,
            "queries": plan.queries,
            "hold_seconds": plan.hold_seconds,
            "pool": vars(plan.pool),
        }
        return _told(session, "Checkouts", result, more)


def backend_load(
    seconds: float = 10,
    interval_ms: float = 1000,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Sample what the server's sessions cost: CPU and memory of their backend processes.

    Where the server is on another machine only the numbers of sessions are known. For the
    method of an experiment: it states nothing that could fail while the database answers.

    Args:
        seconds: for how long, at time scale 1, 0 to 3,600.
        interval_ms: from one sample to the next; milliseconds at time scale 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held` (whether it could be sampled), `expected`, `observed`; `source` (`processes` or
        `pg_stat_activity`), `cpu_cores` (mean) and `memory_mb_max` (None without processes),
        `active_max`, `samples` (each `at_seconds`, `sessions`, `active`, `hidden`, `cpu_cores`,
        `memory_mb`), `error` and `sqlstate`.
    """
    with activity(configuration) as session:
        full = number(
            "seconds",
            seconds,
            minimum=0,
            maximum=LONGEST_SECONDS,
            setting=setting_hint("seconds"),
        )
        length = session.settings.scaled(full)
        step = max(SHORTEST_INTERVAL_SECONDS, _full_seconds("interval_ms", interval_ms))
        if full / step > MOST_SAMPLES:
            raise InvalidInput(
                f"{full:g} s in steps of {step:g} s are more than {MOST_SAMPLES} samples",
                setting_hint("interval_ms"),
            )
        interval = max(SHORTEST_INTERVAL_SECONDS, session.settings.scaled(step))
        result: Result = {
            "held": False,
            "expected": "the load of the sessions can be sampled",
            "observed": "the database does not answer",
            "source": None,
            "cpu_cores": None,
            "memory_mb_max": None,
            "active_max": None,
            "samples": [],
            "error": None,
            "sqlstate": None,
        }
        try:
            database = session.database
            with shown(_tally(session, "Load", 0, length)):
                load = asyncio.run(sample_load(database, length, interval))
        except DatabaseUnavailable as error:
            text = session.redactor.text(str(error))
            return {**result, "error": text, "sqlstate": error.sqlstate}
        return {
            **result,
            "held": True,
            "observed": load.text,
            "source": load.source,
            "cpu_cores": _rounded(load.cpu_cores),
            "memory_mb_max": _rounded(load.memory_mb_max),
            "active_max": load.active_max,
            "samples": [sample.to_json() for sample in load.samples],
        }


def free_connection_slots(
    minimum: int = 1, configuration: Configuration = None, secrets: Secrets = None
) -> Result:
    """Count the connection slots of the database that an ordinary role can still take.

    Asked on the direct path, beside the fault. For abort conditions, and before a run that
    needs many.

    Args:
        minimum: so many must be free, 0 or more.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `free`, `max_connections`, `reserved`, `sessions` (None
        when the database does not answer), `error` and `sqlstate`.
    """
    with activity(configuration) as session:
        wanted = whole_number("minimum", minimum, minimum=0, setting=setting_hint("minimum"))
        result: Result = {
            "held": False,
            "expected": f"at least {wanted} free connection slots",
            "observed": "the database does not answer",
            "free": None,
            "max_connections": None,
            "reserved": None,
            "sessions": None,
            "error": None,
            "sqlstate": None,
        }
        try:
            found = asyncio.run(slots(session.database, LIMIT_SECONDS))
        except DatabaseUnavailable as error:
            text = session.redactor.text(str(error))
            return {**result, "error": text, "sqlstate": error.sqlstate}
        return {
            **result,
            "held": found.free >= wanted,
            "observed": f"{found.free} of {found.max_connections} free",
            "free": found.free,
            "max_connections": found.max_connections,
            "reserved": found.reserved,
            "sessions": found.sessions,
        }


def sessions_by_application(
    name: str = "",
    maximum: int = 5000,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Count the sessions of the database by what they call themselves (`application_name`).

    Asked on the direct path. In staging it tells whose connections fill the slots: instances of
    the service, tasks of the job, or somebody else.

    Args:
        name: which one may have at most `maximum` sessions; empty: all together.
        maximum: 0 to 5,000.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `sessions` (by name, most first; None when the database
        does not answer), `count`, `error` and `sqlstate`.
    """
    with activity(configuration) as session:
        most = whole_number(
            "maximum", maximum, minimum=0, maximum=5000, setting=setting_hint("maximum")
        )
        whose = f"sessions of {name}" if name else "sessions"
        result: Result = {
            "held": False,
            "expected": f"at most {most} {whose}",
            "observed": "the database does not answer",
            "sessions": None,
            "count": None,
            "error": None,
            "sqlstate": None,
        }
        try:
            found = asyncio.run(sessions_by_name(session.database, LIMIT_SECONDS))
        except DatabaseUnavailable as error:
            text = session.redactor.text(str(error))
            return {**result, "error": text, "sqlstate": error.sqlstate}
        count = found.get(name, 0) if name else sum(found.values())
        return {
            **result,
            "held": count <= most,
            "observed": f"{count} {whose}",
            "sessions": session.redactor.data(found),
            "count": count,
        }


def connect_time(
    maximum_ms: float = 5000,
    path: str = "direct",
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Measure how long one connection takes to open: TCP, TLS and login.

    Args:
        maximum_ms: it may take so long; real milliseconds, above 0 to 60,000.
        path: `direct`; or `path`: as the system under experiment reaches the database.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `seconds` (None when it did not open), `error` and
        `sqlstate`.
    """
    with activity(configuration) as session:
        hint = setting_hint("maximum_ms")
        most = number("maximum_ms", maximum_ms, above=0, maximum=60_000, setting=hint)
        result: Result = {
            "held": False,
            "expected": f"a connection within {most:g} ms",
            "observed": "it did not open",
            "seconds": None,
            "error": None,
            "sqlstate": None,
        }
        limit = max(LIMIT_SECONDS, 2 * most / 1000)
        try:
            seconds = asyncio.run(connect_seconds(session.database_by(path), limit))
        except DatabaseUnavailable as error:
            text = session.redactor.text(str(error))
            return {**result, "error": text, "sqlstate": error.sqlstate}
        return {
            **result,
            "held": seconds * 1000 <= most,
            "observed": f"{seconds * 1000:.1f} ms",
            "seconds": round(seconds, 6),
        }


def throughput(
    megabytes: float = 80,
    direction: str = "downstream",
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Measure how much the path to the database carries. It states nothing.

    Args:
        megabytes: size of one transfer, at time scale 1: a tenth of it at 0.1; above 0 to 500.
        direction: `downstream` (from the database) or `upstream`.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `observed`, `size_bytes`, `seconds` and `megabits_per_second` (None when the path carried
        nothing), `error` and `sqlstate`.
    """
    with activity(configuration) as session:
        return _transfer(session, megabytes, direction, TRANSFER_SECONDS)


def transfer_succeeds(
    megabytes: float = 80,
    max_seconds: float = 5,
    direction: str = "downstream",
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Tell whether a transfer of fixed size over the path to the database ends in time.

    Args:
        megabytes: its size, at time scale 1: a tenth of it at 0.1; above 0 to 500.
        max_seconds: how long it may take, at time scale 1; above 0 to 3,600.
        direction: `downstream` (from the database) or `upstream`.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`, `max_seconds` (scaled), `direction`; and what `throughput`
        returns. A transfer that takes over
        ten times `max_seconds` is given up.
    """
    with activity(configuration) as session:
        limit = session.settings.scaled(
            number(
                "max_seconds",
                max_seconds,
                above=0,
                maximum=LONGEST_SECONDS,
                setting=setting_hint("max_seconds"),
            )
        )
        measured = _transfer(session, megabytes, direction, 10 * limit + LIMIT_SECONDS)
        seconds = measured["seconds"]
        return {
            "held": seconds is not None and seconds <= limit,
            "expected": f"{measured['size_bytes'] / 1e6:g} MB {direction} within {limit:g} s",
            "max_seconds": limit,
            "direction": direction,
            **measured,
        }


def _transfer(session: Session, megabytes: float, direction: str, limit_seconds: float) -> Result:
    hint = setting_hint("megabytes")
    whole = number("megabytes", megabytes, above=0, maximum=MOST_MEGABYTES, setting=hint)
    if direction not in ("downstream", "upstream"):
        raise InvalidInput(f"direction must be downstream or upstream, got {direction!r}")
    size = max(1, round(session.settings.scaled(whole) * 1e6))
    result: Result = {
        "observed": f"{size / 1e6:g} MB did not arrive",
        "size_bytes": size,
        "seconds": None,
        "megabits_per_second": None,
        "error": None,
        "sqlstate": None,
    }
    try:
        path = session.path
        with shown(_tally(session, "Transfer", 0, limit_seconds)):
            seconds = path.transfer_seconds(size, direction, limit_seconds)
    except DatabaseUnavailable as error:
        text = session.redactor.text(str(error))
        return {**result, "error": text, "sqlstate": error.sqlstate}
    rate = size / seconds / 125_000
    observed = f"{size / 1e6:g} MB in {seconds:.3f} s, {rate:.1f} Mbit/s"
    logger.info(f"Transfer {direction}: {observed}")
    return {
        **result,
        "observed": observed,
        "seconds": round(seconds, 4),
        "megabits_per_second": round(rate, 2),
    }


def _plan(
    session: Session,
    attempts: int,
    slow_after_ms: Any,
    timeout_ms: float,
    rate_per_second: float,
    hold_ms: float,
) -> StormPlan:
    """The plan of a storm, in the run's time."""
    timeout = _seconds(session, "timeout_ms", timeout_ms)
    if slow_after_ms in (None, ""):
        slow_after_ms = 1000 * session.settings.profile.budgets.connection_seconds
    slow_after = _seconds(session, "slow_after_ms", slow_after_ms)
    if timeout <= 0:
        raise InvalidInput("timeout_ms must be more than 0", setting_hint("timeout_ms"))
    if slow_after > timeout:
        raise InvalidInput(
            f"slow_after_ms ({slow_after_ms}) must not be more than timeout_ms ({timeout_ms}): "
            "nothing would be slow",
            setting_hint("slow_after_ms"),
        )
    rate = number(
        "rate_per_second",
        rate_per_second,
        minimum=0,
        maximum=MOST_PER_SECOND,
        setting=setting_hint("rate_per_second"),
    )
    interval = session.settings.scaled(1 / rate) if rate else 0.0
    if rate and attempts / rate > LONGEST_SECONDS:
        raise InvalidInput(
            f"{attempts} attempts at {rate:g} a second take over {LONGEST_SECONDS:g} s",
            setting_hint("rate_per_second"),
        )
    return StormPlan(attempts, interval, _seconds(session, "hold_ms", hold_ms), slow_after, timeout)


def _tally(session: Session, what: str, total: int, limit_seconds: float) -> Tally:
    return Tally(what, total, limit_seconds, faults=lambda: session.faults_in_effect)


def _seconds(session: Session, name: str, value: Any) -> float:
    """Milliseconds at time scale 1 as seconds of this run."""
    return session.settings.scaled(_full_seconds(name, value))


def _full_seconds(name: str, value: Any) -> float:
    """Milliseconds at time scale 1, bounded as they are written, as seconds."""
    longest, hint = 1000 * LONGEST_SECONDS, setting_hint(name)
    return number(name, value, minimum=0, maximum=longest, setting=hint) / 1000


def _failure_rate(value: Any) -> float:
    return fraction("max_failure_rate", value, setting=setting_hint("max_failure_rate"))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _told(session: Session, what: str, result: dict[str, Any], more: Mapping[str, Any]) -> Result:
    """Say what was seen, and put what it was seen with beside it."""
    logger.info(f"{what}: {result['observed']}")
    told: Result = session.redactor.data(
        {**result, **more, "time_scale": session.settings.time_scale}
    )
    return told
