"""What startups that were not ready met on the wire, in words. Pure.

As a person would say it who looks at a packet capture: what became of the connections, what the
server answered, what was waited for at the end, and after how long it was given up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from chaosnetra.evidence.wire.attempts import needs_session, without_need
from chaosnetra.evidence.wire.giving_up import (
    BY_CLIENT,
    CANCELED,
    GivenUp,
    left_open_apart,
    unfinished,
)
from chaosnetra.evidence.wire.limits import Failed, OwnLimit, own_limits
from chaosnetra.evidence.wire.named_limits import Lasted, named_seconds, refutation
from chaosnetra.text import cut, how_many, tenths_text
from chaosnetra.wire.observation import (
    MOST_WAITS,
    SAME_MOMENT_SECONDS,
    UNANSWERED,
    Connection,
    Doing,
    End,
    Observation,
    Reached,
    ServerError,
    Standing,
)

LONGEST_STATEMENT = 120
LONGEST_MESSAGE = 160
LONGEST_STANDING = 300
LONGEST_WHOLE = 1_000
# One round trip that takes less is none that anybody would speak of.
LEAST_TOLD_SECONDS = 0.05
# More than the server sends at once before it has rows: the answer has begun.
LEAST_TOLD_BYTES = 10_000
# An answer that still comes on a narrow path has no longer pause in it.
LONGEST_PAUSE_SECONDS = 1.0
# One answer is told apart from the others that took so long, and so many times as long as they.
LEAST_STANDING_OUT_SECONDS = 0.5
STANDING_OUT = 5
# Two readings of one wait differ by less.
IN_ITS_READING = 0.001
BY_SERVER = (End.SERVER, End.SERVER_RESET, End.REFUSED)
_ENDS = {
    End.REFUSED: "refused",
    End.SERVER_RESET: "reset by the server's side",
    End.SERVER: "closed by the server's side",
}
_WHERE = {
    Reached.TCP: "before anything was answered",
    Reached.TLS: "while encryption was being agreed",
    Reached.STARTUP: "before the startup message was answered",
    Reached.AUTHENTICATION: "during authentication",
    Reached.SESSION: "in a session",
}
_WAITED_FOR = {
    Reached.TCP: "to be connected",
    Reached.TLS: "for the answer to its request for encryption",
    Reached.STARTUP: "for the answer to its startup message",
    Reached.AUTHENTICATION: "for the answer to its authentication",
    Reached.SESSION: "for an answer in its session",
    Reached.UNREAD: "for an answer",
}


@dataclass(frozen=True)
class Blame:
    """What the wire says of a startup that was not ready.

    Attributes:
        waited_for: what it waited for last, or how it stood at its end.
        sqlstate: of the server's error that ended its attempts, or that it ended after.
        limits: of its own, as they show in all startups of its launch that were not ready.
        text: all that it met, as a clause.
        refuted: that a limit which its output names cannot have ended it; None: nothing says so.
        in_phase: how many round trips it made in the phase that it failed in; None: it names none,
            or its phases were not looked at.
    """

    waited_for: str
    sqlstate: str | None
    limits: tuple[OwnLimit, ...]
    text: str
    refuted: str | None = None
    in_phase: str | None = None

    @property
    def own_limit(self) -> str | None:
        """The limits, as a clause."""
        return "; ".join(limit.text for limit in self.limits) or None


def blame(
    first: Failed,
    failed: Sequence[Failed],
    *,
    said: str = "",
    stated: float | None = None,
    stated_name: str | None = None,
    phase: str | None = None,
    phase_seconds: float | None = None,
) -> Blame:
    """What the wire says of the startups that were not ready.

    Args:
        first: the one that stands for all.
        failed: all of them.
        said: what the output of the first names as its error.
        stated: seconds of the limit that its output names, where that is known better than `said`
            tells it.
        stated_name: of that limit.
        phase: that it failed in, by its output.
        phase_seconds: how long that took.
    """
    limits = own_limits(failed)
    error = ending_error(first.seen)
    lasted = Lasted.of(first.seen, phase, phase_seconds)
    named = stated if stated is not None else named_seconds(said)
    refuted = None if named is None else refutation(first, limits, named, stated_name, lasted)
    parts = [*_met(first, error), *(limit.text for limit in limits)]
    return Blame(
        _waited_for(first),
        None if error is None else error.sqlstate,
        limits,
        cut("; ".join(parts), LONGEST_WHOLE),
        refuted,
        lasted.in_phase,
    )


def ending_error(seen: Observation) -> ServerError | None:
    """The server's error that a startup ended after: also one that it does not tell.

    That is the one that ended its last connection, else the last that ended any. An error that
    answered a statement counts where nothing was asked after it: others may be questions that are
    meant to fail, such as whether a table is there.
    """
    ended = [one.sqlstate for one in seen.connections if one.sqlstate is not None]
    told = seen.standing.sqlstate or next(reversed(ended), None)
    own = any(one.reached is Reached.CANCEL for one in seen.connections)
    errors = [one for one in seen.errors if not (own and one.sqlstate == CANCELED)]
    if told is not None:
        return next((one for one in reversed(errors) if one.sqlstate == told), None)
    last = errors[-1] if errors else None
    if last is None or seen.standing.doing is not Doing.BY_ITSELF:
        return None
    is_last = last.statement is not None and last.statement == seen.standing.statement
    return last if is_last or last.reached is not Reached.SESSION else None


def _waited_for(first: Failed) -> str:
    standing, given_up = first.seen.standing, first.given_up
    if given_up is None or standing.doing is not Doing.BY_ITSELF:
        return _left_open(first.seen) or _stood(first)
    return _gave_up(first.seen, given_up)


def _stood(first: Failed) -> str:
    """How it stood at its end, as a clause with a subject."""
    text = cut(first.seen.standing.text, LONGEST_STANDING)
    if not text.startswith("waiting"):
        return text
    return f"{'when it was ready' if first.is_serving else 'at its end'} it had been {text}"


def _gave_up(seen: Observation, given_up: GivenUp) -> str:
    """That it gave up on an answer, where that is not how it stood at its end."""
    statement = cut(given_up.statement, LONGEST_STATEMENT) if given_up.statement else None
    waited = tenths_text(given_up.seconds)
    if given_up.canceled:
        what = statement or "a statement"
        return f"it asked the server to cancel {what}, after waiting {waited} for the answer"
    if statement is not None:
        what = f"for the answer to {statement}"
    else:
        what = _WAITED_FOR.get(given_up.connection.reached, "for an answer")
    on, count = given_up.connection, _tried(seen)
    number = on.number - sum(
        one.number < on.number and not needs_session(one) for one in seen.connections
    )
    which = "its only connection" if count == 1 else f"connection {number} of {count}"
    return f"it closed {which} after waiting {waited} {what}"


def _met(first: Failed, error: ServerError | None) -> Iterator[str]:
    """What became of its connections, and how it stood."""
    seen = first.seen
    if not seen.connection_count:
        yield _stood(first)
        return
    if error is not None:
        yield _answered_with(seen, error)
    else:
        yield from _ended_by_others(seen)
        given_up = sum(
            one.end in BY_CLIENT and one.session_seconds is None and not one.was_declined
            for one in seen.connections
        )
        if given_up > 1:
            yield f"it gave up {_of_all(given_up, seen)} before they had become sessions"
    yield from _round_trips(first)
    unused = _closed_unused(first)
    if unused is not None:
        yield unused
    standing: Standing = seen.standing
    told = error is not None or unused is not None or any(_ended_by_others(seen))
    if standing.doing is not Doing.BY_ITSELF or first.given_up is not None or not told:
        yield _waited_for(first)
    yield from _had_begun(first)


def _had_begun(first: Failed) -> Iterator[str]:
    """That what it waited for in a session was no silence, as far as that shows."""
    standing, given_up = first.seen.standing, first.given_up
    on = standing.connection if standing.doing is Doing.WAITING else None
    if given_up is not None and standing.doing is Doing.BY_ITSELF:
        on = given_up.connection.number
    for one in first.seen.connections:
        if one.number != on or one.reached is not Reached.SESSION:
            continue
        if one.answer_bytes >= LEAST_TOLD_BYTES:
            silent = one.silent_seconds or 0.0
            rest = "and more was coming"
            if silent > LONGEST_PAUSE_SECONDS:
                rest = f"and nothing more for {silent:.1f} s"
            yield f"{_size(one.answer_bytes)} of the answer had come, {rest}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _answered_with(seen: Observation, error: ServerError) -> str:
    message = f" ({cut(error.message, LONGEST_MESSAGE)})" if error.message else ""
    with_what = f"SQLSTATE {error.sqlstate}{message}"
    if error.statement is not None:
        text = f"the server answered {cut(error.statement, LONGEST_STATEMENT)} with {with_what}"
        return text if error.times == 1 else f"{text}, {how_many(error.times, 'time')}"
    ended = sum(one.sqlstate == error.sqlstate for one in seen.connections)
    return f"the server ended {_of_all(max(ended, 1), seen)} with {with_what}"


def _ended_by_others(seen: Observation) -> Iterator[str]:
    """What a server, or a fault in its place, did to connections."""
    found: dict[End, list[Connection]] = {}
    for one in seen.connections:
        if one.end in BY_SERVER and one.reached is not Reached.CANCEL:
            found.setdefault(one.end, []).append(one)
    if seen.refused:
        found.setdefault(End.REFUSED, [])
    for end, connections in found.items():
        count = max(len(connections), seen.refused if end is End.REFUSED else 0)
        at = _place(connections) if end in (End.SERVER, End.SERVER_RESET) else ""
        yield f"{_of_all(count, seen)} {'was' if count == 1 else 'were'} {_ENDS[end]}{at}"


def _left_open(seen: Observation) -> str | None:
    """That its connections came to nothing, where it did not just wait for the first of them."""
    apart = left_open_apart(seen)
    if not apart:
        return None
    count, tried = len(apart) + 1, _tried(seen)
    met = f"{_of_all(count, seen)} got no answer"
    if any(one.round_trips for one in unfinished(seen)):
        met = f"{count} of its {tried} connections did not become sessions"
        if count >= tried:
            met = f"none of its {count} connections became a session"
    return f"{met}: it opened them {median(apart):.1f} s after each other, and left them open"


def _closed_unused(first: Failed) -> str | None:
    """That it closed its connections as soon as they were sessions: they were there too late."""
    seen = first.seen
    took = [
        one.session_seconds - one.opened_seconds
        for one in seen.connections
        if one.session_seconds is not None and one.end in BY_CLIENT and not one.has_asked
    ]
    if not took or len(took) < seen.sessions:
        return None
    became = "became a session" if len(took) == 1 else "became sessions"
    them = "it" if len(took) == 1 else "them"
    return (
        f"{_of_all(len(took), seen)} {became} {median(took):.1f} s after it had opened {them}, and "
        f"it closed {them} without a question"
    )


def _place(ended: Sequence[Connection]) -> str:
    """How far connections had come, and what they waited for, where that was alike in all."""
    reached = {one.reached for one in ended}
    known = [_WHERE[one] for one in reached if one in _WHERE]
    where = f" {known[0]}" if len(reached) == len(known) == 1 else ""
    if not where and reached <= _WHERE.keys() and not any(one.round_trips for one in ended):
        where = f" {_WHERE[Reached.TCP]}"
    waits = [one.unanswered_seconds for one in ended if one.unanswered_seconds is not None]
    if len(waits) < len(ended):
        return " while idle in a session" if reached == {Reached.SESSION} and not waits else where
    asked = {one.unanswered_statement for one in ended}
    statement = asked.pop() if len(asked) == 1 else None
    waited = f" {median(waits):.1f} s" if median(waits) >= LEAST_STANDING_OUT_SECONDS else ""
    if statement is not None:
        return f" while it waited{waited} for the answer to {cut(statement, LONGEST_STATEMENT)}"
    return f"{where}, after{waited} without an answer" if waited else where


def _of_all(count: int, seen: Observation) -> str:
    """So many of its connections."""
    tried = _tried(seen)
    if tried == 1:
        return "its only connection"
    if count >= tried:
        return "both of its connections" if count == 2 else f"all {count} of its connections"
    return f"{count} of its {how_many(tried, 'connection')}"


def _tried(seen: Observation) -> int:
    """Its connections but those that needed no session."""
    return seen.connection_count - without_need(seen)


def _round_trips(first: Failed) -> Iterator[str]:
    """How many answers it waited for, where they took long enough to matter."""
    seen, trips = first.seen, first.seen.serial_round_trips
    if trips < 2:
        return
    made, each = f"it made {seen.serial_text} round trips one after the other", "ms each on average"
    alone = answer_that_stands_out(first)
    average = _waited_for_answers(first) / trips
    if alone is not None:
        yield (
            f"{made}; the answer to {alone.statement} took {alone.seconds:.1f} s, "
            f"the others {1000 * alone.others_seconds:.0f} {each}"
        )
    elif average >= LEAST_TOLD_SECONDS:
        yield f"{made}, which took {1000 * average:.0f} {each}"


def _waited_for_answers(first: Failed) -> float:
    """Seconds for all answers that came."""
    return first.seen.waited_seconds - _unanswered_seconds(first)


def _unanswered_seconds(first: Failed) -> float:
    """How long it had waited for what did not come."""
    standing, given_up = first.seen.standing, first.given_up
    last = 0.0 if given_up is None else given_up.seconds
    return max(last, standing.seconds) if standing.doing in UNANSWERED else last


@dataclass(frozen=True)
class LongAnswer:
    """An answer that took far longer than the others of a startup, as for a lock.

    Attributes:
        statement: that it is the answer to, cut.
        seconds: that it took.
        others_seconds: that each of the others took on average.
    """

    statement: str
    seconds: float
    others_seconds: float


def answer_that_stands_out(first: Failed) -> LongAnswer | None:
    """The answer that an average of all would hide.

    Args:
        first: a startup that was not ready.

    Returns:
        None: none stands out, or which statement it was is not known.
    """
    seen = first.seen
    if len(seen.waits) >= MOST_WAITS or seen.serial_round_trips < 3:
        return None
    # What it gave up on was not answered, and may have gone on until it was canceled.
    until = first.gave_up_seconds - _unanswered_seconds(first) - SAME_MOMENT_SECONDS
    answers = [end - start for start, end in seen.waits if start < until]
    longest = max(answers, default=0.0)
    others = max(0.0, sum(answers) - longest) / (seen.serial_round_trips - 1)
    if longest < max(LEAST_STANDING_OUT_SECONDS, STANDING_OUT * others):
        return None
    # Of one that was asked again and again it would not show how long each answer took.
    found = [
        one.text
        for one in seen.statements
        if one.round_trips <= 2 and one.waited_seconds >= longest - IN_ITS_READING
    ]
    return (
        LongAnswer(cut(found[0], LONGEST_STATEMENT), longest, others) if len(found) == 1 else None
    )
