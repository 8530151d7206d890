"""Limits of a service's own, where they show: startups that gave up after the same time. Pure.

What a service prints may name another limit, or none. What it does is the same each time: it stops
waiting for one answer, closes a connection, or ends, so many seconds after it began.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from operator import eq
from typing import Any

from chaosnetra.evidence.wire.attempts import needs_session, without_need
from chaosnetra.evidence.wire.giving_up import (
    BY_CLIENT,
    IN_ITS_PLACE_SECONDS,
    GivenUp,
    last_given_up,
    longest_answered,
    longest_call,
)
from chaosnetra.wire.observation import UNANSWERED, Connection, Observation, Reached

# Times that differ by no more than this are the same limit: it is noticed late, on a busy machine.
SAME_SHARE = 0.03
SAME_SECONDS = 0.2
# What ends sooner need not be a limit: a program that fails at once ends at the same time too.
LEAST_SECONDS = 1.0
LEAST_ATTEMPTS = 2
# Who has failed so often was trying for some time, and did not just end at its first failure.
ATTEMPTS_OF_A_LOOP = 3


class LimitKind(StrEnum):
    """From when a limit counts."""

    ANSWER = "answer"  # from a question
    CALL = "call"  # from the preparation of a statement, which is then executed
    CONNECTION = "connection"  # from the opening of the connection that it gave up
    FIRST_CONNECTION = "first_connection"  # from the opening of its first connection
    START = "start"  # from the start of its process
    ATTEMPTS = "attempts"  # connections, and no time


_OF_THE_WHOLE = (LimitKind.FIRST_CONNECTION, LimitKind.START)
_OF_MANY = (LimitKind.CONNECTION, *_OF_THE_WHOLE)
_TEXTS = {
    LimitKind.ANSWER: "it gave up after {} of waiting for one answer",
    LimitKind.CALL: "it gave up {} after it had begun to prepare the statement",
    LimitKind.CONNECTION: "it gave up {} after it had opened the connection",
    LimitKind.FIRST_CONNECTION: "it gave up {} after it had opened its first connection",
    LimitKind.START: "it gave up {} after its start",
    LimitKind.ATTEMPTS: "it gave up after {}",
}


@dataclass(frozen=True)
class OwnLimit:
    """A limit that showed.

    Attributes:
        kind: from when it counts.
        amount: real seconds; of attempts, how many connections.
        startups: in how many startups it was the same.
        of: startups that were not ready, and that were observed.
        within_seconds: of attempts, from the first connection until the startup ended.
        session_seconds: of one from a connection, how long its session had been there, where that
            shows equally well: it may as well count from there.
    """

    kind: LimitKind
    amount: float
    startups: int
    of: int
    within_seconds: float | None = None
    session_seconds: float | None = None

    @property
    def text(self) -> str:
        """It as a sentence."""
        how_much = f"{self.amount:.1f} s"
        if self.kind is LimitKind.ATTEMPTS:
            how_much = f"{self.amount:.0f} connections"
            if self.within_seconds is not None:
                how_much += f", {self.within_seconds:.1f} s after it had opened the first"
        text = _TEXTS[self.kind].format(how_much)
        if self.session_seconds is not None:
            text += f" ({self.session_seconds:.1f} s after its session was there)"
        return f"{text}, in {self.startups} of {self.of}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "text": self.text}


@dataclass(frozen=True)
class Failed:
    """A startup that was not ready.

    Attributes:
        seen: of it on the wire.
        ended_itself: whether its process ended by itself: where somebody else ended it, that
            says nothing of its limits.
        is_serving: it answers as ready, without all that it was to bring.
        named_seconds: of a limit that its output names as what ended it; None: it names none.
        delayed_seconds: in which it waited for a core; 0 where the system does not tell.
    """

    seen: Observation
    ended_itself: bool
    is_serving: bool = False
    named_seconds: float | None = None
    delayed_seconds: float = 0.0

    @property
    def is_listed(self) -> bool:
        """Whether its connections are listed: of very many startups some have only figures."""
        return bool(self.seen.connections) or not self.seen.connection_count

    @property
    def given_up(self) -> GivenUp | None:
        """The last wait that it gave up on."""
        return last_given_up(self.seen, ended_itself=self.ended_itself)

    @property
    def gave_up_seconds(self) -> float:
        """When it gave up, or ended."""
        given_up = self.given_up
        return self.seen.seconds if given_up is None else given_up.at_seconds

    def asked_before(self, seconds: float) -> bool:
        """Whether a question or an answer of it came so long before it gave up."""
        end = self.gave_up_seconds
        return any(is_same(seconds, end - at) for wait in self.seen.waits for at in wait)


def own_limits(failed: Sequence[Failed]) -> tuple[OwnLimit, ...]:
    """The limits that show in startups that were not ready.

    Args:
        failed: of one launch, in any order. Those whose connections are not listed are passed
            over.

    Returns:
        At most one of time and one of attempts, each the same in more than half of the startups.
        Of times that show equally well it is the one that began last.
    """
    failed = [one for one in failed if one.is_listed]
    times = limits_of_time(failed)
    attempts = _most_alike(LimitKind.ATTEMPTS, [_attempts(one) for one in failed])
    time = max(times, key=lambda limit: limit.startups, default=None)
    if time is not None and time.kind is LimitKind.CONNECTION:
        time = replace(time, session_seconds=_from_session(time, failed))
    if time is not None and time.kind in _OF_MANY and _is_named_otherwise(time, failed):
        time = None
    of_whole = time is not None and time.kind in _OF_THE_WHOLE
    if attempts is not None and of_whole and not any(one.given_up for one in failed):
        # It ended after its last failure: as soon as its attempts and its pauses were over.
        took = sorted(
            seen.seconds - (seen.connections[0].opened_seconds if seen.connections else 0.0)
            for seen in (one.seen for one in failed)
        )
        return (replace(attempts, within_seconds=round(took[len(took) // 2], 4)),)
    return tuple(limit for limit in (time, attempts) if limit is not None)


def _is_named_otherwise(limit: OwnLimit, failed: Sequence[Failed]) -> bool:
    """Whether the output names another limit than the time that startups took alike, and it may be
    what ended them: it then counts from a question in between, and the rest is the latency's."""
    shown = (limit.amount, limit.session_seconds or limit.amount)
    others = [
        one
        for one in failed
        if (named := one.named_seconds) is not None
        and not any(is_same(named, amount) for amount in shown)
        and one.asked_before(named)
    ]
    return 2 * len(others) > len(failed)


def limits_of_time(
    failed: Sequence[Failed], least_seconds: float = LEAST_SECONDS
) -> list[OwnLimit]:
    """The limits of time that may be what ended startups: of each kind the one that shows.

    Startups under one latency took alike times from many moments. Which of them a limit counts
    from shows under another.

    Args:
        failed: of one launch.
        least_seconds: of a limit.
    """
    failed = [one for one in failed if one.is_listed]
    found = [
        _most_alike(kind, [_at_least(least_seconds, of(one)) for one in failed])
        for kind, of in _TIMES.items()
    ]
    return [limit for limit in found if limit is not None]


def login_limit(failed: Sequence[Failed], least_seconds: float = LEAST_SECONDS) -> OwnLimit | None:
    """The limit of connections alone: the longest that each startup waited for a session in vain.

    One that tries again may be cut short at last, in a login that is not over. The limit may have
    come sooner, but not later: a client may notice only at the next answer.
    """
    found = [_at_least(least_seconds, _longest_login(one.seen)) for one in failed if one.is_listed]
    return _most_alike(LimitKind.CONNECTION, found)


def _at_least(least_seconds: float, seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds >= least_seconds else None


def is_same(one: float, other: float) -> bool:
    """Whether two times are the same limit."""
    return abs(one - other) <= max(SAME_SECONDS, SAME_SHARE * max(one, other))


def _of_answer(one: Failed) -> float | None:
    given_up = one.given_up
    if given_up is None:
        return None
    # Who waited longer for another answer has no such limit: it was cut short by a longer one.
    others = longest_answered(one.seen, given_up)
    if given_up.call_seconds is not None and is_same(given_up.seconds, others):
        return None  # both answers of a statement that was prepared first took too long
    return given_up.seconds if given_up.seconds >= (1 - SAME_SHARE) * others else None


def _of_call(one: Failed) -> float | None:
    given_up = one.given_up
    if given_up is None or given_up.call_seconds is None:
        return None
    others = max(longest_answered(one.seen, given_up), longest_call(one.seen))
    return given_up.call_seconds if given_up.call_seconds >= (1 - SAME_SHARE) * others else None


def _of_connection(one: Failed) -> float | None:
    given_up = one.given_up
    # What ends work on several of a pool has no reason to count from one of them.
    if given_up is None or _is_of_pool(one.seen, given_up.connection):
        return None
    return given_up.connection_seconds


def _from_session(limit: OwnLimit, failed: Sequence[Failed]) -> float | None:
    """How long the session had been there when it gave up; None: not alike, or the same."""
    found = [
        given_up.at_seconds - given_up.connection.session_seconds
        for one in failed
        if (given_up := one.given_up) is not None
        and given_up.connection.session_seconds is not None
    ]
    alike = _most_alike(LimitKind.CONNECTION, found) if len(found) == len(failed) else None
    if alike is None or alike.startups < limit.startups or is_same(alike.amount, limit.amount):
        return None
    return _at_least(LEAST_SECONDS, alike.amount)


def _of_first_connection(one: Failed) -> float | None:
    if not one.seen.connections or not _was_cut_short(one):
        return None
    return _cut_short_at(one) - one.seen.connections[0].opened_seconds


def _of_start(one: Failed) -> float | None:
    return _cut_short_at(one) if _was_cut_short(one) else None


def _longest_login(seen: Observation) -> float | None:
    if any(one.has_asked for one in seen.connections):
        tried = [one for one in seen.connections if one.session_seconds is None]
    else:  # a session that is left without a question was there too late
        tried = list(seen.connections)
    found = [
        _answered_until(one, seen) - one.opened_seconds
        for one in tried
        if one.reached not in (Reached.CANCEL, Reached.UNREAD) and one.end in BY_CLIENT
    ]
    return max(found, default=None)


def _answered_until(one: Connection, seen: Observation) -> float:
    """When a connection was given up, at the latest: who is answered and asks nothing more has.

    It may be closed much later, with the process.
    """
    ended = seen.seconds if one.ended_seconds is None else one.ended_seconds
    if one.unanswered_seconds is not None:
        return ended
    answers = [end for start, end in seen.waits if one.opened_seconds <= start and end <= ended]
    return max(answers, default=ended)


def _attempts(one: Failed) -> float | None:
    """Its connections, where each of them failed, and not all were opened at the same time."""
    tried = one.seen.connection_count - without_need(one.seen)
    is_all = one.seen.sessions == 0 and tried >= LEAST_ATTEMPTS
    return tried if one.ended_itself and is_all and _tried_again(one.seen) else None


def _tried_again(seen: Observation) -> bool:
    """Whether a connection was opened in place of another: not all at once, as a pool's are."""
    tried = [one for one in seen.connections if needs_session(one)]
    replaced = min(map(_replaced_seconds, tried), default=math.inf)
    return any(one.opened_seconds >= replaced for one in tried)


def _replaced_seconds(one: Connection) -> float:
    """From when a connection that is opened takes the place of another."""
    ended = math.inf if one.ended_seconds is None else one.ended_seconds
    if one.round_trips:
        return ended
    return min(ended, one.opened_seconds + IN_ITS_PLACE_SECONDS)  # it may be left open


def _was_cut_short(one: Failed) -> bool:
    """Whether a startup ended by itself in the middle of waiting or of trying again."""
    if not one.ended_itself:
        return False
    standing, seen = one.seen.standing, one.seen
    if standing.doing in UNANSWERED:
        return True
    given_up = one.given_up
    if given_up is not None and seen.seconds - _gave_up_until(one, given_up) <= LEAST_SECONDS:
        return True
    if seen.connection_count - seen.sessions - without_need(seen) >= ATTEMPTS_OF_A_LOOP:
        return True
    failed = standing.ended is not None and seen.sessions < seen.connection_count
    # Who only waited for a core, to print its error and to end, tried nothing any more.
    return failed and (standing.ended_ago_seconds or 0.0) - one.delayed_seconds >= LEAST_SECONDS


def _cut_short_at(one: Failed) -> float:
    """When it was: who cancels a statement ends only once that is done."""
    given_up = one.given_up
    return given_up.at_seconds if given_up is not None and given_up.canceled else one.seen.seconds


def _gave_up_until(one: Failed, given_up: GivenUp) -> float:
    """When it was done with giving up: to cancel takes a connection, and its round trips."""
    if not given_up.canceled:
        return given_up.at_seconds
    ended = (each.ended_seconds for each in one.seen.connections if each.reached is Reached.CANCEL)
    return max((at for at in ended if at is not None), default=given_up.at_seconds)


def _is_of_pool(seen: Observation, on: Connection) -> bool:
    """Whether a connection was a session while another one was."""
    if on.session_seconds is None:
        return False
    return any(
        one.number != on.number
        and one.session_seconds is not None
        and (one.ended_seconds is None or one.ended_seconds > on.opened_seconds)
        and (on.ended_seconds is None or one.opened_seconds < on.ended_seconds)
        for one in seen.connections
    )


_TIMES: Mapping[LimitKind, Callable[[Failed], float | None]] = {
    LimitKind.ANSWER: _of_answer,
    LimitKind.CALL: _of_call,
    LimitKind.CONNECTION: _of_connection,
    LimitKind.FIRST_CONNECTION: _of_first_connection,
    LimitKind.START: _of_start,
}


def _most_alike(kind: LimitKind, found: Sequence[float | None]) -> OwnLimit | None:
    """The amount that most startups have in common; None where no more than half have one."""
    amounts = sorted(amount for amount in found if amount is not None)
    alike = eq if kind is LimitKind.ATTEMPTS else is_same
    groups = [[other for other in amounts if alike(amount, other)] for amount in amounts]
    best = max(groups, key=len, default=[])
    if 2 * len(best) <= len(found):
        return None
    return OwnLimit(kind, round(best[len(best) // 2], 4), len(best), len(found))
