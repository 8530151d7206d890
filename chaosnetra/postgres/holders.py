"""Held connections: slots of the server, or of what stands before it, used up by idle sessions."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import DatabaseUnavailable, InjectionFailed
from chaosnetra.faults import Effect, Undo
from chaosnetra.hints import argument
from chaosnetra.postgres.connect import Slots, connection, read_slots
from chaosnetra.postgres.session_faults import SessionFault
from chaosnetra.postgres.sessions import LIMIT_SECONDS, open_sessions, read_count, staying
from chaosnetra.postgres.staying import TOO_MANY_CONNECTIONS
from chaosnetra.quantities import choice, number, whole_number
from chaosnetra.settings import setting_hint
from chaosnetra.text import how_many

MOST_CONNECTIONS = 5000
# Sessions that others have just closed still count for some milliseconds.
SETTLE_SECONDS = 2.0
SETTLE_POLL_SECONDS = 0.05
SETTLE_READS = 3


class By(StrEnum):
    """What an amount of connections means."""

    COUNT = "count"
    LEAVE_FREE = "leave_free"
    SHARE = "share"


@dataclass(frozen=True)
class Amount:
    """How many connections to hold.

    Attributes:
        by: `count`: so many. `leave_free`: all free slots but so many. `share`: that share of
            the free slots, rounded down.
        value: the number, or the share.
    """

    by: By
    value: float

    @classmethod
    def parse(cls, by: Any, value: Any) -> "Amount":
        """Check what an experiment gave.

        Args:
            by: a value of `By`.
            value: 1 to 5,000 for `count`, 0 to 5,000 for `leave_free`, above 0 to 1 for `share`.

        Raises:
            InvalidInput: it cannot be used.
        """
        kind = By(argument(choice, "by", by, allowed=[*By]))
        if kind is By.SHARE:
            return cls(kind, argument(number, "amount", value, above=0, maximum=1))
        least = 1 if kind is By.COUNT else 0
        most = MOST_CONNECTIONS
        return cls(kind, argument(whole_number, "amount", value, minimum=least, maximum=most))

    def of(self, found: Slots) -> int:
        """How many connections that is.

        Raises:
            InjectionFailed: the server has not so many free slots.
        """
        wanted = {
            By.COUNT: self.value,
            By.LEAVE_FREE: found.free - self.value,
            By.SHARE: math.floor(found.free * self.value),
        }[self.by]
        if wanted < 1 or wanted > found.free:
            raise InjectionFailed(
                f"the server has only {found.free} of {found.max_connections} connection slots "
                f"free ({found.reserved} reserved, {found.sessions} sessions), so connections "
                f"cannot be held by {self.by} {self.value:g}; set {setting_hint('amount')}"
            )
        return int(wanted)


@dataclass(frozen=True)
class ConnectionsHeld(SessionFault):
    """Connections that are opened and held idle.

    Attributes:
        through: the same database by the path that the connections take.
        amount: how many.
        instances: of the orchestrator whose pools they stand for, if they stand for some.
        allowed: takes how many are wanted and how many slots are free; answers how many may be
            held, or refuses.
    """

    kind: ClassVar[str] = "connections held"
    noun: ClassVar[str] = "connections"
    address: DatabaseAddress
    application_name: str
    through: DatabaseAddress
    amount: Amount
    instances: int | None = None
    allowed: Callable[[int, int], int] = lambda wanted, free: wanted

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            **super().parameters,
            "through": self.through.network_address,
            "by": self.amount.by.value,
            "amount": self.amount.value,
            "instances": self.instances,
        }

    def prepare(self) -> Undo:
        undo = super().prepare()
        self._wanted(self._read()[0])  # refused now, and not when the undo is written down
        return undo

    def inject(self) -> None:
        before, _ = self._read()
        open_sessions(
            self.through,
            self.application_name,
            self._wanted(before),
            facts={"free_before": before.free},
        )

    def measure(self) -> Effect:
        held = staying(self.application_name)
        before = held.facts["free_before"]
        try:
            after, there = self._read()
            free, full = after.free, ""
        except DatabaseUnavailable as error:
            if error.sqlstate != TOO_MANY_CONNECTIONS:
                raise
            # No slot is left to ask by; that all were opened their process has reported.
            free, there = 0, held.count
            full = f"; one more is refused with SQLSTATE {error.sqlstate}"
        expected = before - held.count
        # Others may come and go; only for `leave_free` does it matter how many are left.
        enough = self.amount.by is not By.LEAVE_FREE or free <= expected
        return Effect(
            "free_slots",
            expected,
            free,
            in_effect=there == held.count and enough,
            detail=f"{there} of {how_many(held.count, 'connection')} held; {before} slots were free"
            f"{full}",
        )

    def _wanted(self, found: Slots) -> int:
        return self.allowed(self.amount.of(found), found.free)

    def _read(self) -> tuple[Slots, int]:
        return asyncio.run(_settled(self.address, self.application_name))


async def _settled(address: DatabaseAddress, name: str) -> tuple[Slots, int]:
    """The slots and the sessions of a name, once they no longer change between two readings.

    Where they never settle, as on a busy server, the last reading counts.
    """
    deadline = Deadline.after(SETTLE_SECONDS)
    same = 0
    last: tuple[Slots, int] | None = None
    async with connection(address, LIMIT_SECONDS) as opened:
        while True:
            now = await read_slots(opened), await read_count(opened, name)
            same = same + 1 if now == last else 1
            if same == SETTLE_READS or deadline.passed:
                return now
            last = now
            await asyncio.sleep(SETTLE_POLL_SECONDS)
