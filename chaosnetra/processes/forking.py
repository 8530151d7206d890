"""Starts the program that forks copies of itself, and asks it for them."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import chaosnetra
from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.supervised import SupervisedProcess

# The interpreter may be another one, which does not have this package.
BOOTSTRAP = """
import sys
sys.path.append(sys.argv[1])
from chaosnetra.processes.forkserver import main
sys.path.remove(sys.argv[1])
main(sys.argv[2:])
"""
PACKAGES = Path(chaosnetra.__file__).parents[1]
MOST_BYTES = 4096
ANSWER_SECONDS = 30.0


class Files(NamedTuple):
    """File descriptors of a supervisor: its standard streams, and where it reports to."""

    stdin: int
    stdout: int
    stderr: int
    status: int


class ForkServer:
    """A process that has imported modules, and that starts are forked from.

    It ends, with all that was forked from it, when this process does. `import_seconds` is what the
    imports took; `unforkable` says why copies would not be well, and is empty when they would;
    `usable` is false then, and once a start did not come to its end.

    Args:
        python: the interpreter.
        modules: what to import; whatever cannot be is left to the starts, which then say why.
        environment: its variables; those of a start are given with it.
        directory: working directory, its own and that of every start.
        import_seconds: how long the imports may take.

    Raises:
        PartUnavailable: it cannot be started, or does not answer in time.
    """

    def __init__(
        self,
        python: str,
        modules: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path | None,
        import_seconds: float,
    ) -> None:
        deadline = Deadline.after(import_seconds)
        self._control, theirs = socket.socketpair()
        try:
            with theirs:
                number = theirs.fileno()
                self._process = SupervisedProcess(
                    [python, "-c", BOOTSTRAP, str(PACKAGES), str(number), *modules],
                    output=subprocess.DEVNULL,
                    environment=environment,
                    directory=directory,
                    pass_fds=(number,),
                )
        except BaseException:
            self._control.close()
            raise
        try:
            answer = self._first_answer(deadline)
        except BaseException:
            self.stop()
            raise
        self.import_seconds: float = answer["seconds"]
        self.unforkable: str = answer["unforkable"]
        self.usable = not self.unforkable

    async def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        files: Files,
        grace_seconds: float,
    ) -> int:
        """Fork a copy, under a supervisor of its own, that runs `python -m module` from here on.

        Args:
            module: what to run.
            arguments: its command line.
            environment: all of its environment variables.
            files: what its supervisor gets; the caller closes its own copies.
            grace_seconds: how long it may take to end before it is killed.

        Returns:
            The supervisor's process id.

        Raises:
            PartUnavailable: the process to fork from is gone, or hangs.
        """
        request = json.dumps(
            {
                "module": module,
                "arguments": list(arguments),
                "environment": dict(environment),
                "grace_seconds": grace_seconds,
            }
        ).encode()
        loop = asyncio.get_running_loop()
        self.usable = False  # until the answer is there: half a conversation cannot be taken up
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                socket.send_fds(self._control, [len(request).to_bytes(4, "big")], files)
                await loop.sock_sendall(self._control, request)
                answer = b""
                while not answer.endswith(b"\n"):
                    chunk = await loop.sock_recv(self._control, MOST_BYTES)
                    if not chunk:
                        raise ConnectionError("it has ended")
                    answer += chunk
        except OSError as error:
            why = str(error) or "it does not answer"
            raise PartUnavailable(f"the process that startups are forked from: {why}") from error
        self.usable = True
        pid: int = json.loads(answer)["pid"]
        return pid

    def stop(self) -> None:
        """End it and everything that was forked from it."""
        self._control.close()
        self._process.stop()

    def _first_answer(self, deadline: Deadline) -> dict[str, Any]:
        answer = b""
        try:
            while not answer.endswith(b"\n"):
                self._control.settimeout(max(deadline.remaining_seconds, 0.001))
                chunk = self._control.recv(MOST_BYTES)
                if not chunk:
                    raise PartUnavailable(
                        "the process that startups are forked from ended during its imports"
                    )
                answer += chunk
        except TimeoutError:
            raise PartUnavailable(
                "the process that startups are forked from did not finish its imports in time"
            ) from None
        self._control.setblocking(False)
        found: dict[str, Any] = json.loads(answer)
        return found
