"""The longest chain of waits one after the other: what latency is multiplied by.

It is read off traffic without latency, where waits of independent tasks hardly take time, so
that they may seem to follow each other. "Answered before the next was sent" is therefore not
enough to say that one waited for the other. What is taken as waiting for what:

- On one connection, a question waits for all answers before it. Pipelined ones do not wait.
- A login is one piece of work, from the opening of its connection until it is ready for a query.
  Its round trips wait for what was answered before the connection was opened, and nobody but its
  own connection waits for them until it is done. Ten connections that are opened at the same time
  cost one login, also where the client's own work (SCRAM) keeps their round trips apart.
- Where connections really overlap, in an *episode*, tasks run side by side: a question there
  waits for its own connection, and for what was there before the episode; who comes after the
  episode waits for all of it. A login in an episode also waits for logins that were done, and for
  connections that had ended, before it was opened: a worker that opens one after the other.
- Everywhere else a question waits for all answers before it: a pool that hands out another
  connection for each statement does not make them independent.

An episode is a series of overlaps of different connections. A few questions between two overlaps
do not end it (`BRIDGED_EACH`): tasks whose answers come fast overlap only now and then. It ends
where each of the questions between is on another connection, or where the connections after have
none in common with those before: that is a pool that hands out connections in turn.

What cannot be told apart, without latency: tasks side by side that never overlap at all, from one
task that uses several connections in turn. It is taken for the latter, so that the chain is
too long rather than too short. In a connection that cannot be read, the login is taken to last
for its requests before encryption and `UNREAD_LOGIN_TURNS` turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from chaosnetra.wire.as_of import ConnectionAsOf

BRIDGED_EACH = 2  # questions between two overlaps, for each connection of the episode; and two more
FEWEST_IN_TURN = 3
UNREAD_LOGIN_TURNS = 4  # TLS handshake, startup message, two messages of SCRAM

NO_EPISODE = -1

# A chain is one number, so that the longest one is the largest: its length in the upper bits, less
# its round trips of set-up. Of chains of the same length, that with fewer of them counts.
_ROUND_TRIP = 1 << 32
_SET_UP = _ROUND_TRIP - 1


@dataclass(frozen=True)
class Chain:
    """Round trips one after the other, and how many of them set up sessions."""

    round_trips: int
    set_up: int


@dataclass(slots=True)
class _Item:
    """A login, or one round trip after it: what overlaps, or does not, with other connections.

    `weight` is the chain of its own round trips.
    """

    start: float
    end: float
    connection: int
    login: bool
    weight: int
    closed_at: float | None = None  # of the last one of a connection
    episode: int = NO_EPISODE


def longest_chain(connections: Sequence[ConnectionAsOf]) -> Chain:
    """The longest chain of answered round trips."""
    items = [item for connection in connections for item in _items(connection)]
    items.sort(key=lambda item: (item.start, item.end, item.connection))
    _mark_episodes(items)
    longest = _longest(items)
    round_trips = -(-longest // _ROUND_TRIP)
    return Chain(round_trips, round_trips * _ROUND_TRIP - longest)


def _items(connection: ConnectionAsOf) -> list[_Item]:
    number = connection.number
    trips = connection.round_trips
    in_login, login_end = _login(connection)
    items = []
    if in_login:
        set_up_until = connection.set_up_until
        weight = sum(
            _SET_UP if connection.sent_at[index] < set_up_until else _ROUND_TRIP
            for index in trips[:in_login]
        )
        items.append(_Item(connection.log.opened_at, login_end, number, True, weight))
    sent, answered = connection.sent_at, connection.answered_at
    items.extend(
        _Item(sent[index], answered[index], number, False, _ROUND_TRIP)
        for index in trips[in_login:]
    )
    if items:
        items[-1].closed_at = connection.ended_at
    return items


def _login(connection: ConnectionAsOf) -> tuple[int, float]:
    """How many of its round trips are the login, and when it was done, failed, or was looked at."""
    sent, answered, trips = connection.sent_at, connection.answered_at, connection.round_trips
    if connection.unread_at is not None:
        readable = sum(1 for index in trips if sent[index] < connection.unread_at)
        in_login = min(readable + UNREAD_LOGIN_TURNS, len(trips))
        return in_login, answered[trips[in_login - 1]] if in_login else connection.unread_at
    if connection.session_at is None:
        return len(trips), connection.waiting_until
    in_login = 0
    while in_login < len(trips) and sent[trips[in_login]] < connection.session_at:
        in_login += 1
    end = answered[trips[in_login - 1]] if in_login else connection.session_at
    return in_login, end


def _mark_episodes(items: list[_Item]) -> None:
    """Number the episodes, in order; items are in the order of their start."""
    stretches = _overlaps(items)
    episode = 0
    while stretches:
        first, last = stretches.pop()
        connections = {item.connection for item in items[first : last + 1]}
        while stretches:
            next_first, next_last = stretches[-1]
            joining = {item.connection for item in items[next_first : next_last + 1]}
            between = [item.connection for item in items[last + 1 : next_first]]
            if not _is_bridged(connections, between, joining):
                break
            stretches.pop()
            connections |= joining
            last = next_last
        for item in items[first : last + 1]:
            item.episode = episode
        episode += 1


def _is_bridged(before: set[int], between: list[int], after: set[int]) -> bool:
    in_turn = len(between) >= FEWEST_IN_TURN and len(set(between)) == len(between)
    connections = len(before) + sum(1 for one in after if one not in before)
    few = len(between) <= BRIDGED_EACH * connections + 2
    return few and not in_turn and not before.isdisjoint(after)


def _overlaps(items: list[_Item]) -> list[tuple[int, int]]:
    """Stretches of items, as first and last index, each with one that overlaps one of another
    connection; the last stretch first."""
    stretches: list[tuple[int, int]] = []
    # The item that ends last, and the one that ends last of all other connections.
    latest = second = -1
    for index, item in enumerate(items):
        other = second if latest >= 0 and items[latest].connection == item.connection else latest
        if other >= 0 and items[other].end > item.start:
            first = other
            while stretches and stretches[-1][1] >= first:
                first = min(first, stretches.pop()[0])
            stretches.append((first, index))
        if latest < 0 or item.end >= items[latest].end:
            if latest >= 0 and items[latest].connection != item.connection:
                second = latest
            latest = index
        elif item.connection != items[latest].connection and (
            second < 0 or item.end >= items[second].end
        ):
            second = index
    stretches.reverse()
    return stretches


def _longest(items: list[_Item]) -> int:
    """The longest chain, as a number; items are in the order of their start."""
    settled = 0  # of all that everybody waits for
    index = 0
    while index < len(items):
        episode = items[index].episode
        if episode == NO_EPISODE:
            settled += items[index].weight  # nothing overlaps it
            index += 1
            continue
        first = index
        while index < len(items) and items[index].episode == episode:
            index += 1
        settled = _longest_of_episode(items[first:index], settled)
    return settled


def _longest_of_episode(items: list[_Item], before: int) -> int:
    """The longest chain that ends in an episode, with the one before it."""
    own: dict[int, int] = {}
    done: list[tuple[float, int]] = []  # what a later login waits for: when, and its chain
    done_longest = longest = before
    for item in items:
        chain = own.get(item.connection, before)
        if item.login:
            while done and done[0][0] <= item.start:
                done_longest = max(done_longest, heappop(done)[1])
            chain = max(chain, done_longest)
        chain += item.weight
        own[item.connection] = chain
        if item.login:
            heappush(done, (item.end, chain))
        if item.closed_at is not None:
            heappush(done, (item.closed_at, chain))
        longest = max(longest, chain)
    return longest
