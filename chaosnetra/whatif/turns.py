"""Statements at which startups wait for each other, from launches without a fault. Pure.

A lock that startups take in turn, such as one around migrations, is answered to the first at once
and to each other one after those before it: the spread of the answers grows with their number,
which a model of startups that share only connector and database does not have.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.whatif.launches import Launch

FEWEST_STARTUPS = 3
# Of a statement that takes a lock, answers that differ more are no chance; of another one, whose
# answer may take longer on a busy machine, they have to differ by more.
SPREAD_OF_LOCK_SECONDS = 0.05
SPREAD_SECONDS = 0.25
# And the longest takes so many times as long as the shortest.
TIMES_THE_SHORTEST = 4
_TAKES_LOCK = re.compile(r"advisory\w*_lock|\block\s+table\b|\bfor\s+update\b", re.IGNORECASE)


@dataclass(frozen=True)
class Turns:
    """A statement at which startups take turns.

    Attributes:
        statement: masked and cut.
        startups: at once, in the launch in which it shows most.
        shortest_seconds: that one of them waited for its answers.
        longest_seconds: likewise.
    """

    statement: str
    startups: int
    shortest_seconds: float
    longest_seconds: float

    @property
    def each_seconds(self) -> float:
        """That each startup makes the next one wait, at least: some may have come later."""
        return (self.longest_seconds - self.shortest_seconds) / (self.startups - 1)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "each_seconds": self.each_seconds}

    def last_seconds(self, instances: int) -> float:
        """That the last of so many would wait for it, at least."""
        return self.shortest_seconds + (instances - 1) * self.each_seconds


def turns_of(launches: Iterable[Launch]) -> Turns | None:
    """The statement at which startups wait longest for each other; None: at none.

    Args:
        launches: only those without a fault are looked at.
    """
    found = (one for launch in launches if launch.is_plain for one in _in(launch))
    return max(found, key=lambda one: (one.each_seconds, one.statement), default=None)


def _in(launch: Launch) -> Iterator[Turns]:
    waited: dict[str, list[float]] = {}
    seen = [one.seen for one in launch.startups if one.seen is not None and one.seen.statements]
    for statement in (each for one in seen for each in one.statements):
        waited.setdefault(statement.text, []).append(statement.waited_seconds)
    for text, seconds in waited.items():
        if len(seconds) == len(seen) and _is_in_turn(text, seconds):
            yield Turns(text, len(seconds), min(seconds), max(seconds))


def _is_in_turn(text: str, seconds: Sequence[float]) -> bool:
    """Whether waits show that startups waited for each other.

    At a statement that takes a lock, who came when it was free does not wait, and others do. At
    another one they have to be spread evenly: one alone may have met a server that was busy.
    """
    if len(seconds) < FEWEST_STARTUPS:
        return False
    shortest, *others = sorted(seconds)
    longest = others[-1]
    takes_lock = _TAKES_LOCK.search(text) is not None
    least = SPREAD_OF_LOCK_SECONDS if takes_lock else SPREAD_SECONDS
    if longest - shortest < least or longest < TIMES_THE_SHORTEST * shortest:
        return False
    if takes_lock:
        return True
    step = (longest - shortest) / len(others)
    return all(
        abs(at - (shortest + number * step)) <= step for number, at in enumerate(others, start=1)
    )
