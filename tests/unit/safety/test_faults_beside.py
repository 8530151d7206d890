"""Several faults on one path: each is told, and counts, by what it does itself."""

import pytest

from chaosnetra.safety.injector import Injector
from tests.support.fake_faults import LookedAt, OnThePath, happened, path_ms
from tests.support.helpers import present


def effects(injector: Injector) -> dict[str, tuple[object, bool]]:
    """What was observed of each fault first, and whether that counts."""
    found = {held.name: present(held.effect) for held in injector.faults}
    return {name: (effect.observed, effect.in_effect) for name, effect in found.items()}


def after(injector: Injector) -> dict[str, tuple[object, bool]]:
    """Likewise, before its undo."""
    found = {held.name: present(held.effect_after) for held in injector.faults}
    return {name: (effect.observed, effect.in_effect) for name, effect in found.items()}


def test_each_of_two_on_one_path_is_measured_by_what_it_adds(injector: Injector) -> None:
    injector.inject(OnThePath("first"))
    injector.inject(OnThePath("second"))
    injector.undo_all()
    assert effects(injector) == {"first": (100, True), "second": (100, True)}
    assert after(injector) == {"first": (100, True), "second": (100, True)}
    assert "beside first" in present(injector.faults[1].effect).detail
    assert happened[:4] == ["prepare first", "inject first", "measure first", "look second"]


def test_one_that_does_nothing_beside_another_does_not_count(injector: Injector) -> None:
    injector.inject(OnThePath("first"))
    injector.inject(OnThePath("idle", adds_ms=0))
    injector.undo_all()
    assert effects(injector) == {"first": (100, True), "idle": (0, False)}


def test_one_that_ends_meanwhile_is_not_made_up_for_by_the_other(injector: Injector) -> None:
    injector.inject(OnThePath("first"))
    injector.inject(OnThePath("second"))
    path_ms["second"] = 0
    injector.undo_all()
    assert after(injector) == {"first": (100, True), "second": (0, False)}


def test_while_a_later_one_is_there_an_earlier_one_counts_as_it_is_listed(
    injector: Injector,
) -> None:
    injector.inject(OnThePath("first"))
    injector.inject(OnThePath("second"))
    injector.undo("first")
    injector.undo("second")
    assert after(injector) == {"first": ("not measured", True), "second": (100, True)}
    assert "measured no more under second" in present(injector.faults[0].effect_after).detail


def test_one_whose_company_changed_counts_as_it_is_listed(injector: Injector) -> None:
    for name in ("first", "second", "third"):
        injector.inject(OnThePath(name))
    injector.undo("first")
    injector.undo_all()
    assert after(injector)["third"] == ("not measured", True)
    assert (
        "it was put in place beside first, second"
        in present(injector.faults[2].effect_after).detail
    )


def test_other_values_are_held_against_what_the_first_ones_were(injector: Injector) -> None:
    injector.inject(OnThePath("first"))
    injector.inject(OnThePath("second"))
    injector.inject(OnThePath("second update 1", adds_ms=300, subject="second"))
    assert effects(injector)["second update 1"] == (300, True)
    injector.inject(OnThePath("first update 2", subject="first"))
    assert effects(injector)["first update 2"] == ("not measured", False)
    told = present(injector.faults[3].effect).detail
    assert told.startswith("it cannot be told apart from second update 1")


def test_nothing_is_told_beside_one_on_a_share_of_the_connections(injector: Injector) -> None:
    injector.inject(OnThePath("some", is_partial=True))
    injector.inject(OnThePath("all"))
    assert effects(injector)["all"] == ("not measured", False)
    assert (
        "apart from some, on a share of the connections"
        in present(injector.faults[1].effect).detail
    )


@pytest.mark.parametrize("other", [OnThePath("elsewhere", place="theirs"), LookedAt("slots held")])
def test_what_is_on_another_path_is_not_looked_for(injector: Injector, other: LookedAt) -> None:
    injector.inject(other)
    injector.inject(OnThePath("slow"))
    assert "look slow" not in happened
