"""The reports of the tasks of one execution, read from the database of the run."""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.running.observing import WHOLE, Shortened
from chaosnetra.startup.report_table import select_statement
from chaosnetra.startup.reports import MOST_REPORT_BYTES, TaskReport
from chaosnetra.startup.tasks import Barrier
from chaosnetra.text import are, how_many

if TYPE_CHECKING:
    import asyncpg

logger = logging.getLogger("chaostoolkit")

READ_SECONDS = 30.0
# Rows at a time: what is in memory before it is made short.
AT_ONCE = 20
MOST_TOLD = 5


async def read_reports(
    database: DatabaseAddress, schema: str, execution: str
) -> dict[int, TaskReport]:
    """By the index of their task; of many, most with brief observations, so that memory stays flat.

    What is no report of this version, or too large for one, is left out, and told.

    Args:
        database: of the run.
        schema: that takes the reports.
        execution: its id.

    Raises:
        DatabaseUnavailable: it cannot be read.
    """
    from chaosnetra.postgres.connect import connection

    found: dict[int, TaskReport] = {}
    left_out: list[str] = []
    shortened = Shortened()
    async with connection(database, READ_SECONDS) as opened, opened.transaction():
        own_behind = await _behind_seconds(opened)
        statement = select_statement(schema)
        async for row in opened.cursor(statement, execution, MOST_REPORT_BYTES, prefetch=AT_ONCE):
            try:
                report = _report(row, own_behind)
            except (InvalidInput, ValueError, RecursionError) as error:
                left_out.append(f"a report of {execution} is left out: {error}")
            else:
                found[report.index] = _short(report, shortened)
    for line in left_out[:MOST_TOLD]:
        logger.warning(line)
    if len(left_out) > MOST_TOLD:
        logger.warning(
            f"{how_many(len(left_out), 'report')} of {execution} {are(len(left_out))} left out"
        )
    return found


async def _behind_seconds(opened: "asyncpg.Connection[Any]") -> float:
    """By how much the clock of this machine is behind the database's."""
    before = time.time()
    shown: float = await opened.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return shown - (before + time.time()) / 2


def _report(row: Any, own_behind_seconds: float) -> TaskReport:
    """
    Raises:
        InvalidInput: it is no report; so do a ValueError and a RecursionError.
    """
    if row["report"] is None:
        raise InvalidInput(
            f"that of task {row['task_index']} has more than {MOST_REPORT_BYTES} bytes"
        )
    report = TaskReport.from_json(json.loads(row["report"]))
    if report.index != row["task_index"]:
        raise InvalidInput(f"that of task {row['task_index']} is of task {report.index}, it says")
    return replace(report, behind_seconds=row["behind_seconds"] - own_behind_seconds)


def _short(report: TaskReport, shortened: Shortened) -> TaskReport:
    """The report with what is needed of so many: of connections, what the exposure is judged by."""
    outcome = shortened.of(replace(report.outcome, number=report.index + 1))
    settled = outcome.settled
    if settled is not None and report.index >= WHOLE:
        outcome = replace(outcome, settled=replace(settled, waits=(), statements=(), repeated=()))
    return replace(report, outcome=outcome)


def tell_notes(reports: Iterable[TaskReport], barrier: Barrier) -> None:
    """Log what tasks had to say besides, and where their clocks are off."""
    if barrier.clocks_are_off:
        logger.warning(
            f"the clock of a task is off by {barrier.clocks_seconds:.1f} s: its startup began "
            "that much early or late; the launch's skew_seconds has it"
        )
    noted = Counter(note for report in reports for note in report.notes)
    for note, tasks in noted.most_common(MOST_TOLD):
        logger.warning(f"of {tasks} tasks: {note}" if tasks > 1 else f"of a task: {note}")
