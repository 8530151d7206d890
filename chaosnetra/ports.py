"""Ports of this machine."""

import socket
import time
from contextlib import ExitStack

from chaosnetra.durations import Deadline

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 0.5
POLL_SECONDS = 0.02


def free_ports(count: int) -> list[int]:
    """Different TCP ports that were free on 127.0.0.1 just now.

    Somebody else may take one before it is used: retry the start.
    """
    with ExitStack() as stack:
        # All are held until all are chosen, or the system would offer the same one again.
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def is_refused(host: str, port: int, seconds: float) -> bool:
    """Whether connections to a port of this machine are refused all the time: nobody listens.

    Args:
        host: a loopback address.
        port: 1 to 65535.
        seconds: for how long it is tried; whoever is restarted may take some of it.
    """
    deadline = Deadline.after(seconds)
    while True:
        try:
            with socket.create_connection((host, port), CONNECT_SECONDS):
                return False
        except ConnectionRefusedError:
            if deadline.passed:
                return True
        except OSError:
            return False  # not accepted in time, for example
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """One port, as `free_ports` chooses it."""
    return free_ports(1)[0]
