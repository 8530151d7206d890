"""Probes of PostgreSQL: all that experiments name; here those that ask the server itself."""

import asyncio

from chaosnetra.hints import argument
from chaosnetra.postgres.attempt_probes import connections_succeed, pool_checkouts_succeed
from chaosnetra.postgres.connect import connect_seconds, sessions_by_name, slots
from chaosnetra.postgres.load import sample_load
from chaosnetra.postgres.plans import load_plan
from chaosnetra.postgres.transfer_probes import throughput, transfer_succeeds
from chaosnetra.quantities import number, whole_number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.measuring import measuring, progress, unmeasured
from chaosnetra.running.session import Session

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

LIMIT_SECONDS = 10.0


@edge
def backend_load(session: Session, seconds: float = 10, interval_ms: float = 1000) -> Result:
    """Sample what the server's sessions cost: CPU and memory of their backend processes.

    Where the server is on another machine only the numbers of sessions are known. For the
    method of an experiment: it states nothing that could fail while the database answers.

    Args:
        seconds: for how long, at time scale 1, 0 to 3,600.
        interval_ms: from one sample to the next; milliseconds at time scale 1.

    Returns:
        `held` (whether it could be sampled), `expected`, `observed`; `source` (`processes` or
        `pg_stat_activity`), `cpu_cores` (mean) and `memory_mb_max` (None without processes),
        `active_max`, `samples` (each `at_seconds`, `sessions`, `active`, `hidden`, `cpu_cores`,
        `memory_mb`), `error` and `sqlstate`.
    """
    length, interval = load_plan(session.settings, seconds, interval_ms)
    known = ("source", "cpu_cores", "memory_mb_max", "active_max")
    result = unmeasured("the load of the sessions can be sampled", *known) | {"samples": []}
    with measuring(result):
        database = session.database
        with progress(session, "Load", 0, length):
            load = asyncio.run(sample_load(database, length, interval))
        result |= {"held": True, "observed": load.text, **load.to_json()}
    return result


@edge
def free_connection_slots(session: Session, minimum: int = 1) -> Result:
    """Count the connection slots of the database that an ordinary role can still take.

    Asked on the direct path, beside the fault. For abort conditions, and before a run that
    needs many.

    Args:
        minimum: so many must be free, 0 or more.

    Returns:
        `held`, `expected`, `observed`; `free`, `max_connections`, `reserved`, `sessions` (None
        when the database does not answer), `error` and `sqlstate`.
    """
    wanted = argument(whole_number, "minimum", minimum, minimum=0)
    result = unmeasured(
        f"at least {wanted} free connection slots",
        *("free", "max_connections", "reserved", "sessions"),
    )
    with measuring(result):
        found = asyncio.run(slots(session.database, LIMIT_SECONDS))
        result |= {
            "held": found.free >= wanted,
            "observed": f"{found.free} of {found.max_connections} free",
            "free": found.free,
            **vars(found),
        }
    return result


@edge
def sessions_by_application(session: Session, name: str = "", maximum: int = 5000) -> Result:
    """Count the sessions of the database by what they call themselves (`application_name`).

    Asked on the direct path. In staging it tells whose connections fill the slots: instances of
    the service, tasks of the job, or somebody else.

    Args:
        name: which one may have at most `maximum` sessions; empty: all together.
        maximum: 0 to 5,000.

    Returns:
        `held`, `expected`, `observed`; `sessions` (by name, most first; None when the database
        does not answer), `count`, `error` and `sqlstate`.
    """
    most = argument(whole_number, "maximum", maximum, minimum=0, maximum=5000)
    whose = f"sessions of {name}" if name else "sessions"
    result = unmeasured(f"at most {most} {whose}", "sessions", "count")
    with measuring(result):
        found = asyncio.run(sessions_by_name(session.database, LIMIT_SECONDS))
        count = found.get(name, 0) if name else sum(found.values())
        result |= {
            "held": count <= most,
            "observed": f"{count} {whose}",
            "sessions": found,
            "count": count,
        }
    return result


@edge
def connect_time(session: Session, maximum_ms: float = 5000, path: str = "direct") -> Result:
    """Measure how long one connection takes to open: TCP, TLS and login.

    Args:
        maximum_ms: it may take so long; real milliseconds, above 0 to 60,000.
        path: `direct`; or `path`: as the system under experiment reaches the database.

    Returns:
        `held`, `expected`, `observed`; `seconds` (None when it did not open), `error` and
        `sqlstate`.
    """
    most = argument(number, "maximum_ms", maximum_ms, above=0, maximum=60_000)
    result = unmeasured(f"a connection within {most:g} ms", "seconds", observed="it did not open")
    with measuring(result):
        limit = max(LIMIT_SECONDS, 2 * most / 1000)
        seconds = asyncio.run(connect_seconds(session.database_by(path), limit))
        result |= {
            "held": seconds * 1000 <= most,
            "observed": f"{seconds * 1000:.1f} ms",
            "seconds": round(seconds, 6),
        }
    return result
