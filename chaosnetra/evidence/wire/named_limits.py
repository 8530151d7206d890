"""A limit that a message names: "timeout after 25.0s". Pure."""

import re

LONGEST_LOOKED_AT = 2000
_UNITS = {"ms": 0.001, "m": 60.0, "s": 1.0}
_UNIT = r"(ms|msecs?|milliseconds?|m|mins?|minutes?|s|secs?|seconds?)\b"
_LIMIT = r"(?:time[d -]?\s?-?out|deadline|time limit|gave up|expired)"
_NAMED = (
    re.compile(rf"{_LIMIT}[^\d\n]{{0,30}}?(\d{{1,9}}(?:\.\d{{1,6}})?)\s?{_UNIT}", re.IGNORECASE),
    re.compile(rf"(\d{{1,9}}(?:\.\d{{1,6}})?)\s?-?{_UNIT}\s?{_LIMIT}", re.IGNORECASE),
)


def named_seconds(text: str) -> float | None:
    """The length of the limit that a message names, in seconds; None where it names none.

    Where it names several, the last one: a message goes from what failed to why.
    """
    found = [
        (match.start(), float(match[1]) * _factor(match[2]))
        for pattern in _NAMED
        for match in pattern.finditer(text[:LONGEST_LOOKED_AT])
    ]
    return max(found)[1] if found else None


def _factor(unit: str) -> float:
    unit = unit.lower()
    if unit.startswith(("ms", "milli")):
        return _UNITS["ms"]
    return _UNITS["m" if unit.startswith("m") else "s"]
