"""A journal appears whole or not at all, also when its run is killed while it is written.

The core writes it in place: a kill in that moment leaves half of it, over the one that was there.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from chaosnetra.controls.places import in_command, journal_path

CORE_MODULE = "chaostoolkit.commands.run"


@contextmanager
def written_whole(path: Path) -> Iterator[IO[str]]:
    """A text file to write to, which takes the place of `path` when it is complete.

    Anything but a plain file, such as a pipe, is written to as it is.

    Raises:
        OSError: it cannot be written.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    _remove_left(path)
    # Of this process alone: another run may be writing its journal to the same place.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            shutil.copymode(path, partial)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _remove_left(path: Path) -> None:
    """Remove what runs that were killed had written of this journal."""
    of_a_run = re.compile(rf"\.{re.escape(path.name)}\.([0-9]+)\.partial")
    with suppress(OSError):
        for entry in path.parent.iterdir():
            found = of_a_run.fullmatch(entry.name)
            if found and not _runs(int(found[1])):
                entry.unlink()


def _runs(pid: int) -> bool:
    from chaosnetra.processes.identity import started

    return started(pid) != 0


def let_the_core_write_whole() -> None:
    """Have `chaos run` write its journal by way of `written_whole`.

    The core calls `open` by its name: one in its module comes before the built-in. Where a later
    core no longer does so, it writes as it always did.
    """
    import sys

    core = sys.modules.get(CORE_MODULE)
    if core is None or not in_command():
        return
    journal = os.path.realpath(journal_path())

    def open_(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if mode == "w" and not named and os.path.realpath(file) == journal:
            return written_whole(Path(file))
        return open(file, mode, *arguments, **named)  # noqa: PTH123 - the caller's

    vars(core)["open"] = open_
