"""The table that tasks report into, in a schema of the run's own: SQL. Pure."""

import re

from chaosnetra.errors import InvalidInput

TABLE = "startup_reports"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def report_statements(schema: str) -> list[str]:
    """SQL that makes a schema for reports.

    Tasks may run as another role than the one that makes it: everybody may add a report, and
    only its owner read them.
    """
    table = f'"{plain_schema(schema)}".{TABLE}'
    columns = (
        "execution text NOT NULL, task_index integer NOT NULL, attempt integer NOT NULL, "
        "report text NOT NULL, sent_at double precision NOT NULL, "
        "received_at timestamptz NOT NULL DEFAULT clock_timestamp(), "
        "PRIMARY KEY (execution, task_index, attempt)"
    )
    return [
        f'CREATE SCHEMA "{schema}"',
        f"CREATE TABLE {table} ({columns})",
        f'GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC',
        f"GRANT INSERT ON {table} TO PUBLIC",
    ]


def insert_statement(schema: str) -> str:
    """Takes execution, index, attempt, the report as JSON, and what the task's clock shows.

    Writing it again is no error. `ON CONFLICT` without a target asks for no right to read.
    """
    return (
        f'INSERT INTO "{plain_schema(schema)}".{TABLE} '  # noqa: S608 - a plain identifier
        "(execution, task_index, attempt, report, sent_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT DO NOTHING"
    )


def select_statement(schema: str) -> str:
    """Takes the execution, and how many bytes a report may have; answers each task's last attempt.

    Rows of `task_index`, `report`, which is null where it has more, and `behind_seconds`: by how
    much the task's clock was behind the database's.
    """
    return (
        "SELECT DISTINCT ON (task_index) task_index, "  # noqa: S608 - a plain identifier
        "CASE WHEN octet_length(report) <= $2 THEN report END AS report, "
        "extract(epoch FROM received_at)::float8 - sent_at AS behind_seconds "
        f'FROM "{plain_schema(schema)}".{TABLE} '
        "WHERE execution = $1 ORDER BY task_index, attempt DESC"
    )


def plain_schema(schema: str) -> str:
    """A name that stands for itself in SQL.

    Raises:
        InvalidInput: it does not.
    """
    if not _IDENTIFIER.fullmatch(schema):
        raise InvalidInput(f"the schema of reports must be a plain identifier, got {schema!r}")
    return schema
