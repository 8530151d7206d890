"""What lines of a log say of phases, by a service's own patterns."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.line_patterns import compiled
from chaosnetra.phase_patterns import (
    ERROR,
    LONGEST_NAME,
    PHASE,
    PhasePattern,
    PhasePatterns,
    Says,
)
from chaosnetra.quantities import finite_or_none
from chaosnetra.startup.causes import short
from chaosnetra.startup.log_lines import plain
from chaosnetra.text import cut, one_line

# Of a line; a pattern is not applied to what comes after.
LONGEST_MATCHED = 4000
# A line has one end of a phase at most: of what matches, the first of these counts.
_ENDS = (Says.FAILURE, Says.DEGRADED, Says.END)
_UNITS = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:([\d.]{1,20})(s|ms|µs|us|ns))?")
_OF_A_SECOND = {None: 1.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Said:
    """What one line says of a phase.

    Attributes:
        says: what.
        phase: of which; None: of the one that began last.
        seconds: how long that took.
        budget: name of the budget that ran out.
        budget_seconds: its length.
        error: why it failed.
        line: the line itself.
    """

    says: Says
    phase: str | None = None
    seconds: float | None = None
    budget: str | None = None
    budget_seconds: float | None = None
    error: str | None = None
    line: str = ""


class PhaseLines:
    """Reads lines by patterns; several startups may share one.

    Raises:
        ImportError: there is no google-re2.
    """

    def __init__(self, patterns: PhasePatterns) -> None:
        self._patterns = [(one, compiled(one.text)) for one in patterns.patterns]
        # Most lines say nothing of a phase: one look tells.
        either = "|".join(f"(?:{one.text})" for one in patterns.patterns)
        try:
            self._any = compiled(either, captures=False)
        except ValueError:  # each is well, and all of them are too much
            self._any = None

    def read(self, line: str, texts: Sequence[str]) -> list[Said]:
        """What a line says of phases: an end before a beginning, and details last.

        Args:
            line: as it was printed.
            texts: as it reads; see `chaosnetra.startup.log_lines`. Of a line of JSON these come
                first, and then the line itself.
        """
        line = plain(line)
        candidates = [line] if list(texts) == [line] else [*texts, line]
        found: dict[Says, Said] = {}
        entry: Mapping[str, Any] | None = None
        for text in candidates:
            raw = text[:LONGEST_MATCHED].encode(errors="replace")
            if self._any is not None and self._any.search(raw) is None:
                continue
            for one, pattern in self._patterns:
                match = None if one.says in found else pattern.search(raw)
                if match is not None:
                    if one.fields and entry is None:
                        entry = _object(line)
                    found[one.says] = _said(one, match.groupdict(), entry or {}, text)
        ends = [found[says] for says in _ENDS if says in found][:1]
        return [*ends, *(found[says] for says in (Says.START, Says.DETAIL) if says in found)]


def _said(
    one: PhasePattern, groups: Mapping[str, Any], entry: Mapping[str, Any], line: str
) -> Said:
    values = {group: _at(entry, key) for group, key in one.fields.items()}
    values |= {group: value for group, value in groups.items() if value is not None}

    def seconds(name: str) -> float | None:
        whole = _seconds(values.get(f"{name}seconds"))
        thousandths = _number(values.get(f"{name}milliseconds"))
        return thousandths / 1000 if whole is None and thousandths is not None else whole

    error = _text(values.get(ERROR))
    return Said(
        says=one.says,
        phase=_name(values.get(PHASE)) or one.phase,
        seconds=seconds(""),
        budget=_name(values.get("budget")),
        budget_seconds=seconds("budget_"),
        error=short(error) if error else None,
        line=short(line),
    )


def _at(entry: Mapping[str, Any], key: str) -> Any:
    """What an object has under a key, which may be a path with dots."""
    if key in entry:
        return entry[key]
    inner: Any = entry
    for part in key.split("."):
        inner = inner.get(part) if isinstance(inner, Mapping) else None
    return inner


def _object(line: str) -> Mapping[str, Any]:
    start = line.find("{")  # a time may stand in front of it
    try:
        data = json.loads(line[start:]) if start >= 0 else {}
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):
        return value[:LONGEST_MATCHED]
    number = finite_or_none(value)
    return None if number is None else f"{number:.12g}"


def _name(value: Any) -> str | None:
    text = _text(value)
    return (cut(one_line(text).strip(), LONGEST_NAME) or None) if text else None


def _number(value: Any) -> float | None:
    """A duration in its unit; a comma may stand for the point."""
    text = (_text(value) or "").strip()
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds(value: Any) -> float | None:
    """A duration in seconds, or with its units, as Go prints one: `1m53.2s`."""
    match = _UNITS.fullmatch((_text(value) or "").strip())
    if match is None or not any(match.groups()):
        return _number(value)
    last = _number(match[3])
    whole = 3600 * int(match[1] or 0) + 60 * int(match[2] or 0)
    return None if match[3] and last is None else whole + (last or 0) * _OF_A_SECOND[match[4]]
