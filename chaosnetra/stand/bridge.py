"""Bridges between TCP and Unix sockets: what dials only one of them reaches the other."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.addresses.database_url import is_too_long, socket_path
from chaosnetra.errors import PartUnavailable
from chaosnetra.ports import LOOPBACK
from chaosnetra.processes.program import module_command, start_program
from chaosnetra.stand.folders import folder_prefix, temporary_places
from chaosnetra.stand.part import Part


@dataclass(frozen=True)
class Bridge(Part):
    """A running bridge: where it listens, `host:port` or the path of a socket."""

    listen: str


def bridge_to_socket(path: str) -> Bridge:
    """Lead from a free port of loopback to a Unix socket.

    Args:
        path: of the socket.

    Raises:
        PartUnavailable: it does not start.
    """
    return _start(f"{LOOPBACK}:0", path)


def bridge_from_socket(upstream: str, port: int, label: str = "") -> Bridge:
    """Lead from a Unix socket, in a folder that only this user can enter, to an address.

    The folder is removed when the bridge ends.

    Args:
        upstream: `host:port` that it leads to.
        port: that the socket is called after, as PostgreSQL's are.
        label: becomes part of the folder's name.

    Raises:
        PartUnavailable: it does not start, or no temporary folder has a path that is short enough.
    """
    folder = _socket_folder(port, label)
    try:
        return _start(socket_path(str(folder), port), upstream, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _socket_folder(port: int, label: str) -> Path:
    for place in temporary_places():
        try:
            folder = Path(tempfile.mkdtemp(prefix=folder_prefix(label), dir=place))
        except OSError:
            continue
        if not is_too_long(socket_path(str(folder), port)):
            return folder
        folder.rmdir()
    raise PartUnavailable(
        "no temporary folder has a path short enough for a Unix socket: set TMPDIR to another"
    )


def _start(listen: str, upstream: str, *remove: Path) -> Bridge:
    answer, process = start_program(
        "the bridge to a Unix socket",
        module_command("chaosnetra.relay.bridge", listen, upstream),
        remove=remove,
    )
    return Bridge(process, str(answer.get("listen")))
