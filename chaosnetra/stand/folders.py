"""Where the stand keeps things."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_state_path

from chaosnetra.durations import Deadline
from chaosnetra.errors import UndoFailed
from chaosnetra.faults import UndoReport, UndoResult
from chaosnetra.temporary import folder_prefix, temporary_places

REMOVE_SECONDS = 5.0
REMOVE_POLL_SECONDS = 0.05


def cache_folder() -> Path:
    """Programs that are worth keeping between runs, for this user."""
    return user_cache_path("chaosnetra", appauthor=False)


def shared_cache_folder() -> Path:
    """Programs that another system user must be able to run; only root needs such a place."""
    return Path("/var/cache/chaosnetra")


def state_folder() -> Path:
    return user_state_path("chaosnetra", appauthor=False)


def temporary_folder(label: str = "") -> Path:
    """A new folder that only this user can list; `label` (a run's id) becomes part of its name.

    For root, whose PostgreSQL runs as another user, others may pass through to what is theirs;
    no other folder's permissions are changed, so a temporary folder that they cannot reach
    (`TMPDIR` under a private home) is passed over for the system's.
    """
    prefix = folder_prefix(label)
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix=prefix))
    place = next((place for place in temporary_places() if passable(place)), tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    folder.chmod(0o711)
    return folder


def remove_folders(arguments: Mapping[str, Any]) -> UndoReport:
    """Remove the temporary folders of a run that is gone; an undo.

    Its supervisors remove them too, but one that was killed before it had a supervisor could not.

    Args:
        arguments: `label`: the run's id; `places`: where it makes temporary folders, which need
            not be where this process does.
    """
    label = str(arguments["label"])
    if not re.fullmatch(r"[0-9a-z-]{10,60}", label):
        raise UndoFailed(f"{label!r} is no run's id")
    places = {*_places_by_name(), *(Path(place) for place in arguments.get("places", ()))}
    deadline = Deadline.after(REMOVE_SECONDS)
    found = False
    while folders := _folders(label, places):
        found = True
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if deadline.passed:
            raise UndoFailed(f"{folders[0]} cannot be removed")
        time.sleep(REMOVE_POLL_SECONDS)
    if found:
        return UndoReport(UndoResult.DONE, "removed temporary folders")
    return UndoReport(UndoResult.ALREADY_DONE, "no temporary folders")


def _folders(label: str, places: Iterable[Path]) -> list[Path]:
    prefix = folder_prefix(label)
    return [folder for place in places for folder in place.glob(f"{prefix}*") if folder.is_dir()]


def _places_by_name() -> list[Path]:
    """The same, without trying them: `tempfile` writes a file, which a full disk does not take."""
    named = [tempfile.tempdir, *map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))]
    return [Path(name) for name in (*named, "/tmp", "/var/tmp") if name]  # noqa: S108


def passable(folder: Path) -> bool:
    """Whether every user of the system may pass through `folder` and all above it."""
    real = folder.resolve()
    return all(place.stat().st_mode & 0o001 for place in (real, *real.parents))
