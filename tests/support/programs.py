"""Programs that tests run: to their end, with what they said, or beside the test, unheard."""

import json
import os
import subprocess
import sys
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


def chaos_command() -> list[str]:
    """The `chaos` command of this environment."""
    return [str(Path(sys.executable).with_name("chaos")), "--no-version-check"]


def chaos_beside(
    experiment: dict[str, Any] | Path, folder: Path, **environment: str
) -> "subprocess.Popen[bytes]":
    """Start `chaos run` in a folder, which is made where there is none."""
    folder.mkdir(exist_ok=True)
    path = experiment if isinstance(experiment, Path) else folder / "experiment.json"
    if not isinstance(experiment, Path):
        path.write_text(json.dumps(experiment))
    command = [*chaos_command(), "run", str(path)]
    return unheard(command, cwd=folder, env={**os.environ, **environment})
