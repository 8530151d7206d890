"""Who interrupts a run, as far as this process can know: a signal's sender, an exception's origin.

A signal does not tell who sent it. Where this process sends it to itself, as `chaoslib.exit` does
for a safeguard, the interpreter's audit event tells it before it is sent.
"""

import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from chaoslib.exceptions import InterruptExecution

_EXIT = "chaoslib.exit"
# They raise, or call, for somebody else.
_FOR_OTHERS = ("chaoslib.", "chaostoolkit.", "concurrent.", "threading", "chaosnetra.", "__main__")
_senders: dict[int, str] = {}
_watches = False


def watch_senders() -> None:
    """Note from now on which module of this process sends a signal to it."""
    global _watches
    if not _watches:
        sys.addaudithook(_hear)  # for as long as this process lives
        _watches = True
    _senders.clear()


def signalled_by(number: int, experiment: Mapping[str, Any]) -> str:
    """A signal's name, and who in this process sent it, if somebody did; fit for a handler."""
    name = signal.Signals(number).name
    sender = _senders.pop(number, None)
    return name if sender is None else f"{_named(sender, experiment)} ({name})"


def raised_by(error: BaseException | None, experiment: Mapping[str, Any]) -> str | None:
    """Who raised what ends a run, as text; None when nobody but the core is known to have."""
    traceback, frames = error.__traceback__ if error is not None else None, []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    modules = (_module(frame) for frame in reversed(frames))
    module = next((name for name in modules if name and not name.startswith(_FOR_OTHERS)), None)
    if module is None:
        return None
    if isinstance(error, SystemExit):
        return f"{_named(module, experiment)} (exit with {error.code!r})"
    text = f": {error}" if isinstance(error, InterruptExecution) and str(error) else ""
    return f"{_named(module, experiment)}{text}"


def _named(module: str, experiment: Mapping[str, Any]) -> str:
    controls = experiment.get("controls")
    for control in controls if isinstance(controls, list) else ():
        provider = control.get("provider") if isinstance(control, dict) else None
        if isinstance(provider, dict) and provider.get("module") == module:
            return f"control {control.get('name')!r} ({module})"
    return module


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "os.kill" or arguments[0] != os.getpid():
        return
    frame: FrameType | None = sys._getframe(1)
    sender = first = _module(frame)
    while frame is not None and sender == _EXIT:
        frame = frame.f_back
        sender = _module(frame)
    if first not in ("", "__main__") and not first.startswith("chaosnetra."):
        # Ours say themselves why, or send on what came; the program is this process.
        _senders[arguments[1]] = first if not sender or sender.startswith(_FOR_OTHERS) else sender


def _module(frame: FrameType | None) -> str:
    """The module whose code a frame runs; empty without a frame."""
    if frame is None:
        return ""
    spec = frame.f_globals.get("__spec__")  # has the name of one that runs as a program
    return str(getattr(spec, "name", None) or frame.f_globals.get("__name__") or "")
