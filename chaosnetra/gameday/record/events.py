"""The events of a run, as they come: `journal.events.jsonl` in its folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES_AT_ONCE = 2**20


class EventTail:
    """Reads what is appended to an event file, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[dict[str, Any]]:
        """What came since the last call, at most 1 MiB; lines that are no events are left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                raw = file.read(MOST_BYTES_AT_ONCE)
        except OSError:
            return []
        end = raw.rfind(b"\n") + 1
        if not end and len(raw) == MOST_BYTES_AT_ONCE:
            end = len(raw)  # a line longer than any event: passed over
        self._at += end
        return [event for line in raw[:end].splitlines() if (event := _event(line)) is not None]


def events_of(path: Path) -> Iterator[dict[str, Any]]:
    """All events of a file."""
    tail = EventTail(path)
    while events := tail.read():
        yield from events


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("event"), str) else None
