"""Where the stand keeps things."""

import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_path, user_state_path


def cache_folder() -> Path:
    """Programs that are worth keeping between runs, for this user."""
    return user_cache_path("chaosnetra", appauthor=False)


def shared_cache_folder() -> Path:
    """Programs that another system user must be able to run; only root needs such a place."""
    return Path("/var/cache/chaosnetra")


def state_folder() -> Path:
    return user_state_path("chaosnetra", appauthor=False)


def temporary_folder() -> Path:
    """A new folder that only this user can list.

    For root, whose PostgreSQL runs as another user, others may pass through to what is theirs;
    no other folder's permissions are changed, so a temporary folder that they cannot reach
    (`TMPDIR` under a private home) is passed over for the system's.
    """
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix="chaosnetra-"))
    places = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108
    place = next((place for place in places if passable(place)), places[0])
    folder = Path(tempfile.mkdtemp(prefix="chaosnetra-", dir=place))
    folder.chmod(0o711)
    return folder


def passable(folder: Path) -> bool:
    """Whether every user of the system may pass through `folder` and all above it."""
    real = folder.resolve()
    return all(place.stat().st_mode & 0o001 for place in (real, *real.parents))
