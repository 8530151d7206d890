"""Signals that ask the conductor to leave: noted when they come, and asked for often."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals:
    """Notes the first of the signals that come while it listens."""

    def __init__(self) -> None:
        self.received: str | None = None
        self._interrupts = False
        self._former: dict[int, Callable[..., object] | int | None] = {}

    def listen(self) -> None:
        """Note signals from now on, in place of what was done before."""
        for name in NAMES:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                self._former[number] = signal.signal(number, self._note)

    def stop_listening(self) -> None:
        """Put the former handlers back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

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
