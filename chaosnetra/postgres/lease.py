"""A lease on a database: two runs do not meet on it.

It is an advisory lock of a session that stays: it ends with the run that holds it, however that
ends, and by itself at the run's deadline. It changes nothing in the database.

A search holds it for all of its trials. Each of them shares it, and so keeps others away until it
has undone what it injected, also when the search is gone by then.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InjectionFailed, NotAllowed
from chaosnetra.faults import Undo
from chaosnetra.postgres.connect import connection
from chaosnetra.postgres.sessions import (
    LIMIT_SECONDS,
    open_sessions,
    plain_name,
    prepare_undo,
)

# Any number that nobody else uses: advisory locks have no names.
KEY = 0x6368_616F_736E_6574
_HELD = "the lease of chaosnetra is held"
_ENDED = "the lease of the search has ended"
_TAKE = f"""DO $$ BEGIN
  IF NOT pg_try_advisory_lock({KEY}) THEN RAISE EXCEPTION '{_HELD}'; END IF;
END $$"""
# At no moment is it held less than before.
_LET_TRIALS_SHARE = (
    f"SELECT pg_advisory_lock_shared({KEY})",
    f"SELECT pg_advisory_unlock({KEY})",
)
# A bigint is two words in pg_locks.
_HOLDER = f"""SELECT a.application_name, a.client_addr::text, a.backend_start
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = {KEY >> 32} AND l.objid = {KEY & 0xFFFF_FFFF}"""  # noqa: S608 - numbers of ours
# Once it is shared, the search's must still be there: then it was held all the time.
_SHARE = f"""DO $$ BEGIN
  IF NOT pg_try_advisory_lock_shared({KEY}) THEN RAISE EXCEPTION '{_HELD}'; END IF;
  IF NOT EXISTS ({_HOLDER} AND a.application_name = '%s') THEN RAISE EXCEPTION '{_ENDED}'; END IF;
END $$"""


@dataclass(frozen=True)
class LeaseTaken:
    """The lease of one run.

    Attributes:
        address: the database that it acts on.
        application_name: what the holding session is called; carries the run's id.
        seconds: when it ends by itself.
        of_search: whether trials of a search may share it.
        within: the `application_name` of the search's that it shares; empty: it shares none.
    """

    address: DatabaseAddress
    application_name: str
    seconds: float
    of_search: bool = False
    within: str = ""

    @property
    def name(self) -> str:
        return f"lease {self.application_name}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"kind": "lease", "database": self.address.shown, "seconds": self.seconds}

    def prepare(self) -> Undo:
        """Raises `NotAllowed` when another run holds it: says which."""
        if not self.within:
            self._refuse_if_held()
        return prepare_undo(self.address, self.application_name)

    def inject(self) -> None:
        milliseconds = max(1, round(1000 * self.seconds))
        taken = [_SHARE % plain_name(self.within)] if self.within else [_TAKE]
        if self.of_search:
            taken += _LET_TRIALS_SHARE
        try:
            open_sessions(
                self.address,
                self.application_name,
                1,
                setup=[*taken, f"SET idle_session_timeout = {milliseconds}"],
            )
        except InjectionFailed as error:
            if _HELD in str(error):
                self._refuse_if_held()  # somebody was quicker
            if _ENDED in str(error):
                raise NotAllowed(
                    f"the lease of this search ({self.within}) was ended, so another run may act "
                    "by now; nothing more is begun: search again"
                ) from None
            raise

    def measure(self) -> None:
        return None

    def _refuse_if_held(self) -> None:
        holder = asyncio.run(_holder(self.address))
        if holder is not None:
            name, client, since = holder
            # Of another role's session only one with pg_read_all_stats sees more than the name.
            where = (
                f"from {client or 'this machine'} since {since:%Y-%m-%d %H:%M:%S %Z}"
                if since is not None
                else "of another role"
            )
            raise NotAllowed(
                f"another run holds the lease on {self.address.shown}: {name or 'unknown'} "
                f"{where}; wait until it ends, or end its session"
            )


async def _holder(address: DatabaseAddress) -> tuple[Any, Any, Any] | None:
    async with connection(address, LIMIT_SECONDS) as opened:
        row = await opened.fetchrow(_HOLDER)
    return None if row is None else (row[0], row[1], row[2])
