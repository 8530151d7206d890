"""Where two keys together break, with simulated trials."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from chaosnetra.errors import InvalidInput
from chaosnetra.search.comparing import compare_searches
from chaosnetra.search.endings import End
from chaosnetra.search.frontier import Map, frontier_of
from chaosnetra.search.page import html_page, markdown_text
from chaosnetra.search.record import FILE, read_search, write_search
from chaosnetra.search.span import Span
from chaosnetra.search.telling import summary, trial_line
from tests.support.searches import (
    ATTEMPTS,
    SECOND,
    conducted_map,
    mapped,
    nothing,
    search,
    trial,
    with_trial,
)


def hyperbola(latency_ms: float, count: float) -> int:
    return ATTEMPTS if latency_ms * count > 2000 else 0


def corner(latency_ms: float, count: float) -> int:
    return ATTEMPTS if latency_ms > 300 and count > 6 else 0


def wall(latency_ms: float, count: float) -> int:
    return ATTEMPTS if latency_ms > 300 else 0


@pytest.mark.parametrize("truth", [hyperbola, corner, wall])
def test_what_a_map_decides_is_true_and_takes_few_trials(truth: object) -> None:
    assert callable(truth)
    made = conducted_map(mapped(), truth)
    found = frontier_of(made)
    assert (found.end, found.exit_code) == (End.PRECISE, 0)
    assert found.undecided <= made.precision
    assert len(made.trials) <= 28
    for column in found.columns:
        if column.holds_to is not None:
            assert truth(column.value, column.holds_to) == 0
        if column.violated_from is not None:
            assert truth(column.value, column.violated_from) == ATTEMPTS
    # A grid of the same precision has a hundred cells.
    assert len({(one.value, one.second) for one in made.trials}) <= 26


@pytest.mark.parametrize("first_falls", [False, True])
@pytest.mark.parametrize("second_falls", [False, True])
def test_corners_tell_in_which_direction_it_gets_harder(
    first_falls: bool, second_falls: bool
) -> None:
    def truth(latency_ms: float, count: float) -> int:
        latency_ms = 2020 - latency_ms if first_falls else latency_ms
        count = 21 - count if second_falls else count
        return hyperbola(latency_ms, count)

    made = conducted_map(mapped(precision=0.3), truth)
    assert [axis.span.falling for axis in Map(made).axes] == [first_falls, second_falls]
    assert frontier_of(made).end is End.PRECISE


def test_one_that_holds_at_its_hardest_corner_has_no_limit() -> None:
    made = conducted_map(mapped(), lambda first, second: 0)
    assert [(one.value, one.second) for one in made.trials] == [
        (20, 1),
        (20, 20),
        (2000, 1),
        (2000, 20),
    ]
    assert frontier_of(made).end is End.HOLDS
    text = summary(made, frontier_of(made))
    assert text.startswith("no limit up to the hardest corner, latency_ms 2000, count 20")


def test_one_that_holds_nowhere_is_said_after_its_corners() -> None:
    made = conducted_map(mapped(), lambda first, second: ATTEMPTS)
    assert len(made.trials) == 4
    assert frontier_of(made).end is End.FAILS
    assert "holds at no corner" in summary(made, frontier_of(made))


def test_a_trial_on_which_much_rests_is_made_again() -> None:
    # The fifth is a lapse, in the middle of what holds.
    lapses = iter([0, 0, 0, ATTEMPTS, ATTEMPTS])

    def truth(latency_ms: float, count: float) -> int:
        return next(lapses, None) or hyperbola(latency_ms / 20, count)

    made = conducted_map(mapped(precision=0.2), truth)
    found = frontier_of(made)
    assert found.end is End.PRECISE
    assert found.held > 0.75


def test_lapses_leave_most_of_a_map_true() -> None:
    draw = random.Random(3)

    def noisy(latency_ms: float, count: float) -> int:
        share = 1 / (1 + (2000 / (latency_ms * count)) ** 12)
        return sum(draw.random() < share for _ in range(ATTEMPTS))

    made = conducted_map(mapped(), noisy)
    wrong = sum(
        (column.holds_to or 0) * column.value > 2000 * 1.3
        or (column.violated_from or 99) * column.value < 2000 / 1.3
        for column in frontier_of(made).columns
    )
    assert wrong <= 3


def test_a_map_that_contradicts_itself_is_not_claimed() -> None:
    turning = [(20, 1, 0), (20, 20, 0), (2000, 1, 0), (2000, 20, 5), (100, 5, 5), (800, 10, 0)]
    made = mapped()
    for number, (first, second, failures) in enumerate(turning, 1):
        made = with_trial(made, trial(first, failures, number, second=second))
    # One of them may be a lapse.
    assert frontier_of(made).end is End.GOES_ON
    assert Map(made).next_place() == (100, 5)
    made = with_trial(made, trial(100, 5, second=5))
    made = with_trial(made, trial(800, 0, second=10))
    made = with_trial(made, trial(20, 0, second=20))
    made = with_trial(made, trial(2000, 0, second=1))
    found = frontier_of(made)
    assert (found.end, found.exit_code) == (End.NOT_MONOTONIC, 2)
    assert "no map is claimed" in summary(made, found)


def test_a_place_that_proves_nothing_is_tried_once_more() -> None:
    made = mapped(replace(nothing(20), second=1.0))
    assert Map(made).next_place() == (20, 1)
    made = with_trial(made, replace(nothing(20, 2), second=1.0))
    found = frontier_of(made)
    assert (found.end, found.exit_code) == (End.INCONCLUSIVE, 2)
    assert summary(made, found).startswith(
        "proves nothing at latency_ms 20, count 1: no effect; mend"
    )


def test_a_map_is_written_told_and_reported(tmp_path: Path) -> None:
    made = conducted_map(mapped(), hyperbola)
    path = tmp_path / FILE
    write_search(path, made, frontier_of(made).to_json())
    assert read_search(path) == made
    text = summary(made, frontier_of(made))
    assert "of the map is undecided" in text.splitlines()[0]
    assert "count: holds to" in text
    assert max(map(len, text.splitlines()[1:])) <= 100
    assert "count 1" in trial_line(made, made.trials[0], frontier_of(made))
    page = html_page([made])
    for word in ('class="plot"', "is violated", "count, by latency_ms", "varied with it"):
        assert word in page
    assert "| 1 | 20, 1 | held |" in markdown_text([made])
    assert "nothing is known" in html_page([mapped()])


def test_maps_are_not_compared() -> None:
    for before, after in ((mapped(), mapped()), (mapped(), search()), (search(), mapped())):
        with pytest.raises(InvalidInput, match="over two keys") as raised:
            compare_searches(before, after)
        assert "\n" not in str(raised.value)


def test_a_map_takes_whole_numbers_where_only_those_may_be_tried() -> None:
    second = replace(SECOND, span=Span(1, 3, whole=True))
    made = conducted_map(mapped(second=second), hyperbola)
    assert {one.second for one in made.trials} <= {1.0, 2.0, 3.0}
    assert frontier_of(made).end is End.PRECISE
