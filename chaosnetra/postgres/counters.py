"""What the server counts: sessions of each database since it began, and the tables in one.

The counters of `pg_stat_database` only grow, so the difference of two readings tells of sessions
that were shorter than any look at `pg_stat_activity`. A session is counted before it can run its
first query (PostgreSQL 15 and later flush at the first idle moment, earlier ones send at once).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import COUNT_TABLES, connection, sessions_opened

# `sessions` is there since PostgreSQL 14; what else is counted, autovacuum makes grow too.
_READ = (
    "SELECT json_object_agg(datname, to_json(s)->'sessions')::text FROM pg_stat_database s"
    " WHERE datname IS NOT NULL"
)


@dataclass(frozen=True)
class Counts:
    """One reading.

    Attributes:
        tables: in the database that was asked.
        sessions: by database, since the server began to count; None where it does not count.
        own: those that this process has opened, by database.
    """

    tables: int
    sessions: Mapping[str, int] | None
    own: Mapping[str, int]

    def foreign_since(self, earlier: "Counts") -> dict[str, int] | None:
        """Sessions by database that others than this process began after an earlier reading.

        None where they are not counted, or were reset in between.
        """
        if self.sessions is None or earlier.sessions is None:
            return None
        grown = {}
        for name, count in self.sessions.items():
            own = self.own.get(name, 0) - earlier.own.get(name, 0)
            grown[name] = count - earlier.sessions.get(name, 0) - own
        return None if any(count < 0 for count in grown.values()) else grown


async def read_counts(address: DatabaseAddress, timeout_seconds: float) -> Counts:
    """Read the counters; the session that asks is among them, and among our own.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, timeout_seconds) as opened:
        own = sessions_opened()
        counted = json.loads(await opened.fetchval(_READ) or "{}")
        tables = await opened.fetchval(COUNT_TABLES)
    known = counted and all(isinstance(count, int) for count in counted.values())
    return Counts(tables, counted if known else None, own)
