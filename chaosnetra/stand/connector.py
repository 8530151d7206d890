"""A connector emulator of our own, in front of one address."""

import sys
from dataclasses import dataclass

from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.stand.program import start_program


@dataclass(frozen=True)
class ConnectorServer:
    """A running emulator of this run."""

    url: str
    process: SupervisedProcess

    def stop(self) -> None:
        self.process.stop()


def start_connector(upstream: str, seed: int) -> ConnectorServer:
    """Start an emulator that holds nobody back yet.

    Args:
        upstream: `host:port` that it leads to.
        seed: of everything that it draws.

    Raises:
        PartUnavailable: it does not start.
    """
    url, process = start_program(
        "the connector emulator",
        [
            sys.executable,
            # Without -P a module of the current directory could take the place of one of ours.
            "-P",
            "-m",
            "chaosnetra.connector",
            "--upstream",
            upstream,
            "--seed",
            str(seed),
        ],
    )
    return ConnectorServer(url, process)
