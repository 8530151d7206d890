"""Numbers at the edge: from whatever an experiment file or an environment variable holds.

Chaos Toolkit checks the names of an activity's arguments, not their types, and values from
environment variables arrive as text; so every activity passes its numbers through here.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from chaosnetra.errors import InvalidInput

LONGEST_SHOWN = 100
# Of a run: what a duration that an experiment writes is multiplied by at most.
LARGEST_TIME_SCALE = 10


def number(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> float:
    """A finite number within bounds.

    Args:
        name: what the number is called, with its unit, for the message.
        value: a number, or text that holds one.
        minimum: smallest allowed value, inclusive.
        maximum: largest allowed value, inclusive.
        above: exclusive lower bound.

    Returns:
        The value as a float.

    Raises:
        InvalidInput: not a number, not finite, or out of bounds.
    """
    result = _parsed(name, value)
    if not math.isfinite(result):
        raise InvalidInput(f"{name} must be a finite number, got {_shown(value)}")
    if minimum is not None and result < minimum:
        raise InvalidInput(f"{name} must be at least {minimum:.12g}, got {_shown(value)}")
    if maximum is not None and result > maximum:
        raise InvalidInput(f"{name} must be at most {maximum:.12g}, got {_shown(value)}")
    if above is not None and result <= above:
        raise InvalidInput(f"{name} must be more than {above:.12g}, got {_shown(value)}")
    return result


def whole_number(
    name: str,
    value: Any,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int:
    """Like `number`, and whole: `5`, `5.0` and `"5"` are, `5.5` is not."""
    result = number(name, value, minimum=minimum, maximum=maximum)
    if not result.is_integer():
        raise InvalidInput(f"{name} must be a whole number, got {_shown(value)}")
    return int(result)


def fraction(name: str, value: Any) -> float:
    """A number from 0 to 1, both included."""
    return number(name, value, minimum=0.0, maximum=1.0)


def truth(name: str, value: Any) -> bool:
    """True or false, also as the text `true` or `false`."""
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in known:
        raise InvalidInput(f"{name} must be true or false, got {_shown(value)}")
    return known[value.lower()]


def min_confidence(name: str, value: Any, *, max_failure_rate: float) -> float | None:
    """The confidence that a probe demands of its claim, below 1; None where it demands none.

    Args:
        name: for the message.
        value: a number from 0, which demands none; None and empty text are as 0.
        max_failure_rate: the claim: so many may fail.

    Raises:
        InvalidInput: it is none, or no number of trials could prove the claim.
    """
    if value in (None, ""):
        return None
    result = number(name, value, minimum=0, maximum=0.999999)
    if result == 0:
        return None
    if max_failure_rate <= 0:
        raise InvalidInput(
            f"{name} needs a max_failure_rate above 0: no number of trials proves that "
            "nothing ever fails",
        )
    return result


def duration(name: str, value: Any) -> float:
    """A length of time that is finite and not negative; `name` ends with its unit."""
    return number(name, value, minimum=0.0)


def choice(name: str, value: Any, *, allowed: Sequence[str]) -> str:
    """One of some texts; white space around it does not count."""
    bare = value.strip() if isinstance(value, str) else value
    if bare not in list(allowed):
        raise InvalidInput(f"{name} must be {' or '.join(allowed)}, got {_shown(value)}")
    return str(bare)


def some_text(name: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{name} must be text, got {_shown(value)}")
    return value


def optional(parse: Callable[..., Any], *empty: Any) -> Callable[..., Any]:
    """A parser that gives None for the values of `empty`, and else what `parse` gives."""

    def parsed(name: str, value: Any) -> Any:
        bare = value.strip() if isinstance(value, str) else value
        return None if bare in empty else parse(name, value)

    return parsed


def finite_or_none(value: Any) -> float | None:
    """A number from somebody else's output as a float; None for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def _shown(value: Any) -> str:
    """The value for a message, short, whatever it is."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _parsed(name: str, value: Any) -> float:
    # bool is an int to Python; `true` for a count or a duration is a mistake.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInput(f"{name} must be a number, got {_shown(value)}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{name} must be a number, got {_shown(value)}") from None
