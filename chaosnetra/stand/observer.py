"""An observer of our own, in front of one address."""

from dataclasses import dataclass

from chaosnetra.processes.program import start_server
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class ObserverServer(Part):
    """A running observer of this run; `url` is its control API."""

    url: str


def start_observer(upstream: str) -> ObserverServer:
    """Start an observer that nothing passes through yet.

    Args:
        upstream: `host:port`, or the path of a Unix socket, that it leads to.

    Raises:
        PartUnavailable: it does not start.
    """
    url, process = start_server("the observer", "chaosnetra.wire", "--upstream", upstream)
    return ObserverServer(process, url)
