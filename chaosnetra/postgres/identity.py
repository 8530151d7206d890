"""Tells a server from one that was restarted since."""

from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.postgres.connect import connection

LIMIT_SECONDS = 5.0
# Every role sees the numbers of all processes; those of no database live as long as the server.
_IDENTITY = (
    "SELECT pg_postmaster_start_time()::text AS started,"
    " ARRAY(SELECT pid FROM pg_stat_activity WHERE datid IS NULL) AS servants"
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
