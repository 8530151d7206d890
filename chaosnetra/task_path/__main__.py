"""`python -m chaosnetra.task_path FD SECONDS`: the hops of a task's path as a program.

It is asked on the socket FD by lines of JSON, `{"do": NAME, …}`, and answers each with
`{"answer": …}` or `{"error": "one line"}`. The first is `begin`, which says what to stand before;
the others are methods of `chaosnetra.task_path.hops.Hops`. It ends with SIGTERM, when nobody is at
the other end any more, or when SECONDS are over.
"""

import asyncio
import json
import resource
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chaosnetra.errors import ChaosnetraError
from chaosnetra.relay.service import allow_many_descriptors, new_event_loop

if TYPE_CHECKING:
    from chaosnetra.task_path.hops import Hops

ASKED = (
    *("add_toxic", "remove_toxic", "switch", "change_connector", "connector", "state"),
    "observe",
)
# An observation of a startup of some hundred thousand round trips has as many bytes.
MOST_BYTES = 1 << 26


class Served:
    """Answers what is asked for."""

    def __init__(self) -> None:
        self._hops: Hops | None = None

    def answer(self, line: bytes) -> dict[str, Any]:
        asked = json.loads(line)
        name = asked.pop("do")
        try:
            if name == "begin":
                return {"answer": self._begin(**asked)}
            if name == "memory":
                return {"answer": most_memory_bytes()}
            if name not in ASKED:
                return {"error": f"{name!r:.100} cannot be asked for"}
            method: Callable[..., Any] = getattr(self._hops, name)
            return {"answer": method(**asked)}
        except (ChaosnetraError, OSError) as error:
            return {"error": str(error)}

    def _begin(self, upstream: Any, listen: Any, seed: int, has_connector: bool) -> dict[str, Any]:
        from chaosnetra.task_path.hops import Hops

        hops = Hops(_place(upstream), seed, has_connector=has_connector)
        listens = hops.listen(_place(listen))
        self._hops = hops
        return {"listens": listens, "measured": hops.measured}


def most_memory_bytes() -> int:
    """Most that this process had in memory."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _place(text: Any) -> tuple[str, int] | str:
    return text if isinstance(text, str) else (str(text[0]), int(text[1]))


async def _serve(control: socket.socket, seconds: float) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=control, limit=MOST_BYTES)
    served = Served()
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            while line := await reader.readline():
                writer.write(json.dumps(served.answer(line)).encode() + b"\n")
                await writer.drain()


def main(descriptor: int, seconds: float) -> None:
    """Serve until it is time to end."""
    allow_many_descriptors()
    control = socket.socket(fileno=descriptor)
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        runner.run(_serve(control, seconds))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
