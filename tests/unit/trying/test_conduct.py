"""When a start that was looked at is made once more."""

from dataclasses import replace

import pytest

from chaosnetra.trying.conduct import may_differ_next_time
from chaosnetra.trying.scouting import Sight
from tests.support.startup_courses import seen


@pytest.mark.parametrize(
    ("seconds", "round_trips", "again"),
    [(0.3, 7, True), (0.3, 826, True), (12.0, 7, False), (12.0, 863, True)],
    ids=["quick", "quick, makes its tables", "slow", "slow, makes its tables"],
)
def test_a_start_that_may_have_made_its_tables_is_made_once_more(
    seconds: float, round_trips: int, again: bool
) -> None:
    sight = Sight("exit", seconds, replace(seen(), round_trips=round_trips))
    assert may_differ_next_time(sight) is again
