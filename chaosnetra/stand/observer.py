"""An observer of our own, in front of one address."""

from dataclasses import dataclass

from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.program import start_server
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class ObserverServer(Part):
    """A running observer of this run; `url` is its control API."""

    url: str


def start_observer(upstream: str, listen_host: str = LOOPBACK) -> ObserverServer:
    """Start an observer that nothing passes through yet.

    Args:
        upstream: `host:port`, or the path of a Unix socket, that it leads to.
        listen_host: address of this machine at which startups reach it.

    Raises:
        PartUnavailable: it does not start.
    """
    options = ("--upstream", upstream, "--listen-host", listen_host)
    url, process = start_server("the observer", "chaosnetra.wire", *options)
    return ObserverServer(process, url)
