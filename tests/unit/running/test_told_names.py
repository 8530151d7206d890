"""What people are told of a fault has no name of the run's own."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaosnetra.running.resources import Resources


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("toxic chaosnetra_r1/slow", "toxic slow"),
        ("proxy chaosnetra_r1 down", "proxy down"),
        ("proxy theirs down", "proxy theirs down"),
    ],
)
def test_the_name_of_a_fault_has_neither_the_run_nor_a_gap_in_it(name: str, told: str) -> None:
    run = cast(Any, SimpleNamespace(identifier="chaosnetra_r1"))
    assert Resources.told_name(run, name) == told
