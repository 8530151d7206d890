"""What a startup printed, and what is read from it."""

import json
from typing import Any

from chaosnetra.startup.outcome import StartupFailure
from chaosnetra.startup.output import Output

TRACEBACK = "Traceback (most recent call last):"
GIVING_UP = "ERROR:    Application startup failed. Exiting."


def output(*lines: str, stream: str = "stderr") -> Output:
    made = Output()
    made.feed(stream, "".join(f"{line}\n" for line in lines).encode())
    made.feed(stream, b"")
    return made


def event(**fields: Any) -> str:
    return json.dumps({"startup_phase": fields})


def error(*lines: str) -> StartupFailure:
    found = output(*lines).error
    assert found is not None
    return found


def traceback(*last_lines: str) -> list[str]:
    """Tracebacks as Python chains them, innermost first."""
    lines: list[str] = []
    for number, last in enumerate(last_lines):
        if number:
            lines += [
                "",
                "The above exception was the direct cause of the following exception:",
                "",
            ]
        lines += [TRACEBACK, '  File "/app/main.py", line 3, in start', "    connect()", last]
    return lines
