"""Where a startup's round trips go: set-up of connections, statements, and phases. Pure."""

from dataclasses import dataclass
from typing import Any

from chaosnetra.roundtrips.start import Start
from chaosnetra.text import how_many, one_line
from chaosnetra.wire.observation import Observation

MOST_STATEMENTS = 5
MOST_PHASES = 6


@dataclass(frozen=True)
class Share:
    """Some of a startup's round trips.

    Attributes:
        name: what they are for.
        round_trips: how many.
    """

    name: str
    round_trips: int

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "round_trips": self.round_trips}


def by_statement(seen: Observation, most: int | None = MOST_STATEMENTS) -> list[Share]:
    """Set-up, then statements that cost most, then the rest: round trips of all connections.

    Args:
        seen: a startup.
        most: statements that are named; None: all that are known.
    """
    count = seen.connection_count
    shares = [
        Share(f"set-up of {count} connection{'' if count == 1 else 's'}", seen.setup_round_trips)
    ]
    costly = sorted(
        (one for one in seen.statements if one.round_trips), key=lambda one: -one.round_trips
    )
    named = costly if most is None or len(costly) <= most + 1 else costly[:most]
    shares += [Share(one_line(one.text), one.round_trips) for one in named]
    # Of a pipelined batch each statement has a round trip, though they are one for the connection.
    left = sum(one.round_trips for one in costly[len(named) :])
    rest = max(left, seen.round_trips - sum(one.round_trips for one in shares))
    if rest > 0:
        others = seen.statement_count - len(named)
        unread = (
            f"{how_many(seen.unread, 'connection')} that could not be read" if seen.unread else ""
        )
        what = unread or (how_many(others, "other statement") if others > 0 else "others")
        shares.append(Share(what, rest))
    return shares


def by_phase(start: Start) -> list[Share]:
    """Phases that have any, and what is outside of phases; empty: the service tells none.

    Args:
        start: best one under a latency: without, a round trip is over before the line of its phase
            is read.
    """
    seen = start.seen
    shares = [Share(phase, trips) for phase, trips in seen.phase_round_trips.items() if trips]
    if len(shares) > MOST_PHASES:
        least = sorted(shares, key=lambda one: one.round_trips)
        rest = least[: len(shares) - MOST_PHASES + 1]
        shares = [one for one in shares if one not in rest]
        count = sum(one.round_trips for one in rest)
        shares.append(Share(how_many(len(rest), "other phase"), count))
    outside = seen.serial_round_trips - sum(one.round_trips for one in shares)
    return [*shares, Share("outside of phases", outside)] if shares and outside > 0 else shares
