"""What faults that are sessions of the run have in common: name, undo, and whether they stay."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.faults import Undo
from chaosnetra.postgres.sessions import has_ended, prepare_undo

if TYPE_CHECKING:
    import asyncpg


class SessionFault:
    """Sessions that stay until their undo; a dataclass of each kind adds what they do.

    Only the end of all sessions shows at once; how many there are, a measurement tells.

    Attributes:
        kind: what it is, for the journal.
        noun: what its name begins with.
        address: the database itself: where sessions are counted and ended.
        application_name: what the sessions are called; carries the run's id.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    within: ClassVar[tuple[str, ...]] = ()
    place: ClassVar[str] = ""  # measured beside the path
    address: DatabaseAddress
    application_name: str

    @classmethod
    def name_of(cls, application_name: str) -> str:
        """The fault's name for the sessions of that name."""
        return f"{cls.noun} {application_name}"

    @property
    def name(self) -> str:
        return self.name_of(self.application_name)

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "database": self.address.shown,
            "application_name": self.application_name,
        }

    def prepare(self) -> Undo:
        return prepare_undo(self.address, self.application_name)

    @property
    def subject(self) -> str:
        return f"sessions {self.application_name}"

    def inspect(self) -> str | None:
        if has_ended(self.application_name):
            return f"the sessions {self.application_name} were ended, and so has their process"
        return None


async def query_seconds(opened: "asyncpg.Connection[Any]", query: str) -> float:
    """How long a query takes."""
    started = time.perf_counter()
    await opened.execute(query)
    return time.perf_counter() - started
