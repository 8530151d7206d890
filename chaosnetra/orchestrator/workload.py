"""What the reference orchestrator asks of its database, as data.

`workload.json` holds the tables, how many of them each step looks at, and the round trips that
come of it, as they are seen on the wire. They are those of the platform that the experiments were
made for: 24 in the first table check, 15 in the second, 77 in the schema validation, 22 at the end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Workload:
    """Tables (name to columns, column to type), and counts by step."""

    tables: Mapping[str, Mapping[str, str]]
    round_trips: Mapping[str, int]
    checked_tables: Mapping[str, int]

    def tables_of(self, step: str) -> list[str]:
        """Names of the tables that a step looks at."""
        return list(self.tables)[: self.checked_tables[step]]


@cache
def load_workload() -> Workload:
    """The shipped workload."""
    text = (resources.files(__package__) / "workload.json").read_text(encoding="utf-8")
    return Workload(**json.loads(text))


def schema_statements(schema: str) -> list[str]:
    """SQL that makes the orchestrator's tables in the PostgreSQL schema of that name.

    The schema's name must be a plain identifier; the caller makes it.
    """
    statements = [f"CREATE SCHEMA {schema}"]
    for table, columns in load_workload().tables.items():
        definitions = ", ".join(
            f"{column} {kind}{' PRIMARY KEY' if column == 'id' else ''}"
            for column, kind in columns.items()
        )
        statements.append(f"CREATE TABLE {schema}.{table} ({definitions})")
        statements.append(f"CREATE INDEX {table}_created ON {schema}.{table} (created_at)")
    return statements
