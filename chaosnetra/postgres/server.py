"""What a server says of itself: which start of which server it is, and what it counts."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.postgres.connect import COUNT_TABLES, connection

LIMIT_SECONDS = 5.0
# Every role sees the numbers of all processes; those of no database live as long as the server.
_IDENTITY = (
    "SELECT pg_postmaster_start_time()::text AS started,"
    " ARRAY(SELECT pid FROM pg_stat_activity WHERE datid IS NULL) AS servants"
)
# There since PostgreSQL 14.
_READ = (
    "SELECT json_object_agg(datname, to_json(s)->'sessions_killed')::text"
    " FROM pg_stat_database s WHERE datname IS NOT NULL"
)


@dataclass(frozen=True)
class ServerIdentity:
    """Which start of which server it is.

    Attributes:
        started: when the server started, by its own clock.
        servants: numbers of its own processes. All of them change when the server ends all
            sessions and recovers because one process crashed, and `started` does not.
    """

    started: str
    servants: frozenset[int]

    def differs(self, now: "ServerIdentity") -> str | None:
        """How the server of `now` differs from this one; None: it is the same."""
        if self.started != now.started:
            return f"it was restarted: the server that answers runs since {now.started}"
        if self.servants and now.servants and not self.servants & now.servants:
            return "one of its processes crashed, and it ended every session"
        return None


async def identify(address: DatabaseAddress) -> ServerIdentity:
    """Ask a server who it is.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, LIMIT_SECONDS) as opened:
        row = await opened.fetchrow(_IDENTITY)
        if row is None:
            raise DatabaseUnavailable(f"{address.shown} does not say when it was started")
        return ServerIdentity(row["started"], frozenset(row["servants"]))


@dataclass(frozen=True)
class Counts:
    """One reading.

    Attributes:
        tables: in the database that was asked.
        killed: sessions that an administrator's command ended, by database, since the server began
            to count; None where it does not count.
    """

    tables: int
    killed: Mapping[str, int] | None

    def killed_since(self, earlier: "Counts", names: Collection[str]) -> int | None:
        """Sessions of these databases that a command ended after an earlier reading.

        None where they are not counted, or were reset in between.
        """
        if self.killed is None or earlier.killed is None:
            return None
        grown = [self.killed.get(name, 0) - earlier.killed.get(name, 0) for name in names]
        return None if any(count < 0 for count in grown) else sum(grown)


async def read_counts(address: DatabaseAddress, timeout_seconds: float) -> Counts:
    """Read the counters.

    Raises:
        DatabaseUnavailable: it cannot be asked.
    """
    async with connection(address, timeout_seconds) as opened:
        killed = json.loads(await opened.fetchval(_READ) or "{}")
        tables = await opened.fetchval(COUNT_TABLES)
    return Counts(tables, _known(killed))


def _known(counted: Mapping[str, int | None]) -> dict[str, int] | None:
    """The counters, where the server has them."""
    known = {name: count for name, count in counted.items() if count is not None}
    return known if known and len(known) == len(counted) else None
