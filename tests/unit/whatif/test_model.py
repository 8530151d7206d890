"""The simulation: against closed forms, and what must hold for any course and system."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.connector.model import model_of_profile
from chaosnetra.whatif.course import Course, Opened, Stretch
from chaosnetra.whatif.model import Limit, simulate
from chaosnetra.whatif.system import RESERVED_CONNECTIONS, OwnLimits, System
from tests.support.helpers import present
from tests.support.startup_courses import BOOT, EACH, HELD, REST, TRIPS, connector, course

SERVICE = HELD + TRIPS * EACH


@given(latency=st.floats(0, 5), trips=st.integers(0, 100), count=st.integers(1, 30))
def test_alone_a_startup_takes_own_time_and_round_trips_times_latency(
    latency: float, trips: int, count: int
) -> None:
    found = simulate([course(trips=trips)], System(latency), count)
    expected = BOOT + HELD + REST + trips * EACH + trips * latency
    assert (found.ready_seconds, found.success_share) == (pytest.approx([expected] * count), 1)


@given(slots=st.integers(1, 12), count=st.integers(1, 60))
def test_slots_serve_in_rounds(slots: int, count: int) -> None:
    """All come at once, and each is served as long: the nth is done after n / slots rounds."""
    found = simulate([course()], System(connector=connector(slots)), count)
    rounds = [1 + number // slots for number in range(count)]
    assert found.ready_seconds == pytest.approx([BOOT + REST + SERVICE * one for one in rounds])
    assert present(found.slots).most == min(slots, count)
    assert found.most_queued == max(0, count - slots)
    assert found.longest_slot_wait_seconds == pytest.approx(SERVICE * (rounds[-1] - 1))


def test_how_busy_slots_are_is_their_use_over_the_time() -> None:
    found = simulate([course(boot=0, rest=0)], System(connector=connector(4)), 8)
    assert present(found.slots).mean == pytest.approx(4)
    apart = simulate([course()], System(connector=connector(4)), 4)
    assert present(apart.slots).mean == pytest.approx(4 * SERVICE / (BOOT + SERVICE + REST))


def test_connections_that_are_kept_leave_none_for_others() -> None:
    system = System(max_connections=10 + RESERVED_CONNECTIONS)
    found = simulate([course(keeps=True)], system, 30)
    assert len(found.ready_seconds) == 10
    assert found.failed == {Limit.MAX_CONNECTIONS: 20}
    assert found.first_failure == (Limit.MAX_CONNECTIONS, pytest.approx(BOOT))
    assert (found.sessions.most, found.sessions.is_full) == (10, True)
    assert found.quantile(1 / 3) == pytest.approx(BOOT + SERVICE + REST)
    assert found.quantile(0.5) is None


def test_a_connection_that_is_closed_is_free_for_others() -> None:
    system = System(connector=connector(5), max_connections=5 + RESERVED_CONNECTIONS)
    found = simulate([course()], system, 30)
    assert found.success_share == 1
    assert (found.sessions.most, found.sessions.available) == (5, 5)
    busy = 6 * SERVICE / (BOOT + 6 * SERVICE + REST)
    assert found.sessions.mean == pytest.approx(5 * busy)


def test_one_that_is_refused_gives_back_its_slot() -> None:
    system = System(connector=connector(2), max_connections=1 + RESERVED_CONNECTIONS)
    found = simulate([course()], system, 3)
    # The second has a slot and no session; so it is over, and the third meets the same.
    assert found.failed == {Limit.MAX_CONNECTIONS: 2}
    assert len(found.ready_seconds) == 1


def test_a_connector_that_refuses_and_one_that_expires() -> None:
    refusing = simulate([course()], System(connector=connector(5, when_full="refuse")), 8)
    assert refusing.failed == {Limit.CONNECTOR_SLOTS: 3}
    assert refusing.first_failure == (Limit.CONNECTOR_SLOTS, pytest.approx(BOOT))
    expiring = connector(5, queue_timeout_seconds=SERVICE * 1.5)
    found = simulate([course()], System(connector=expiring), 12)
    assert found.failed == {Limit.CONNECTOR_SLOTS: 2}
    assert found.first_failure == (Limit.CONNECTOR_SLOTS, pytest.approx(BOOT + SERVICE * 1.5))


def test_a_connector_under_pressure_delays_and_scales_up() -> None:
    model = connector(
        4, maximum_instances=2, pressure_threshold=0.5, pressure_delay_seconds=3,
        scale_up_delay_seconds=1,
    )  # fmt: skip
    found = simulate([course()], System(connector=model), 8)
    alone = BOOT + SERVICE + REST
    # Two are let in at once, and two under pressure; four more slots are there a second later.
    assert found.ready_seconds[:2] == pytest.approx([alone] * 2)
    assert (found.ready_seconds[2:4], found.success_share) == (pytest.approx([alone + 3] * 2), 1)
    assert (present(found.slots).available, found.most_queued) == (8, 4)


def test_who_waits_for_a_slot_until_its_time_is_up_was_ended_by_the_slots() -> None:
    system = System(connector=connector(1), startup_timeout_seconds=BOOT + 2.5 * SERVICE)
    found = simulate([course(rest=0)], system, 4)
    assert len(found.ready_seconds) == 2
    assert found.failed == {Limit.CONNECTOR_SLOTS: 2}


def test_one_that_takes_too_long_by_itself_was_ended_by_its_time() -> None:
    found = simulate([course()], System(1.0, startup_timeout_seconds=10), 3)
    assert found.failed == {Limit.STARTUP_TIMEOUT: 3}
    assert (found.lasted_seconds, found.sessions.most) == (pytest.approx(10), 3)


@pytest.mark.parametrize(
    ("limits", "at"),
    [
        (OwnLimits(start_seconds=5), 5),
        (OwnLimits(first_connection_seconds=5), BOOT + 5),
        (OwnLimits(answer_seconds=0.9), BOOT + 0.9),
        (OwnLimits(call_seconds=1.8), BOOT + 1.8),
    ],
)
def test_the_services_own_limit_ends_it(limits: OwnLimits, at: float) -> None:
    found = simulate([course()], System(1.0, own_limits=limits), 2)
    assert found.failed == {Limit.OWN_LIMIT: 2}
    assert found.first_failure == (Limit.OWN_LIMIT, pytest.approx(at))


def test_one_that_gives_up_gives_back_what_it_has() -> None:
    stuck = Course((Stretch(0.1, 0, 0, opens=1), Stretch(0, 5, 1, 5), Stretch(0, 0, 0)))
    later = course(boot=2, keeps=True)
    system = System(max_connections=1 + RESERVED_CONNECTIONS, own_limits=OwnLimits(1))
    found = simulate([stuck, later], system, 40)
    assert found.failed[Limit.OWN_LIMIT] == 1
    assert found.ready_seconds == pytest.approx([2 + SERVICE + REST])
    assert found.failed[Limit.MAX_CONNECTIONS] == 38


def test_a_login_that_waits_for_its_slot_comes_to_the_services_limit() -> None:
    system = System(connector=connector(1), own_limits=OwnLimits(connection_seconds=0.5))
    found = simulate([course()], system, 3)
    assert found.failed == {Limit.CONNECTOR_SLOTS: 2}
    assert found.first_failure == (Limit.CONNECTOR_SLOTS, pytest.approx(BOOT + 0.5))


def test_a_pool_that_is_waited_for_too_long() -> None:
    beside = Course(
        (Stretch(0.1, 0, 0, opens=3), Stretch(0.1, 9, 9, closes=3), Stretch(0, 0, 0)),
        ((Opened(9, 9),) * 3,),
        18,
        18,
    )
    held = simulate([beside], System(pool=1, pool_timeout_seconds=30), 2)
    assert held.ready_seconds == pytest.approx([27.2 - 8 + 8] * 2)
    over = simulate([beside], System(pool=1, pool_timeout_seconds=10), 2)
    assert over.failed == {Limit.POOL: 2}
    assert over.first_failure == (Limit.POOL, pytest.approx(10.1))


def test_the_profiles_connector_with_very_many() -> None:
    found = simulate([course(keeps=True)], System(0.02, model_of_profile({}), 200), 2_000)
    assert len(found.ready_seconds) + sum(found.failed.values()) == 2_000
    assert found.sessions.most <= 200 - RESERVED_CONNECTIONS


COURSES = st.builds(
    course,
    boot=st.floats(0, 2),
    held=st.floats(0, 2),
    rest=st.floats(0, 2),
    trips=st.integers(0, 40),
    keeps=st.booleans(),
    opens=st.integers(0, 4),
)


@settings(max_examples=60, deadline=None)
@given(
    courses=st.lists(COURSES, min_size=1, max_size=4),
    slots=st.integers(1, 20),
    sessions=st.integers(0, 20),
    threshold=st.floats(0, 1),
    delay=st.floats(0, 3),
    grows_to=st.integers(1, 3),
    deadline=st.one_of(st.none(), st.floats(0.1, 10)),
    waits=st.floats(0, 5),
    count=st.integers(1, 60),
)
def test_nobody_is_lost_and_nothing_is_given_twice(
    courses: list[Course], slots: int, sessions: int, threshold: float, delay: float,
    grows_to: int, deadline: float | None, waits: float, count: int,
) -> None:  # fmt: skip
    model = connector(
        slots, pressure_threshold=threshold, pressure_delay_seconds=delay,
        maximum_instances=grows_to, scale_up_delay_seconds=1, queue_timeout_seconds=waits,
    )  # fmt: skip
    system = System(0.01, model, sessions + RESERVED_CONNECTIONS, startup_timeout_seconds=deadline)
    found = simulate(courses, system, count)
    assert len(found.ready_seconds) + sum(found.failed.values()) == count
    assert found.slots is not None
    assert found.slots.available is not None
    assert found.slots.most <= found.slots.available <= slots * grows_to
    assert found.sessions.most <= sessions
    assert 0 <= found.slots.mean <= found.slots.most + 1e-9
    assert list(found.ready_seconds) == sorted(found.ready_seconds)
    assert deadline is None or found.lasted_seconds <= deadline + 1e-6
    assert simulate(courses, system, count) == found


@settings(max_examples=60, deadline=None)
@given(
    one=COURSES.filter(lambda one: one.most_at_once <= 1),
    slots=st.integers(1, 10),
    sessions=st.integers(1, 20),
    count=st.integers(1, 40),
    more=st.integers(1, 40),
)
def test_more_instances_never_help(
    one: Course, slots: int, sessions: int, count: int, more: int
) -> None:
    system = System(0.01, connector(slots), sessions + RESERVED_CONNECTIONS, None, None, 20)
    few, many = (simulate([one], system, number) for number in (count, count + more))
    assert many.success_share <= few.success_share + 1e-12
    for share in (0.1, 0.5, 0.9, 1.0):
        before, after = few.quantile(share), many.quantile(share)
        assert (math.inf if after is None else after) >= (before or 0.0) - 1e-9 or before is None


@settings(max_examples=40, deadline=None)
@given(
    one=COURSES.filter(lambda one: one.most_at_once <= 1 and not one.kept),
    slots=st.integers(1, 10),
    latencies=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
)
def test_more_latency_never_helps(one: Course, slots: int, latencies: tuple[float, float]) -> None:
    less, more = sorted(latencies)
    system = System(connector=connector(slots))
    found = [
        simulate([one], replace(system, latency_seconds=each), 20).quantile(1.0)
        for each in (less, more)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] <= found[1] + 1e-9
