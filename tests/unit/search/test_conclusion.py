"""What the trials of a search tell."""

from dataclasses import replace

import pytest

from chaosnetra.search.conclusion import conclude, drift_of
from chaosnetra.search.endings import End, is_monotonic
from chaosnetra.search.levels import failing_share
from chaosnetra.search.placing import next_value
from chaosnetra.search.record import Forecast, Limit, SearchTrial, StartModel
from chaosnetra.search.span import Span
from chaosnetra.search.telling import answer, summary, trial_line
from tests.support.searches import ATTEMPTS, forecast, nothing, search, trial, with_trial

PRECISE = (trial(20, 0, 1), trial(384, 0, 2), trial(416, 5, 3))


def test_a_trial_is_violated_with_half_a_chance_where_it_is_said_to_be() -> None:
    share = failing_share(0.2, 5, 0.5)
    held = (1 - share) ** 5 + 5 * share * (1 - share) ** 4
    assert held == pytest.approx(0.5)
    assert failing_share(0.2, 5, 0.95) > share
    assert failing_share(1.0, 5, 0.5) == 0.5


def test_the_margin_is_from_where_the_system_stands() -> None:
    made = search(*PRECISE, forecast=forecast(400), operating_point=20.0)
    found = conclude(made)
    assert found.end is End.PRECISE
    assert found.margin == pytest.approx(20, rel=0.05)
    assert found.forecast_confirmed is True
    text = summary(made, found)
    assert "today, without the fault: 20 (given), so it bears" in text
    assert "budget table_setup" in text.splitlines()[0]
    assert "; confirmed" in text
    near = search(*PRECISE, forecast=forecast(400), operating_point=0.25)
    assert "so it bears 1,596 times as much" in summary(near, conclude(near))
    beyond = search(*PRECISE, forecast=forecast(400), operating_point=500.0)
    said = "today, without the fault: 500 (given), which is beyond where it breaks\n"
    assert said in summary(beyond, conclude(beyond))


OWN = Limit("its own limit from its first connection", 6.0, 0.1, 62, shown_under=1)


@pytest.mark.parametrize(
    ("broke", "value", "told"),
    [
        ("TimeoutError", 400, "its own limit from its first connection, 6 s (TimeoutError)"),
        (None, 400, "its own limit from its first connection, 6 s"),
        ("budget table_setup", 400, "budget table_setup"),
        ("TimeoutError", 900, "TimeoutError"),  # it is refuted
    ],
)
def test_what_breaks_first_is_the_service_s_own_limit_where_it_is_known(
    broke: str | None, value: float, told: str
) -> None:
    trials = (*PRECISE[:2], *[replace(PRECISE[2], breaks_first=broke)] * 2)
    made = search(*trials, *PRECISE[1:2], forecast=Forecast(value, 0.1, OWN, "its own limit"))
    assert answer(made, conclude(made)).endswith(f"; what breaks first: {told}")


def test_a_prediction_beyond_the_span_is_dropped_once_it_breaks_inside() -> None:
    made = search(trial(20, 0, 1), span=Span(20, 400), forecast=forecast(3819))
    assert made.standing_forecast is not None
    assert next_value(made) == 400
    made = with_trial(made, trial(400, 5, 2))
    assert made.standing_forecast is None
    without = replace(made, forecast=None)
    assert next_value(made) == next_value(without)
    found = conclude(made)
    assert found.point == conclude(without).point
    assert found.forecast_confirmed is False
    assert (
        "predicted: 3819, by budget table_setup of 1 s; refuted: it breaks before 400, so the "
        "search went on without the prediction\n"
    ) in summary(made, found)
    # One at the end, give or take its spread, may still be the one.
    assert replace(made, forecast=forecast(415)).standing_forecast is not None


@pytest.mark.parametrize(("wanted", "holds", "code"), [(300.0, True, 0), (395.0, False, 1)])
def test_a_gate_asks_for_the_whole_interval(wanted: float, holds: bool, code: int) -> None:
    made = search(*PRECISE, forecast=forecast(400), at_least=wanted)
    found = conclude(made)
    assert (found.bears_asked, found.exit_code) == (holds, code)
    assert found.chance_bears_asked is not None
    assert (found.chance_bears_asked > 0.99) is holds
    assert f"above {wanted:g}, which was asked" in summary(made, found)


@pytest.mark.parametrize(("wanted", "holds"), [(2000.0, True), (2500.0, False)])
def test_a_steady_state_that_always_holds_is_gated_by_what_was_tried(
    wanted: float, holds: bool
) -> None:
    made = search(trial(20), trial(2000), trial(2000), at_least=wanted)
    assert conclude(made).bears_asked is holds


def test_a_value_that_proves_nothing_is_tried_once_more_and_ends_the_search() -> None:
    made = search(trial(20, 0, 1), nothing(430, 2))
    assert conclude(made).end is End.GOES_ON
    assert next_value(made) == 430
    made = search(trial(20, 0, 1), nothing(430, 2), nothing(430, 3))
    found = conclude(made)
    assert (found.end, found.exit_code) == (End.INCONCLUSIVE, 2)
    assert answer(made, found) == (
        "proves nothing at latency_ms 430: no effect; mend that, and search again in a new folder"
    )


def test_one_that_proved_nothing_once_counts_for_nothing() -> None:
    made = search(trial(20, 0, 1), nothing(384, 2), *PRECISE[1:], forecast=forecast(400))
    found = conclude(made)
    assert found.end is End.PRECISE
    assert found.point == conclude(search(*PRECISE, forecast=forecast(400))).point
    assert "proves nothing" in summary(made, found)
    assert "no effect" in trial_line(made, made.trials[1], found)


def test_a_response_that_turns_is_said_and_claims_nothing() -> None:
    turning = [trial(20), trial(100, 5), trial(110, 5), trial(400), trial(500)]
    assert not is_monotonic(turning)
    found = conclude(search(*turning))
    assert (found.end, found.point, found.exit_code) == (End.NOT_MONOTONIC, None, 2)
    assert found.bears_asked is None


@pytest.mark.parametrize(
    "trials",
    [
        [trial(20), trial(100, 5), trial(400), trial(500, 5)],  # one lapse
        [trial(20), trial(300, 3), trial(310, 2), trial(320, 1), trial(330, 1), trial(500, 5)],
        [trial(300, 5), trial(300, 5), trial(300), trial(300)],  # of one value
        list(PRECISE),
        [],
    ],
)
def test_chance_makes_no_response_turn(trials: list[SearchTrial]) -> None:
    assert is_monotonic(trials)


def test_baselines_that_drift_are_told() -> None:
    calm = trial(20, baseline_seconds=(1.0, 1.01, 1.02, 1.03, 1.04))
    slow = trial(20, baseline_seconds=(2.0, 2.01, 2.02, 2.03, 2.04))
    noisy = trial(20, baseline_seconds=(0.9, 1.3, 1.0, 1.1, 0.8))
    ended_slow = replace(calm, recovered_seconds=slow.baseline_seconds)
    assert "baselines drift" in (drift_of([ended_slow]) or "")
    assert drift_of([replace(calm, recovered_seconds=calm.baseline_seconds)]) is None
    assert "baselines drift" in (drift_of([calm, slow]) or "")
    assert drift_of([calm, noisy]) is None
    assert drift_of([calm]) is None


def test_no_limit_is_told_with_what_a_start_takes() -> None:
    made = search(trial(20), trial(2000), trial(2000), model=StartModel(0.1, 7))
    assert (
        answer(made, conclude(made))
        == "no limit up to latency_ms 2000; a start takes 0.1 s + 7 x latency"
    )


@pytest.mark.parametrize(("seconds", "fits"), [(14.2, True), (60.0, False), (1.0, False)])
def test_a_model_is_held_against_what_was_measured(seconds: float, fits: bool) -> None:
    tried = trial(2000, under_fault_seconds=(seconds,) * ATTEMPTS)
    found = conclude(search(trial(20), tried, tried, model=StartModel(0.1, 7)))
    assert found.model_fits is fits


def test_nothing_tried_is_nothing_known() -> None:
    made = search()
    found = conclude(made)
    assert (found.end, found.point) == (End.GOES_ON, None)
    assert answer(made, found) == "nothing is known: no trial says anything"


def test_one_that_fails_at_once_says_what_can_be_searched() -> None:
    made = search(trial(20, 5), trial(2000, 5, breaks_first="phase boot"), trial(20, 5))
    found = conclude(made)
    assert (found.end, found.exit_code) == (End.FAILS, 0)
    assert answer(made, found) == (
        "the steady state holds neither at latency_ms 20 nor at 2000: budget table_setup; "
        "widen --from and --to"
    )


def test_a_key_that_may_do_nothing_is_named() -> None:
    calm = {"under_fault_seconds": (0.5,) * ATTEMPTS}
    made = search(trial(20, **calm), trial(2000, **calm), trial(2000, **calm))
    assert answer(made, conclude(made)) == (
        "no limit up to latency_ms 2000: startups under the fault take 0.5 s there as well as at "
        "20, so latency_ms may do nothing here; it is used for: latency_ms of add_latency"
    )
    made = search(trial(20, 5), trial(2000, 5), trial(20, 5))
    assert "both times it fails by budget table_setup" in answer(made, conclude(made))
