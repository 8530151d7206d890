"""A file appears whole or not at all, also when the process is killed while it is written."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def written_whole(path: Path, *, private: bool = False, new: bool = False) -> Iterator[IO[str]]:
    """A text file to write to, which takes the place of `path` when it is complete.

    Anything but a plain file, such as a pipe, is written to as it is.

    Args:
        path: of the file; of a link, the file that it points to is replaced.
        private: whether nobody else may read a file that is new.
        new: whether nothing may be there yet.

    Raises:
        FileExistsError: with `new`, there is something.
        OSError: it cannot be written.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode) and not new:
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    path = path if new else Path(os.path.realpath(path))
    _remove_left(path)
    partial = partial_path(path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(partial, flags, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        if new:
            os.link(partial, path)  # unlike a rename, this overwrites nothing
            partial.unlink()
            return
        if mode is not None:
            shutil.copymode(path, partial)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text file; see `written_whole`.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as file:
        file.write(text)


def partial_path(path: Path) -> Path:
    """What is renamed to `path`; of this process alone: another one may write to that place."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def _remove_left(path: Path) -> None:
    """Remove what processes that were killed had written of this file."""
    of_a_process = re.compile(rf"\.{re.escape(path.name)}\.([0-9]+)\.partial")
    with suppress(OSError):
        for entry in path.parent.iterdir():
            found = of_a_process.fullmatch(entry.name)
            if found and not _runs(int(found[1])):
                entry.unlink()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True
