"""An echo of our own behind a proxy: every toxic can be measured before it.

It serves only while something is measured. A client's order is one letter and a size: answer
one byte, send or take so many bytes, or close.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.first_answers import first_answer
from chaosnetra.paths import FirstAnswerTiming, added_by_rank

ORDER = struct.Struct("!cQ")
ANSWER, SEND, TAKE, CLOSE = b"A", b"S", b"T", b"C"
CHUNK = 1 << 16

Measured = TypeVar("Measured")
Address = tuple[str, int]


@dataclass
class EchoPath:
    """A `chaosnetra.paths.DatabasePath` to an echo of our own.

    Args:
        host: address of this machine that the proxy's server reaches.
    """

    host: str
    proxied: Address = field(default=("", 0), init=False)

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.create_server((self.host, 0), family=family)
        self.direct: Address = self._socket.getsockname()[:2]
        self._lost: asyncio.Event | None = None

    def close(self) -> None:
        self._socket.close()

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        async def added() -> list[float]:
            direct = await self._round_trips(self.direct, samples)
            return added_by_rank(direct, await self._round_trips(self.proxied, samples))

        return self._serving(added, timeout_seconds)

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        async def answers() -> list[FirstAnswerTiming]:
            order = ORDER.pack(ANSWER, 0)
            address = self.direct if direct else self.proxied
            asked = (first_answer(address, order, timeout_seconds) for _ in range(connections))
            return list(await asyncio.gather(*asked))

        return self._serving(answers, None)

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        async def transfer() -> float:
            reader, writer = await asyncio.open_connection(
                *(self.direct if direct else self.proxied)
            )
            try:
                started = time.perf_counter()
                if direction == "downstream":
                    writer.write(ORDER.pack(SEND, size_bytes))
                    await reader.readexactly(size_bytes)
                else:
                    writer.write(ORDER.pack(TAKE, size_bytes) + bytes(size_bytes))
                    await reader.readexactly(1)
                return time.perf_counter() - started
            finally:
                writer.transport.abort()

        return self._serving(transfer, timeout_seconds)

    def close_seconds(self, direction: str, timeout_seconds: float) -> float:
        async def closing() -> float:
            reader, writer = await asyncio.open_connection(*self.proxied)
            try:
                writer.write(ORDER.pack(ANSWER, 0))
                await reader.readexactly(1)
                started = time.perf_counter()
                if direction == "downstream":
                    writer.write(ORDER.pack(CLOSE, 0))
                    await reader.read(1)
                else:
                    self._lost = asyncio.Event()
                    writer.transport.abort()
                    await self._lost.wait()
                return time.perf_counter() - started
            finally:
                writer.transport.abort()

        return self._serving(closing, timeout_seconds)

    def _serving(
        self, measure: Callable[[], Awaitable[Measured]], timeout_seconds: float | None
    ) -> Measured:
        async def run() -> Measured:
            server = await asyncio.start_server(self._echo, sock=self._socket.dup())
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await measure()
            except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                raise DatabaseUnavailable(
                    f"the echo behind the twin proxy was not reached: {error!r}"
                ) from error
            finally:
                server.close()

        return asyncio.run(run())

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                order, size = ORDER.unpack(await reader.readexactly(ORDER.size))
                if order == CLOSE:
                    return
                left = size if order == TAKE else 0
                while left:
                    left -= len(await reader.readexactly(min(left, CHUNK)))
                writer.write(bytes(size if order == SEND else 1))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            if self._lost is not None:
                self._lost.set()
        finally:
            writer.close()

    async def _round_trips(self, address: Address, samples: int) -> list[float]:
        reader, writer = await asyncio.open_connection(*address)
        try:
            times = []
            for _ in range(samples):
                started = time.perf_counter()
                writer.write(ORDER.pack(ANSWER, 0))
                await reader.readexactly(1)
                times.append(time.perf_counter() - started)
            return times
        finally:
            writer.transport.abort()
