"""What may happen on a day, and when."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chaosnetra.gameday.record.states import DayStage, DayState, Kind, NotAllowed, replayed

Happened = tuple[Kind, Mapping[str, Any]]


def data_for(kind: Kind, draw: st.DrawFn) -> dict[str, Any]:
    if kind is Kind.PREDICTED:
        return {"by": draw(st.sampled_from(["Ada", "Ben"])), "asked": "held"}
    if kind is Kind.REPEATED:
        return {"parameters": draw(st.dictionaries(st.sampled_from("ab"), st.text(max_size=2)))}
    return {"reason": "why"}


@st.composite
def days(draw: st.DrawFn) -> tuple[int, list[Happened]]:
    """A number of steps, and things that were allowed one after the other."""
    steps = draw(st.integers(0, 4))
    state = DayState(steps)
    happened: list[Happened] = []
    for _ in range(draw(st.integers(0, 60))):
        if not state.allowed:
            break
        kind = draw(st.sampled_from(state.allowed))
        data = data_for(kind, draw)
        state = state.after(kind, data)
        happened.append((kind, data))
    return steps, happened


@given(days())
def test_what_was_allowed_can_be_replayed_from_any_point(day: tuple[int, list[Happened]]) -> None:
    steps, happened = day
    state = DayState(steps)
    for number, (kind, data) in enumerate(happened):
        assert replayed(steps, happened[:number]) == state
        state = state.after(kind, data)
    assert replayed(steps, happened) == state


@given(days())
def test_steps_come_in_their_order_and_attempts_count_up(day: tuple[int, list[Happened]]) -> None:
    steps, happened = day
    state = DayState(steps)
    for kind, data in happened:
        following = state.after(kind, data)
        assert state.step <= following.step <= min(state.step + 1, steps)
        if following.step == state.step:
            assert state.attempt <= following.attempt <= state.attempt + 1
        else:
            assert (following.attempt, following.predicted, dict(following.changed)) == (1, (), {})
        state = following


@given(days())
def test_nothing_is_wrapped_up_while_a_run_goes_on(day: tuple[int, list[Happened]]) -> None:
    steps, happened = day
    state, running = DayState(steps), False
    for kind, data in happened:
        state = state.after(kind, data)
        running = kind is Kind.RUN_BEGUN or (
            running and kind not in (Kind.RUN_ENDED, Kind.RUN_LOST)
        )
        assert running is (state.stage is DayStage.RUNNING)


@given(days())
@example((1, [(Kind.CHECKED, {}), (Kind.PAUSED, {}), (Kind.SKIPPED, {})]))
def test_a_day_can_always_be_ended(day: tuple[int, list[Happened]]) -> None:
    steps, happened = day
    state = replayed(steps, happened)
    for kind in (Kind.ABORTED, Kind.RUN_LOST, Kind.CLOSED):
        if kind in state.allowed:
            state = state.after(kind, {"reason": "enough"})
    assert state.stage is DayStage.CLOSED
    assert state.allowed == ()


@given(days(), st.sampled_from(Kind))
def test_what_is_not_allowed_is_refused_with_what_is(
    day: tuple[int, list[Happened]], kind: Kind
) -> None:
    steps, happened = day
    state = replayed(steps, happened)
    if kind in state.allowed:
        state.after(kind, {})
        return
    with pytest.raises(NotAllowed, match="cannot happen"):
        state.after(kind, {})


@given(days())
def test_while_paused_no_step_begins_or_goes_on(day: tuple[int, list[Happened]]) -> None:
    steps, happened = day
    state = DayState(steps)
    for kind, data in happened:
        if state.paused:
            assert kind not in (Kind.ANNOUNCED, Kind.GO, Kind.RUN_BEGUN, Kind.FINISHED)
        state = state.after(kind, data)


def test_a_lost_run_keeps_what_people_said_and_asks_for_a_go_again() -> None:
    begun: list[Happened] = [
        (Kind.CHECKED, {}),
        (Kind.ANNOUNCED, {}),
        (Kind.GO, {}),
        (Kind.PREDICTED, {"by": "Ada", "asked": "held"}),
        (Kind.RUN_BEGUN, {}),
    ]
    state = replayed(2, [*begun, (Kind.RUN_LOST, {})])
    assert (state.stage, state.step, state.attempt) == (DayStage.DECIDING, 0, 2)
    assert state.predicted == ("Ada/held",)


def test_a_repetition_asks_for_new_predictions_and_keeps_what_was_changed() -> None:
    state = DayState(1, DayStage.REVIEWING, predicted=("Ada/held",))
    state = state.after(Kind.REPEATED, {"parameters": {"latency_ms": "800"}})
    assert (state.stage, state.attempt, state.predicted) == (DayStage.PREDICTING, 2, ())
    assert state.changed == {"latency_ms": "800"}


def test_an_abort_during_a_run_waits_for_its_end() -> None:
    state = DayState(2, DayStage.RUNNING).after(Kind.ABORTED, {"reason": "pager"})
    assert (state.stage, state.ending) == (DayStage.RUNNING, "pager")
    assert state.after(Kind.RUN_ENDED, {}).stage is DayStage.WRAPPING_UP
