"""Why a process ended: one exit code, several reasons."""

import pytest

from chaosnetra.startup.observed import exit_reason
from chaosnetra.startup.outcome import ExitReason
from chaosnetra.startup.output import Output

GIVING_UP = "ERROR:    Application startup failed. Exiting."
TRACEBACK = "Traceback (most recent call last):"
TAKEN = "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8000)"
FAILED_PHASE = '{"startup_phase": {"status": "failed", "phase": "database", "error": "no"}}'


def reason(*lines: str) -> ExitReason:
    output = Output()
    output.feed("stderr", "".join(f"{line}\n" for line in lines).encode())
    return exit_reason(output.lines, output.error, output.phases.failed)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((TRACEBACK, "OSError: no such luck", GIVING_UP), ExitReason.STARTUP_FAILED),
        ((FAILED_PHASE,), ExitReason.STARTUP_FAILED),
        # A module that the startup itself imports, and a port of its own that is taken.
        ((TRACEBACK, "ModuleNotFoundError: No module named 'x'", GIVING_UP), "startup_failed"),
        ((FAILED_PHASE, "OSError: [Errno 98] Address already in use"), "startup_failed"),
        (
            ('ERROR:    Error loading ASGI app. Could not import module "shop".',),
            ExitReason.NOT_IMPORTED,
        ),
        (
            ('ERROR:    Error loading ASGI app. Attribute "app" not found in module "shop".',),
            ExitReason.NOT_IMPORTED,
        ),
        ((TRACEBACK, "ModuleNotFoundError: No module named 'x'"), ExitReason.NOT_IMPORTED),
        ((TRACEBACK, "SyntaxError: '(' was never closed"), ExitReason.NOT_IMPORTED),
        ((f"ERROR:    {TAKEN}: address already in use",), ExitReason.PORT_IN_USE),
        (("[ERROR] Connection in use: ('127.0.0.1', 8000)",), ExitReason.PORT_IN_USE),
        (("Error: listen EADDRINUSE: address already in use :::3000",), ExitReason.PORT_IN_USE),
        ((TRACEBACK, "OSError: no such luck"), ExitReason.UNKNOWN),
        (("FATAL: gave up",), ExitReason.UNKNOWN),
        ((), ExitReason.UNKNOWN),
    ],
)
def test_reasons_are_told_apart(lines: tuple[str, ...], expected: str) -> None:
    assert reason(*lines) == expected
