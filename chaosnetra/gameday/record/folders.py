"""Where game days are kept, and the lock that belongs to a plan's file."""

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path

from chaosnetra.errors import Unreadable
from chaosnetra.gameday.record.entries import NAME
from chaosnetra.gameday.record.record import InUse, RecordLost

FOLDER = Path("gamedays")


def new_folder(plan: Path, parent: Path) -> Path:
    """A name for a day that begins now; nothing is made."""
    begun = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return unused(parent / f"{plan.stem}-{begun}")


def unused(folder: Path) -> Path:
    """The name itself, or one like it that nothing has; nothing is made."""
    found, number = folder, 1
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


class PlanLock:
    """Held by whoever leads a day of a plan's file; it also says where that day is kept.

    It lies in the user's state folder, so it is the same from every login and working directory.

    Raises:
        InUse: another conductor leads a day of this file.
        RecordLost: the lock cannot be written.
    """

    def __init__(self, plan: Path) -> None:
        path = _lock_path(plan)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RecordLost(f"the lock of {plan} cannot be written: {error}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = -1
            where = latest_folder(plan)
            raise InUse(
                f"{plan}: another conductor leads a day of this file now"
                + (f" ({where})" if where else "")
            ) from None

    def point_to(self, folder: Path) -> None:
        """Say where the day is kept.

        Raises:
            RecordLost: it cannot be written.
        """
        text = json.dumps({"folder": str(folder.resolve())}).encode()
        try:
            os.pwrite(self._file, text.ljust(4096), 0)
            os.fsync(self._file)
        except OSError as error:
            raise RecordLost(f"the lock of the plan cannot be written: {error}") from None

    def close(self) -> None:
        """Let go. Doing it again is no error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def latest_folder(plan: Path) -> Path | None:
    """Where the last day of a plan's file is kept; None when none is known."""
    try:
        data = json.loads(_lock_path(plan).read_text(encoding="utf-8"))
        folder = Path(data["folder"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return folder if (folder / NAME).is_file() else None


def find_folder(what: Path) -> Path:
    """The folder of a day: `what` itself, or that of the last day of a plan's file.

    Raises:
        Unreadable: there is no such day.
    """
    if what.is_dir():
        if (what / NAME).is_file():
            return what
        raise Unreadable(f"{what}: it holds no game day (no {NAME})")
    folder = latest_folder(what)
    if folder is None:
        raise Unreadable(f"{what}: no game day of this file is known; name its folder")
    return folder


def _lock_path(plan: Path) -> Path:
    from chaosnetra.stand.folders import state_folder

    whole = str(plan.resolve()).encode("utf-8", errors="surrogateescape")
    name = f"{plan.stem[:60]}-{hashlib.sha256(whole).hexdigest()[:16]}.json"
    return state_folder() / "gamedays" / name
