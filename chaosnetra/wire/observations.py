"""Observations are made in a process of their own: beside the observer, not in its way.

`python -m chaosnetra.wire.observations` is that process. It reads from standard input what
`Observations` writes, answers on standard output, and ends when its input does.
"""

import asyncio
import json
import os
import pickle
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from chaosnetra.errors import MachineryFailed
from chaosnetra.processes.program import module_command

# The observer passes on what startups send; they go before what is told of them.
NICENESS = 5
TIMEOUT_SECONDS = 50.0
_LENGTH = struct.Struct(">Q")


class Observations:
    """Asks the process, which is started with the first question; one question at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._one = asyncio.Lock()

    async def of(
        self,
        log: Sequence[bytes],
        began_at: float,
        until_at: float,
        phases: Mapping[str, tuple[float, float | None]],
    ) -> bytes:
        """The observation, as JSON.

        Args:
            log: of a startup, pickled: itself without connections, and then batches of these.
            began_at: when the startup began.
            until_at: until when it is told.
            phases: as `chaosnetra.wire.observing.observe` takes them.

        Raises:
            MachineryFailed: there is none within 50 s.
        """
        async with self._one:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await self._ask((pickle.dumps((began_at, until_at, phases)), *log))
            except (OSError, EOFError) as error:
                raise MachineryFailed(error) from None

    async def _ask(self, parts: Sequence[bytes]) -> bytes:
        process = self._process
        if process is None or process.returncode is not None:
            command = module_command("chaosnetra.wire.observations")
            process = self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            process.stdin.write(_LENGTH.pack(len(parts)))
            for part in parts:
                process.stdin.write(_LENGTH.pack(len(part)) + part)
                await process.stdin.drain()
            (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
            return await process.stdout.readexactly(length)
        except BaseException:  # whatever is half said would be taken for the next answer
            with suppress(ProcessLookupError):
                process.kill()
            self._process = None
            raise


def main() -> None:
    """Answer until there are no more questions."""
    from chaosnetra.wire.observing import observe

    with suppress(OSError):
        os.nice(NICENESS)
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    while parts := _parts(asked):
        # From the process that started this one, and nobody else.
        (began_at, until_at, phases), log, *batches = map(pickle.loads, parts)
        for batch in batches:
            log.connections += batch
        body = json.dumps(observe(log, began_at, until_at, phases).to_json()).encode()
        answered.write(_LENGTH.pack(len(body)) + body)
        answered.flush()


def _parts(asked: BinaryIO) -> list[bytes]:
    """Those of the next question; none at the end."""
    header = asked.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return []
    parts = []
    for _ in range(*_LENGTH.unpack(header)):
        (length,) = _LENGTH.unpack(asked.read(_LENGTH.size))
        parts.append(asked.read(length))
    return parts


if __name__ == "__main__":
    main()
