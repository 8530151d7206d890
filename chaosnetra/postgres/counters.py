"""What the server counts: sessions of each database that an administrator's command ended since it
began, and the tables in one.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import COUNT_TABLES, connection

# There since PostgreSQL 14.
_READ = (
    "SELECT json_object_agg(datname, to_json(s)->'sessions_killed')::text"
    " FROM pg_stat_database s WHERE datname IS NOT NULL"
)


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
