"""Ports of this machine."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


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


def free_port() -> int:
    """One port, as `free_ports` chooses it."""
    return free_ports(1)[0]
