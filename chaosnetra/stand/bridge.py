"""A bridge to a Unix socket, for what dials TCP only."""

from dataclasses import dataclass

from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.program import module_command, start_program
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class Bridge(Part):
    """A running bridge; it listens on `listen`, `host:port`."""

    listen: str


def bridge_to_socket(path: str) -> Bridge:
    """Lead from a free port of loopback to a Unix socket.

    Args:
        path: of the socket.

    Raises:
        PartUnavailable: it does not start.
    """
    answer, process = start_program(
        "the bridge to a Unix socket",
        module_command("chaosnetra.relay.bridge", f"{LOOPBACK}:0", path),
    )
    return Bridge(process, str(answer.get("listen")))
