"""Hops of our own on the way to a database: each a process that relays to what is behind it."""

from dataclasses import dataclass

from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.program import module_command, start_program, start_server
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class Hop(Part):
    """A running hop; `url` is its control API."""

    url: str


@dataclass(frozen=True)
class Bridge(Part):
    """A running bridge; it listens on `listen`, `host:port`."""

    listen: str


def start_connector(upstream: str, seed: int) -> Hop:
    """Start a connector emulator that holds nobody back yet.

    Args:
        upstream: `host:port` that it leads to.
        seed: of everything that it draws.

    Raises:
        PartUnavailable: it does not start.
    """
    options = ("--upstream", upstream, "--seed", str(seed))
    url, process = start_server("the connector emulator", "chaosnetra.connector", *options)
    return Hop(process, url)


def start_observer(upstream: str, listen_host: str = LOOPBACK) -> Hop:
    """Start an observer that nothing passes through yet.

    Args:
        upstream: `host:port`, or the path of a Unix socket, that it leads to.
        listen_host: address of this machine at which startups reach it.

    Raises:
        PartUnavailable: it does not start.
    """
    options = ("--upstream", upstream, "--listen-host", listen_host)
    url, process = start_server("the observer", "chaosnetra.wire", *options)
    return Hop(process, url)


def bridge_to_socket(path: str) -> Bridge:
    """Lead from a free port of loopback to a Unix socket, for what dials TCP only.

    Args:
        path: of the socket.

    Raises:
        PartUnavailable: it does not start.
    """
    command = module_command("chaosnetra.relay.bridge", f"{LOOPBACK}:0", path)
    answer, process = start_program("the bridge to a Unix socket", command)
    return Bridge(process, str(answer.get("listen")))
