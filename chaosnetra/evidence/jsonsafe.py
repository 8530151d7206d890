"""Makes sure that what lands in a journal is JSON."""

import json
from typing import Any

LONGEST_TEXT = 500


def json_safe(value: Any) -> tuple[Any, str | None]:
    """`value` as it can be written to a journal.

    Args:
        value: whatever an activity returned.

    Returns:
        The value itself and None when it is JSON (dates, UUIDs, decimals and exceptions count,
        because Chaos Toolkit's encoder writes them); else its text and what is wrong with it.
        NaN and infinity are not JSON.
    """
    from chaostoolkit import encoder

    try:
        json.dumps(value, allow_nan=False, default=encoder)
    except (TypeError, ValueError, RecursionError) as error:
        if hasattr(value, "close") and hasattr(value, "send"):
            value.close()  # a coroutine that nobody will await
        return repr(value)[:LONGEST_TEXT], str(error)
    return value, None
