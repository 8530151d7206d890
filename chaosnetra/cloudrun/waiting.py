"""Waits for what Cloud Run does in its own time: on our clock, by a deadline, and reported."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunOperationFailed,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    Interrupted,
)
from chaosnetra.processes.signals import blocked

logger = logging.getLogger("chaostoolkit")

SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 2.0
SHARE = 0.1
# From one line about a wait to the next, and to the first.
REPORT_SECONDS = 10.0

Answer = TypeVar("Answer")
Interrupt = Callable[[], bool]


def never() -> bool:
    """What is asked where nothing interrupts."""
    return False


def next_pause_seconds(waited_seconds: float) -> float:
    """How long to wait before looking again: a tenth of what it took so far, 0.1 to 2 s.

    So an end is seen at most a tenth later than it came, or 0.1 s, and no quota is used up.
    """
    return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, SHARE * waited_seconds))


@dataclass(frozen=True)
class _Wait:
    what: Callable[[], str]
    level: int
    began: float


class _Waits(threading.local):
    """What this thread waits for, the innermost last."""

    def __init__(self) -> None:
        self.all: list[_Wait] = []


_waits = _Waits()


@contextmanager
def waiting_until(what: Callable[[], str], level: int = logging.INFO) -> Iterator[None]:
    """Say every ten seconds what is waited for, also while a call has no answer yet.

    Waits inside one another are reported by one clock, each by its own words: short ones in a row
    are not silent together.

    Args:
        what: answers what is waited for, from another thread.
        level: of the log.
    """
    waits = _waits.all
    waits.append(_Wait(what, level, time.monotonic()))
    try:
        with _reporting(waits) if len(waits) == 1 else nullcontext():
            yield
    finally:
        waits.pop()


@contextmanager
def _reporting(waits: Sequence[_Wait]) -> Iterator[None]:
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(REPORT_SECONDS):
            wait = waits[-1]
            waited = time.monotonic() - wait.began
            logger.log(wait.level, f"Still waiting, after {waited:.0f} s, until {wait.what()}")

    thread = threading.Thread(target=report, name="waiting", daemon=True)
    with blocked():
        thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def poll(
    read: Callable[[], Answer],
    enough: Callable[[Answer], bool],
    deadline: Deadline,
    what: str,
    interrupted: Interrupt = never,
) -> Answer:
    """Read until it is enough. A read without an answer, or over a quota, is tried again.

    Args:
        read: reads, and changes nothing.
        enough: whether what was read ends the wait.
        deadline: when to give up.
        what: what is waited for, for the message.
        interrupted: asked often; once true, the wait is given up.

    Returns:
        What was read last.

    Raises:
        CloudRunOperationFailed: the deadline came first.
        CloudRunUnanswered: the deadline came, and the last read had no answer.
        CloudRunQuotaExceeded: the deadline came, and the last read was over a quota.
        CloudRunError: a read was refused.
        Interrupted: `interrupted` became true.
    """
    started = time.monotonic()
    with waiting_until(lambda: f"{what}, {deadline.remaining_seconds:.0f} s at most"):
        while True:
            unread: CloudRunUnanswered | CloudRunQuotaExceeded | None = None
            try:
                answer = read()
            except (CloudRunUnanswered, CloudRunQuotaExceeded) as error:
                unread = error
            else:
                if enough(answer):
                    return answer
            if interrupted():
                raise Interrupted(f"the run was interrupted while it waited until {what}")
            waited = time.monotonic() - started
            if deadline.passed:
                if unread is not None:
                    raise unread
                raise CloudRunOperationFailed(f"{waited:.1f} s were not enough until {what}")
            pause(min(next_pause_seconds(waited), deadline.remaining_seconds), interrupted)


def pause(seconds: float, interrupted: Interrupt) -> None:
    """Pause; an interruption is seen within the shortest pause."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not interrupted():
        time.sleep(min(left, SHORTEST_SECONDS))
