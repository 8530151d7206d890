"""What the server counts: sessions of each database since it began, those of them that an
administrator's command ended, and the tables in one.

The counters of `pg_stat_database` only grow, so the difference of two readings tells of sessions
that were shorter than any look at `pg_stat_activity`. A session is counted before it can run its
first query (PostgreSQL 15 and later flush at the first idle moment, earlier ones send at once).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import COUNT_TABLES, connection, sessions_opened

# Both are there since PostgreSQL 14; what else is counted, autovacuum makes grow too.
_READ = (
    "SELECT json_build_object("
    "'sessions', json_object_agg(datname, to_json(s)->'sessions'),"
    "'killed', json_object_agg(datname, to_json(s)->'sessions_killed'))::text"
    " FROM pg_stat_database s WHERE datname IS NOT NULL"
)


@dataclass(frozen=True)
class Counts:
    """One reading.

    Attributes:
        tables: in the database that was asked.
        sessions: by database, since the server began to count; None where it does not count.
        own: those that this process has opened, by database.
        killed: those that an administrator's command ended, by database; None likewise.
    """

    tables: int
    sessions: Mapping[str, int] | None
    own: Mapping[str, int]
    killed: Mapping[str, int] | None = None

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

    def killed_since(self, earlier: "Counts", names: Collection[str]) -> int | None:
        """Sessions of these databases that a command ended after an earlier reading.

        None where they are not counted, or were reset in between.
        """
        if self.killed is None or earlier.killed is None:
            return None
        grown = [self.killed.get(name, 0) - earlier.killed.get(name, 0) for name in names]
        return None if any(count < 0 for count in grown) else sum(grown)


async def read_counts(address: DatabaseAddress, timeout_seconds: float) -> Counts:
    """Read the counters; the session that asks is among them, and among our own.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, timeout_seconds) as opened:
        own = sessions_opened()
        counted = json.loads(await opened.fetchval(_READ) or "{}")
        tables = await opened.fetchval(COUNT_TABLES)
    return Counts(tables, _known(counted.get("sessions")), own, _known(counted.get("killed")))


def _known(counted: Mapping[str, int | None] | None) -> dict[str, int] | None:
    """The counters, where the server has them."""
    known = {name: count for name, count in (counted or {}).items() if count is not None}
    return known if known and len(known) == len(counted or {}) else None
