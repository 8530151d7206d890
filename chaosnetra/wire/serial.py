"""The longest chain of waits one after the other: what latency is multiplied by.

It is read off traffic without latency, where waits of independent tasks hardly take time, so
that they may seem to follow each other. "Answered before the next was sent" is therefore not
enough to say that one waited for the other. Round trips are gathered into *holds*: a login, a
transaction, one use of a pool's connection (`chaosnetra.wire.holds`). A login while a task uses
another connection, and what it is used for at once, are one hold. Then:

- On one connection, a question waits for all answers before it. Pipelined ones do not wait.
- Holds of different connections run *side by side* where a wait of one really overlaps a wait of
  the other (a login is one wait, from the opening of its connection until it is done: ten
  connections that are opened at the same time cost one login, also where the client's own work
  keeps their round trips apart). So do holds that ask while others that run side by side do.
- Holds side by side do not wait for each other. A hold waits for all that ended before it began.
- Otherwise a question waits for all answers before it: a pool that hands out another connection
  for each statement, or a second connection within a transaction, makes nothing independent.

Round trips that nothing holds together (a client without transactions) are taken for one hold of
each connection while they overlap those of other connections again and again: a few between two
overlaps do not end it (`BRIDGED_EACH`), as quick answers overlap only now and then. It ends where
each of those between is on another connection, or where the connections after have none in common
with those before: that is a pool that hands out connections in turn.

What cannot be told apart, without latency: tasks side by side that never overlap at all, from one
task that uses several connections in turn. It is taken for the latter, so that the chain is
too long rather than too short. So where some waits of different connections do overlap, others
may have run side by side unseen, and the chain is not exact; but for logins that all overlap. It is
too short where tasks side by side hand over between connections of their own. In a connection that
cannot be read, the login is taken to last for its requests before encryption and the turns that
SCRAM takes.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.holds import holds_of, marks_of

BRIDGED_EACH = 2  # round trips between two overlaps, for each connection; and two more
FEWEST_IN_TURN = 3
MOST_IN_BETWEEN = 100  # other waits between a login and what it was for
FEWEST_MEANWHILE = 3  # of one connection, from question to answer: whoever is ready goes on sooner

# A chain is one number, so that the longest one is the largest: its length in the upper bits, less
# its round trips of set-up. Of chains of the same length, that with fewer of them counts.
_ROUND_TRIP = 1 << 32
_SET_UP = _ROUND_TRIP - 1


@dataclass(frozen=True)
class Chain:
    """Round trips one after the other, and how many of them set up sessions; `is_exact` is False
    where some ran side by side, so that it may be too long."""

    round_trips: int
    set_up: int
    is_exact: bool = True


@dataclass
class _Waits:
    """All waits: logins, and round trips after them; each list has one entry for each wait.

    `hold` is a number of a hold, and `plain` whether nothing says what it belongs to. `logins` are
    those logins, as indices, that something came after; that has the index after it.
    """

    start: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    connection: list[int] = field(default_factory=list)
    chain: list[int] = field(default_factory=list)
    hold: list[int] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)
    login: list[bool] = field(default_factory=list)
    logins: list[int] = field(default_factory=list)


def longest_chain(connections: Sequence[ConnectionAsOf], texts: Sequence[str]) -> Chain:
    """The longest chain of answered round trips.

    Params:
        texts: of statements.
    """
    waits = _waits(connections, texts)
    order = sorted(range(len(waits.start)), key=waits.start.__getitem__)
    is_exact = _is_exact(waits, order)
    _hold_together(waits, [index for index in order if waits.plain[index]])
    _continue_logins(waits, order)
    longest = _longest(waits, order, _side_by_side(waits, order))
    round_trips = -(-longest // _ROUND_TRIP)
    return Chain(round_trips, round_trips * _ROUND_TRIP - longest, is_exact)


def _is_exact(waits: _Waits, order: list[int]) -> bool:
    """Whether nothing ran side by side, but for all logins at once: else more may have, unseen."""
    stretches = _stretches(waits, order)
    if not stretches:
        return True
    first, last = stretches[0]
    beside = [waits.login[index] for index in order[first : last + 1]]
    return len(stretches) == 1 and all(beside) and len(beside) == sum(waits.login)


def _waits(connections: Sequence[ConnectionAsOf], texts: Sequence[str]) -> _Waits:
    waits = _Waits()
    marks = marks_of(texts)
    number = 0
    for connection in connections:
        sent, answered = connection.sent_at, connection.answered_at
        set_up_until = connection.set_up_until
        for hold in holds_of(connection, marks):
            trips = hold.trips
            if hold.login:
                if len(trips) < len(connection.round_trips):
                    waits.logins.append(len(waits.start))
                waits.start.append(connection.log.opened_at)
                waits.end.append(answered[trips[-1]])
                waits.chain.append(
                    sum(_SET_UP if sent[trip] < set_up_until else _ROUND_TRIP for trip in trips)
                )
            else:
                waits.start.extend([sent[trip] for trip in trips])
                waits.end.extend([answered[trip] for trip in trips])
                waits.chain.extend([_ROUND_TRIP] * len(trips))
            count = len(waits.start) - len(waits.hold)
            waits.connection.extend([connection.number] * count)
            waits.hold.extend([number] * count if hold.marked else range(number, number + count))
            waits.plain.extend([not hold.marked] * count)
            waits.login.extend([hold.login] * count)
            number = waits.hold[-1] + 1
    return waits


def _hold_together(waits: _Waits, order: list[int]) -> None:
    """Make holds of plain round trips that overlap again and again; they are in order of start."""
    stretches = _stretches(waits, order)
    connection_at = [waits.connection[index] for index in order]
    while stretches:
        first, last = stretches.pop()
        latest = connection_at[first : last + 1]
        connections = set(latest)
        while stretches:
            next_first, next_last = stretches[-1]
            joining = connection_at[next_first : next_last + 1]
            between = connection_at[last + 1 : next_first]
            if _are_gathers(latest, joining) or not _is_bridged(connections, between, set(joining)):
                break
            stretches.pop()
            connections.update(joining)
            latest, last = joining, next_last
        if not _are_gathers(latest, latest):
            last = _last_of_tail(connection_at, last, connections)
        held: dict[int, int] = {}
        for place in range(first, last + 1):
            index = order[place]
            waits.hold[index] = held.setdefault(connection_at[place], waits.hold[index])


def _last_of_tail(connection_at: list[int], last: int, connections: set[int]) -> int:
    """The place at which the one connection that goes on alone is done."""
    if last + 1 < len(connection_at) and connection_at[last + 1] in connections:
        alone = connection_at[last + 1]
        while last + 1 < len(connection_at) and connection_at[last + 1] == alone:
            last += 1
    return last


def _are_gathers(one: list[int], other: list[int]) -> bool:
    """Whether each asks once on the same connections, of which there are several."""
    connections = set(one)
    return len(one) == len(other) == len(connections) >= FEWEST_IN_TURN and connections == set(
        other
    )


def _continue_logins(waits: _Waits, order: list[int]) -> None:
    """Make one hold of a login beside another task and what comes at once after it.

    It is then taken for that of a task which opens a connection because all others are in use.
    "At once" means that no connection which was there before it was used in between, and that none
    was used several times: a task that is ready has its turn sooner. Where only logins run side by
    side, somebody may have opened them to use them later.
    """
    if not waits.logins:
        return
    starts = [waits.start[index] for index in order]
    by_end = sorted(order, key=waits.end.__getitem__)
    ends = [waits.end[index] for index in by_end]
    uses_start = [waits.start[index] for index in order if not waits.login[index]]
    uses_end = [waits.end[index] for index in by_end if not waits.login[index]]
    ready = {
        waits.connection[index]: waits.end[index]
        for index, login in enumerate(waits.login)
        if login
    }
    continued: dict[int, int] = {}
    for login in waits.logins:
        begun, done, goes_on = waits.start[login], waits.end[login], waits.start[login + 1]
        if bisect_left(uses_start, done) == bisect_right(uses_end, begun):
            continue
        asked = range(bisect_left(starts, done), bisect_left(starts, goes_on))
        answered = range(bisect_right(ends, done), bisect_right(ends, goes_on))
        if len(asked) + len(answered) > MOST_IN_BETWEEN:
            continue
        between = [*(order[place] for place in asked), *(by_end[place] for place in answered)]
        meanwhile = Counter(
            waits.connection[order[place]] for place in asked if waits.end[order[place]] <= goes_on
        )
        if meanwhile and max(meanwhile.values()) >= FEWEST_MEANWHILE:
            continue
        if all(ready.get(waits.connection[index], begun) > begun for index in between):
            continued[waits.hold[login + 1]] = waits.hold[login]
    if continued:
        waits.hold = [continued.get(hold, hold) for hold in waits.hold]


def _is_bridged(before: set[int], between: list[int], after: set[int]) -> bool:
    in_turn = len(between) >= FEWEST_IN_TURN and len(set(between)) == len(between)
    connections = len(before) + sum(1 for one in after if one not in before)
    few = len(between) <= BRIDGED_EACH * connections + 2
    return few and not in_turn and not before.isdisjoint(after)


def _stretches(waits: _Waits, order: list[int]) -> list[tuple[int, int]]:
    """Stretches of waits, as places in the order of their start, in which each overlaps one before
    it or after it; the last stretch first."""
    stretches: list[tuple[int, int]] = []
    for earlier, place in _overlaps(waits, order):
        first = earlier
        while stretches and stretches[-1][1] >= first:
            first = min(first, stretches.pop()[0])
        stretches.append((first, place))
    stretches.reverse()
    return stretches


def _overlaps(waits: _Waits, order: list[int]) -> Iterator[tuple[int, int]]:
    """Each wait that begins within one of another connection: that one, and it, as places."""
    # The wait that ends last, and the one that ends last of all other connections.
    latest = second = -1
    latest_end = second_end = float("-inf")
    latest_connection = -1
    for place, index in enumerate(order):
        start, end, connection = waits.start[index], waits.end[index], waits.connection[index]
        if connection == latest_connection:
            if second_end > start:
                yield second, place
            if end >= latest_end:
                latest, latest_end = place, end
            continue
        if latest_end > start:
            yield latest, place
        if end >= latest_end:
            second, second_end = latest, latest_end
            latest, latest_end, latest_connection = place, end, connection
        elif end >= second_end:
            second, second_end = place, end


def _side_by_side(waits: _Waits, order: list[int]) -> list[int]:
    """Of each hold, a number that those have in common which run side by side."""
    groups = _Groups(max(waits.hold, default=-1) + 1)
    beside = {
        (waits.hold[order[earlier]], waits.hold[order[place]])
        for earlier, place in _overlaps(waits, order)
    }
    if not beside:
        return groups.all()
    for one, other in beside:
        groups.unite(one, other)
    together = {hold for pair in beside for hold in pair}
    group_of = groups.all()
    spans: dict[int, tuple[float, float]] = {}
    for index in order:
        hold = waits.hold[index]
        if hold in together:
            group = group_of[hold]
            end = waits.end[index]
            span = spans.get(group)
            if span is None:
                spans[group] = (waits.start[index], end)
            elif end > span[1]:
                spans[group] = (span[0], end)
    merged: list[tuple[float, float, int]] = []
    for group, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        if merged and start < merged[-1][1]:
            groups.unite(merged[-1][2], group)
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), group)
        else:
            merged.append((start, end, group))
    at = 0
    for index in order:
        while at < len(merged) and merged[at][1] <= waits.start[index]:
            at += 1
        if at == len(merged):
            break
        hold = waits.hold[index]
        if hold not in together and waits.start[index] > merged[at][0]:
            groups.unite(merged[at][2], hold)
    return groups.all()


class _Groups:
    """Numbers from 0, in groups that can be united."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def of(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def unite(self, one: int, other: int) -> None:
        one, other = self.of(one), self.of(other)
        if one != other:
            self._parents[max(one, other)] = min(one, other)

    def all(self) -> list[int]:
        return [self.of(number) for number in range(len(self._parents))]


def _longest(waits: _Waits, order: list[int], group_of: list[int]) -> int:
    """The longest chain, as a number; `order` is that of their start."""
    left = Counter(waits.hold)  # waits of each hold that have not ended
    own: dict[int, int] = {}  # the chain of each connection
    base: dict[int, int] = {}  # of each hold: the chain before it
    ended = 0  # the longest of holds that have ended
    # The longest chain of answered waits, and the longest of all other groups.
    best = second = 0
    best_group = -1
    waiting: list[tuple[float, int, int]] = []
    longest = 0
    for index in order:
        start = waits.start[index]
        while waiting and waiting[0][0] <= start:
            _, chain, hold = heappop(waiting)
            left[hold] -= 1
            if not left[hold]:
                ended = max(ended, chain)
            group = group_of[hold]
            if group == best_group:
                best = max(best, chain)
            elif chain > best:
                best, second, best_group = chain, best, group
            else:
                second = max(second, chain)
        hold, connection = waits.hold[index], waits.connection[index]
        chain = own.get(connection, 0)
        before = base.setdefault(hold, ended)
        if before > chain:
            chain = before
        others = second if group_of[hold] == best_group else best
        if others > chain:
            chain = others
        chain += waits.chain[index]
        own[connection] = chain
        if chain > longest:
            longest = chain
        heappush(waiting, (waits.end[index], chain, hold))
    return longest
