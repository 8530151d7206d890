"""A service's own words for its phases: patterns of the lines that begin or end one in its log."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.line_patterns import NO_RE2, WHAT_RE2_LACKS, compiled
from chaosnetra.text import cut, one_line

MOST_PATTERNS = 100
LONGEST_PATTERN = 1000
LONGEST_NAME = 100
# All of them as JSON: in staging they stand in a variable of the job.
LONGEST_SETTING = 16_000

PHASE, ERROR = "phase", "error"
# What a pattern may find in a line: names of groups, and of the keys that `fields` maps to.
GROUPS = (
    PHASE,
    "seconds",
    "milliseconds",
    "budget",
    "budget_seconds",
    "budget_milliseconds",
    ERROR,
)


class Says(StrEnum):
    """What a line says of a phase: it begins, ends, fails, fails and the service goes on without
    what it was to bring, or there is more to know of it."""

    START = "start"
    END = "end"
    FAILURE = "failure"
    DEGRADED = "degraded"
    DETAIL = "detail"


_KEYS = (PHASE, *Says, "fields")


@dataclass(frozen=True)
class PhasePattern:
    """One pattern.

    Attributes:
        says: what a line that matches says.
        text: the regular expression.
        phase: name of the phase, where the line need not have it.
        fields: of a line of JSON, the key that each group is found under where the pattern itself
            does not find it.
    """

    says: Says
    text: str
    phase: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PhasePatterns:
    """All patterns of a service.

    Attributes:
        given: as JSON, for whoever parses them again.
        patterns: in the order in which they are tried.
    """

    given: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    patterns: tuple[PhasePattern, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.patterns)


def parse(name: str, value: Any) -> PhasePatterns:
    """Read the setting: an object, or a list of them, or the same as text.

    Args:
        name: for messages.
        value: as the configuration or the environment has it; nothing, or empty: no patterns.

    Raises:
        InvalidInput: it cannot be used; names the place.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{name} is not valid JSON: {error}") from None
    if value is None or value in ("", [], {}, ()) or (isinstance(value, str) and not value.strip()):
        return PhasePatterns()
    is_list = isinstance(value, (list, tuple))
    entries = value if is_list else [value]
    if len(json.dumps(value, default=repr)) > LONGEST_SETTING:
        raise InvalidInput(f"{name} is longer than {LONGEST_SETTING:,} characters")
    found: list[PhasePattern] = []
    homeless: str | None = None
    for number, entry in enumerate(entries):
        place = f"{name}[{number}]" if is_list else name
        patterns = _entry(place, entry)
        for one in patterns:
            groups = _groups(f"{place}.{one.says}", one.text)
            if one.phase is None and PHASE not in (*groups, *one.fields):
                if one.says is Says.START:
                    raise _without_phase(f"{place}.{one.says}")
                homeless = homeless or f"{place}.{one.says}"
        found += patterns
        if len(found) > MOST_PATTERNS:
            raise InvalidInput(f"{name} has more than {MOST_PATTERNS} patterns")
    if all(one.says is Says.DETAIL for one in found):
        raise InvalidInput(f"{name} needs at least one of {', '.join(list(Says)[:-1])}")
    # They are about the phase that began last: one must be known to have begun.
    if homeless is not None and not any(one.says is Says.START or one.phase for one in found):
        raise _without_phase(homeless)
    return PhasePatterns(tuple(entries), tuple(found))


def _entry(name: str, entry: Any) -> list[PhasePattern]:
    # Imported where there are patterns: a task of a job has none, mostly, and little of ours.
    from chaosnetra.documents.shapes import refuse_unknown

    if not isinstance(entry, dict):
        raise InvalidInput(
            f"{name} must be a JSON object with {', '.join(Says)}, got {cut(repr(entry), 80)}",
        )
    refuse_unknown(name, map(str, entry), _KEYS)
    phase = entry.get(PHASE)
    if phase is not None and not (isinstance(phase, str) and 0 < len(phase) <= LONGEST_NAME):
        raise InvalidInput(f"{name}.phase must be a name of 1 to {LONGEST_NAME} characters")
    fields = _fields(f"{name}.fields", entry.get("fields") or {})
    found = [
        PhasePattern(says, text, phase, fields)
        for says in Says
        for text in _texts(f"{name}.{says}", entry.get(says))
    ]
    if not found:
        raise InvalidInput(f"{name} has no pattern: it needs one of {', '.join(Says)}")
    return found


def _without_phase(name: str) -> InvalidInput:
    return InvalidInput(
        f"{name} does not tell the phase: give the pattern a group (?P<phase>…), or the object "
        "that it is in a `phase`",
    )


def _texts(name: str, value: Any) -> Iterator[str]:
    texts = value if isinstance(value, list) else [] if value is None else [value]
    for text in texts:
        if not isinstance(text, str) or not text:
            raise InvalidInput(f"{name} must be a regular expression or a list of them")
        if len(text) > LONGEST_PATTERN:
            raise InvalidInput(
                f"{name} must have at most {LONGEST_PATTERN} characters, has {len(text)}"
            )
        yield text


def _groups(name: str, text: str) -> Sequence[str]:
    """The names of a pattern's groups."""
    from chaosnetra.documents.findings import instead

    shown = cut(one_line(text), 80)
    try:
        made = compiled(text)
        found = made.search(b"")
    except ImportError:
        raise InvalidInput(f"{name}: {NO_RE2}") from None
    except (ValueError, UnicodeError) as error:
        raise InvalidInput(
            f"{name}: {shown!r} is no regular expression of RE2 ({WHAT_RE2_LACKS}): {error}",
        ) from None
    if found is not None:
        raise InvalidInput(f"{name}: {shown!r} matches every line, also an empty one")
    for group in made.groupindex:
        if group not in GROUPS:
            remedy = instead(group, GROUPS, f"known are {', '.join(GROUPS)}")
            raise InvalidInput(f"{name}: a group is called {group!r}: {remedy}")
    return list(made.groupindex)


def _fields(name: str, value: Any) -> dict[str, str]:
    from chaosnetra.documents.shapes import refuse_unknown

    if not isinstance(value, dict) or not all(
        isinstance(key, str) and key and len(key) <= LONGEST_NAME for key in value.values()
    ):
        raise InvalidInput(
            f"{name} must be a JSON object of keys, such as "
            '{"phase": "phase", "seconds": "duration"}',
        )
    refuse_unknown(name, value, GROUPS)
    return value
