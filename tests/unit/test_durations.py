"""Deadlines."""

import math
import time
from typing import Any

import pytest

from chaosnetra.durations import Deadline
from chaosnetra.errors import InvalidInput
from tests.support.virtual_time import Clock


def test_time_that_passes_is_taken_off() -> None:
    clock = Clock()
    deadline = Deadline.after(30, clock)
    assert (deadline.at, deadline.remaining_seconds) == (1030, 30)
    clock.now += 12
    assert deadline.remaining_seconds == 18
    assert not deadline.passed


def test_it_has_passed_at_the_very_moment() -> None:
    clock = Clock()
    deadline = Deadline.after(30, clock)
    clock.now = 1029.999
    assert not deadline.passed
    clock.now = 1030
    assert deadline.passed
    assert deadline.remaining_seconds == 0


def test_what_remains_is_never_negative() -> None:
    clock = Clock()
    deadline = Deadline.after(1, clock)
    clock.now += 500
    assert deadline.remaining_seconds == 0
    assert deadline.passed


def test_no_time_at_all_has_passed_at_once() -> None:
    assert Deadline.after(0, Clock()).passed


def test_the_monotonic_clock_is_the_default() -> None:
    before = time.monotonic()
    deadline = Deadline.after(60)
    assert before + 60 <= deadline.at <= time.monotonic() + 60
    assert not deadline.passed


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan, "soon", None, True])
def test_a_length_that_cannot_be_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidInput, match="seconds must be"):
        Deadline.after(seconds)
