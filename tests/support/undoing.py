"""Faults that are injected without a run, and undone by another process."""

import json
import os
import subprocess
import sys

from chaosnetra.faults import Effect, Injected, Undo, UndoReport
from chaosnetra.safety.injector import Injector

PLAY = (
    "import json, sys\n"
    "from chaosnetra.errors import FaultError\n"
    "from chaosnetra.faults import Undo, play\n"
    "try:\n"
    "    print(play(Undo.from_json(json.load(sys.stdin))).result)\n"
    "except FaultError as error:\n"
    "    print(f'{type(error).__name__}: {error}')"
)


def effect_of(fault: Injected) -> Effect:
    """What was measured of it; there is something."""
    assert fault.effect is not None
    return fault.effect


def undone(injector: Injector, name: str) -> UndoReport:
    """How the undo of a fault that is in place ended."""
    report = injector.undo(name)
    assert report is not None
    return report


def played_elsewhere(undo: Undo, **environment: str) -> str:
    """The result, or the error, of an undo that a process of its own plays."""
    done = subprocess.run(
        [sys.executable, "-c", PLAY],
        input=json.dumps(undo.to_json()),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()
