"""The course of one startup: what it does by itself, waits for, opens and closes, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chaosnetra.wire.observation import MOST_WAITS, Connection, Observation, Reached


class Opened(NamedTuple):
    """A connection as it is opened.

    Attributes:
        waited_seconds: that it waits for answers once its session is there.
        round_trips: in these.
    """

    waited_seconds: float
    round_trips: int


@dataclass(frozen=True)
class Stretch:
    """A part of a startup, up to a moment when connections are opened or closed, or its end.

    Attributes:
        own_seconds: without waiting for an answer.
        waited_seconds: waiting for answers, without added latency.
        round_trips: one after the other in it; a share of all, so not always a whole number.
        longest_wait_seconds: for one answer.
        opens: connections that are opened together at its end.
        closes: connections that are closed at its end.
    """

    own_seconds: float
    waited_seconds: float
    round_trips: float
    longest_wait_seconds: float = 0.0
    opens: int = 0
    closes: int = 0

    def seconds(self, latency_seconds: float) -> float:
        """How long it takes when each round trip takes so much longer."""
        return self.own_seconds + self.waited_seconds + self.round_trips * latency_seconds


@dataclass(frozen=True)
class Course:
    """One startup alone: no other one, and no full resource, holds it back.

    Attributes:
        stretches: in their order; the last one ends with it.
        opened: the connections of each stretch that opens some.
        beside_seconds: waits of several connections at the same time, beyond the first.
        beside_round_trips: likewise.
        bytes: on all connections, both ways.
        pool_wait_seconds: that it waits for connections of its own pool, all in `stretches`.
    """

    stretches: tuple[Stretch, ...]
    opened: tuple[tuple[Opened, ...], ...] = ()
    beside_seconds: float = 0.0
    beside_round_trips: float = 0.0
    bytes: int = 0
    pool_wait_seconds: float = 0.0

    @property
    def own_seconds(self) -> float:
        return sum(one.own_seconds for one in self.stretches)

    @property
    def waited_seconds(self) -> float:
        return sum(one.waited_seconds for one in self.stretches)

    @property
    def round_trips(self) -> float:
        """One after the other."""
        return sum(one.round_trips for one in self.stretches)

    @property
    def most_at_once(self) -> int:
        """Most connections open at the same time."""
        return max(self._open(), default=0)

    @property
    def kept(self) -> int:
        """Connections that it still has when it is ready."""
        return sum(one.opens - one.closes for one in self.stretches)

    def seconds(self, latency_seconds: float) -> float:
        """How long it takes when each round trip takes so much longer."""
        return sum(one.seconds(latency_seconds) for one in self.stretches)

    def with_pool(self, size: int, latency_seconds: float) -> "Course":
        """The same with no more than so many connections at once.

        What would have used another connection beside takes turns on those that there are; that
        costs no more than all that ran side by side.

        Args:
            size: at least one.
            latency_seconds: see `seconds`; for `pool_wait_seconds`.
        """
        if self.most_at_once <= size:
            return self
        stretches: list[Stretch] = []
        wanted, later_seconds, later_trips = 0, 0.0, 0.0
        seconds_left, trips_left = self.beside_seconds, self.beside_round_trips
        pool_wait = 0.0
        groups = iter(self.opened)
        for one in self.stretches:
            before = min(wanted, size)
            closed = min(wanted - one.closes, size)
            wanted += one.opens - one.closes
            after = min(wanted, size)
            stretches.append(
                replace(
                    one,
                    waited_seconds=one.waited_seconds + later_seconds,
                    round_trips=one.round_trips + later_trips,
                    closes=before - closed,
                    opens=after - closed,
                )
            )
            later_seconds = later_trips = 0.0
            if one.opens:
                group = next(groups, ())
                sharing = group[len(group) - (one.opens - (after - closed)) :]
                later_seconds = min(seconds_left, sum(each.waited_seconds for each in sharing))
                later_trips = min(trips_left, sum(each.round_trips for each in sharing))
                seconds_left, trips_left = seconds_left - later_seconds, trips_left - later_trips
                pool_wait += later_seconds + later_trips * latency_seconds
        return replace(self, stretches=tuple(stretches), pool_wait_seconds=pool_wait)

    def _open(self) -> Iterator[int]:
        """Connections that are open after each stretch."""
        count = 0
        for one in self.stretches:
            count += one.opens - one.closes
            yield count


def course_of(seen: Observation, alone_seconds: float | None = None) -> Course | None:
    """The course of a startup that became ready.

    Args:
        seen: of it on the wire.
        alone_seconds: its own time without what it waited for a core; None: all of it.

    Returns:
        None where it cannot be told: not everything was counted or listed, or a connection failed.
    """
    listed = len(seen.connections) == seen.connection_count
    if not seen.complete or not listed or seen.refused or any(seen.given_up.values()):
        return None
    used = [one for one in seen.connections if one.reached is not Reached.CANCEL]
    if any(one.session_seconds is None and one.reached is not Reached.UNREAD for one in used):
        return None
    groups = _together([one for one in used if one.opened_seconds <= seen.seconds])
    moments = sorted(
        [(group[0].opened_seconds, 1, len(group)) for group in groups]
        + [
            (one.ended_seconds, 0, 1)
            for group in groups
            for one in group
            if one.ended_seconds is not None and one.ended_seconds <= seen.seconds
        ]
    )
    stretches, begun = [], 0.0
    for at, opens, count in [*moments, (seen.seconds, 0, 0)]:
        part = _between(seen, begun, at)
        told = {"opens": count} if opens else {"closes": count}
        stretches.append(replace(part, **told))
        begun = max(begun, at)
    return Course(
        _fitted(seen, stretches, seen.own_seconds if alone_seconds is None else alone_seconds),
        tuple(tuple(map(_opened, group)) for group in groups),
        max(0.0, sum(one.waited_seconds for one in used) - seen.waited_seconds),
        max(0, seen.round_trips - seen.serial_round_trips),
        sum(one.sent_bytes + one.received_bytes for one in used),
    )


def _opened(one: Connection) -> Opened:
    after = max(0, one.round_trips - one.setup_round_trips)
    share = after / one.round_trips if one.round_trips else 0.0
    return Opened(one.waited_seconds * share, after)


def _together(connections: Sequence[Connection]) -> list[list[Connection]]:
    """Connections by who was opened before the session of another one was there."""
    groups: list[list[Connection]] = []
    until = -1.0
    for one in sorted(connections, key=lambda one: one.opened_seconds):
        session = one.opened_seconds if one.session_seconds is None else one.session_seconds
        if groups and one.opened_seconds < until:
            groups[-1].append(one)
        else:
            groups.append([one])
        until = max(until, session)
    return groups


def _between(seen: Observation, begin: float, end: float) -> Stretch:
    """What was seen between two moments; its round trips are only a weight."""
    ended = [(start, stop) for start, stop in seen.waits if begin < stop <= end]
    waited = sum(max(0.0, min(stop, end) - max(start, begin)) for start, stop in seen.waits)
    longest = max((stop - start for start, stop in ended), default=0.0)
    # Merged waits are not one answer each.
    longest = longest if len(seen.waits) < MOST_WAITS else 0.0
    weight = waited if len(seen.waits) >= MOST_WAITS else float(len(ended))
    return Stretch(max(0.0, end - begin - waited), waited, weight, longest)


def _fitted(seen: Observation, stretches: Sequence[Stretch], alone: float) -> tuple[Stretch, ...]:
    """Stretches whose sums are the figures of the whole startup."""
    own = _scaled([one.own_seconds for one in stretches], seen.own_seconds)
    own = _without(own, max(0.0, seen.own_seconds - alone))
    waited = _scaled([one.waited_seconds for one in stretches], seen.waited_seconds)
    trips = _scaled([one.round_trips for one in stretches], seen.serial_round_trips)
    return tuple(
        replace(one, own_seconds=own[at], waited_seconds=waited[at], round_trips=trips[at])
        for at, one in enumerate(stretches)
    )


def _scaled(parts: Sequence[float], whole: float) -> list[float]:
    total = sum(parts)
    if not parts:
        return []
    if total <= 0:
        return [0.0] * (len(parts) - 1) + [whole]
    return [part * whole / total for part in parts]


def _without(parts: Sequence[float], shared: float) -> list[float]:
    """Own times without what was waited for a core.

    A process computes most before its first connection, when it starts and imports; what does not
    fit there is taken from all others alike.
    """
    first = min(parts[0], shared)
    rest = _scaled(parts[1:], max(0.0, sum(parts[1:]) - (shared - first))) if parts[1:] else []
    return [parts[0] - first, *rest]
