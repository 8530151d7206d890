"""Launches, calibration and the model's error, from journals with known courses."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.whatif.calibration import calibrated, database_was_full, limits_of
from chaosnetra.whatif.error import LaunchPrediction, ModelError, predictions, stated
from chaosnetra.whatif.launches import Measured, OtherJournals, measured
from chaosnetra.whatif.system import OwnLimits
from tests.support.helpers import present
from tests.support.journals import state
from tests.support.measured import PROFILE, fault
from tests.support.observations import SAME, asked, startup, timed_out
from tests.support.startup_courses import (
    ALONE,
    EACH,
    HELD,
    TRIPS,
    calibrating,
    connector,
    launch,
    seen,
)  # fmt: skip


def read(*journals: dict[str, Any]) -> Measured:
    return measured(
        Journal(Path(f"{number}.json"), normalized(data), 1)
        for number, data in enumerate(journals, start=1)
    )


def under(found: Any, name: str, parameters: dict[str, Any], **effect: Any) -> dict[str, Any]:
    """A run whose startups before the fault are plain, and those under it as given."""
    before = launch([seen(own=number / 100) for number in range(5)])
    told = fault(name, parameters, **effect) | {"injected_seconds": 5.0, "undone_seconds": 40.0}
    return calibrating(before=asked(before, 1.0, 4.0), after=asked(found, 6.0, 30.0), faults=[told])


def test_a_launch_is_what_was_started_at_once_and_what_was_in_place() -> None:
    found = launch([seen(latency=0.1)] * 3, added_round_trip_ms=100.0)
    latency = under(found, "l", {"kind": "toxic", "type": "latency"})
    before, after = read(latency).launches
    assert (before.count, before.is_plain, before.is_known, before.latency_seconds) == (
        5, True, True, 0.0,
    )  # fmt: skip
    assert (after.count, after.is_plain, after.is_known, after.latency_seconds) == (
        3, False, True, 0.1,
    )  # fmt: skip


@pytest.mark.parametrize("first_is_read_last", [False, True])
def test_startups_that_are_in_two_journals_of_a_search_count_once(first_is_read_last: bool) -> None:
    trial = under(launch([seen()] * 3), "l", {"kind": "toxic", "type": "latency"})
    section = trial["chaosnetra"]
    first = {**trial, "chaosnetra": {**section, "run": "first"}}
    second = {**trial, "chaosnetra": {**section, "run": "second", "baseline_of": "first"}}
    both = (second, first) if first_is_read_last else (first, second)
    assert sorted(one.count for one in read(*both).launches) == [3, 3, 5]
    assert [one.count for one in read(second).launches] == [5, 3]  # else it has no baseline


def test_a_connectors_limits_are_those_of_the_fault() -> None:
    limited = {"kind": "connector", "server": "http://here", **connector(8).to_json()}
    (_, after) = read(under(launch([seen()] * 3), "connector change 1", limited)).launches
    assert after.connector == connector(8)
    assert after.is_known


@pytest.mark.parametrize(
    "parameters",
    [
        {"kind": "toxic", "type": "bandwidth"},
        {"kind": "sessions"},
        {"kind": "connector", "slots": "many"},
        {"kind": "connector", **connector(8, throughput_mbps_per_instance=1).to_json()},
    ],
)
def test_what_the_model_does_not_have_tests_nothing(parameters: dict[str, Any]) -> None:
    found = read(under(launch([seen()] * 3), "f", parameters)).launches
    assert [one.is_known for one in found] == [True, False]
    # Without the only plain one there is nothing to learn the model from.
    assert list(predictions(found, 0)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "node server.js"}, "its target is 'node server.js'"),
        ({"profile": {**PROFILE, "name": "other"}}, "its profile is other"),
        ({"profile": {**PROFILE, "pool": {"size": 1}}}, "has other values"),
        ({"time_scale": 0.5}, "its time scale is 0.5, and that of 1.json is 1"),
    ],
)
def test_journals_of_something_else_are_refused_by_a_line_each(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(OtherJournals) as refused:
        read(calibrating(), calibrating(**changed), calibrating(), calibrating(**changed))
    assert len(refused.value.lines) == 2
    assert refused.value.lines[0].startswith("2.json: ")
    assert said in refused.value.lines[0]
    assert refused.value.lines[1].startswith("4.json: ")


def test_what_startups_waited_for_a_core_is_no_time_of_an_instance() -> None:
    stretched = launch([seen(own=0.4)] * 6, share=0.4)
    found = read(calibrating(before=stretched, after=stretched)).launches
    calibration = present(calibrated(found, OwnLimits()))
    assert calibration.without_machine == 0
    assert [one.seconds(0) for one in calibration.courses] == pytest.approx([ALONE] * 12)
    assert [one.alone_seconds for one in found[0].startups] == pytest.approx([ALONE] * 6)


def test_startups_that_hardly_waited_for_a_core_are_enough() -> None:
    stretched = launch([seen(own=0.4)] * 6, share=0.3)
    found = read(calibrating(before=stretched, after=launch([seen()] * 3))).launches
    calibration = present(calibrated(found, OwnLimits()))
    assert (calibration.without_machine, len(calibration.courses)) == (3, 3)


def test_statements_are_told_with_what_an_answer_takes() -> None:
    calibration = present(calibrated(read(calibrating(4)).launches, OwnLimits()))
    (one,) = calibration.statements
    assert (one.text, one.times, one.seconds) == (SAME, 33, pytest.approx(TRIPS * EACH / 2 / 33))


def test_limits_that_a_time_scale_has_shortened_are_told_as_they_are() -> None:
    found = OwnLimits(answer_seconds=2.5).at_time_scale_1(0.1)
    assert found == OwnLimits(answer_seconds=pytest.approx(25))


def test_waits_that_grow_with_the_number_are_seen() -> None:
    one = calibrating(before=launch([seen()] * 3), after=launch([seen(waited_before=0.5)] * 9))
    calibration = present(calibrated(read(one).launches, OwnLimits()))
    assert calibration.waits_grow is not None
    (few, short), (many, long) = calibration.waits_grow
    assert (few, many) == (3, 9)
    assert (short, long) == (pytest.approx(TRIPS * EACH), pytest.approx(TRIPS * EACH + 0.5))


def test_startups_that_were_not_observed_calibrate_nothing() -> None:
    blind = launch([None] * 5)
    assert calibrated(read(calibrating(before=blind, after=blind)).launches, OwnLimits()) is None


def test_the_error_is_that_of_launches_that_were_not_seen() -> None:
    """A run whose second launch is a fifth slower than what it was calibrated with."""
    same = launch([seen()] * 4)
    slower = launch([seen(own=0.2 * ALONE)] * 4)
    found = list(predictions(read(calibrating(before=same, after=slower)).launches, 0))
    assert [one.time_error for one in found] == pytest.approx([0.2, 0.2 / 1.2])
    error = present(stated(found))
    assert (error.launches, error.most_startups) == (2, 4)
    assert error.time_share == pytest.approx(0.2 * 3 / 2)
    # All of these eight were ready, as predicted: so many show no failure rate below a third.
    assert error.success_share == pytest.approx(1 - 0.05 ** (1 / 8))


def test_a_latency_and_a_full_connector_are_predicted() -> None:
    slow = launch([seen(latency=0.1)] * 5, added_round_trip_ms=100.0)
    latency = under(slow, "l", {"kind": "toxic", "type": "latency"})
    service = HELD + TRIPS * EACH
    # Of six at once through four slots two wait until the first have closed.
    queued = launch([seen()] * 4 + [seen(waited_before=service)] * 2)
    limited = {"kind": "connector", "server": "http://here", **connector(4).to_json()}
    full = under(queued, "connector change 1", limited)
    found = list(predictions(read(calibrating(), latency, full).launches, 0))
    (under_latency,) = (one for one in found if one.latency_seconds)
    (under_limit,) = (one for one in found if one.slots)
    assert under_latency.predicted_seconds[0] == pytest.approx(ALONE + TRIPS * 0.1, rel=0.05)
    assert under_latency.time_error < 0.05
    assert under_limit.predicted_seconds[1] == pytest.approx(ALONE + service, rel=0.05)
    assert under_limit.time_error < 0.05


def test_a_short_startup_that_was_far_off_says_little_of_a_long_one() -> None:
    error = ModelError(2, 5, 1.0, ((0.5, 0.5), (10.0, 2.0)), 0.1)
    assert error.seconds(0.5) == pytest.approx(0.5, abs=1e-6)
    assert error.seconds(10) == pytest.approx(2.0, abs=1e-6)
    assert error.seconds(5) == pytest.approx(0.5 + 1.5 * 4.5 / 9.5, abs=1e-6)
    assert error.seconds(20) == pytest.approx(4.0, abs=1e-6)  # nobody saw so long a one


def test_no_less_is_stated_than_the_machine_may_take_unseen() -> None:
    error = ModelError(2, 5, 0.0, ((2.0, 0.001), (2.1, 0.0)), 0.1)
    assert error.seconds(0.3) == pytest.approx(0.1)
    assert error.seconds(20) == pytest.approx(2.0)


def test_no_less_is_stated_than_the_share_that_the_machine_took() -> None:
    """It is known at least: what the database waited for a core is part of the waits."""
    short = LaunchPrediction("a", 5, 0.0, None, (2.0,), (2.0,), 1.0, 1.0, machine_share=0.2)
    error = present(stated([short]))
    assert error.seconds(2) == pytest.approx(0.4)
    assert error.seconds(20) == pytest.approx(4.0)  # nobody saw so long a one
    slow = LaunchPrediction("b", 5, 0.1, None, (20.0,), (20.0,), 1.0, 1.0, machine_share=0.02)
    error = present(stated([short, slow]))
    assert error.seconds(2) == pytest.approx(0.4)
    assert error.seconds(3) == pytest.approx(0.4)
    assert error.seconds(20) == pytest.approx(2.0)  # a tenth: what nobody says of the machine
    calm = launch([seen()] * 4)
    assert [
        one.machine_share for one in predictions(read(calibrating(before=calm)).launches, 0)
    ] == [0.0, 0.0]


@given(
    misses=st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 50)), min_size=1, max_size=8),
    asked=st.floats(0.01, 1_000),
)
def test_no_miss_is_larger_than_what_is_stated_for_its_time(
    misses: list[tuple[float, float]], asked: float
) -> None:
    error = ModelError(1, 5, 1.0, tuple(misses), 0.1)
    assert all(off <= error.seconds(time) * (1 + 1e-6) + 1e-6 for time, off in misses)
    steepest = max(off / time for time, off in misses)
    assert error.seconds(asked) <= max(0.1, 0.1 * asked, steepest * asked) * (1 + 1e-6)


def test_no_error_is_known_of_a_single_launch() -> None:
    plain = launch([seen()] * 3)
    one = calibrating(before=plain) | {
        "steady_states": {"before": state(plain), "after": None, "during": []}
    }
    assert stated(list(predictions(read(one).launches, 0))) is None


def test_limits_and_refusals_that_showed() -> None:
    ended = {"status": "failed", "ended_by": "itself"}
    found = launch([seen()])
    found["output"]["startups"] = [
        startup(number, 14.0, timed_out(14.0, 10.0), **ended) for number in range(1, 4)
    ]
    launches = read(calibrating(after=found)).launches
    assert limits_of(launches).answer_seconds == pytest.approx(10.0)
    assert not database_was_full(launches)
