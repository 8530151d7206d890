"""Counters of the server that grow."""

import pytest

from chaosnetra.postgres.server import Counts


def killed(counted: dict[str, int] | None) -> Counts:
    return Counts(0, counted)


def test_only_sessions_of_the_startups_databases_count_as_ended() -> None:
    before = killed({"netra": 2, "postgres": 1})
    after = killed({"netra": 5, "postgres": 9, "copy": 1})
    assert after.killed_since(before, {"netra", "copy"}) == 4
    assert after.killed_since(before, {"gone"}) == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, {"netra": 1}), ({"netra": 1}, None), ({"netra": 9}, {"netra": 1})],
    ids=["not counted before", "not counted after", "reset in between"],
)
def test_ended_sessions_that_cannot_be_compared_are_not_known(
    before: dict[str, int] | None, after: dict[str, int] | None
) -> None:
    assert killed(after).killed_since(killed(before), {"netra"}) is None
