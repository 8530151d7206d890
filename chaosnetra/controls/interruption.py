"""Signals that ask a run to end: noted when they come, and passed on where they would be lost.

The core turns SIGTERM into an exception that, on its older line, an activity swallows; it does
not know SIGHUP, which would end the process on the spot. By SIGUSR1 and SIGUSR2 `chaoslib.exit`
ends a run, for example for a safeguard.

A handler runs in the middle of whatever this thread does: it notes and raises, and neither logs
nor waits for anything.

Who interrupts is told as far as this process can know. A signal does not tell who sent it; where
this process sends it to itself, as `chaoslib.exit` does for a safeguard, the interpreter's audit
event tells it before it is sent.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from chaoslib.exceptions import InterruptExecution

from chaosnetra.controls.command_line import in_command
from chaosnetra.processes.signals import ENDING_A_RUN, known
from chaosnetra.running.run import LOGGER, Run

INSIST_SECONDS = 2.0
LOOP_SECONDS = 0.5
PATIENT_SIGNALS = 3
# Those of `chaoslib.exit`: what the core leaves a run with, 30 without its rollbacks.
EXIT_CODES = {"SIGUSR1": 20, "SIGUSR2": 30}

_EXIT = "chaoslib.exit"
# They raise, or call, for somebody else.
_FOR_OTHERS = ("chaoslib.", "chaostoolkit.", "concurrent.", "threading", "chaosnetra.", "__main__")
_senders: dict[int, str] = {}
_watches = False

logger = logging.getLogger(LOGGER)


def listen(run: Run) -> Callable[[], None]:
    """Note each signal in `run.interrupted_by`, then do what was done before.

    While `run.only_notes_signals` a signal is only noted: the undo and the journal come first. So
    are the first few that repeat one, or come while rollbacks are played: a second exception
    between two steps of the core would cost the rollbacks. Who insists ends one that hangs.

    Returns:
        A function that puts the former handlers back.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    former = {int(number): signal.getsignal(number) for number in known(ENDING_A_RUN)}
    watch_senders()

    patience = iter(range(PATIENT_SIGNALS))

    def note(number: int, frame: Any) -> None:
        again = run.interrupted_by is not None
        run.signals += 1
        if not again:
            run.exit_code = EXIT_CODES.get(signal.Signals(number).name)
            run.interrupted_by = signalled_by(number, run.experiment or {})
        # An exception inside an event loop is lost in it, or tears it: a short one may end first.
        in_loop = in_command() and not again and _runs_a_loop()
        if not run.unwinding:
            _insist(LOOP_SECONDS if in_loop else INSIST_SECONDS)
        if run.only_notes_signals or (in_loop and not run.unwinding):
            return
        if (again or run.in_rollbacks) and next(patience, None) is not None:
            return
        handler = former[number]
        if callable(handler):
            _quietly(handler, number, frame)
        else:
            raise InterruptExecution(f"{signal.Signals(number).name} signal received")

    def insist(number: int, frame: Any) -> None:
        if run.unwinding or run.finishing:
            signal.setitimer(signal.ITIMER_REAL, 0)
        elif not run.only_notes_signals:
            raise _ending(run)

    if in_command():
        signal.signal(signal.SIGALRM, insist)

    def restore() -> None:
        for number, handler in former.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)

    for number, handler in former.items():
        ours_to_hear = callable(handler) or signal.Signals(number).name not in EXIT_CODES
        if ours_to_hear and handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, note)
    return restore


def _quietly(handler: Callable[[int, Any], Any], number: int, frame: Any) -> None:
    """Call the core's handler, which would log: this thread may be in the middle of a line."""
    logger.disabled = True  # looked at before any lock is taken
    try:
        handler(number, frame)
    finally:
        logger.disabled = False


def hold_until_exit() -> None:
    """Keep signals away until this command has ended by itself.

    The core puts the default handler of SIGTERM back before it writes the journal: one more
    signal would end the process in the middle of that. Called before libraries start threads
    of their own, which would otherwise take the signal.
    """
    if in_command() and threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, known(ENDING_A_RUN))


def _runs_a_loop() -> bool:
    """Whether an event loop runs in this thread; nothing is imported to find out."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _insist(first_seconds: float) -> None:
    """Ask again every while until the run unwinds.

    The core sleeps through the pause after an activity that was interrupted; only another
    exception ends that sleep.
    """
    if in_command():
        signal.setitimer(signal.ITIMER_REAL, first_seconds, INSIST_SECONDS)


def pass_on(run: Run) -> None:
    """Raise again what an activity swallowed.

    Raises:
        InterruptExecution: the run was interrupted, and this is its main thread.
        SystemExit: so it was, by `chaoslib.exit`.
    """
    if run.interrupted_by is not None and threading.current_thread() is threading.main_thread():
        raise _ending(run)


def _ending(run: Run) -> BaseException:
    """What ends the run, as whoever asks for it wants it to end."""
    if run.exit_code is not None:
        return SystemExit(run.exit_code)
    interruption: BaseException = InterruptExecution(f"interrupted by {run.interrupted_by}")
    return interruption


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
