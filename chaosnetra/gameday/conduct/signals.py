"""Signals that ask the conductor to leave: noted when they come, and asked for often."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from chaosnetra.processes.signals import handled, known


class Signals:
    """Notes the first of the signals that come while it listens."""

    def __init__(self) -> None:
        self.received: str | None = None
        self._interrupts = False

    def listening(self) -> AbstractContextManager[None]:
        """Inside, note signals in place of what is done with them else."""
        heard = (one for one in known() if signal.getsignal(one) is not signal.SIG_IGN)  # nohup
        return handled(self._note, [one.name for one in heard])

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside, where nothing is injected that would have to be undone, a signal ends the work.

        Raises:
            KeyboardInterrupt: the first signal came inside, or had come before.
        """
        self._interrupts = True
        try:
            if self.received is not None:
                raise KeyboardInterrupt
            yield
        finally:
            self._interrupts = False

    def _note(self, number: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        first = self.received is None
        self.received = self.received or signal.Signals(number).name
        if first and self._interrupts:
            raise KeyboardInterrupt
