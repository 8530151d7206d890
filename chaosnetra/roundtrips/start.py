"""One start that was observed, and which latencies the next ones are checked under. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.wire.observation import Observation

# Above what a laptop adds by chance, and below what makes most services give up.
USUAL_MS = 150
MOST_MS = 500
# What the higher latency may add to a start, so that all starts are done within a minute.
ADDED_SECONDS = 12.0
# A latency that adds a smaller share of a start is lost in what its own time differs by.
LEAST_SHARE = 0.3
BETWEEN = 3  # times as high as the lower one is the higher one


@dataclass(frozen=True)
class Start:
    """One start.

    Attributes:
        outcome: how it ended, with what was seen of it on the wire.
        added_seconds: to each round trip, as measured.
        tables: of the database, before and after; None: not known.
    """

    outcome: StartupOutcome
    added_seconds: float = 0.0
    tables: tuple[int | None, int | None] = (None, None)

    @property
    def is_ready(self) -> bool:
        return self.outcome.status is Status.READY

    @property
    def seen(self) -> Observation:
        """What was seen of it."""
        assert self.outcome.wire is not None  # noqa: S101 - it is always observed
        return self.outcome.wire

    @property
    def busy_seconds(self) -> float:
        """Its own time, without that in which it waited for a core of the machine."""
        use = self.outcome.processors
        delayed = use.delayed_seconds if use is not None else 0.0
        return max(0.0, self.seen.own_seconds - delayed)

    @property
    def why_not_ready(self) -> str:
        """Why it was not ready, by what it printed and how it stood."""
        error = self.outcome.error
        said = error.told if error is not None else "it says nothing"
        return f"{said}; {self.seen.standing.text}"


@dataclass(frozen=True)
class DatabaseState:
    """The state of the database that starts met.

    Attributes:
        mode: setting `database_state`.
        prepared: whether one start had made the tables of an empty database.
        own: whether the target's tables are made for it: it is the reference orchestrator.
        tables: before the start that the figures are of, and after; None: not known.
    """

    mode: str
    prepared: bool
    own: bool
    tables: tuple[int | None, int | None]

    @property
    def text(self) -> str:
        """For people."""
        before, after = self.tables
        if self.own:
            return "on the reference orchestrator's own tables"
        found = "as it is" if before is None else f"with {_tables(before)}"
        if self.mode == "fresh":
            if before == 0:
                return "each start on an empty database of its own: a first start"
            return f"each start on a copy of the database {found}"
        if self.prepared:
            return f"on a database that one start had prepared, {found}"
        if before is not None and after is not None and after != before:
            return f"on one database for all starts, {found} before and {_tables(after)} after"
        return f"on one database for all starts, {found}"

    def to_json(self) -> dict[str, Any]:
        before, after = self.tables
        return {
            "mode": self.mode,
            "prepared": self.prepared,
            "tables_before": before,
            "tables_after": after,
            "text": self.text,
        }

    @classmethod
    def of(cls, details: Mapping[str, Any], *, own: bool) -> "DatabaseState":
        """From what a launch says of it."""
        tables = details["tables_before"], details["tables_after"]
        return cls(details["mode"], details["prepared"], own, tables)


def latencies_ms(plain: Observation) -> tuple[int, int]:
    """Two latencies that a start is checked under, in milliseconds, the lower one first.

    Args:
        plain: a start without latency.
    """
    trips = max(1, plain.serial_round_trips)
    told_apart = 1000 * LEAST_SHARE * plain.seconds / trips
    high = min(max(USUAL_MS, told_apart), MOST_MS, 1000 * ADDED_SECONDS / trips)
    high = max(2, round(high))
    return max(1, round(high / BETWEEN)), high


def next_ms(given: Sequence[int], start: Start) -> int | None:
    """The second latency: lower than the first where the service was not ready under that.

    Args:
        given: both as they were chosen.
        start: under the first.

    Returns:
        None where there is none lower.
    """
    if start.is_ready:
        return given[1]
    lower = given[0] // (BETWEEN + 1)
    return lower if lower >= 1 else None


def _tables(count: int) -> str:
    return f"{count} table{'' if count == 1 else 's'}"
