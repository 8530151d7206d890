"""Tolerances, as the Chaos Toolkit applies them, from what a journal holds.

The core judges the probes of the steady state only. Whatever else has a tolerance is judged by
the journal control, and in journals that were written without it, here.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

# Of a pattern in somebody's journal: none that takes for ever.
LONGEST_PATTERN = 1_000
LONGEST_TEXT = 100_000
_NESTED_REPEAT = r"[*+}][^()]*\)[*+{]"


def tolerance_met(run: Mapping[str, Any]) -> bool | None:
    """Whether an activity that answered was within its tolerance.

    Args:
        run: of a journal, with a `tolerance` in its activity.

    Returns:
        What was judged in the run; else what follows from the answer; None where the journal
        alone does not tell, as for a tolerance that is a function.
    """
    judged = run.get("tolerance_met")
    if isinstance(judged, bool):
        return judged
    return within(run["activity"].get("tolerance"), run["output"])


def has_tolerance(activity: Mapping[str, Any]) -> bool:
    """Whether an activity states what its answer should be."""
    return activity.get("tolerance") is not None


def within(tolerance: Any, value: Any) -> bool | None:
    """Whether a value is within a tolerance; None where that cannot be told from both alone."""
    try:
        return _within(tolerance, value)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, re.error):
        return None


def _within(tolerance: Any, value: Any) -> bool | None:
    if _has_placeholder(tolerance):
        return None
    if isinstance(tolerance, dict):
        return _object(tolerance, value)
    if isinstance(tolerance, (bool, str)):
        return bool(value == tolerance)
    if isinstance(tolerance, int):
        told = value["status"] if isinstance(value, dict) and "status" in value else value
        return bool(told == tolerance)
    if isinstance(tolerance, list):
        if isinstance(value, dict) and "status" in value:
            return value["status"] in tolerance
        if len(tolerance) == 2:
            return bool(tolerance[0] <= value <= tolerance[1])
        return value in tolerance
    return None


def _object(tolerance: Mapping[str, Any], value: Any) -> bool | None:
    target = tolerance.get("target")
    if target:
        value = value.get(target, value)
    match tolerance.get("type"):
        case "probe":
            return _by_function(tolerance, value)
        case "regex":
            pattern = tolerance["pattern"]
            too_long = len(pattern) > LONGEST_PATTERN or len(value) > LONGEST_TEXT
            if too_long or re.search(_NESTED_REPEAT, pattern):
                return None
            return re.search(pattern, value) is not None
        case "range":
            low, high = tolerance["range"]
            try:
                number = Decimal(value)
            except InvalidOperation:  # text that is no number
                return False
            return Decimal(low) <= number <= Decimal(high)
        case "jsonpath":
            return _jsonpath(tolerance, value)
    return None


def _by_function(tolerance: Mapping[str, Any], value: Any) -> bool | None:
    """Only of our own `held` it is known what it answers without calling it."""
    provider = tolerance.get("provider") or {}
    named = provider.get("module"), provider.get("func")
    if named != ("chaosnetra.tolerances", "held"):
        return None
    return isinstance(value, dict) and value.get("held") is True


def _jsonpath(tolerance: Mapping[str, Any], value: Any) -> bool | None:
    from chaosnetra.evidence.verdict.jsonpath import values_at

    if isinstance(value, str):
        value = json.loads(value)
    found = values_at(tolerance["path"], value)
    if found is None:
        try:
            from jsonpath2.path import Path
        except ImportError:
            return None
        found = [match.current_value for match in Path.parse_str(tolerance["path"]).match(value)]
    if "expect" in tolerance:
        expected = tolerance["expect"]
        return bool(found == (expected if isinstance(expected, list) else [expected]))
    count = tolerance.get("count")
    return len(found) == count if count is not None else bool(found)


def _has_placeholder(tolerance: Any) -> bool:
    """Whether a part of it is a `${variable}`, whose value the journal does not tell."""
    if isinstance(tolerance, dict):
        return any(
            isinstance(tolerance.get(key), str) and "${" in tolerance[key]
            for key in ("pattern", "path", "expect")
        )
    return isinstance(tolerance, str) and "${" in tolerance
