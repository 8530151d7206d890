"""Signals that ask this process to end: noted, handled otherwise for a while, or kept waiting.

Python runs handlers in the main thread, and lets only that one set them: in another thread the
context managers here change nothing.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

OF_PIPELINES = ("SIGTERM", "SIGHUP")
ENDING = ("SIGINT", *OF_PIPELINES)
# Also those by which `chaoslib.exit` ends a run.
ENDING_A_RUN = (*ENDING, "SIGUSR1", "SIGUSR2")

Handler = Callable[[int, FrameType | None], Any]


def known(names: Iterable[str] = ENDING) -> list[signal.Signals]:
    """Those of these signals that this platform has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def noted(names: Iterable[str] = ENDING) -> list[int]:
    """Note signals from now on, in place of what was done before.

    Returns:
        Their numbers in the order of arrival: a list that grows, to be asked often.
    """
    arrived: list[int] = []
    for number in known(names):
        signal.signal(number, lambda got, frame: arrived.append(got))
    return arrived


@contextmanager
def handled(handler: Handler, names: Iterable[str] = ENDING) -> Iterator[None]:
    """Have a handler take these signals while inside."""
    numbers = known(names) if threading.current_thread() is threading.main_thread() else ()
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            if before is not None:
                signal.signal(number, before)


@contextmanager
def held_back(note: Callable[[], None], names: Iterable[str] = ENDING_A_RUN) -> Iterator[None]:
    """Have signals wait until the work inside is done.

    Args:
        note: called as each comes.
        names: which signals.
    """
    arrived: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as all handlers
        arrived.append(number)
        note()

    with handled(hold, names):
        yield
    for number in dict.fromkeys(arrived):
        os.kill(os.getpid(), number)


@contextmanager
def blocked(names: Iterable[str] = ENDING_A_RUN) -> Iterator[None]:
    """Keep signals from this thread while inside, and from those that are started there.

    A signal that ends the process must meet a thread of ours, where it is held when it has to be.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, known(names))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Have the signals by which pipelines end a step end what is inside as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        for one in known(OF_PIPELINES):
            signal.signal(one, signal.SIG_IGN)  # once is enough
        raise KeyboardInterrupt

    with handled(interrupt, OF_PIPELINES):
        yield
