"""Lock pressure: maintenance that holds PostgreSQL's catalog, as under a schema migration."""

import asyncio
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Effect, Undo
from chaosnetra.postgres.connect import connection
from chaosnetra.postgres.session_faults import SessionFault, query_seconds
from chaosnetra.postgres.sessions import LIMIT_SECONDS, open_sessions, read_count
from chaosnetra.settings import setting_hint

# With three the next one already waits in the lock's queue whenever one ends: whoever reads the
# catalog then waits for two of them, or all three if it is slow to ask again (PostgreSQL grants
# locks first come, first served).
SESSIONS = 3
HOLDS_WAITED_FOR = 2
SAMPLES = 5
SHARE = 0.5
# What every check of the tables, and every new connection, reads.
CATALOG = "pg_catalog.pg_class"
READS_CATALOG = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'no such schema'"


@dataclass(frozen=True)
class CatalogLocked(SessionFault):
    """Transactions that compute while they hold the catalog, one after the other.

    Whatever reads the catalog (a new connection, a check of tables) waits for two or three of
    them, so each such statement takes so many times `hold_seconds` longer, on any machine.

    Attributes:
        address: the database by a role that may lock the catalog (a superuser).
        hold_seconds: how long each transaction holds it, in real seconds.
    """

    kind: ClassVar[str] = "catalog locked"
    noun: ClassVar[str] = "locks"
    address: DatabaseAddress
    application_name: str
    hold_seconds: float

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {**super().parameters, "sessions": SESSIONS, "hold_seconds": self.hold_seconds}

    def prepare(self) -> Undo:
        if not asyncio.run(self._may_lock()):
            raise InjectionFailed(
                f"the role {self.address.user} may not lock {CATALOG}, only a superuser may; "
                f"set {setting_hint('database_url')} to one's"
            )
        return super().prepare()

    def inject(self) -> None:
        open_sessions(self.address, self.application_name, SESSIONS, work=work(self.hold_seconds))

    def measure(self) -> Effect:
        """Time what reads the catalog, and what does not, under it."""
        expected = HOLDS_WAITED_FOR * self.hold_seconds
        observed, there = asyncio.run(self._added_seconds())
        return Effect(
            "added_catalog_read_ms",
            round(1000 * expected, 2),
            round(1000 * observed, 2),
            in_effect=observed >= SHARE * expected and there == SESSIONS,
            added_round_trip_seconds=max(0.0, observed),
            detail=f"median of {SAMPLES} reads of the catalog, less queries that read none; "
            f"{there} of {SESSIONS} sessions lock it in turn",
        )

    async def _may_lock(self) -> bool:
        async with connection(self.address, LIMIT_SECONDS) as opened:
            allowed: bool = await opened.fetchval(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            )
            return allowed

    async def _added_seconds(self) -> tuple[float, int]:
        """What a read of the catalog takes longer, and how many sessions lock it."""
        limit = LIMIT_SECONDS + 10 * HOLDS_WAITED_FOR * self.hold_seconds
        async with connection(self.address, limit) as opened:
            reads = [await query_seconds(opened, READS_CATALOG) for _ in range(SAMPLES)]
            others = [await query_seconds(opened, "SELECT 1") for _ in range(SAMPLES)]
            there = await read_count(opened, self.application_name)
            return statistics.median(reads) - statistics.median(others), there


def work(hold_seconds: float) -> str:
    """SQL of one transaction: lock the catalog, and compute until the time is over."""
    return (
        "DO $$ DECLARE ends timestamptz; n bigint; BEGIN"  # noqa: S608 - a constant and a number
        f" LOCK TABLE {CATALOG} IN ACCESS EXCLUSIVE MODE;"
        f" ends := clock_timestamp() + make_interval(secs => {hold_seconds:.6f});"
        " WHILE clock_timestamp() < ends LOOP"
        " SELECT count(md5(i::text)) INTO n FROM generate_series(1, 200) i;"
        " END LOOP; END $$"
    )
