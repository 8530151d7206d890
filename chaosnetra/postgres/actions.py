"""Actions on PostgreSQL: connections that are held, pressure by queries, and a locked catalog.

Each is sessions of a process of their own; they end with their undo action, at the end of the
run, or when the run's process dies.
"""

import logging

from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Fault, undone_result
from chaosnetra.hints import argument
from chaosnetra.postgres import pressure
from chaosnetra.postgres.holders import Amount, ConnectionsHeld
from chaosnetra.postgres.locks import CatalogLocked
from chaosnetra.postgres.session_faults import SessionFault
from chaosnetra.postgres.sessions import application_name
from chaosnetra.quantities import choice, number, whole_number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.text import effect_and_why

logger = logging.getLogger("chaostoolkit")

__all__ = [
    "hold_connections",
    "lock_catalog",
    "press_database",
    "release_catalog",
    "release_connections",
    "release_pressure",
]


@edge
def hold_connections(
    session: Session,
    amount: float = 0,
    by: str = "leave_free",
    through: str = "direct",
    name: str = "held",
) -> Result:
    """Open idle connections and hold them, so that few slots are left.

    In staging no more than a share of the free slots: others need them too.

    Args:
        amount: 1 to 5,000 for `count` and `instances`, 0 to 5,000 for `leave_free`, above 0 to 1
            for `share`.
        by: `count`: hold so many; `instances`: as many as the pools of so many instances of the
            orchestrator may open, by the profile; `leave_free`: all free slots but so many;
            `share`: that share of the slots that are free now, rounded down.
        through: `direct`, or `path`: through the proxies, and the connector where there is one.
        name: names it within the run: letters, digits, _, - and .

    Returns:
        `name`, `parameters`, and `effect`: the server's free slots.

    Raises:
        ActivityFailed: they are not held; says what to change.
    """
    by = argument(choice, "by", by, allowed=("count", "instances", "leave_free", "share"))
    instances = None
    if by == "instances":
        instances = argument(whole_number, "amount", amount, minimum=1, maximum=5000)
        by, amount = "count", instances * session.settings.profile.pool.connections
    wanted = Amount.parse(by, amount)
    full_name = application_name(session.identifier, name)
    reached, check = session.database_by(through), session.guard.check_connections
    return _inject(
        session,
        ConnectionsHeld(session.database, full_name, reached, wanted, instances, check),
    )


@edge
def release_connections(session: Session, name: str = "held") -> Result:
    """Close the connections that `hold_connections` opened.

    Args:
        name: as given to it.

    Returns:
        `result` (`done`, or `already done` when there were none) and `detail`.

    Raises:
        ActivityFailed: something may be left.
    """
    return _undo(session, ConnectionsHeld, name)


@edge
def press_database(
    session: Session, backends: int = 8, work_mem_mb: int = 16, name: str = "pressure"
) -> Result:
    """Put CPU and memory of the database server under pressure, by queries that sort.

    Each backend computes without a pause; how much others are slowed depends on the server's cores.
    All together may take 4,096 MB, and half of what is free where the server is on this machine.

    Args:
        backends: sessions at work, 1 to 100; `auto`: 4 for each core where the server is on this
            machine, as many as slots and memory allow, and 8 elsewhere.
        work_mem_mb: memory that each sorts in, 1 to 1,024 MB.
        name: names it within the run: letters, digits, _, - and .

    Returns:
        `name`, `parameters`, and `effect`: how many times longer a fixed query takes.

    Raises:
        ActivityFailed: it is not in place; says what to change.
    """
    session.require_local("press_database")
    memory = argument(
        whole_number, "work_mem_mb", work_mem_mb, minimum=1, maximum=pressure.MOST_WORK_MEM_MB
    )
    number = (
        pressure.fitting_backends(session.database, memory)
        if str(backends) == "auto"
        else argument(whole_number, "backends", backends, minimum=1, maximum=pressure.MOST_BACKENDS)
    )
    if number * memory > pressure.MOST_MEMORY_MB:
        raise InvalidInput(
            f"{number} backends with {memory} MB each are more than {pressure.MOST_MEMORY_MB} MB",
            setting_hint("work_mem_mb"),
        )
    full_name = application_name(session.identifier, name)
    return _inject(session, pressure.DatabasePressed(session.database, full_name, number, memory))


@edge
def release_pressure(session: Session, name: str = "pressure") -> Result:
    """End the sessions that `press_database` opened. See `release_connections`."""
    return _undo(session, pressure.DatabasePressed, name)


@edge
def lock_catalog(session: Session, hold_ms: float, name: str = "locks") -> Result:
    """Let maintenance hold PostgreSQL's catalog, transaction after transaction.

    Whatever reads the catalog, as a new connection or a check of tables does, then waits for
    about two of them, each time: a load that costs so much on any machine. It needs a superuser,
    as the stand has one.

    Args:
        hold_ms: how long each transaction holds it; milliseconds at time scale 1, above 0 to
            60,000.
        name: names it within the run: letters, digits, _, - and .

    Returns:
        `name`, `parameters`, and `effect`: how much longer reading the catalog takes.

    Raises:
        ActivityFailed: it is not in place; says what to change.
    """
    session.require_local("lock_catalog")
    hold = argument(number, "hold_ms", hold_ms, above=0, maximum=60_000)
    full_name = application_name(session.identifier, name)
    seconds = session.settings.scaled(hold / 1000)
    return _inject(session, CatalogLocked(session.administrator, full_name, seconds))


@edge
def release_catalog(session: Session, name: str = "locks") -> Result:
    """End the maintenance that `lock_catalog` began. See `release_connections`."""
    return _undo(session, CatalogLocked, name)


def _inject(session: Session, fault: Fault) -> Result:
    injected = session.injector.inject(fault)
    effect = injected.effect
    if effect is not None:
        logger.info(f"{injected.name}: {effect_and_why(effect.to_json())}")
    return injected.to_result()


def _undo(session: Session, kind: type[SessionFault], name: str) -> Result:
    fault_name = kind.name_of(application_name(session.identifier, name))
    return undone_result(session.injector.undo(fault_name), f"this run has no {fault_name}")
