"""Values in a journal, which may be anything: what they are, or nothing."""

from collections.abc import Iterator
from typing import Any

from chaosnetra.quantities import finite_or_none

# When an activity began and ended: see `chaosnetra.evidence.journal.order`.
STARTED, ENDED = "started_seconds", "ended_seconds"
# Longer times than a week are no startup's, and would only overflow later.
LONGEST_SECONDS = 7 * 86_400.0


def objects(value: Any) -> Iterator[dict[str, Any]]:
    return (
        (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
    )


def object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def seconds_or_none(value: Any) -> float | None:
    """A time that a startup can take; None for what is none."""
    if type(value) is float and 0 <= value <= LONGEST_SECONDS:  # as nearly all of very many are
        return value
    number = finite_or_none(value)
    return number if number is not None and 0 <= number <= LONGEST_SECONDS else None


def count_or_none(value: Any) -> int | None:
    """A count; None for what is none."""
    return value if type(value) is int and 0 <= value <= 10**9 else None
