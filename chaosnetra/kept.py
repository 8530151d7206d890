"""What lies in this user's cache and state folders between runs, and what may be taken away."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kept:
    """One thing that lies there.

    Attributes:
        path: a file or a folder.
        size_bytes: of all in it.
        what: it is, for people.
        needed_by: why it must stay; empty: it may go.
    """

    path: Path
    size_bytes: int
    what: str
    needed_by: str = ""


def kept() -> Iterator[Kept]:
    """Everything in the folders that chaosnetra keeps for this user.

    A ledger stays while its run lives, or has something to undo; the files of a persistent stand
    stay while it is up. Programs may go: the next run makes or finds them again.

    Raises:
        OSError: a folder cannot be read.
    """
    from chaosnetra.safety.ledger import SUFFIX, runs_folder
    from chaosnetra.safety.recovery import leftovers
    from chaosnetra.stand.folders import cache_folder, shared_cache_folder, state_folder
    from chaosnetra.stand.persistent import find_persistent_stand

    for folder in (cache_folder(), shared_cache_folder()):
        for path in _inside(folder):
            if path.suffix == ".lock":  # whoever holds it would be alone with it
                continue
            yield Kept(path, _size(path), "a program for runs, made again when it is missing")
    left = set(leftovers())
    stand = find_persistent_stand()
    for path in _inside(state_folder()):
        if path == runs_folder():
            for ledger in _inside(path):
                if ledger in left:
                    why = "it names what a killed run left: `chaosnetra recover` undoes that"
                else:
                    why = "its run is in progress" if ledger.name.endswith(SUFFIX) else ""
                yield Kept(ledger, _size(ledger), "a list of undos of a run", why)
        else:
            why = f"a stand is up, held by process {stand.pid}" if stand is not None else ""
            yield Kept(path, _size(path), "of the persistent stand", why)


def remove(one: Kept) -> None:
    """Take it away.

    Raises:
        OSError: it cannot be removed.
    """
    if one.path.is_dir() and not one.path.is_symlink():
        shutil.rmtree(one.path)
    else:
        one.path.unlink(missing_ok=True)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.lstat().st_size for file in files if not file.is_dir())
