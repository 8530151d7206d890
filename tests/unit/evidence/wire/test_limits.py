"""Limits of a service's own, from what was seen of its startups on the wire."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.wire.giving_up import last_given_up
from chaosnetra.evidence.wire.limits import Failed, LimitKind, OwnLimit, own_limits
from chaosnetra.wire.observation import Canceled, Doing, End, Observation, Reached
from tests.support import seen_on_the_wire as wire
from tests.support.helpers import present

SECONDS = st.floats(0.01, 300)


def by_itself(*seen: Observation) -> list[Failed]:
    return [Failed(one, ended_itself=True) for one in seen]


def texts(failed: list[Failed]) -> list[str]:
    return [limit.text for limit in own_limits(failed)]


def test_the_wait_for_one_answer_that_all_give_up_on_is_a_limit() -> None:
    seen = [wire.black_hole(20.0 + late) for late in (0.0, 0.01, 0.15)]
    assert texts(by_itself(*seen)) == [
        "it gave up after 20.0 s of waiting for one answer, in 3 of 3"
    ]


def test_one_startup_is_one_of_one() -> None:
    assert texts(by_itself(wire.black_hole(20.0))) == [
        "it gave up after 20.0 s of waiting for one answer, in 1 of 1"
    ]


def test_a_wait_shorter_than_one_that_was_answered_is_no_limit_of_an_answer() -> None:
    """It was cut short by the limit of something longer."""
    seen = [wire.cut_short(20.0, each=1.9, begin=0.3 + n / 10) for n in range(3)]
    assert texts(by_itself(*seen)) == [
        "it gave up 20.0 s after it had opened the connection, in 3 of 3"
    ]


@pytest.mark.parametrize(
    ("opened", "ended", "tried"),
    [
        ((0.3, 0.3, 0.31), (5.3, 5.3, 5.3), None),  # the connections of a pool
        ((0.3, 0.3, 2.4, 2.4), (1.3, 1.3, 5.3, 5.3), 4),
        ((0.3, 2.3, 4.3), (6.3, 6.3, 6.3), 3),  # left open, until the process ended
    ],
)
def test_connections_opened_at_once_are_no_attempts_one_after_the_other(
    opened: tuple[float, ...], ended: tuple[float, ...], tried: int | None
) -> None:
    found = [
        wire.broken(n, End.CLIENT, Reached.TLS, opened_seconds=at, ended_seconds=until,
                    unanswered_seconds=until - at)
        for n, (at, until) in enumerate(zip(opened, ended, strict=True), start=1)
    ]  # fmt: skip
    seen = wire.observation(
        *found, standing=wire.by_itself(End.CLIENT, 0.02), seconds=ended[-1] + 0.02
    )
    limits = own_limits(by_itself(*[seen] * 3))
    shown = [limit.amount for limit in limits if limit.kind is LimitKind.ATTEMPTS]
    assert shown == ([] if tried is None else [tried])


def prepared(waited: float, call: float, longest: float | None = None) -> Observation:
    """One that gave up the execution of a statement which it had prepared in 0.8 s."""
    session = wire.connection(
        opened_seconds=0.3,
        session_seconds=3.5,
        end=End.CLIENT,
        ended_seconds=8.3 + waited,
        unanswered_seconds=waited,
        call_seconds=call,
        longest_call_seconds=longest,
    )
    waits = ((7.5, 8.3), (8.3, 8.3 + waited))
    return wire.observation(session, standing=wire.by_itself(), waits=waits, seconds=8.4 + waited)


def test_a_limit_of_a_statement_bounds_its_preparation_too() -> None:
    """As asyncpg's command_timeout: neither of the two answers took as long."""
    seen = [prepared(0.7, 1.5) for _ in range(3)]
    text = "it gave up 1.5 s after it had begun to prepare the statement, in 3 of 3"
    assert texts(by_itself(*seen)) == [text]
    assert texts(by_itself(*[prepared(0.79, 1.59, longest=1.6)] * 3)) == [
        text.replace("1.5", "1.6")
    ]
    # One of these took longer, so what ended it was the limit of something longer.
    (other,) = own_limits(by_itself(*[prepared(0.4, 1.2, longest=1.6)] * 3))
    assert other.kind is LimitKind.CONNECTION
    # And who waited for this answer alone longer than for any other has a limit of an answer.
    (other,) = own_limits(by_itself(*[prepared(1.5, 2.3)] * 3))
    assert other.kind is LimitKind.ANSWER


def test_a_login_that_took_longer_says_nothing_of_a_limit_of_statements() -> None:
    """As under a lock that lets a new connection wait, and then its first statement."""
    session = wire.connection(
        opened_seconds=0.46,
        session_seconds=9.01,
        end=End.CLIENT,
        ended_seconds=11.06,
        unanswered_seconds=2.04,
    )
    seen = wire.observation(
        session, standing=wire.by_itself(), waits=((0.47, 9.01), (9.02, 11.06)), seconds=11.1
    )
    assert texts(by_itself(seen)) == ["it gave up after 2.0 s of waiting for one answer, in 1 of 1"]


def test_a_limit_from_the_start_of_the_process_does_not_depend_on_the_first_connection() -> None:
    def ended(begin: float) -> Observation:
        first = wire.broken(1, End.REFUSED, opened_seconds=begin)
        last = wire.broken(2, End.OPEN, Reached.STARTUP, opened_seconds=29.5, ended_seconds=None)
        return wire.observation(first, last, standing=wire.logging_in(0.5, 2), seconds=30.0)

    limits = own_limits(by_itself(*(ended(begin) for begin in (0.5, 3.0, 7.0))))
    assert [(one.kind, one.amount) for one in limits] == [
        (LimitKind.START, 30.0),
        (LimitKind.ATTEMPTS, 2),
    ]
    assert limits[0].text == "it gave up 30.0 s after its start, in 3 of 3"


def test_attempts_that_all_fail_are_counted() -> None:
    assert texts(by_itself(*[wire.refused(5, 2.0)] * 3)) == [
        "it gave up after 5 connections, 8.0 s after it had opened the first, in 3 of 3"
    ]
    (limit,) = own_limits(by_itself(*(wire.refused(5, 2.0 + n) for n in range(3))))
    assert (limit.kind, limit.amount) == (LimitKind.ATTEMPTS, 5)


@pytest.mark.parametrize(
    "seen", [wire.refused(), wire.reset(), wire.no_slot()], ids=["refused", "reset", "no slot"]
)
def test_who_ends_at_its_first_failure_has_no_limit(seen: Observation) -> None:
    assert own_limits(by_itself(seen, seen, seen)) == ()


@pytest.mark.parametrize(("delayed", "limits"), [(0.0, 1), (4.6, 0)], ids=["free", "busy"])
def test_a_busy_machine_on_which_a_failed_startup_takes_long_to_end_is_no_limit(
    delayed: float, limits: int
) -> None:
    seen = replace(wire.refused(), standing=wire.by_itself(End.REFUSED, 1.6), seconds=1.9)
    assert len(own_limits([Failed(seen, True, delayed_seconds=delayed)] * 3)) == limits


def test_what_most_do_alike_is_a_limit_and_less_is_none() -> None:
    seen = [wire.black_hole(seconds) for seconds in (10.0, 10.1, 10.1, 3.0, 5.0)]
    (limit,) = own_limits(by_itself(*seen))
    assert (limit.startups, limit.of) == (3, 5)
    assert own_limits(by_itself(*seen[1:])) == ()


def test_a_statement_that_was_canceled_was_given_up_when_that_was_asked() -> None:
    """The server's answer comes later by what the path takes."""
    session = wire.connection(1, opened_seconds=0.3)
    asked = wire.broken(2, End.SERVER, Reached.CANCEL, opened_seconds=5.5)
    seen = wire.observation(
        session,
        asked,
        standing=wire.by_itself(),
        waits=((0.5, 6.3),),
        errors=(wire.error("57014", statement=wire.ORDERS, severity="ERROR"),),
        seconds=6.4,
    )
    given_up = present(last_given_up(seen, ended_itself=True))
    assert (given_up.seconds, given_up.statement, given_up.canceled) == (5.0, wire.ORDERS, True)


def canceled(late: float, tries: int = 1) -> Observation:
    """One that asked to cancel a statement 3 s after it began to prepare it, which took 1.8 s of
    them, under a latency; each answer came so late after that."""
    connections, waits = [], []
    for at in (2.0 + 4.5 * n for n in range(tries)):
        of = len(connections) + 1
        connections += [
            wire.connection(of, opened_seconds=at - 1.7, session_seconds=at - 0.1),
            wire.broken(
                of + 1, End.SERVER, Reached.CANCEL, opened_seconds=at + 3.0,
                canceled=Canceled(of, 1.2, wire.ORDERS, 3.0),
            ),
        ]  # fmt: skip
        waits += [(at, at + 1.8), (at + 1.801, at + 3.0 + late)]
    return wire.observation(
        *connections,
        standing=wire.by_itself(End.CLIENT, 0.2),
        waits=tuple(waits),
        errors=(wire.error("57014", statement=wire.ORDERS, severity="ERROR"),),
        seconds=waits[-1][1] + 0.3,
    )


@pytest.mark.parametrize("late", [-0.02, 0.008, 0.021, 0.9])
@pytest.mark.parametrize("tries", [1, 3])
def test_an_answer_that_comes_after_the_request_to_cancel_was_not_waited_for(
    late: float, tries: int
) -> None:
    """As asyncpg's command_timeout: on a busy machine the answer may pass the request."""
    text = "it gave up 3.0 s after it had begun to prepare the statement, in 3 of 3"
    assert texts(by_itself(*[canceled(late, tries)] * 3)) == [text]


def test_an_attempt_that_a_service_gives_up_for_ever_is_a_limit_though_we_ended_it() -> None:
    given_up = [
        wire.broken(
            n, End.CLIENT, Reached.STARTUP, opened_seconds=6.0 * n, ended_seconds=6.0 * n + 5.0,
            unanswered_seconds=5.0,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    waits = tuple((6.0 * n, 6.0 * n + 5.0) for n in (1, 2, 3))
    seen = wire.observation(*given_up, standing=wire.by_itself(), waits=waits, seconds=30.0)
    assert texts([Failed(seen, ended_itself=False)] * 2) == [
        "it gave up after 5.0 s of waiting for one answer, in 2 of 2"
    ]


def test_startups_of_which_only_figures_were_kept_say_nothing() -> None:
    whole = by_itself(*[wire.black_hole(20.0)] * 2)
    brief = replace(whole[0].seen, connections=(), waits=())
    (limit,) = own_limits([*whole, *by_itself(*[brief] * 5)])
    assert (limit.startups, limit.of) == (2, 2)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Startups that did anything, and stood in any way."""
    opened = draw(st.lists(SECONDS, max_size=4))
    seconds = max([*opened, 0.0]) + draw(SECONDS)
    found = []
    for number, at in enumerate(sorted(opened), 1):
        end = draw(st.sampled_from(End))
        ended = None if end is End.OPEN else min(seconds, at + draw(SECONDS))
        waited = None if ended is None else draw(st.none() | st.floats(0, ended - at))
        reached = draw(st.sampled_from(Reached))
        found.append(
            wire.connection(
                number,
                opened_seconds=at,
                ended_seconds=ended,
                end=end,
                reached=reached,
                session_seconds=at if reached is Reached.SESSION else None,
                unanswered_seconds=waited,
            )
        )
    doing = draw(st.sampled_from(Doing))
    standing = replace(
        wire.by_itself(draw(st.none() | st.sampled_from(End)), draw(SECONDS)), doing=doing
    )
    waits = tuple(
        (one.opened_seconds, one.ended_seconds) for one in found if one.ended_seconds is not None
    )
    return wire.observation(*found, standing=standing, waits=waits, seconds=seconds)


@given(st.lists(st.tuples(observations(), st.booleans()), max_size=6), st.randoms())
def test_limits_do_not_depend_on_the_order(
    made: list[tuple[Observation, bool]], rng: random.Random
) -> None:
    failed = [Failed(seen, ended_itself) for seen, ended_itself in made]
    shuffled = rng.sample(failed, len(failed))
    assert own_limits(shuffled) == own_limits(failed)
    for limit in own_limits(failed):
        assert isinstance(limit, OwnLimit)
        assert 2 * limit.startups > limit.of == len(failed)


@given(st.lists(observations(), min_size=1, max_size=6))
def test_what_we_ended_is_no_limit_of_the_service(seen: list[Observation]) -> None:
    kinds = {limit.kind for limit in own_limits([Failed(one, False) for one in seen])}
    assert kinds <= {LimitKind.ANSWER, LimitKind.CONNECTION}
    # Nor what was still open then, or was closed with it.
    ended_with_it = [
        replace(
            one,
            connections=tuple(
                replace(each, ended_seconds=None if each.end is End.OPEN else one.seconds)
                for each in one.connections
                if each.reached is not Reached.CANCEL
            ),
        )
        for one in seen
    ]
    assert own_limits([Failed(one, False) for one in ended_with_it]) == ()


@given(st.lists(observations(), min_size=1, max_size=4))
def test_what_the_server_closed_was_not_given_up(seen: list[Observation]) -> None:
    for one in seen:
        closed = [replace(each, end=End.SERVER) for each in one.connections]
        standing = replace(one.standing, doing=Doing.BY_ITSELF)
        none_of_it = replace(
            one,
            standing=standing,
            connections=tuple(each for each in closed if each.reached is not Reached.CANCEL),
        )
        assert last_given_up(none_of_it, ended_itself=True) is None


def test_a_connection_closed_as_soon_as_it_was_opened_gave_up_nothing() -> None:
    """As one that was to cancel, and ended with its process."""
    cut = wire.cut_short(5.0)
    session = replace(
        cut.connections[0], end=End.CLIENT, ended_seconds=cut.seconds, unanswered_seconds=0.1
    )
    late = wire.broken(2, End.UNANSWERED, opened_seconds=cut.seconds, ended_seconds=cut.seconds)
    seen = replace(cut, connections=(session, late), connection_count=2)
    assert texts(by_itself(seen)) == [
        "it gave up 5.0 s after it had opened the connection, in 1 of 1"
    ]


def test_a_connection_that_is_never_accepted_is_given_up_by_the_client() -> None:
    seen = wire.observation(
        wire.broken(1, End.UNANSWERED, opened_seconds=0.3, ended_seconds=10.3),
        standing=wire.by_itself(End.UNANSWERED, 0.1),
        waits=((0.3, 10.3),),
        seconds=10.4,
    )
    assert texts(by_itself(seen)) == [
        "it gave up after 10.0 s of waiting for one answer, in 1 of 1"
    ]


def of_pool(begin: float, used: int) -> Observation:
    """A pool of three, one after the other and two at once, of which one is used; 6 s in all.

    What is asked under 500 ms is canceled, on a connection of its own, which takes 0.5 s.
    """
    opened = (begin, begin + 2.0, begin + 2.0)
    pool = [
        wire.connection(
            number, opened_seconds=at, session_seconds=at + 2, setup_round_trips=4,
            round_trips=9 if number == used else 4, end=End.CLIENT, ended_seconds=begin + 7.0,
        )
        for number, at in enumerate(opened, 1)
    ]  # fmt: skip
    asked = wire.broken(
        4, End.SERVER, Reached.CANCEL, opened_seconds=begin + 6.0, ended_seconds=begin + 6.5
    )
    return wire.observation(
        *pool,
        asked,
        standing=wire.by_itself(End.SERVER, 0.5),
        waits=tuple((begin + n / 2, begin + n / 2 + 0.49) for n in range(13)),
        seconds=begin + 7.02,
    )


@pytest.mark.parametrize("used", [1, 2, 3])
def test_what_ends_the_work_on_a_pool_counts_from_its_first_connection(used: int) -> None:
    seen = [of_pool(begin, used) for begin in (1.3, 1.9, 2.6)]
    (limit,) = own_limits(by_itself(*seen))
    assert (limit.kind, limit.amount) == (LimitKind.FIRST_CONNECTION, 6.0)
    assert limit.text == "it gave up 6.0 s after it had opened its first connection, in 3 of 3"
    given_up = present(last_given_up(seen[0], ended_itself=True))
    assert given_up.connection.number == used


def test_each_attempt_of_a_service_that_tries_again_counts_from_its_own_connection() -> None:
    def attempts(begin: float) -> Observation:
        found = [
            wire.connection(
                number, opened_seconds=at, session_seconds=at + 2, end=End.CLIENT,
                ended_seconds=at + 5, unanswered_seconds=0.3,
            )
            for number, at in ((1, begin), (2, begin + 6))
        ]  # fmt: skip
        waits = tuple((begin + n, begin + n + 0.9) for n in range(11))
        return wire.observation(
            *found, standing=wire.by_itself(End.CLIENT, 0.1), waits=waits, seconds=begin + 11.1
        )

    assert texts(by_itself(*(attempts(begin) for begin in (0.5, 1.2, 2.0)))) == [
        (
            "it gave up 5.0 s after it had opened the connection "
            "(3.0 s after its session was there), in 3 of 3"
        )
    ]
