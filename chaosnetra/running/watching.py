"""Watches the parts of the test bed, and the faults in place, for as long as they are used.

A part that was lost, by something else than the experiment, makes everything worthless that was
tried meanwhile; so does a fault that somebody else took away. Both are reported with the
time at which they were last seen well.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.addresses import parse_network_address
from chaosnetra.ports import is_loopback
from chaosnetra.processes.identity import is_stopped, started
from chaosnetra.processes.listening import listener
from chaosnetra.running.run import Run
from chaosnetra.safety.injector import Injector
from chaosnetra.text import utc_now

logger = logging.getLogger("chaostoolkit")

LOOK_SECONDS = 0.25
JOIN_SECONDS = 1.0
# In a row: an answer may be late on a machine that is busy, or a connection be lost, once.
FAILED_LOOKS = 2

# What is wrong with a part; None: it is well.
Look = Callable[[], str | None]


@dataclass
class WatchedPart:
    """A part of the test bed that is watched.

    Attributes:
        kind: what it is.
        source: whose it is, as the journal names it.
        address: where it is.
        look: tells within some milliseconds what is wrong with it.
        look_at_end: likewise, at most once, and may cost a connection; None: `look` says all.
        failed_looks: in a row, after which it is lost.
        loss: how it was lost; None: it was not.
    """

    kind: str
    source: str
    address: str
    look: Look
    look_at_end: Look | None = None
    failed_looks: int = 1
    loss: dict[str, Any] | None = field(default=None, init=False)
    taken_down_by: str | None = field(default=None, init=False)
    _failed: int = field(default=0, init=False)
    _well_at: str = field(default_factory=utc_now, init=False)
    _well: float = field(default_factory=time.monotonic, init=False)

    @property
    def is_watched(self) -> bool:
        return self.loss is None and self.taken_down_by is None

    def check(self, taken_down_since: Callable[[float], str | None], *, at_end: bool) -> bool:
        """Look at it.

        Args:
            taken_down_since: names an action of the experiment that may have taken it down since
                a monotonic time, if one may.
            at_end: whether it is the last look.

        Returns:
            Whether there is something new to report.
        """
        at, now = utc_now(), time.monotonic()
        look = self.look_at_end if at_end and self.look_at_end is not None else self.look
        why = look()
        if why is None:
            self._failed, self._well_at, self._well = 0, at, now
            return False
        self._failed += 1
        if self._failed < self.failed_looks and not at_end:
            return False
        self.taken_down_by = taken_down_since(self._well)
        if self.taken_down_by is None:
            self.loss = {
                "kind": self.kind,
                "source": self.source,
                "address": self.address,
                "why": why,
                "noticed_at": at,
                "last_well_at": self._well_at,
            }
        return True


def of_process(pid: int) -> Look:
    """Looks whether a process is still the one that it is now, and not stopped."""
    since = started(pid)

    def look() -> str | None:
        if started(pid) != since:
            return f"its process {pid} has ended"
        return f"its process {pid} was stopped by a signal" if is_stopped(pid) else None

    return look


def local_listener(network_address: str) -> int | None:
    """The process that serves an address of this machine; None where it is not to be seen.

    Nor is that of a Unix socket.
    """
    if network_address.startswith("/"):
        return None
    host, port = parse_network_address("address", network_address)
    return listener(port) if is_loopback(host) else None


class Watch:
    """A thread that inspects parts and faults in turn.

    Args:
        injector: of the run; it keeps the faults.
        parts: answers with what is to be watched.
        run: the run in progress.
    """

    def __init__(
        self, injector: Injector, parts: Callable[[], list[WatchedPart]], run: Run
    ) -> None:
        self._injector = injector
        self._parts = parts
        self._run = run
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Watch from now on; does nothing where that has begun."""
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Watch no longer. A look that is under way is not waited for."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def look_at_end(self) -> None:
        """Look at every part for the last time."""
        self._look_at_parts(at_end=True)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self._look_at_parts(at_end=False)
                for held in self._injector.watched():
                    self._injector.look(held)
            except Exception:  # what one look came to must not end the next ones
                logger.debug("watch", exc_info=True)

    def _look_at_parts(self, *, at_end: bool) -> None:
        for part in self._to_watch():
            changes = self._injector.changes
            if not part.check(self._run.foreign_action_since, at_end=at_end):
                continue
            if changes != self._injector.changes or changes % 2:
                part.loss = None  # seen in the middle of a change of our own
                continue
            if self._stopping.is_set() and not at_end:
                part.loss = None  # our own end stops it
                return
            self._tell(part)

    def _to_watch(self) -> Iterator[WatchedPart]:
        return (part for part in self._parts() if part.is_watched)

    def _tell(self, part: WatchedPart) -> None:
        if part.loss is not None:
            logger.error(
                f"{part.kind} at {part.address} was lost: {part.loss['why']}; this run will "
                "prove nothing"
            )
            self._run.events.record_if_possible("part.lost", part.loss)
        else:
            told = {"kind": part.kind, "by": part.taken_down_by}
            self._run.events.record_if_possible("part.taken_down", told)
