"""Startup time from own time and round trips, and what a latency makes of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.statistics.round_trips import RoundTrips, check, fit, recounted
from tests.support.helpers import present
from tests.support.seen_on_the_wire import ready

MODEL = RoundTrips(own_seconds=0.5, waited_seconds=0.02, serial=40, startups=3, in_all=40)
TIMES = st.floats(0, 1000)
MODELS = st.builds(RoundTrips, TIMES, TIMES, st.integers(0, 10_000), st.just(1))


def test_each_round_trip_takes_longer_by_the_latency() -> None:
    assert MODEL.predicted_seconds(0.1) == pytest.approx(4.52)
    assert MODEL.predicted_seconds(0) == pytest.approx(0.52)
    assert MODEL.round_trip_seconds == pytest.approx(0.0005)


def test_a_limit_leaves_room_for_so_much_latency() -> None:
    assert MODEL.room_seconds(4.52) == pytest.approx(0.1)
    assert MODEL.room_seconds(0.3) == 0
    assert RoundTrips(0.5, 0, 0, 1).room_seconds(10) is None


@given(MODELS, TIMES)
def test_what_just_fits_into_a_limit_takes_as_long_as_it(model: RoundTrips, limit: float) -> None:
    room = model.room_seconds(limit)
    if room:
        assert model.predicted_seconds(room) == pytest.approx(limit)


def test_the_model_is_the_median_of_startups() -> None:
    seen = [ready(own=own, rows=rows) for own, rows in ((0.4, 30), (0.5, 33), (0.9, 33))]
    model = fit(seen)
    assert model == RoundTrips(0.5, pytest.approx(0.02), 40, 3, in_all=40)
    assert fit([]) is None


def test_a_prediction_is_held_against_what_was_measured() -> None:
    found = present(check(MODEL, 0.1, [ready(0.1005), ready(0.1005, own=0.6)]))
    assert found.predicted_seconds == pytest.approx(4.52)
    assert found.measured_seconds == pytest.approx(4.57)
    assert found.fits
    assert check(MODEL, 0.1, []) is None


def test_a_startup_that_asks_more_under_a_latency_does_not_fit() -> None:
    found = present(check(MODEL, 0.1, [ready(0.1005, rows=60)]))
    assert not found.fits
    assert found.off_by < -0.3


def test_round_trips_beside_others_are_shown_as_such() -> None:
    one = ready()
    side_by_side = replace(one, serial_is_exact=False)
    assert (one.serial_text, side_by_side.serial_text) == ("40", "about 40")
    assert replace(side_by_side, complete=False).serial_text == "at least 40"
    exact, about = fit([one, one]), fit([one, side_by_side])
    assert exact is not None
    assert about is not None
    assert (exact.shown_serial, about.shown_serial) == ("40", "about 40")


def about_as(serial: float) -> RoundTrips:
    return replace(MODEL, serial=serial, is_exact=False)


def test_startups_under_a_latency_show_what_ran_side_by_side() -> None:
    under = [replace(ready(0.1), serial_round_trips=22)]
    about = about_as(MODEL.serial)
    assert recounted(about, under) == about_as(22)
    assert recounted(MODEL, under) == about_as(22)  # as many in all
    fewer = [replace(one, round_trips=22) for one in under]
    assert recounted(MODEL, fewer) == MODEL  # it polls
    assert recounted(about, []) == about
    assert recounted(replace(about, serial=20), under).serial == 20
