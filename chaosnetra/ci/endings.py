"""Ways in which a pipeline ends a step that takes too long."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from chaosnetra.processes.signals import handled, known

SIGNALS = ("SIGTERM", "SIGHUP")


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end what is inside as Ctrl-C does: undone, and with its evidence."""

    def interrupt(*_: object) -> None:
        for one in known(SIGNALS):
            signal.signal(one, signal.SIG_IGN)  # once is enough
        raise KeyboardInterrupt

    with handled(interrupt, SIGNALS):
        yield
