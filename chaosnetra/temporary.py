"""Temporary folders: where they are made, how they are called, and those for Unix sockets."""

import tempfile
from pathlib import Path

from chaosnetra.addresses.database_url import is_too_long, socket_path
from chaosnetra.errors import PartUnavailable


def socket_folder(port: int, label: str = "") -> Path:
    """A new folder for a Unix socket that only this user can enter.

    Args:
        port: that the socket is called after, as PostgreSQL's are.
        label: becomes part of the folder's name.

    Raises:
        PartUnavailable: no temporary folder has a path that is short enough.
    """
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


def folder_prefix(label: str) -> str:
    """How the names of the temporary folders of a run begin."""
    return f"chaosnetra-{label}-" if label else "chaosnetra-"


def temporary_places() -> list[Path]:
    """Where this process makes temporary folders, the first that will do."""
    return [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
