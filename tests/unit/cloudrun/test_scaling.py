"""Scaling: what is written for what is wanted, and what is put back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.cloudrun.scaling import (
    AUTOMATIC,
    FIELDS,
    MANUAL,
    UNSPECIFIED,
    Restoration,
    Scaling,
    WantedScaling,
    Write,
    outcome,
    restoration,
    write_for,
)
from chaosnetra.errors import InvalidInput

counts = st.integers(0, 1000)


@st.composite
def scalings(draw: st.DrawFn) -> Scaling:
    """Any scaling that a service can have."""
    if draw(st.booleans()):
        return Scaling(MANUAL, 0, 0, draw(counts))
    maximum = draw(counts)
    minimum = draw(st.integers(0, maximum or 1000))
    return Scaling(draw(st.sampled_from([UNSPECIFIED, AUTOMATIC])), minimum, maximum, None)


@st.composite
def wants(draw: st.DrawFn) -> WantedScaling:
    if draw(st.booleans()):
        return WantedScaling(manual=draw(counts))
    some = st.one_of(st.none(), counts)
    return WantedScaling(minimum=draw(some), maximum=draw(st.one_of(st.none(), st.just(1000))))


def apply(before: Scaling, wanted: WantedScaling) -> tuple[Write, Scaling] | None:
    """The write and its outcome; None for what cannot be asked of this service."""
    try:
        write = write_for(before, wanted)
    except InvalidInput:
        return None
    return write, outcome(before, write)


def means_the_same(one: Scaling, other: Scaling) -> bool:
    return all(one.holds(name, other) for name in FIELDS)


@given(scalings(), wants())
def test_a_write_does_what_is_wanted_and_says_what_it_touches(
    before: Scaling, wanted: WantedScaling
) -> None:
    applied = apply(before, wanted)
    if applied is None:
        return
    write, after = applied
    for name in wanted.fields:
        assert getattr(after, name) == getattr(wanted, name)
    assert after.is_manual == (wanted.manual is not None)
    assert not means_the_same(before, after)
    changed = {name for name in FIELDS if not before.holds(name, after)}
    if before.is_manual == after.is_manual:
        assert set(write.fields) == changed
    assert len(write.mask) == len(write.fields) > 0


@given(scalings(), wants())
def test_what_was_done_is_undone_exactly(before: Scaling, wanted: WantedScaling) -> None:
    applied = apply(before, wanted)
    if applied is None:
        return
    _, ours = applied
    back = restoration(ours, ours, before)
    assert back.drifts == ()
    assert back.write is not None
    restored = outcome(ours, back.write)
    assert means_the_same(restored, before)
    assert restoration(restored, ours, before) == Restoration(None, ())


@given(scalings(), wants(), scalings())
def test_nothing_of_somebody_elses_is_ever_overwritten(
    before: Scaling, wanted: WantedScaling, theirs: Scaling
) -> None:
    applied = apply(before, wanted)
    if applied is None:
        return
    _, ours = applied
    todo = restoration(theirs, ours, before)
    mode_drifted = any(drift.field == "mode" for drift in todo.drifts)
    for drift in todo.drifts:
        assert drift.now != drift.before
        assert mode_drifted or drift.now != drift.ours
    if todo.write is not None:
        for name in todo.write.fields:
            assert theirs.holds(name, ours) or theirs.holds(name, before)
    left = {name for name in FIELDS if not theirs.holds(name, before)}
    told = {drift.field for drift in todo.drifts}
    # Whatever is not as it was is either put back or told, never passed over.
    assert left <= told | set(todo.write.fields if todo.write else ())


def test_a_count_of_somebody_elses_keeps_the_mode_with_it() -> None:
    before, ours = Scaling(AUTOMATIC, 1, 9, None), Scaling(MANUAL, 0, 0, 5)
    todo = restoration(Scaling(MANUAL, 0, 0, 7), ours, before)
    assert todo.write is None
    assert [drift.field for drift in todo.drifts] == ["mode", "minimum", "maximum", "manual"]
    assert todo.drifts[3].shown == (
        "scaling.manual_instance_count is 7, ours was 5, before it was None"
    )


def test_fields_are_put_back_one_by_one_where_they_do_not_depend_on_each_other() -> None:
    before, ours = Scaling(AUTOMATIC, 1, 9, None), Scaling(AUTOMATIC, 5, 20, None)
    todo = restoration(Scaling(AUTOMATIC, 5, 30, None), ours, before)
    assert todo.write == Write(before, ("minimum",))
    assert todo.write.mask == ["scaling.min_instance_count"]
    assert [drift.field for drift in todo.drifts] == ["maximum"]


def test_the_mode_is_put_back_with_all_counts_in_one_write() -> None:
    before, ours = Scaling(UNSPECIFIED, 1, 9, None), Scaling(MANUAL, 0, 0, 5)
    todo = restoration(ours, ours, before)
    assert todo.write == Write(before, ("mode", "minimum", "maximum", "manual"))


def test_unspecified_and_automatic_mean_the_same() -> None:
    assert Scaling(UNSPECIFIED, 1, 0, None).holds("mode", Scaling(AUTOMATIC, 1, 0, None))
    assert not Scaling(UNSPECIFIED, 1, 0, None).holds("mode", Scaling(MANUAL, 0, 0, 1))


@given(scalings())
def test_a_scaling_survives_the_ledger(scaling: Scaling) -> None:
    assert Scaling.from_json(scaling.to_json()) == scaling


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ((None, None, None), "nothing is to be changed"),
        (("", "", ""), "nothing is to be changed"),
        ((1, None, 2), "give either it, or minimum and maximum"),
        ((-1, None, None), "minimum must be at least 0, got -1"),
        ((None, 0, None), "maximum must be at least 1, got 0"),
        ((None, None, 1001), "manual must be at most 1000, got 1001"),
        ((1.5, None, None), "minimum must be a whole number"),
        ((True, None, None), "minimum must be a number"),
        (("many", None, None), "minimum must be a number"),
    ],
)
def test_what_cannot_be_wanted(given_values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        WantedScaling.parse(*given_values)


def test_numbers_may_be_text() -> None:
    assert WantedScaling.parse("3", "", None) == WantedScaling(minimum=3)


@pytest.mark.parametrize(
    ("before", "wanted", "message"),
    [
        (Scaling(AUTOMATIC, 3, 0, None), WantedScaling(minimum=3), "scaled so already"),
        (Scaling(MANUAL, 0, 0, 2), WantedScaling(manual=2), "scaled so already"),
        (Scaling(MANUAL, 0, 0, 2), WantedScaling(minimum=2), "give both minimum and maximum"),
        (Scaling(AUTOMATIC, 1, 5, None), WantedScaling(minimum=6), "more than the maximum of 5"),
        (Scaling(AUTOMATIC, 5, 0, None), WantedScaling(maximum=3), "more than the maximum of 3"),
    ],
)
def test_what_cannot_be_wanted_of_this_service(
    before: Scaling, wanted: WantedScaling, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        write_for(before, wanted)
