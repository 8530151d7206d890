"""Programs of this package that say in a line of JSON that they are ready, or why not."""

import json
import os
import select
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.supervised import SupervisedProcess

MOST_BYTES = 65536
START_SECONDS = 20.0


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line of a module of this package that is a program of its own."""
    # Without -P a module of the current directory could take the place of one of ours.
    return [sys.executable, "-P", "-m", module, *arguments]


def start_program(
    what: str,
    command: Sequence[str],
    seconds: float = START_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], SupervisedProcess]:
    """Start a program and wait for its answer: the first line of its output that is a JSON object.

    Other lines before it are warnings, as of an interpreter or of a library.

    Args:
        what: what it is, for messages.
        command: program and arguments.
        seconds: how long the answer may take.
        environment: variables of the program; this process's by default.

    Returns:
        The object, and the process, which ends when this one does.

    Raises:
        PartUnavailable: it ended, or printed no such line in time; names the last that it printed.
    """
    reading, writing = os.pipe()
    try:
        try:
            process = SupervisedProcess(command, output=writing, environment=environment)
        finally:
            os.close(writing)
        try:
            return _answer(what, reading, Deadline.after(seconds)), process
        except BaseException:
            process.stop()
            raise
    finally:
        os.close(reading)


def start_server(what: str, module: str, *arguments: str) -> tuple[str, SupervisedProcess]:
    """Start a module that serves HTTP and prints `{"url": …}` when it answers.

    Args:
        what: what it is, for messages.
        module: of this package.
        arguments: its command line.

    Returns:
        The URL of its control API, and the process, which ends when this one does.

    Raises:
        PartUnavailable: it ended, or printed no such line within 20 s.
    """
    answer, process = start_program(what, module_command(module, *arguments))
    url = answer.get("url")
    if not isinstance(url, str):
        process.stop()
        raise PartUnavailable(f"{what} did not start: it said {answer}")
    return url, process


def _answer(what: str, descriptor: int, deadline: Deadline) -> dict[str, Any]:
    """Reads until the answer, or the end of the output, of the time or of what is taken."""
    last, line = b"", b""
    taken = 0
    while taken < MOST_BYTES:
        ready, _, _ = select.select([descriptor], [], [], deadline.remaining_seconds)
        chunk = os.read(descriptor, MOST_BYTES) if ready else b""
        taken += len(chunk)
        *whole, line = (line + (chunk or b"\n")).split(b"\n")
        for printed in whole:
            if (found := _object(printed)) is not None:
                return found
            last = printed.strip() or last
        if not chunk:
            break
    why = (line.strip() or last).decode(errors="replace") or "it said nothing"
    raise PartUnavailable(f"{what} did not start: {why}")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
