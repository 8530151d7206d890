"""What a container says, as a command on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosnetra.cloudrun.emulator.attempts import TaskAttempt

# Of this machine's environment, what a program needs to run at all.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")


def begin(container: Any, variables: Mapping[str, str]) -> TaskAttempt:
    """Start a container's command.

    Args:
        container: its message: `command`, `args`, `env`, `working_dir`.
        variables: what the platform adds to its environment.

    Raises:
        OSError: it cannot be started, or has no command.
    """
    if not container.command:
        raise OSError("the local endpoint runs commands, not images: set command")
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    given = {variable.name: variable.value for variable in container.env}
    return TaskAttempt(
        [*container.command, *container.args],
        {**inherited, **given, **variables},
        Path(container.working_dir) if container.working_dir else None,
    )
