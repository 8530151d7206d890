"""Why a startup ended.

An exit code alone proves nothing. uvicorn ends with 3 when a startup failed; from some version
after 0.30 on (seen in 0.54) also when the application cannot be imported or the port is in use,
where it was 1 before. So exit code, phase and text are taken together.
"""

import re
from collections.abc import Sequence

from chaosnetra.startup.outcome import ExitReason, StartupFailure

# Words of uvicorn's, of the ASGI servers that run on it, and of the system.
_STARTUP_FAILED = "Application startup failed"
_PORT_IN_USE = re.compile(r"address already in use|EADDRINUSE|Connection in use", re.IGNORECASE)
_NOT_IMPORTED = re.compile(r"Error loading ASGI app|Could not import module")
_IMPORT_ERRORS = {"ModuleNotFoundError", "ImportError", "SyntaxError"}


def exit_reason(
    lines: Sequence[str], error: StartupFailure | None, failed_phase: str | None
) -> ExitReason:
    """Why a process that failed by itself ended.

    Args:
        lines: what it printed.
        error: the error found in that.
        failed_phase: the phase that failed by its own lines.
    """
    if failed_phase is not None or any(_STARTUP_FAILED in line for line in lines):
        return ExitReason.STARTUP_FAILED
    if any(_PORT_IN_USE.search(line) for line in lines):
        return ExitReason.PORT_IN_USE
    imports = error is not None and error.error_class in _IMPORT_ERRORS
    if imports or any(_NOT_IMPORTED.search(line) for line in lines):
        return ExitReason.NOT_IMPORTED
    return ExitReason.UNKNOWN
