"""Intervals of time: what they cover together, and how many of them do not overlap."""

import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise

Interval = tuple[float, float]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """What is covered by any of them, in order; intervals that touch are one."""
    covered: list[Interval] = []
    start = end = None
    for begin, until in sorted(intervals):
        if end is None or start is None or begin > end:
            if start is not None and end is not None:
                covered.append((start, end))
            start, end = begin, until
        elif until > end:
            end = until
    if start is not None and end is not None:
        covered.append((start, end))
    return covered


def clipped(intervals: Iterable[Interval], start: float, end: float) -> list[Interval]:
    """The parts of them between two moments; an interval that has no part there is left out."""
    return [
        (max(begin, start), min(until, end))
        for begin, until in intervals
        if begin < end and until > start
    ]


def length(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in intervals)


def bounded(disjoint: Sequence[Interval], most: int) -> list[Interval]:
    """At most so many intervals: the smallest gaps between them are closed.

    Params:
        disjoint: in order.
        most: at least 1.
    """
    excess = len(disjoint) - most
    if excess <= 0:
        return list(disjoint)
    gaps = (
        (after[0] - before[1], index) for index, (before, after) in enumerate(pairwise(disjoint))
    )
    closed = {index for _, index in heapq.nsmallest(excess, gaps)}
    kept: list[Interval] = []
    for index, (start, end) in enumerate(disjoint):
        if index - 1 in closed:
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def one_after_the_other(starts: Sequence[float], ends: Sequence[float]) -> list[int]:
    """The most intervals that do not overlap, as indices; ends are in order."""
    chosen: list[int] = []
    free_at = float("-inf")
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start >= free_at:
            chosen.append(index)
            free_at = end
    return chosen
