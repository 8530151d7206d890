"""Limits of a service's own, as the violated trials of a search under latency show them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from chaosnetra.evidence.journal.samples import startups
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.wire.bounded import Scope, Work, work_inside
from chaosnetra.evidence.wire.giving_up import BY_CLIENT, longest_answered
from chaosnetra.evidence.wire.limits import (
    Failed,
    LimitKind,
    OwnLimit,
    is_same,
    limits_of_time,
    login_limit,
)
from chaosnetra.evidence.wire.named_limits import named_seconds
from chaosnetra.search.record import Limit
from chaosnetra.wire.observation import MOST_WAITS, Observation

# Latencies of which one is so many times as high as the other differ clearly.
DIFFERENT = 1.2
# A limit shows where so many startups gave up alike.
FEWEST_ALIKE = 2
# What ends startups sooner, and only under a latency, may be anything.
LEAST_SECONDS = 0.3
LEAST_OF_ANSWER_SECONDS = 1.0
# A limit that a trial contradicts by no more may still be the one.
SLACK = 0.05
# Times of one limit in two trials differ by so much on a machine that is busy.
READ_SECONDS = 0.05
# So much of the latency at which it breaks is close to it.
NEAR = 0.9


@dataclass(frozen=True)
class Tried:
    """A trial with its journal.

    Attributes:
        added_seconds: really, to each round trip, under its fault.
        violated: whether the steady state was.
        journal: of the run.
    """

    added_seconds: float
    violated: bool
    journal: Mapping[str, Any]


def own_limit_of(tried: Sequence[Tried]) -> Limit | None:
    """The limit of the service's own that violated trials show; None: they show none.

    Startups under the lowest latency at which it shows say after how long. They gave up so long
    after several moments, which does not tell from which the limit counts. The work inside has to
    fit between the trials that held and those that were violated; then what shows in most violated
    trials counts, and of these what is most alike. Where trials have one startup each, those that
    gave up alike count together.

    Args:
        tried: all trials that say anything, at least one.
    """
    held = [one for one in tried if not one.violated]
    violated = sorted((one for one in tried if one.violated), key=lambda one: one.added_seconds)
    if not violated:
        return None
    highest = max((one.added_seconds for one in held), default=-math.inf)
    lowest = violated[0].added_seconds

    def fits(limit: Limit | None) -> bool:
        if limit is None or limit.seconds <= limit.own_seconds:
            return False
        breaks_at = (limit.seconds - limit.own_seconds) / limit.round_trips
        return highest * (1 - SLACK) <= breaks_at <= lowest * (1 + SLACK)

    named = _named_limit(violated, tried)
    if fits(named):
        return named
    shown = _met_twice([_shown(_gave_up(one)) for one in violated])
    found = []
    scopes = dict.fromkeys(scope for of_one in shown for scope in of_one)
    for order, scope in enumerate(scopes):
        met = [
            (one.added_seconds, of_one[scope].amount)
            for one, of_one in zip(violated, shown, strict=True)
            if scope in of_one
        ]
        amounts = [seconds for _, seconds in met]
        # Of a login it is known only what was too long; else the nearest trial is most like.
        amount = min(amounts) if scope is Scope.LOGIN else amounts[0]
        if scope is not Scope.LOGIN and not is_same(min(amounts), max(amounts)):
            continue
        bounded = _bounded(_NAMES[scope], amount, tried, partial(work_inside, scope))
        if bounded is None or not fits(bounded):
            continue
        apart = max(amounts) - min(amounts)
        alike = [added for added, seconds in met if is_same(seconds, amount)]
        bounded = replace(
            bounded,
            shown_under=_different(alike),
            is_near=bounded.is_near and scope is not Scope.LOGIN,
            spread_seconds=max(bounded.spread_seconds, apart / 2),
        )
        # What two readings differ by says nothing.
        found.append((-len(amounts), apart if apart > READ_SECONDS else 0.0, order, bounded))
    return min(found)[-1] if found else None


def _different(latencies: Sequence[float]) -> int:
    """How many of some latencies, in ascending order, differ clearly."""
    count, last = 0, 0.0
    for latency in latencies:
        if not count or latency >= DIFFERENT * last:
            count, last = count + 1, latency
    return count


def _named_limit(violated: Sequence[Tried], tried: Sequence[Tried]) -> Limit | None:
    """The limit that the output of startups names, where it may be what ended them.

    It began after so many answers; what a startup that was ready did after as many is inside. Who
    ends some time after it gave up seems to have begun later, so the earliest beginning counts.
    """
    found = [named for one in violated if (named := _named_since(one)) is not None]
    # Trials with one startup each count together, and beside others for nothing.
    found = [one for one in found if one.startups >= FEWEST_ALIKE] or found
    if sum(one.startups for one in found) < FEWEST_ALIKE:
        return None
    if any(one.seconds != found[0].seconds for one in found):
        return None
    seconds, after = found[0].seconds, min(one.after for one in found)

    def inside(seen: Observation) -> Work | None:
        later = seen.waits[after:]
        if not later or len(seen.waits) >= MOST_WAITS:
            return None
        trips = seen.serial_round_trips - after
        return Work(later[-1][1] - later[0][0], trips) if trips > 0 else None

    return _bounded("the limit that its output names", seconds, tried, inside)


@dataclass(frozen=True)
class _Named:
    """A limit that most startups of a trial name.

    Attributes:
        seconds: its length.
        after: so many answers it began, at the earliest.
        startups: that name it.
    """

    seconds: float
    after: int
    startups: int


def _named_since(violated: Tried) -> _Named | None:
    """The limit that most startups of a trial name; None: they name none, or it cannot be."""
    failed = _gave_up(violated)
    found = [
        (named, _answered_by(one, one.gave_up_seconds - named))
        for one in failed
        if (named := one.named_seconds) is not None and one.asked_before(named)
    ]
    if 2 * len(found) <= len(failed) or any(named != found[0][0] for named, _ in found):
        return None
    seconds, after = min(found)
    return _Named(seconds, after, len(found))


def _answered_by(one: Failed, seconds: float) -> int:
    return sum(end <= seconds + READ_SECONDS for _, end in one.seen.waits)


def _met_twice(shown: Sequence[dict[Scope, OwnLimit]]) -> list[dict[Scope, OwnLimit]]:
    """What shows in each trial, without what shows in fewer startups than tell a limit.

    A startup that is alone in its trial counts with others whose limit counts from the same moment
    and is as long, where those are most of them. Under another latency it would be another time,
    if it followed from the latency.
    """

    def is_met_twice(scope: Scope, limit: OwnLimit) -> bool:
        if limit.startups >= FEWEST_ALIKE:
            return True
        all_of_it = [of_one[scope] for of_one in shown if scope in of_one]
        alike = sum(one.startups for one in all_of_it if is_same(one.amount, limit.amount))
        return alike >= FEWEST_ALIKE and 2 * alike > sum(one.startups for one in all_of_it)

    return [
        {scope: limit for scope, limit in of_one.items() if is_met_twice(scope, limit)}
        for of_one in shown
    ]


def _shown(failed: Sequence[Failed]) -> dict[Scope, OwnLimit]:
    """The limits that may have ended the startups of a trial, those that are likelier first."""
    found = {_SCOPES[limit.kind]: limit for limit in limits_of_time(failed, LEAST_SECONDS)}
    login = login_limit(failed, LEAST_SECONDS)
    if login is not None and not any(_gave_up_session(one, login) for one in failed):
        # Until a session is there, only the limit of its set-up is known to be met.
        rest = {scope: limit for scope, limit in found.items() if scope not in _OF_CONNECTIONS}
        return {Scope.LOGIN: login, **rest}
    if login is not None:
        found = {Scope.CONNECTION: login, **found}
    # Who waits out one answer, and gives up on the next that takes as long, was cut short; so,
    # mostly, was who waited for less than anybody allows for an answer.
    answer = found.pop(Scope.ANSWER, None)
    if answer is None:
        return found
    waited = median(
        longest_answered(one.seen, given_up) for one in failed if (given_up := one.given_up)
    )
    if answer.amount >= LEAST_OF_ANSWER_SECONDS and 2 * waited < answer.amount:
        return {Scope.ANSWER: answer, **found}
    return {**found, Scope.ANSWER: answer}


def _gave_up_session(one: Failed, limit: OwnLimit) -> bool:
    """Whether a startup gave up a session as old as a limit: that bounds more than its set-up."""
    return any(
        connection.has_asked
        and connection.end in BY_CLIENT
        and connection.ended_seconds is not None
        and is_same(connection.ended_seconds - connection.opened_seconds, limit.amount)
        for connection in one.seen.connections
    )


def _bounded(
    name: str,
    amount: float,
    tried: Sequence[Tried],
    inside: Callable[[Observation], Work | None],
) -> Limit | None:
    """A limit, with the work inside as it was under the highest latency that held.

    A service that polls asks less often under a latency, so that what a baseline shows is far off.
    """
    held = sorted((one for one in tried if not one.violated), key=lambda one: -one.added_seconds)
    for one, under_fault in (*((one, True) for one in held), *((one, False) for one in tried)):
        ready = _ready_work(one, inside, under_fault=under_fault)
        if not ready:
            continue
        trips = round(median(work.round_trips for work in ready))
        own = _own_seconds(one, ready, under_fault=under_fault)
        takes = median(own)
        breaks_at = (amount - takes) / trips
        is_near = under_fault and one.added_seconds >= NEAR * breaks_at > 0
        if is_near:  # startups of other trials did the same, and show how that differs
            for other in held:
                work = _ready_work(other, inside, under_fault=True)
                alike = [each for each in work if each.round_trips == trips]
                own += _own_seconds(other, alike, under_fault=True)
        spread = (max(own) - min(own)) / 2
        return Limit(name, amount, takes, trips, spread, shown_under=1, is_near=is_near)
    return None


def _ready_work(
    one: Tried, inside: Callable[[Observation], Work | None], *, under_fault: bool
) -> list[Work]:
    """The work inside a limit, of the startups of a trial that were ready."""
    return [
        work
        for startup in startups(one.journal)
        if startup.ready
        if (startup.under_fault if under_fault else startup.stage is Stage.BEFORE)
        if (seen := startup.observation) is not None and seen.complete
        if (work := inside(seen)) is not None and work.round_trips
    ]


def _own_seconds(one: Tried, found: Sequence[Work], *, under_fault: bool) -> list[float]:
    """What the work takes without the latency of its trial."""
    added = one.added_seconds if under_fault else 0.0
    return [max(0.0, work.seconds - work.round_trips * added) for work in found]


def _gave_up(violated: Tried) -> list[Failed]:
    """The startups under the fault that may have met a limit of the service's own."""
    return [
        Failed(
            seen,
            startup.ended_itself,
            named_seconds=named_seconds(str(startup.error.get("text") or "")),
            delayed_seconds=startup.delayed_seconds,
        )
        for startup in startups(violated.journal)
        if startup.under_fault and not startup.ready and not startup.error.get("budget")
        if (seen := startup.observation) is not None
    ]


_SCOPES = {
    LimitKind.ANSWER: Scope.ANSWER,
    LimitKind.CALL: Scope.CALL,
    LimitKind.CONNECTION: Scope.CONNECTION,
    LimitKind.FIRST_CONNECTION: Scope.FROM_FIRST_CONNECTION,
    LimitKind.START: Scope.FROM_START,
}
_OF_CONNECTIONS = (Scope.ANSWER, Scope.CALL, Scope.CONNECTION)
_NAMES = {
    Scope.LOGIN: "its own limit of a connection's set-up",
    Scope.ANSWER: "its own limit of one answer",
    Scope.CALL: "its own limit of a statement, prepared and executed",
    Scope.CONNECTION: "its own limit from the opening of its connection",
    Scope.FROM_FIRST_CONNECTION: "its own limit from its first connection",
    Scope.FROM_START: "its own limit from its start",
}
