"""A connector emulator of our own, in front of one address."""

from dataclasses import dataclass

from chaosnetra.processes.program import start_server
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class ConnectorServer(Part):
    """A running emulator of this run; `url` is its control API."""

    url: str


def start_connector(upstream: str, seed: int) -> ConnectorServer:
    """Start an emulator that holds nobody back yet.

    Args:
        upstream: `host:port` that it leads to.
        seed: of everything that it draws.

    Raises:
        PartUnavailable: it does not start.
    """
    options = ("--upstream", upstream, "--seed", str(seed))
    url, process = start_server("the connector emulator", "chaosnetra.connector", *options)
    return ConnectorServer(process, url)
