"""Signals that ask a run to end: noted when they come, and passed on where they would be lost.

The core turns SIGTERM into an exception that, on its older line, an activity swallows; it does
not know SIGHUP, which would end the process on the spot. By SIGUSR1 and SIGUSR2 `chaoslib.exit`
ends a run, for example for a safeguard.

A handler runs in the middle of whatever this thread does: it notes and raises, and neither logs
nor waits for anything.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from chaoslib.exceptions import InterruptExecution

from chaosnetra.controls.command_line import in_command
from chaosnetra.controls.interrupters import signalled_by, watch_senders
from chaosnetra.running.run import LOGGER, Run

INSIST_SECONDS = 2.0
LOOP_SECONDS = 0.5
PATIENT_SIGNALS = 3
# Those of `chaoslib.exit`: what the core leaves a run with, 30 without its rollbacks.
EXIT_CODES = {"SIGUSR1": 20, "SIGUSR2": 30}
NAMES = ("SIGTERM", "SIGINT", "SIGHUP", *EXIT_CODES)

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
    former = {
        number: signal.getsignal(number)
        for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name))
    }
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
        held = {getattr(signal, name) for name in NAMES if hasattr(signal, name)}
        signal.pthread_sigmask(signal.SIG_BLOCK, held)


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
