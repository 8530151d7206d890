"""Where the report of a task goes, and how it gets there: a row, by a connection of its own."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import InvalidInput, changed_by
from chaosnetra.startup.report_table import insert_statement

REPORT_DATABASE = "CHAOSNETRA_REPORT_DATABASE_URL"
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
ONE_REPORT_SECONDS = 5.0
# So many tasks begin to report in a second: thousands at once would be a storm of their own. With
# the limit of one there are never more than a hundred connections for it.
REPORTS_PER_SECOND = 20


@dataclass(frozen=True)
class ReportRow:
    """The report of one task.

    Attributes:
        schema: of the run's own, where the row goes.
        execution: id of the execution that the task belongs to.
        index: which of its tasks.
        attempt: 0 for the first.
        text: what it reports, as JSON.
    """

    schema: str
    execution: str
    index: int
    attempt: int
    text: str


async def write_report(
    database: DatabaseAddress,
    row: ReportRow,
    count: int,
    seconds: float,
    interrupted: Callable[[], bool],
) -> str | None:
    """Write a report into the database; tried again until its time is up.

    Args:
        database: where it goes.
        row: the report.
        count: of the tasks that report at the same time.
        seconds: how long it is tried.
        interrupted: whether it is to be given up after one more try.

    Returns:
        Why it is not there; None when it is.
    """
    import asyncpg

    deadline = Deadline.after(seconds)
    # All of an execution report at once, and those that must try again do that at once too:
    # each round takes as long as the first, so that never more of them begin in a second.
    round_seconds = count / REPORTS_PER_SECOND
    pause = max(SHORTEST_PAUSE_SECONDS, round_seconds)
    wait = row.index / REPORTS_PER_SECOND
    while True:
        is_last = wait >= deadline.remaining_seconds
        await asyncio.sleep(
            deadline.remaining_seconds * random.uniform(0.5, 1) if is_last else wait
        )
        try:
            await _insert(database, row)
            return None
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            refused = isinstance(error, asyncpg.PostgresError) and not _may_pass(error.sqlstate)
            if refused or is_last or interrupted():
                return f"{type(error).__name__}: {error}"
        wait = pause * random.uniform(0.5, 1.5)
        pause = min(2 * pause, max(LONGEST_PAUSE_SECONDS, round_seconds))


async def _insert(database: DatabaseAddress, row: ReportRow) -> None:
    """By a connection of its own, which ends with it."""
    import asyncpg

    async with asyncio.timeout(ONE_REPORT_SECONDS):
        connection = await asyncpg.connect(
            database.driver_url,
            # None, which the stubs do not know, is no limit.
            timeout=database.connect_timeout_seconds,  # type: ignore[arg-type]
            server_settings={"application_name": "chaosnetra-report"},
        )
        try:
            await connection.execute(
                insert_statement(row.schema),
                row.execution,
                row.index,
                row.attempt,
                row.text,
                time.time(),
            )
        finally:
            connection.terminate()


def _may_pass(sqlstate: str | None) -> bool:
    """Whether an error of the server is gone after a while: no slot, a restart, a lock."""
    return sqlstate is None or sqlstate[:2] in ("08", "40", "53", "55", "57", "58", "XX")


def own_database(environ: Mapping[str, str]) -> DatabaseAddress | None:
    """The database that a variable of our own names; None: it is not set.

    Raises:
        InvalidInput: it names none.
    """
    url = environ.get(REPORT_DATABASE)
    if not url:
        return None
    with changed_by(f"{REPORT_DATABASE} in the job's container"):
        return DatabaseAddress.parse(url)


def database_of_service(environ: Mapping[str, str]) -> DatabaseAddress:
    """The database that `DATABASE_URL` names.

    Raises:
        InvalidInput: it is not set, or names none.
    """
    hint = f"DATABASE_URL or {REPORT_DATABASE} in the job's container"
    url = environ.get("DATABASE_URL", "")
    if not url:
        raise InvalidInput("no database is named to report to", hint)
    with changed_by(hint):
        return DatabaseAddress.parse(url)
