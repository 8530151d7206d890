"""Programs that tests run: to their end, with what they said, or beside the test, unheard."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Command = Sequence[str | Path] | str


def captured(command: Command, *, timeout: float = 60, **options: Any) -> Any:
    """Run it to its end: exit code, standard output and standard error, as text."""
    named = {"capture_output": True, "text": True, "check": False, **options}
    return subprocess.run(command, timeout=timeout, **named)


def merged(command: Command, *, timeout: float = 60, **options: Any) -> Any:
    """Run it to its end: exit code, and standard output with standard error in it."""
    named = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options}
    return subprocess.run(command, timeout=timeout, **{"check": False, **named})


def unheard(command: Command, **options: Any) -> "subprocess.Popen[bytes]":
    """Start it; nobody hears what it says."""
    named = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, **named)
