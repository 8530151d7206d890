"""Makes sure that what lands in a journal is JSON."""

import json
import math
from typing import Any

from chaosnetra.text import encodable

LONGEST_TEXT = 500


def json_safe(value: Any) -> tuple[Any, str | None]:
    """`value` as it can be written to a journal.

    Args:
        value: whatever an activity returned.

    Returns:
        The value itself and None when it is JSON, or what the core's encoder makes JSON of;
        else its text and what is wrong with it. NaN and infinity are not JSON.
    """
    from chaostoolkit import encoder

    try:
        text = json.dumps(value, allow_nan=False, default=encoder, ensure_ascii=False)
        return (value if encodable(text) is text else strict(value)), None
    except (TypeError, ValueError, RecursionError) as error:
        if hasattr(value, "close") and hasattr(value, "send"):
            value.close()  # a coroutine that nobody will await
        return _text(value), str(error)


def strict(data: Any) -> Any:
    """JSON-like data as strict JSON can hold it: no NaN or infinity, no lone surrogates."""
    if isinstance(data, str):
        return encodable(data)
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {strict(key): strict(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [strict(item) for item in data]
    return data


def _text(value: Any) -> str:
    try:
        return repr(value)[:LONGEST_TEXT]
    except Exception:  # noqa: BLE001 - anybody's __repr__, or data too deep for any
        return f"a {type(value).__name__} that cannot be printed"
