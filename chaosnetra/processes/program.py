"""Programs of this package that say in one line of JSON that they are ready, or why not."""

import json
import os
import select
from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.kept import KeptProcess

MOST_BYTES = 65536


def start_program(
    what: str,
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], KeptProcess]:
    """Start a program and wait for its first line of output, a JSON object.

    Args:
        what: what it is, for messages.
        command: program and arguments.
        seconds: how long the line may take.
        environment: variables of the program; this process's by default.

    Returns:
        The object, and the process, which ends when we do.

    Raises:
        PartUnavailable: it ended, or said something else, or nothing in time.
    """
    reading, writing = os.pipe()
    try:
        try:
            process = KeptProcess(command, output=writing, environment=environment)
        finally:
            os.close(writing)
        try:
            said = _first_line(reading, Deadline.after(seconds))
            return _object(what, said), process
        except BaseException:
            process.stop()
            raise
    finally:
        os.close(reading)


def _object(what: str, said: bytes) -> dict[str, Any]:
    try:
        data = json.loads(said)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        text = said.decode(errors="replace").strip() or "it said nothing"
        raise PartUnavailable(f"{what} did not start: {text}")
    return data


def _first_line(descriptor: int, deadline: Deadline) -> bytes:
    """Up to the end of the first line, of the output, or of the time."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MOST_BYTES:
        ready, _, _ = select.select([descriptor], [], [], deadline.remaining_seconds)
        chunk = os.read(descriptor, MOST_BYTES) if ready else b""
        if not chunk:
            break
        line += chunk
    return line
