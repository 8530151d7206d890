"""JSON as a person lays it out: what fits on a line stands on one."""

import json
from typing import Any

WIDTH = 100


def laid_out(data: Any, indent: int = 0, room: int = WIDTH) -> str:
    """A value as JSON text, without a line end.

    Args:
        data: JSON-like.
        indent: of the line that it begins on.
        room: characters left on that line.
    """
    line = json.dumps(data, ensure_ascii=False)
    if len(line) <= room or not isinstance(data, (dict, list)) or not data:
        return line
    inner = " " * (indent + 2)
    if isinstance(data, list):
        parts = [laid_out(value, indent + 2, WIDTH - indent - 3) for value in data]
        opening, closing = "[]"
    else:
        names = [f"{json.dumps(name, ensure_ascii=False)}: " for name in data]
        parts = [
            name + laid_out(value, indent + 2, WIDTH - indent - 3 - len(name))
            for name, value in zip(names, data.values(), strict=True)
        ]
        opening, closing = "{}"
    body = ",\n".join(inner + part for part in parts)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"
