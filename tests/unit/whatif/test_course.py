"""The course of a startup, from what was seen of it on the wire."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.whatif.course import Course, Opened, Stretch, course_of
from chaosnetra.wire.observation import Reached
from tests.support.helpers import present
from tests.support.observations import connection, observation
from tests.support.startup_courses import BOOT, EACH, HELD, REST, TRIPS, seen


def test_it_works_opens_asks_closes_and_works() -> None:
    course = present(course_of(seen()))
    first, second, third = course.stretches
    assert (first.own_seconds, first.waited_seconds, first.opens) == (pytest.approx(BOOT), 0, 1)
    assert second.own_seconds == pytest.approx(HELD)
    assert second.waited_seconds == pytest.approx(TRIPS * EACH)
    assert second.round_trips == pytest.approx(TRIPS)
    assert (second.longest_wait_seconds, second.closes) == (pytest.approx(EACH), 1)
    assert (third.own_seconds, third.opens, third.closes) == (pytest.approx(REST), 0, 0)
    assert (course.most_at_once, course.kept) == (1, 0)


def test_a_connection_that_had_not_ended_is_kept() -> None:
    course = present(course_of(seen(keeps=True)))
    assert (course.most_at_once, course.kept) == (1, 1)


def test_what_was_waited_for_a_core_is_taken_from_the_time_before_the_first_connection() -> None:
    whole = seen(own=0.3)
    course = present(course_of(whole, whole.own_seconds - 0.3))
    assert course.stretches[0].own_seconds == pytest.approx(BOOT)
    assert course.stretches[1].own_seconds == pytest.approx(HELD)


def test_more_of_it_than_there_is_time_is_taken_from_all_others_alike() -> None:
    whole = seen()
    course = present(course_of(whole, whole.own_seconds - BOOT - 0.4))
    assert [one.own_seconds for one in course.stretches] == pytest.approx([0, 0.3, 0.1])


def test_what_several_connections_wait_for_at_the_same_time_is_beside() -> None:
    both = [connection(n, 0.5, 1.5, session=0.6, trips=trips) for n, trips in ((1, 10), (2, 8))]
    course = present(course_of(observation(2.0, both, [(0.5, 0.65)], serial_round_trips=10)))
    assert (course.beside_round_trips, course.beside_seconds) == (8, pytest.approx(0.05))


def test_connections_that_are_opened_together_are_one_step() -> None:
    course = course_of(
        observation(
            2.0,
            [
                connection(1, 0.5, 1.5, session=0.6, trips=10),
                connection(2, 0.55, 1.5, session=0.7, trips=10),
                connection(3, 1.0, None, session=1.1, trips=10),
            ],
            [(0.5, 0.7), (1.0, 1.1)],
        )
    )
    assert course is not None
    assert [one.opens for one in course.stretches if one.opens] == [2, 1]
    assert (course.most_at_once, course.kept) == (3, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"complete": False},
        {"connection_count": 2},
        {"refused": 1},
        {"given_up": {"tcp": 1}},
        {"connections": (connection(1, 0.5, 0.6, reached=Reached.STARTUP),)},
    ],
    ids=lambda one: next(iter(one)),
)
def test_one_that_was_not_seen_whole_or_had_trouble_has_none(changed: dict[str, object]) -> None:
    assert course_of(replace(seen(), **changed)) is None


@given(
    opened=st.lists(st.floats(0, 3), max_size=6),
    lasted=st.lists(st.one_of(st.none(), st.floats(0, 3)), min_size=6, max_size=6),
    waits=st.lists(st.floats(0.01, 0.2), max_size=12),
    share=st.floats(0, 4),
)
def test_it_adds_up_to_what_was_seen(
    opened: list[float], lasted: list[float | None], waits: list[float], share: float
) -> None:
    made = [
        connection(number, at, None if last is None else at + last, session=at, trips=8)
        for number, (at, last) in enumerate(zip(opened, lasted, strict=False), start=1)
    ]
    at, intervals = 0.0, []
    for each in waits:
        intervals.append((at, at + each))
        at += each + 0.05
    whole = observation(4.0, made, intervals)
    alone = max(0.0, whole.own_seconds - share)
    course = present(course_of(whole, alone))
    assert course.own_seconds == pytest.approx(alone, abs=1e-9)
    assert course.waited_seconds == pytest.approx(whole.waited_seconds)
    assert course.round_trips == pytest.approx(whole.serial_round_trips)
    assert all(
        min(one.own_seconds, one.waited_seconds, one.round_trips) >= 0 for one in course.stretches
    )
    assert 0 <= course.kept <= course.most_at_once <= len(made)


def side_by_side(*counts: int, beside: float = 1.0) -> Course:
    """Groups of connections that are opened, used and closed one after the other."""
    stretches = []
    for count in counts:
        stretches += [Stretch(0.1, 0, 0, opens=count), Stretch(0.1, 0.2, 4, closes=count)]
    opened = tuple((Opened(0.2, 4),) * count for count in counts)
    return Course((*stretches, Stretch(0.1, 0, 0)), opened, beside, 40)


def test_a_pool_that_is_large_enough_changes_nothing() -> None:
    assert side_by_side(3).with_pool(3, 0.1) == side_by_side(3)


def test_what_ran_beside_takes_turns_in_a_smaller_pool() -> None:
    pooled = side_by_side(3).with_pool(1, 0.1)
    assert pooled.most_at_once == 1
    assert pooled.seconds(0.1) == pytest.approx(side_by_side(3).seconds(0.1) + 2 * (0.2 + 0.4))
    assert pooled.pool_wait_seconds == pytest.approx(2 * (0.2 + 0.4))


@given(counts=st.lists(st.integers(1, 8), min_size=1, max_size=5), size=st.integers(1, 8))
def test_a_pool_bounds_connections_and_time(counts: list[int], size: int) -> None:
    course = side_by_side(*counts)
    pooled = course.with_pool(size, 0.0)
    assert pooled.most_at_once == min(size, max(counts))
    assert pooled.kept == 0
    assert course.seconds(0) - 1e-9 <= pooled.seconds(0) <= course.seconds(0) + 1.0 + 1e-9
