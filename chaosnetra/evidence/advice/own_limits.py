"""What any service could do with its own limits and attempts, as they showed on the wire."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from chaosnetra.evidence.advice.fewer_round_trips import AREA, figures
from chaosnetra.evidence.advice.observed import ObservedStartups
from chaosnetra.evidence.advice.recommendation import MARGIN, Recommendation
from chaosnetra.evidence.advice.runs import shown, shown_ms, shown_short
from chaosnetra.evidence.statistics.round_trips import RoundTrips
from chaosnetra.evidence.wire.attempts import without_need
from chaosnetra.evidence.wire.blame import LongAnswer, answer_that_stands_out, blame, ending_error
from chaosnetra.evidence.wire.bounded import ROUND_TRIPS_OF_CALL
from chaosnetra.evidence.wire.giving_up import GivenUp, left_open_apart
from chaosnetra.evidence.wire.limits import Failed, LimitKind, OwnLimit, own_limits
from chaosnetra.text import how_many, were
from chaosnetra.wire.observation import UNANSWERED, Reached

NO_SLOT = "53300"
# Subjects of advice that a try gives in words of its own.
READINESS = "readiness without the database"
LIMIT_ON_A_WAIT = "a limit on the wait for one answer"
# A single attempt that may take longer leaves little time for others.
LONG_SECONDS = 5.0
# Who waits for one answer for so much of its time has no limit that would have ended the wait.
MOST_OF_ITS_TIME = 0.5
# Of startups that wait for each other some may hold what the others wait for, or give up before.
LEAST_SHARE_OF_WAITS = 0.3
_BEGUN = {
    LimitKind.ANSWER: "on the wait for one answer",
    LimitKind.CALL: "on preparing and executing a statement",
    LimitKind.CONNECTION: "from the opening of a connection",
    LimitKind.FIRST_CONNECTION: "from its first connection",
    LimitKind.START: "from its start",
}
# Round trips of what is asked, and what takes them.
_ASKED = {
    LimitKind.ANSWER: (1, "one answer takes"),
    LimitKind.CALL: (
        ROUND_TRIPS_OF_CALL,
        "to prepare a statement and to execute it are two round trips, which take",
    ),
}


def limits_advised(seen: ObservedStartups, where: str, check: str) -> Iterator[Recommendation]:
    """Advice on the startups of a run that were not ready under its fault."""
    for probe, failed in seen.failed.items():
        place = f"{where}, {probe}"
        limits = own_limits(failed)
        met = blame(failed[0], failed).text
        serving = [one for one in failed if one.is_serving]
        full = [one for one in failed if _is_full(one)]
        if 2 * len(serving) > len(failed):
            yield _ready_too_soon(serving, (f"{place}: {met}",), check)
            if not seen.added_seconds and not seen.is_narrow:
                yield from _waits_for_ever(serving, (f"{place}: {met}",), check)
        elif full:
            yield _fewer_connections(full, failed, seen, (f"{place}: {met}",), check)
        elif seen.added_seconds:
            yield from _shorter_wait(failed, place, met, check)
            for limit in limits:
                yield from _for_latency(limit, seen, place, check)
            late = [one for one in failed if not one.ended_itself]
            if not limits and 2 * len(late) > len(failed):
                yield from _too_slow(late, seen, place, check)
        elif not seen.is_narrow:  # there a new attempt only begins anew
            yield from _tries(failed, limits, (f"{place}: {met}",), check)
    for probe, lost in seen.lost.items():
        evidence = (f"{where}, {probe}: {blame(lost[0], lost).text}",)
        serving = [one for one in lost if one.is_serving]
        if 2 * len(serving) > len(lost):
            yield _ready_too_soon(serving, evidence, check)
        elif 2 * sum(one.ended_itself for one in lost) <= len(lost):
            yield from _waits_for_ever(lost, evidence, check)


def met_by_failed(seen: ObservedStartups) -> Iterator[str]:
    """What the startups of each probe met that were not ready."""
    for probe, failed in seen.failed.items():
        yield f"{probe}: {blame(failed[0], failed).text}"


def _for_latency(
    limit: OwnLimit, seen: ObservedStartups, place: str, check: str
) -> Iterator[Recommendation]:
    """How much latency a limit leaves room for, and how long it would have to be."""
    model, added = seen.model, seen.added_seconds
    evidence = (f"{place}: {limit.text}", *(f"{place}: {line}" for line in figures(seen)))
    subject = f"the service's own limit {_BEGUN.get(limit.kind, '')}"
    if limit.kind in _ASKED:
        trips, what = _ASKED[limit.kind]
        longer = trips * added
        if limit.amount < (1 + MARGIN) * longer:
            yield Recommendation(
                AREA,
                subject,
                shown(limit.amount),
                f"more than {shown((1 + MARGIN) * longer)}, or no such limit",
                f"{what} {shown_ms(longer)} longer under that latency",
                evidence,
                check,
            )
        return
    if limit.kind is LimitKind.ATTEMPTS or model is None:
        return
    work = _work_within(limit, seen, model)
    needed = work.predicted_seconds(added)
    room = work.room_seconds(limit.amount)
    if room is None or needed <= limit.amount:
        return  # it is not what the round trips take that ran into this limit
    each = added + model.round_trip_seconds
    most = max(0, int((limit.amount - work.own_seconds) / each))
    yield Recommendation(
        AREA,
        subject,
        shown(limit.amount),
        f"{shown((1 + MARGIN) * needed)}, or fewer round trips within it: of {work.shown_serial} "
        f"only {most} fit into {shown(limit.amount)} under that latency",
        f"{_work_text(work, added)} take {shown(needed)}; the limit leaves room for "
        f"{shown_ms(room)} more each",
        evidence,
        check,
    )


def _shorter_wait(
    failed: Sequence[Failed], place: str, met: str, check: str
) -> Iterator[Recommendation]:
    """What to do about one answer that no latency explains."""
    found = [one for one in map(answer_that_stands_out, failed) if one is not None]
    by_statement: dict[str, list[LongAnswer]] = {}
    for one in found:
        by_statement.setdefault(one.statement, []).append(one)
    for statement, answers in by_statement.items():
        if len(answers) < LEAST_SHARE_OF_WAITS * len(failed):
            continue
        yield Recommendation(
            AREA,
            f"the wait for {statement}",
            f"{shown(median(one.seconds for one in answers))} in {len(answers)} of "
            f"{how_many(len(failed), 'startup')} that {were(len(failed))} not ready",
            "find what it waits for, such as a lock: hold that for fewer round trips, or have one "
            "startup at a time do such work, before the others start",
            "the others took "
            f"{shown_ms(median(one.others_seconds for one in answers))} each on average, so it is "
            "not the latency alone; who holds a lock holds it longer, the longer each round trip "
            "takes, and a longer limit leaves room for that wait only if it is added",
            (f"{place}: {met}",),
            check,
        )


def _too_slow(
    late: Sequence[Failed], seen: ObservedStartups, place: str, check: str
) -> Iterator[Recommendation]:
    """Startups that were still at work when their time was up."""
    model, added = seen.model, seen.added_seconds
    had = median(one.seen.seconds for one in late)
    if model is None or model.predicted_seconds(added) <= had:
        return
    needed = model.predicted_seconds(added)
    yield Recommendation(
        AREA,
        "the time of a startup",
        f"not ready after {shown(had)}",
        f"{shown((1 + MARGIN) * needed)}, or fewer round trips",
        f"{_work_text(model, added)} take {shown(needed)}",
        tuple(f"{place}: {line}" for line in figures(seen)),
        check,
    )


def _work_within(limit: OwnLimit, seen: ObservedStartups, model: RoundTrips) -> RoundTrips:
    """What has to be done within a limit: of a login, a connection, or the whole startup."""
    if limit.kind is LimitKind.START:
        return model
    own = max(0.0, model.own_seconds - seen.to_first_connection_seconds)
    typical = seen.typical
    if limit.kind is LimitKind.FIRST_CONNECTION or typical is None:
        return replace(model, own_seconds=own)
    sessions = [one for one in typical.connections if one.session_seconds is not None]
    failed = [one for of_probe in seen.failed.values() for one in of_probe]
    at_login = sum(one.given_up is not None and _is_login(one.given_up) for one in failed)
    if 2 * at_login > len(failed):
        trips = max((one.setup_round_trips for one in sessions), default=0)
        own = 0.0
    else:
        trips = max((one.round_trips for one in sessions), default=0)
    trips = min(trips, round(model.serial))
    waited = trips * model.round_trip_seconds
    # Those of one connection are exact.
    return replace(model, own_seconds=own, waited_seconds=waited, serial=trips, is_exact=True)


def _work_text(work: RoundTrips, added: float) -> str:
    """What takes time within a limit."""
    text = f"{work.shown_serial} round trips one after the other, {shown_ms(added)} longer each,"
    own = f" and {shown_short(work.own_seconds)} of its own" if work.own_seconds else ""
    return f"{text}{own}"


def _ready_too_soon(
    serving: Sequence[Failed], evidence: tuple[str, ...], check: str
) -> Recommendation:
    return Recommendation(
        AREA,
        READINESS,
        f"{how_many(len(serving), 'startup')} {were(len(serving))} ready without the session that "
        f"{'it has' if len(serving) == 1 else 'they have'} without the fault",
        "be ready only when a session is there (a readiness check that asks the database), or end "
        "with an error",
        "a service that is ready without its database takes traffic that it cannot serve, and the "
        "platform sees no failure",
        evidence,
        check,
    )


def _tries(
    failed: Sequence[Failed], limits: Sequence[OwnLimit], evidence: tuple[str, ...], check: str
) -> Iterator[Recommendation]:
    """What to do about connections that fail altogether."""
    by_kind = {limit.kind: limit for limit in limits}
    ended = [one for one in failed if one.ended_itself]
    if 2 * len(ended) <= len(failed):
        yield from _waits_for_ever(failed, evidence, check)
        return
    tried = median(one.seen.connection_count - without_need(one.seen) for one in ended)
    if not tried:
        return
    attempts = "one connection" if tried == 1 else f"{tried:g} connections"
    seconds = median(one.seen.seconds for one in ended)
    answer = by_kind.get(LimitKind.ANSWER)
    is_long = answer is not None and answer.amount > LONG_SECONDS
    longer = "" if answer is None else f", each given up after {shown(answer.amount)}"
    if tried == 1 and answer is not None:
        longer = f", given up after {shown(answer.amount)}"
    yield Recommendation(
        AREA,
        "attempts to reach the database",
        f"{attempts}{longer}; then the startup ended, {shown(seconds)} after its start",
        "a new connection after a pause, again and again with growing pauses, for as long as the "
        "platform lets a startup take"
        + ("; and a shorter limit for each single attempt" if is_long else ""),
        "a fault of the network or the database that lasts longer than these attempts ends the "
        "startup, although the next attempt could have succeeded",
        evidence,
        check,
    )


def _waits_for_ever(
    failed: Sequence[Failed], evidence: tuple[str, ...], check: str
) -> Iterator[Recommendation]:
    """Startups that waited for one answer for most of their time, which was then up."""
    found = [
        one
        for one in failed
        if _longest_vain(one) > MOST_OF_ITS_TIME * one.seen.seconds
        and not left_open_apart(one.seen)
    ]
    if 2 * len(found) <= len(failed):
        return
    seconds = shown(median(map(_longest_vain, found)))
    gave_up = 2 * sum(one.given_up is not None for one in found) > len(found)
    shorter = "a shorter timeout" if gave_up else "a timeout"
    ends = "that leaves no time to try again" if gave_up else "nothing else ends the wait"
    yield Recommendation(
        AREA,
        LIMIT_ON_A_WAIT,
        f"{seconds}, most of the time that it had"
        if gave_up
        else f"none that showed: it still waited after {seconds}",
        f"{shorter} for connecting (connect_timeout) and one for statements, and then a new "
        "connection",
        f"where the other end is gone without a word {ends}, however soon the path is well again",
        evidence,
        check,
    )


def _longest_vain(one: Failed) -> float:
    """How long it waited for an answer that did not come: what it gave up on, or at its end."""
    standing = one.seen.standing
    waits = standing.doing in UNANSWERED
    gave_up = 0.0 if one.given_up is None else one.given_up.seconds
    return max(standing.seconds if waits else 0.0, gave_up)


def _fewer_connections(
    full: Sequence[Failed],
    failed: Sequence[Failed],
    seen: ObservedStartups,
    evidence: tuple[str, ...],
    check: str,
) -> Recommendation:
    observed = [*seen.without, *(one.seen for one in failed)]
    most = max(one.most_at_once for one in observed)
    fewer = "fewer in each startup, " if most > 1 else ""
    return Recommendation(
        AREA,
        "connections that startups open",
        f"at most {most} at the same time in each startup",
        f"{fewer}a pooler between the instances and the server, or more slots (max_connections); "
        "and a new attempt after a pause, since slots become free again",
        f"the server had no free slot (SQLSTATE {NO_SLOT}) for {len(full)} of "
        f"{how_many(len(failed), 'startup')} that {were(len(failed))} not ready",
        evidence,
        check,
    )


def _is_login(given_up: GivenUp) -> bool:
    """Whether it gave up a login; of a connection that cannot be read that is not known."""
    on = given_up.connection
    return on.session_seconds is None and on.reached is not Reached.UNREAD


def _is_full(one: Failed) -> bool:
    error = ending_error(one.seen)
    return error is not None and error.sqlstate == NO_SLOT
