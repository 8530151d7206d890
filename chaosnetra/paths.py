"""What can be measured of the path to a database: the view that faults have of it.

Faults in one area (Toxiproxy) prove their effect by measuring another (PostgreSQL); this
protocol is all that they know of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class FirstAnswer(StrEnum):
    """How the far end of a new connection answered its first bytes."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    SILENT = "silent"


@dataclass(frozen=True)
class FirstAnswerTiming:
    """The answer, and seconds from the first byte sent until it came (or the limit passed)."""

    answer: FirstAnswer
    seconds: float


def added_by_rank(direct: Sequence[float], proxied: Sequence[float]) -> list[float]:
    """What each takes more than the direct one of its rank, shortest first.

    A quartile of them is the difference of the quartiles: what else the machine does, which makes
    some longer, is not in the first one.
    """
    return [far - near for near, far in zip(sorted(direct), sorted(proxied), strict=True)]


class DatabasePath(Protocol):
    """Measures the path that the system under experiment uses, and the direct one beside it.

    Each call has a limit of its own, given or inherent, and raises `DatabaseUnavailable` when
    the path cannot carry it.
    """

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        """Seconds that round trips of a query take more than directly: see `added_by_rank`."""

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        """Open new connections at once and time the server's first answer on each.

        With `direct` they go beside the proxy, for comparison.
        """

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        """Time that a payload takes `downstream` or `upstream`, round trip included.

        With `direct` it goes beside the proxy, for comparison.
        """

    def close_seconds(self, direction: str, timeout_seconds: float) -> float:
        """Time from one side's close until the other side sees it.

        `downstream`: the server closes and the client sees it; `upstream`: the other way.
        """
