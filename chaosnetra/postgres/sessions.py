"""Sessions of a run that stay at a server: opened by a process of their own, ended by name.

Every session bears the name of its fault as `application_name`, which carries the run's id. By
that name another process finds and ends them, and the process that keeps them, after a crash.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import DatabaseUnavailable, InjectionFailed, InvalidInput, UndoFailed
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.postgres.connect import connection
from chaosnetra.postgres.staying import TOO_MANY_CONNECTIONS, VARIABLE
from chaosnetra.processes.program import start_program
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.safety.credentials import remember, with_password
from chaosnetra.text import how_many

if TYPE_CHECKING:
    import asyncpg

UNDO = "postgres.end_sessions"
PROGRAM = ("-P", "-m", "chaosnetra.postgres.staying")
LIMIT_SECONDS = 30.0
SECONDS_A_SESSION = 1.0
POLL_SECONDS = 0.05
# PostgreSQL cuts an application_name off after 63 bytes, and replaces what is not ASCII.
LONGEST_NAME = 63
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_COUNT = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = $1"
_END = (
    "SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity"
    " WHERE application_name = $1 AND usename = current_user"
)
_MAY_END = (
    "SELECT has_function_privilege(oid, 'EXECUTE') FROM pg_proc"
    " WHERE proname = 'pg_terminate_backend' AND pronamespace = 'pg_catalog'::regnamespace"
)


@dataclass(frozen=True)
class StayingSessions:
    """Sessions that this process has opened, and what was known when it did."""

    process: SupervisedProcess
    count: int
    facts: Mapping[str, Any] = field(default_factory=dict)


# By application_name; the player of the undo has nothing but that name.
_open: dict[str, StayingSessions] = {}


def application_name(identifier: str, name: Any) -> str:
    """What the sessions of a run's fault are called.

    Args:
        identifier: the run's.
        name: the fault's within the run.

    Raises:
        InvalidInput: the server would not keep the name as it is.
    """
    full = f"{identifier}_{name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(full) > LONGEST_NAME:
        raise InvalidInput(
            f"name must be 1 to {LONGEST_NAME - len(identifier) - 1} letters, digits, "
            f"_, - or ., got {name!r}"
        )
    return full


def plain_name(name: str) -> str:
    """A name of sessions that stands for itself in SQL.

    Raises:
        InvalidInput: it does not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"sessions are called with letters, digits, _, - or ., got {name!r}")
    return name


def prepare_undo(address: DatabaseAddress, name: str) -> Undo:
    """Check that sessions of that name could be found and ended, and say how.

    Args:
        address: the database, on the direct path.
        name: their application_name.

    Raises:
        InjectionFailed: the role lacks the right, or there are such sessions already.
        DatabaseUnavailable: it cannot be asked.
    """
    there, may_end = asyncio.run(_look(address, name))
    if not may_end:
        raise InjectionFailed(
            f"the role {address.user} may not call pg_terminate_backend, so what it opens could "
            "not be ended again; grant it EXECUTE on that function"
        )
    if there:
        raise InjectionFailed(f"there are {there} sessions called {name} already")
    remember(address)
    return Undo(
        UNDO,
        f"end the sessions {name}",
        {"database": address.shown, "application_name": name},
    )


def open_sessions(
    address: DatabaseAddress,
    name: str,
    count: int,
    *,
    setup: Sequence[str] = (),
    work: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Open sessions in a process of their own, which ends when this one does.

    Args:
        address: the database, by the path that they are to take.
        name: their application_name.
        count: how many.
        setup: SQL for each once it is open.
        work: SQL that each runs over and over; None: they stay idle.
        facts: kept with them; see `staying`.

    Raises:
        InjectionFailed: not all could be opened; says how many, and the server's reason.
    """
    order = {
        "url": address.url,
        "count": count,
        "limit_seconds": LIMIT_SECONDS,
        "setup": list(setup),
        "work": work,
    }
    answer, process = start_program(
        f"the process of the sessions {name}",
        [sys.executable, *PROGRAM, name],
        LIMIT_SECONDS + SECONDS_A_SESSION * count,
        {**os.environ, VARIABLE: json.dumps(order)},
    )
    _open[name] = StayingSessions(process, count, facts or {})
    if "error" in answer:
        state = f" (SQLSTATE {answer['sqlstate']})" if answer.get("sqlstate") else ""
        raise InjectionFailed(
            f"only {answer['opened']} of {how_many(count, 'session')} could be opened at "
            f"{address.network_address}: {answer['error']}{state}"
        )


def staying(name: str) -> StayingSessions:
    """The sessions of that name that this process opened.

    Raises:
        InjectionFailed: it opened none, or their process has ended.
    """
    if has_ended(name):
        raise InjectionFailed(f"the process of the sessions {name} has ended")
    return _open[name]


def has_ended(name: str) -> bool:
    """Whether this process has no sessions of that name, or no longer."""
    found = _open.get(name)
    return found is None or found.process.exited


async def read_count(opened: "asyncpg.Connection[Any]", name: str) -> int:
    """How many sessions of that name the server has."""
    found: int = await opened.fetchval(_COUNT, name)
    return found


def end_sessions(arguments: Mapping[str, Any]) -> UndoReport:
    """End the sessions of a name, and the process that keeps them: the player of the undo.

    Args:
        arguments: `database` (shown address) and `application_name`.
    """
    name = arguments["application_name"]
    # First, because its sessions may be all that the server has slots for.
    process_ended = _end_process(name)
    address = with_password(arguments["database"])
    ended = asyncio.run(_end_at_server(address, name))
    if not process_ended and not ended:
        return UndoReport(UndoResult.ALREADY_DONE, f"no sessions {name}")
    with_process = " with their process" if process_ended else ""
    at_server = f", {ended} at the server" if ended else ""
    return UndoReport(UndoResult.DONE, f"ended the sessions {name}{with_process}{at_server}")


def _end_process(name: str) -> bool:
    """End the process that keeps the sessions, ours or one that a run left; whether there was."""
    ours = _open.pop(name, None)
    if ours is not None:
        lived = not ours.process.exited
        ours.process.stop()
        return lived
    found = [process for process in psutil.process_iter() if _keeps(process, name)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(found, timeout=LIMIT_SECONDS / 2)
    if left:
        raise UndoFailed(f"process {left[0].pid}, which keeps the sessions {name}, does not end")
    return bool(found)


def _keeps(process: psutil.Process, name: str) -> bool:
    """Whether it is the program and bears the name, which carries the run's id."""
    try:
        return tuple(process.cmdline()[1:]) == (*PROGRAM, name)
    except psutil.Error:
        return False


async def _look(address: DatabaseAddress, name: str) -> tuple[int, bool]:
    async with connection(address, LIMIT_SECONDS) as opened:
        return await read_count(opened, name), await opened.fetchval(_MAY_END)


async def _end_at_server(address: DatabaseAddress, name: str) -> int:
    """End the sessions until the server has none; how many it was asked to end."""
    deadline = Deadline.after(LIMIT_SECONDS)
    while True:
        try:
            return await _end_until_none(address, name, deadline)
        except DatabaseUnavailable as error:
            # The slots that they held become free only after their process has ended.
            if error.sqlstate != TOO_MANY_CONNECTIONS or deadline.passed:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def _end_until_none(address: DatabaseAddress, name: str, deadline: Deadline) -> int:
    async with connection(address, LIMIT_SECONDS) as opened:
        ended: int = await opened.fetchval(_END, name)
        while left := await read_count(opened, name):
            if deadline.passed:
                raise UndoFailed(
                    f"{how_many(left, 'session')} called {name} did not end at {address.shown}"
                )
            await asyncio.sleep(POLL_SECONDS)
            await opened.fetchval(_END, name)
        return ended
