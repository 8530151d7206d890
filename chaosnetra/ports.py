"""Ports of this machine."""

import ipaddress
import random
import socket
import time
from contextlib import ExitStack, suppress

from chaosnetra.durations import Deadline

LOOPBACK = "127.0.0.1"
# Below what Linux (32768 and up), macOS and Windows (49152 and up) give to clients, and Kubernetes
# to its nodes (30000 and up).
CHOICE = range(20_000, 30_000)
TRIES = 100
CONNECT_SECONDS = 0.5
POLL_SECONDS = 0.02


def free_ports(count: int) -> list[int]:
    """Different TCP ports that were free on 127.0.0.1 just now.

    They are none of those that systems give to clients and to port 0, so that only another who
    chooses like this can take one before it is used: retry the start.
    """
    chance = random.SystemRandom()  # two runs of one seed must not choose the same
    with ExitStack() as stack:
        # All are held until all are chosen, or one could be chosen twice.
        return [_bound(stack.enter_context(socket.socket()), chance) for _ in range(count)]


def _bound(probe: socket.socket, chance: random.Random) -> int:
    for _ in range(TRIES):
        with suppress(OSError):
            probe.bind((LOOPBACK, chance.choice(CHOICE)))
            break
    else:
        probe.bind((LOOPBACK, 0))
    port: int = probe.getsockname()[1]
    return port


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


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or an IP address of loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def free_port() -> int:
    """One port, as `free_ports` chooses it."""
    return free_ports(1)[0]
