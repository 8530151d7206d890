"""Why a search ends, or that it goes on: from its journal alone."""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import TypeVar

from chaosnetra.search.record import Search, SearchTrial
from chaosnetra.search.response import Estimate, Response
from chaosnetra.text import how_many

# A value that proves nothing so often is not tried again.
MOST_INCONCLUSIVE = 2
# Trials at an end of the span that settle it.
AT_AN_END = 2
# So unlikely is it that failures become fewer with the value where in truth they do not.
NOT_MONOTONIC = 0.001
FEWEST_IN_BLOCK = 2
# So much likelier trials have to be where attempts fail alike at every value than where they follow
# a response, and so many there have to be.
ODDS_OF_NONE = 30.0
FEWEST_OF_NONE = 4
# Exit codes.
ANSWERED, NOT_BEYOND, PROVES_NOTHING, INTERRUPTED = 0, 1, 2, 6

Where = TypeVar("Where", float, tuple[float, float])


class End(StrEnum):
    """Why a search ended, or that it has not."""

    GOES_ON = "goes on"
    PRECISE = "it is as precise as was asked"
    HOLDS = "it holds from end to end"
    FAILS = "it holds at neither end"
    INCONCLUSIVE = "trials prove nothing"
    NOT_MONOTONIC = "the response is not monotonic"
    INDEPENDENT = "attempts fail alike at every value"
    TRIALS = "all trials are used up"
    SECONDS = "the time is used up"
    STOPPED = "it was stopped"
    INTERRUPTED = "it was interrupted"


def exit_code_of(end: End) -> int:
    """Of the commands that end with a search that has ended so, where nothing was asked of it."""
    if end in (End.INCONCLUSIVE, End.NOT_MONOTONIC, End.STOPPED):
        return PROVES_NOTHING
    return INTERRUPTED if end is End.INTERRUPTED else ANSWERED


def is_precise(search: Search, point: Estimate | None) -> bool:
    """Whether an interval is as narrow as the search was asked for, or as its values allow."""
    if point is None or point.low is None or point.high is None or not point.value:
        return False
    width = point.high - point.low
    return width <= search.precision * abs(point.value) or width <= search.resolution


def is_monotonic(trials: Sequence[SearchTrial], *, falling: bool = False) -> bool:
    """Whether failures may all the same become no fewer where it gets harder.

    They do not where two or more trials in a row failed clearly more than two or more in a row
    that were harder, beyond what chance explains.
    """
    ordered = sorted(trials, key=lambda trial: trial.applied, reverse=falling)
    attempts = [0, *accumulate(trial.attempts for trial in ordered)]
    failures = [0, *accumulate(trial.failures for trial in ordered)]
    violated = [0, *accumulate(int(trial.violated) for trial in ordered)]
    count = len(ordered)
    for cut in range(FEWEST_IN_BLOCK, count - FEWEST_IN_BLOCK + 1):
        if ordered[cut - 1].applied == ordered[cut].applied:
            continue
        for first in range(cut - FEWEST_IN_BLOCK + 1):
            # All of the easier block are violated, and none of the harder.
            if violated[cut] - violated[first] < cut - first:
                continue
            for last in range(cut + FEWEST_IN_BLOCK, count + 1):
                if violated[last] > violated[cut]:
                    break
                chance = _fewer_where_harder(
                    failures[cut] - failures[first],
                    attempts[cut] - attempts[first],
                    failures[last] - failures[cut],
                    attempts[last] - attempts[cut],
                )
                if chance < NOT_MONOTONIC:
                    return False
    return True


def _fewer_where_harder(easy_failures: int, easy: int, hard_failures: int, hard: int) -> float:
    """Fisher's exact chance of so many failures where it is easier, if both failed alike."""
    total, failures = easy + hard, easy_failures + hard_failures
    ways = sum(
        math.comb(easy, here) * math.comb(hard, failures - here)
        for here in range(easy_failures, min(easy, failures) + 1)
        if failures - here <= hard
    )
    return ways / math.comb(total, failures)


def end_after(search: Search, point: Estimate | None, response: Response) -> End:
    """Why a search ends with what its trials show, or that it goes on.

    Args:
        search: its trials.
        point: the breaking point, as far as it is known.
        response: that the trials show.
    """
    trials, span = search.counted, search.oriented
    at_easy = [trial.violated for trial in trials if trial.value == span.easy]
    at_hard = [trial.violated for trial in trials if trial.value == span.hard]
    if nothing_at(search, value_of):
        return End.INCONCLUSIVE
    if not is_monotonic(trials, falling=span.falling):
        return End.NOT_MONOTONIC
    if len(at_easy) >= AT_AN_END and at_hard and all(at_easy + at_hard):
        return End.FAILS
    if len(at_hard) >= AT_AN_END and not any(trial.violated for trial in trials):
        return End.HOLDS
    if len(trials) >= FEWEST_OF_NONE and response.odds_of_none() >= ODDS_OF_NONE:
        return End.INDEPENDENT
    if is_precise(search, point):
        return End.PRECISE
    return end_without_answer(search)


def end_without_answer(search: Search) -> End:
    """Why a search that is not precise enough goes no further, or that it goes on."""
    if search.stopped:
        return End.STOPPED
    if search.interrupted:
        return End.INTERRUPTED
    if len(search.trials) >= search.most_trials:
        return End.TRIALS
    if search.most_seconds is not None and search.seconds >= search.most_seconds:
        return End.SECONDS
    return End.GOES_ON


def value_of(trial: SearchTrial) -> float:
    """Where a trial of a search over one key was made."""
    return trial.value


def how_it_ended(search: Search, end: End) -> str:
    """Its trials, its time, and why it went no further; as a clause."""
    text = f"{how_many(len(search.trials), 'trial')}, {search.seconds:.0f} s; {end.value}"
    if not search.stopped:
        return text
    return f"{text}{':' if end is End.STOPPED else '; of the last one:'} {search.stopped}"


def nothing_at(search: Search, at: "Callable[[SearchTrial], Where]") -> "tuple[Where, ...]":
    """Where trials proved nothing so often that they are not made there again.

    Args:
        search: that made them.
        at: where a trial was made.
    """
    values = [at(trial) for trial in search.trials if not trial.counts]
    counted = {at(trial) for trial in search.counted}
    return tuple(
        sorted(
            value
            for value in set(values)
            if values.count(value) >= MOST_INCONCLUSIVE and value not in counted
        )
    )
