"""What tasks print, in files: the place of Cloud Logging in a rehearsal.

`FOLDER/EXECUTION/task0.log` for each task of an execution, readable by this user alone. Known
secrets of the container's variables are masked; of a file, of a line and of the executions there
is a most.
"""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from chaosnetra.redaction import Redactor

# Of a task, the beginning and the end of what it prints.
FIRST_BYTES = 64 * 1024
LAST_BYTES = 16 * 1024
LONGEST_LINE_BYTES = 16 * 1024
KEPT_EXECUTIONS = 20


class LogFolder:
    """The logs of the newest executions.

    Args:
        folder: it, which need not be there yet; what is in it is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._executions: list[Path] = []

    def of_execution(self, name: str) -> Path:
        """A new folder for an execution; that of the oldest one may go for it.

        Raises:
            OSError: it cannot be made.
        """
        folder = self.folder / name.rpartition("/")[2]
        folder.mkdir(mode=0o700, parents=True)
        self._executions.append(folder)
        while len(self._executions) > KEPT_EXECUTIONS:
            shutil.rmtree(self._executions.pop(0), ignore_errors=True)
        return folder


class TaskLog:
    """Writes what one task prints as it comes, so that it can be read while the task runs.

    A file that cannot be written is given up: the task goes on.

    Args:
        path: of the file; another attempt of the same task goes on in it.
        environment: of the container.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._redactor = Redactor()
        self._redactor.learn_environment(environment)
        self._line = b""
        self._left = FIRST_BYTES
        self._last: list[bytes] = []
        self._left_out = 0
        self._file: IO[bytes] | None = None
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)

    def write(self, chunk: bytes) -> None:
        *whole, rest = (self._line + chunk).split(b"\n")
        for line in whole:
            self._put(line)
        # Of a line that does not end, more is kept than is shown: half a secret is not masked.
        self._line = rest[: 2 * LONGEST_LINE_BYTES]

    def close(self) -> None:
        if self._line:
            self._put(self._line)
        if self._left_out:
            self._write(f"… {self._left_out} bytes left out …\n".encode())
        self._write(b"".join(self._last))
        if self._file is not None:
            self._file.close()

    def _put(self, line: bytes) -> None:
        masked = self._redactor.text(line.decode(errors="replace")).encode(errors="replace")
        if len(masked) > LONGEST_LINE_BYTES:
            masked = masked[:LONGEST_LINE_BYTES] + " … cut".encode()
        masked += b"\n"
        if self._left >= len(masked):
            self._left -= len(masked)
            self._write(masked)
            return
        self._left = 0
        self._last.append(masked)
        while sum(map(len, self._last)) > LAST_BYTES and len(self._last) > 1:
            self._left_out += len(self._last.pop(0))

    def _write(self, raw: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(raw)
        except OSError:
            self._file.close()
            self._file = None
