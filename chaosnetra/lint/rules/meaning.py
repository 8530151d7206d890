"""Tolerances that hold whatever is answered, or that mean something else than they seem to."""

import os
from collections.abc import Iterator
from http import HTTPStatus
from string import Template
from typing import Any

from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.places import Place
from chaosnetra.lint.outline import Activity, Outline, Role, mapping, text
from chaosnetra.lint.patterns import Reach, is_every_json, reach
from chaosnetra.lint.rules.tolerance import KEYS, Answer, answer_of

ALWAYS = "tolerance-always-met"
_STATUSES = frozenset(int(status) for status in HTTPStatus)
# The status of an answer that has arrived is none of 1xx.
_FINAL_STATUSES = (200, 599)
_EXIT_CODES = (0, 255)
# Answers that a regex can judge as they are.
_WITHOUT_TARGET = (Answer.TEXT, Answer.UNKNOWN)
_JUDGING = "state what the answer must be"


def check(outline: Outline) -> Iterator[Finding]:
    """`tolerance-always-met`, `tolerance-is-a-range`, `tolerance-is-a-set`."""
    for activity in outline.judged:
        place = activity.tolerance_place
        tolerance = activity.tolerance
        answer = answer_of(outline, activity)
        probe = outline.resolved(activity) or activity
        if isinstance(tolerance, list) and len(tolerance) == 2:
            yield from _two(outline, place, tolerance, answer, probe)
            continue
        tolerance = mapping(tolerance)
        kind = text(tolerance.get("type"))
        if kind == "probe":
            yield from _probe(outline, Activity(place, tolerance, Role.TOLERANCE))
        elif kind == "regex" and (tolerance.get("target") or answer in _WITHOUT_TARGET):
            yield from _regex(outline, (*place, "pattern"), tolerance)
        elif kind == "jsonpath":
            yield from _jsonpath(outline, (*place, "path"), tolerance, probe)
        elif kind == "range":
            yield from _range(outline, (*place, "range"), tolerance, probe)


def _probe(outline: Outline, tolerance: Activity) -> Iterator[Finding]:
    """The core asks only whether what a tolerance answers counts as true."""
    answer = answer_of(outline, tolerance)
    if answer.is_object:
        kind = tolerance.provider_type
        whose = "a function that answers one" if kind == "python" else f"a {kind} provider"
        yield outline.finding(
            tolerance.provider_place,
            ALWAYS,
            f"an object counts as true whatever is in it, and {whose} is the tolerance here: it "
            "holds for every value",
            "use a python function that answers true or false",
        )


def _regex(outline: Outline, place: Place, tolerance: Any) -> Iterator[Finding]:
    pattern, is_fixed = _substituted(outline, tolerance.get("pattern"))
    found = reach(pattern) if pattern is not None else Reach.UNKNOWN
    if found is Reach.UNKNOWN:
        return
    what = (
        "every text, since it is searched for and may match nothing at all"
        if found is Reach.EVERYTHING
        else "every text of one line, also an empty one"
    )
    yield outline.finding(
        place,
        ALWAYS,
        f"the pattern {pattern!r} matches {what}: this tolerance holds for every such value",
        "write a pattern that the wrong text does not match",
        Severity.ERROR if found is Reach.EVERYTHING and is_fixed else Severity.WARNING,
    )


def _substituted(outline: Outline, pattern: Any) -> tuple[str | None, bool]:
    """A pattern with what the configuration says, and whether it is that everywhere.

    None where it holds a variable of which nobody knows the value here.
    """
    if not isinstance(pattern, str) or "${" not in pattern:
        return (pattern, True) if isinstance(pattern, str) else (None, True)
    known: dict[str, str] = {}
    is_fixed = True
    for match in Template.pattern.finditer(pattern):
        name = match["braced"]
        if name is None:
            continue
        value = outline.configuration.get(name)
        variable = mapping(value)
        if variable.get("type") == "env":
            is_fixed = False
            value = os.environ.get(text(variable.get("key")), variable.get("default"))
        if not isinstance(value, str):
            return None, is_fixed
        known[name] = value
    return Template(pattern).safe_substitute(known), is_fixed


def _jsonpath(outline: Outline, place: Place, tolerance: Any, probe: Activity) -> Iterator[Finding]:
    path, target = text(tolerance.get("path")), tolerance.get("target")
    if "expect" in tolerance or tolerance.get("count") not in (None, 1):
        return
    keys = () if target else KEYS.get(probe.provider_type, ())
    if tolerance.get("count") == 1 and path.strip() != "$":
        return  # that there is one, and no second, may mean something
    if path and is_every_json(path, keys):
        yield outline.finding(
            place,
            ALWAYS,
            f"the path {path!r} finds something in every answer, and nothing is expected of it: "
            "this tolerance holds for every value",
            'add "expect", the values that it must find',
        )


def _range(outline: Outline, place: Place, tolerance: Any, probe: Activity) -> Iterator[Finding]:
    bounds = tolerance.get("range")
    if not _are_numbers(bounds):
        return
    if tolerance.get("target") == "status":
        if probe.provider_type == "http" and _takes_in(bounds, _FINAL_STATUSES):
            what, severity = "every HTTP status", Severity.ERROR
        elif probe.provider_type == "process" and _takes_in(bounds, _EXIT_CODES):
            what, severity = "every exit code", Severity.WARNING  # of a signal it is negative
        else:
            return
        yield outline.finding(
            place,
            ALWAYS,
            f"{what} is within {bounds!r}: this tolerance holds for every answer",
            _JUDGING,
            severity,
        )
    elif not tolerance.get("target") and probe.provider_type == "python":
        yield from _every_status(outline, place, bounds)


def _every_status(outline: Outline, place: Place, bounds: list[Any]) -> Iterator[Finding]:
    """Of a number from a function nobody knows what it counts."""
    low, high = bounds
    if low in (100, 200) and high in (599, 600):
        yield outline.finding(
            place,
            ALWAYS,
            f"every HTTP status is within a range from {low} to {high}, if that is what the probe "
            "answers",
            _JUDGING,
            Severity.WARNING,
        )


def _two(
    outline: Outline, place: Place, tolerance: list[Any], answer: Answer, probe: Activity
) -> Iterator[Finding]:
    """A list of two is a set for an answer with a status, and a range for any other."""
    low, high = tolerance
    if all(isinstance(bound, str) and "${" not in bound for bound in tolerance):
        if not answer.is_object and low <= high:
            yield outline.finding(
                place,
                "tolerance-is-a-range",
                f"a list of two is a range: every text from {low!r} to {high!r} is within "
                "tolerance",
                f"write a regex (^({low}|{high})$), or a tolerance function",
            )
    elif not _are_numbers(tolerance):
        return
    elif probe.provider_type == "http":
        yield from _set_of_statuses(outline, place, tolerance)
    elif answer in (Answer.NUMBER, Answer.UNKNOWN):
        yield from _every_status(outline, place, tolerance)
        if _are_statuses(tolerance):
            yield outline.finding(
                place,
                "tolerance-is-a-range",
                f"for a number a list of two is a range: all from {low} to {high} are within "
                "tolerance, and if these are HTTP statuses then those between as well",
                "write a tolerance function, if only these two are meant",
                Severity.WARNING,
            )


def _set_of_statuses(outline: Outline, place: Place, tolerance: list[Any]) -> Iterator[Finding]:
    low, high = tolerance
    if low >= high or (high in _STATUSES and high != HTTPStatus.MULTIPLE_CHOICES):
        return
    yield outline.finding(
        place,
        "tolerance-is-a-set",
        f"for the status of an answer a list is a set: only {low} and {high} are within tolerance, "
        "and none between them",
        f'write {{"type": "range", "range": [{low}, {high}], "target": "status"}}, or the '
        "statuses that are meant",
        Severity.ERROR if high % 100 == 99 else Severity.WARNING,
    )


def _are_statuses(tolerance: list[Any]) -> bool:
    """Statuses that are hardly the bounds of anything: 200 and 404, and not 100 and 400."""
    low, high = tolerance
    return low < high and low in _STATUSES and high in _STATUSES and high % 100 != 0


def _are_numbers(bounds: Any) -> bool:
    return (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in bounds)
    )


def _takes_in(bounds: list[Any], other: tuple[int, int]) -> bool:
    return bool(bounds[0] <= other[0] and bounds[1] >= other[1])
